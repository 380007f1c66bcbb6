//! The plugin beside mounts that really hang: FUSE file systems whose other end is this test, which answers when it
//! likes. Needs root and `/dev/fuse`.
#![cfg(target_os = "linux")]

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::{Duration, Instant};

use metrics_disk as _;
use relink_core::registry::Options;
use relink_core::{Collector, Paths};
use relink_testing::{Tree, collect, make};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

/// How long a collection waits for mounts that may not answer.
const PATIENCE: Duration = Duration::from_millis(250);
const INIT: u32 = 26;
const STATFS: u32 = 17;

/// A FUSE mount; unmounted at the end, which also frees whoever waits for it.
struct Fuse {
    device: File,
    folder: PathBuf,
}

/// What the kernel asked.
struct Question {
    opcode: u32,
    unique: [u8; 8],
}

impl Fuse {
    fn mount(folder: &Path) -> std::io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let device = OpenOptions::new().read(true).write(true).open("/dev/fuse")?;
        let data = format!("fd={},rootmode=40000,user_id=0,group_id=0\0", device.as_raw_fd());
        let data = std::ffi::CStr::from_bytes_with_nul(data.as_bytes()).expect("one NUL, at the end");
        mount("relink-test", folder, "fuse", MountFlags::empty(), data)?;
        Ok(Fuse { device, folder: folder.to_owned() })
    }

    /// The next question of this test or of the kernel itself, if there is one within the time. Whoever else on this
    /// machine looks at its mounts is told of an error.
    fn question(&self, within: Duration) -> Option<Question> {
        let deadline = Instant::now() + within;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let mut watched = [PollFd::new(&self.device, PollFlags::IN)];
            let timeout = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() };
            if poll(&mut watched, Some(&timeout)).unwrap() == 0 {
                return None;
            }
            let mut request = vec![0; 1 << 20];
            let read = (&self.device).read(&mut request).unwrap();
            assert!(read >= 40, "a request has a head of 40 bytes");
            let word = |at: usize| u32::from_ne_bytes(request[at..at + 4].try_into().unwrap());
            let question = Question { opcode: word(4), unique: request[8..16].try_into().unwrap() };
            let thread = word(32);
            if thread == 0 || Path::new(&format!("/proc/self/task/{thread}")).exists() {
                return Some(question);
            }
            // It may have gone meanwhile.
            let _ = self.reply(&question, -5, &[]);
        }
    }

    fn answer(&self, question: &Question, body: &[u8]) {
        self.reply(question, 0, body).unwrap();
    }

    fn reply(&self, question: &Question, error: i32, body: &[u8]) -> std::io::Result<()> {
        let mut reply = (16 + body.len() as u32).to_ne_bytes().to_vec();
        reply.extend(error.to_ne_bytes());
        reply.extend(question.unique);
        reply.extend(body);
        (&self.device).write_all(&reply)
    }

    /// Speaks FUSE 7.31 with the kernel, after which it passes questions on.
    fn begin(&self) {
        let question = self.question(Duration::from_secs(10)).expect("the kernel begins with INIT");
        assert_eq!(question.opcode, INIT);
        let mut body = Vec::new();
        for word in [7u32, 31, 0, 0, 0, 4096] {
            body.extend(word.to_ne_bytes());
        }
        body.resize(64, 0);
        self.answer(&question, &body);
    }

    /// Answers STATFS: 1000 blocks of 512 bytes, 400 of them free.
    fn answer_statfs(&self, question: &Question) {
        assert_eq!(question.opcode, STATFS);
        let mut body = Vec::new();
        for count in [1000u64, 400, 300, 50, 20] {
            body.extend(count.to_ne_bytes());
        }
        for word in [512u32, 255, 512] {
            body.extend(word.to_ne_bytes());
        }
        body.resize(80, 0);
        self.answer(question, &body);
    }
}

impl Drop for Fuse {
    fn drop(&mut self) {
        // Forced: questions without an answer fail, so that their threads end.
        let _ = unmount(&self.folder, UnmountFlags::FORCE | UnmountFlags::DETACH);
    }
}

/// A mount, or nothing where none can be made; but where CI promises that it can, that is a failure.
fn mounted(made: std::io::Result<Fuse>) -> Option<Fuse> {
    match made {
        Ok(fuse) => Some(fuse),
        Err(why) if std::env::var("CI").is_ok_and(|ci| ci == "true") => panic!("CI can't mount FUSE: {why}"),
        Err(why) => {
            eprintln!("skipped: mounting FUSE needs root and /dev/fuse: {why}");
            None
        }
    }
}

/// A machine with these mounts below its root, each given as folder and type.
fn machine(mounts: &[(&str, &str)]) -> Tree {
    let mut text = "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n".to_owned();
    for (at, (folder, fstype)) in mounts.iter().enumerate() {
        text += &format!("{} 1 0:{} / /{folder} rw - {fstype} {folder} rw\n", at + 2, at + 50);
    }
    Tree::new().file("proc/1/mountinfo", text)
}

/// The lines of one family about one mount point, without the family's name.
fn about(text: &str, family: &str, folder: &str) -> Vec<String> {
    let (family, point) = (format!("{family}{{"), format!("mountpoint=\"/{folder}\""));
    text.lines()
        .filter(|line| line.starts_with(&family) && line.contains(&point))
        .map(str::to_owned)
        .collect()
}

/// Whether the test that holds the other end is over, or has failed.
fn is_dropped(end: &Receiver<()>) -> bool {
    end.try_recv() == Err(TryRecvError::Disconnected)
}

/// What a collection says, and how long it took.
fn timed(collector: &mut dyn Collector) -> (String, Duration) {
    let start = Instant::now();
    (collect(collector, "filesystem").unwrap(), start.elapsed())
}

#[test]
fn dead_mounts_delay_no_collection_and_the_good_ones_are_reported() {
    let tree = machine(&[("dead1", "fuse.sshfs"), ("dead2", "fuse.sshfs"), ("remote", "nfs4")]);
    let root = tree.path().join("root");
    std::fs::create_dir(root.join("remote")).unwrap();
    let Some(_first) = mounted(Fuse::mount(&root.join("dead1"))) else { return };
    let _second = Fuse::mount(&root.join("dead2")).unwrap();

    let timeout = Duration::from_secs(2);
    let mut collector = make(&tree, "filesystem", r#"{"mount_timeout": 2}"#).unwrap();
    let asked = Instant::now();
    let (mut text, waited) = timed(&mut *collector);
    assert!(waited >= PATIENCE && waited < timeout, "one moment for both: {waited:?}");
    // Whether they are dead nobody knows so far.
    for dead in ["dead1", "dead2"] {
        assert!(about(&text, "node_filesystem_device_error", dead).is_empty());
        assert!(about(&text, "node_filesystem_size_bytes", dead).is_empty());
        assert_eq!(about(&text, "node_filesystem_mount_info", dead).len(), 1);
    }
    let good = |text: &str| {
        assert_eq!(about(text, "node_filesystem_size_bytes", "").len(), 1);
        assert_eq!(about(text, "node_filesystem_size_bytes", "remote").len(), 1);
    };
    good(&text);
    let mut quickest = waited;
    while about(&text, "node_filesystem_device_error", "dead1").is_empty() {
        assert!(asked.elapsed() < 10 * timeout, "never told: {text}");
        let took;
        (text, took) = timed(&mut *collector);
        quickest = quickest.min(took);
        good(&text);
    }
    assert!(asked.elapsed() >= timeout, "not before its time");
    assert!(quickest < PATIENCE / 2, "with a question open they are not waited for: {quickest:?}");
    for dead in ["dead1", "dead2"] {
        let labels = format!(
            r#"{{device="{dead}",mountpoint="/{dead}",fstype="fuse.sshfs",device_error="mountpoint timeout"}}"#
        );
        assert_eq!(
            about(&text, "node_filesystem_device_error", dead),
            [format!("node_filesystem_device_error{labels} 1")]
        );
        assert_eq!(about(&text, "node_filesystem_readonly", dead).len(), 1);
        assert!(about(&text, "node_filesystem_size_bytes", dead).is_empty());
    }
}

#[test]
fn a_mount_that_is_slow_each_time_is_shown_and_delays_no_collection() {
    let slowness = Duration::from_millis(400);
    let tree = machine(&[("slow", "fuse.sshfs")]);
    let Some(fuse) = mounted(Fuse::mount(&tree.path().join("root/slow"))) else { return };
    fuse.begin();
    let mut collector = make(&tree, "filesystem", "{}").unwrap();
    std::thread::scope(|scope| {
        let (stop, stopped) = channel();
        let (tell, told) = channel();
        let fuse = &fuse;
        scope.spawn(move || {
            while !is_dropped(&stopped) {
                let Some(question) = fuse.question(Duration::from_millis(20)) else { continue };
                // The slowness itself, which ends early with the test.
                let _ = stopped.recv_timeout(slowness);
                fuse.answer_statfs(&question);
                let _ = tell.send(());
            }
        });
        let (first, _) = timed(&mut *collector);
        assert!(about(&first, "node_filesystem_size_bytes", "slow").is_empty());
        assert!(about(&first, "node_filesystem_device_error", "slow").is_empty(), "it is not late so far");
        let (mut answers, mut longest) = (0, Duration::ZERO);
        let start = Instant::now();
        while answers < 4 {
            assert!(start.elapsed() < Duration::from_secs(60), "{answers} answers, expected 4");
            answers += usize::from(told.recv_timeout(Duration::from_millis(10)).is_ok());
            let (text, took) = timed(&mut *collector);
            longest = longest.max(took);
            let sizes = about(&text, "node_filesystem_size_bytes", "slow");
            if sizes.is_empty() {
                // The second question is asked by the collection that has the first answer.
                assert!(answers < 2, "with {answers} answers given: {text}");
                continue;
            }
            assert!(sizes[0].ends_with(r#"device_error=""} 512000"#), "{sizes:?}");
            assert!(about(&text, "node_filesystem_device_error", "slow")[0].ends_with(" 0"));
        }
        assert!(longest < slowness, "{longest:?}");
        drop(stop);
    });
}

#[test]
fn a_dead_mount_is_asked_once_and_comes_back_by_itself() {
    let tree = machine(&[("slow", "fuse")]);
    let Some(fuse) = mounted(Fuse::mount(&tree.path().join("root/slow"))) else { return };
    fuse.begin();
    let mut collector = make(&tree, "filesystem", r#"{"mount_timeout": 0.1}"#).unwrap();
    for _ in 0..5 {
        let text = collect(&mut *collector, "filesystem").unwrap();
        assert!(about(&text, "node_filesystem_device_error", "slow")[0].contains("mountpoint timeout"));
    }
    let question = fuse.question(Duration::from_secs(10)).expect("it was asked");
    assert!(fuse.question(Duration::ZERO).is_none(), "one question is outstanding, not one a collection");
    // Mounted elsewhere, remounted: the file changes, the mount and its open question stay.
    tree.write(
        "proc/1/mountinfo",
        "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 0:50 / /slow ro - fuse slow rw\n",
    );
    let text = collect(&mut *collector, "filesystem").unwrap();
    assert!(about(&text, "node_filesystem_readonly", "slow")[0].ends_with(" 1"), "{text}");
    assert!(fuse.question(Duration::ZERO).is_none());

    std::thread::scope(|scope| {
        let (stop, stopped) = channel();
        let fuse = &fuse;
        scope.spawn(move || {
            fuse.answer_statfs(&question);
            while !is_dropped(&stopped) {
                if let Some(question) = fuse.question(Duration::from_millis(20)) {
                    fuse.answer_statfs(&question);
                }
            }
        });
        let start = Instant::now();
        let sizes = loop {
            let text = collect(&mut *collector, "filesystem").unwrap();
            let sizes = about(&text, "node_filesystem_size_bytes", "slow");
            if !sizes.is_empty() || start.elapsed() > Duration::from_secs(20) {
                break sizes;
            }
        };
        drop(stop);
        assert_eq!(
            sizes,
            [
                r#"node_filesystem_size_bytes{device="slow",mountpoint="/slow",fstype="fuse",device_error=""} 512000"#
            ]
        );
    });
}

#[test]
fn a_mount_that_dies_loses_its_last_answer_and_one_that_is_gone_is_forgotten() {
    let tree = machine(&[("dies", "fuse")]);
    let Some(fuse) = mounted(Fuse::mount(&tree.path().join("root/dies"))) else { return };
    fuse.begin();
    let mut collector = make(&tree, "filesystem", r#"{"mount_timeout": 1}"#).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| fuse.answer_statfs(&fuse.question(Duration::from_secs(20)).expect("it is asked")));
        let start = Instant::now();
        while about(&collect(&mut *collector, "filesystem").unwrap(), "node_filesystem_size_bytes", "dies")
            .is_empty()
        {
            assert!(start.elapsed() < Duration::from_secs(20));
        }
    });
    // From here on nobody answers. What it said last stands for a second, and no longer.
    let start = Instant::now();
    loop {
        let text = collect(&mut *collector, "filesystem").unwrap();
        let (sizes, errors) = (
            about(&text, "node_filesystem_size_bytes", "dies"),
            about(&text, "node_filesystem_device_error", "dies"),
        );
        assert_eq!(errors.len(), 1, "either well or in error: {text}");
        if errors[0].contains("mountpoint timeout") {
            assert!(sizes.is_empty(), "{sizes:?}");
            break;
        }
        assert_eq!(sizes.len(), 1);
        assert!(start.elapsed() < Duration::from_secs(20), "its last answer is shown for ever");
    }
    tree.write("proc/1/mountinfo", "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n");
    assert!(!collect(&mut *collector, "filesystem").unwrap().contains("/dies"));
    // The number of a mount is given to the next one, which has not answered yet.
    tree.write(
        "proc/1/mountinfo",
        "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 0:51 / /dies rw - fuse other rw\n",
    );
    let text = collect(&mut *collector, "filesystem").unwrap();
    assert!(about(&text, "node_filesystem_size_bytes", "dies").is_empty(), "{text}");
}

#[test]
fn the_real_mountinfo_announces_what_is_mounted() {
    let dir = tempfile::tempdir().unwrap();
    let folder = std::fs::canonicalize(dir.path()).unwrap();
    let name = folder.to_str().unwrap().trim_start_matches('/').to_owned();
    // Process 1 may have other mounts than this test, so its place is taken by the test's own process.
    let tree = Tree::new();
    std::os::unix::fs::symlink("/proc/self", tree.path().join("proc/1")).unwrap();
    let paths = Paths { rootfs: "/".into(), ..tree.paths() };
    let options = Options::new("filesystem", paths, Default::default());
    let mut collector = (relink_testing::collector("filesystem").new)(&options).unwrap();
    let mut seen =
        || about(&collect(&mut *collector, "filesystem").unwrap(), "node_filesystem_mount_info", &name);
    assert!(seen().is_empty());
    let Some(fuse) = mounted(Fuse::mount(&folder)) else { return };
    assert_eq!(seen().len(), 1, "the new mount is there at once");
    assert_eq!(seen().len(), 1);
    drop(fuse);
    assert!(seen().is_empty(), "and gone at once");
}
