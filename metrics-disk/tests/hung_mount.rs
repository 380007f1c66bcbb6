//! The plugin beside mounts that really hang: FUSE file systems whose other end is this test, which answers when it
//! likes. Needs root and `/dev/fuse`.
#![cfg(target_os = "linux")]

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use metrics_disk as _;
use relink_core::testing::{Tree, collect, make};
use relink_core::{Options, Paths};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

const DISKSTATS: &str = "8 0 sda 1 2 3 4 5 6 7 8 9 10 11\n";
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

    /// The next question, if the kernel asks one within the time.
    fn question(&self, within: Duration) -> Option<Question> {
        let mut watched = [PollFd::new(&self.device, PollFlags::IN)];
        let timeout = Timespec { tv_sec: within.as_secs() as i64, tv_nsec: within.subsec_nanos().into() };
        if poll(&mut watched, Some(&timeout)).unwrap() == 0 {
            return None;
        }
        let mut request = vec![0; 1 << 20];
        let read = (&self.device).read(&mut request).unwrap();
        assert!(read >= 40, "a request has a head of 40 bytes");
        let opcode = u32::from_ne_bytes(request[4..8].try_into().unwrap());
        Some(Question { opcode, unique: request[8..16].try_into().unwrap() })
    }

    fn answer(&self, question: &Question, body: &[u8]) {
        let mut reply = (16 + body.len() as u32).to_ne_bytes().to_vec();
        reply.extend(0i32.to_ne_bytes());
        reply.extend(question.unique);
        reply.extend(body);
        (&self.device).write_all(&reply).unwrap();
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
    Tree::new().file("proc/1/mountinfo", text).file("proc/diskstats", DISKSTATS)
}

/// The lines of one family about one mount point, without the family's name.
fn about(text: &str, family: &str, folder: &str) -> Vec<String> {
    let (family, point) = (format!("{family}{{"), format!("mountpoint=\"/{folder}\""));
    text.lines()
        .filter(|line| line.starts_with(&family) && line.contains(&point))
        .map(str::to_owned)
        .collect()
}

#[test]
fn dead_mounts_share_one_deadline_and_the_good_ones_are_reported() {
    let tree = machine(&[("dead1", "fuse.sshfs"), ("dead2", "fuse.sshfs"), ("remote", "nfs4")]);
    let root = tree.path().join("root");
    std::fs::create_dir(root.join("remote")).unwrap();
    let Some(_first) = mounted(Fuse::mount(&root.join("dead1"))) else { return };
    let _second = Fuse::mount(&root.join("dead2")).unwrap();

    let timeout = Duration::from_millis(600);
    let mut collector = make(&tree, "disk", r#"{"mount_timeout": 0.6}"#).unwrap();
    let start = Instant::now();
    let text = collect(&mut *collector, "disk").unwrap();
    let waited = start.elapsed();
    assert!(waited >= timeout && waited < 2 * timeout, "one deadline for both: {waited:?}");
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
    assert_eq!(about(&text, "node_filesystem_size_bytes", "").len(), 1);
    assert_eq!(about(&text, "node_filesystem_size_bytes", "remote").len(), 1);
    assert!(text.contains("node_disk_io_now{"), "{text}");

    let start = Instant::now();
    let again = collect(&mut *collector, "disk").unwrap();
    assert!(start.elapsed() < timeout, "known to be late, they are not waited for: {:?}", start.elapsed());
    assert_eq!(about(&again, "node_filesystem_device_error", "dead1").len(), 1);
    assert_eq!(about(&again, "node_filesystem_size_bytes", "remote").len(), 1);
}

#[test]
fn a_dead_mount_is_asked_once_and_comes_back_by_itself() {
    let tree = machine(&[("slow", "fuse")]);
    let Some(fuse) = mounted(Fuse::mount(&tree.path().join("root/slow"))) else { return };
    fuse.begin();
    let mut collector = make(&tree, "disk", r#"{"mount_timeout": 0.1}"#).unwrap();
    for _ in 0..5 {
        let text = collect(&mut *collector, "disk").unwrap();
        assert!(about(&text, "node_filesystem_device_error", "slow")[0].contains("mountpoint timeout"));
    }
    let question = fuse.question(Duration::from_secs(10)).expect("it was asked");
    assert!(fuse.question(Duration::ZERO).is_none(), "one question is outstanding, not one a collection");
    // Mounted elsewhere, remounted: the file changes, the mount and its open question stay.
    tree.write(
        "proc/1/mountinfo",
        "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 0:50 / /slow ro - fuse slow rw\n",
    );
    let text = collect(&mut *collector, "disk").unwrap();
    assert!(about(&text, "node_filesystem_readonly", "slow")[0].ends_with(" 1"), "{text}");
    assert!(fuse.question(Duration::ZERO).is_none());

    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    std::thread::scope(|scope| {
        let fuse = &fuse;
        scope.spawn(move || {
            fuse.answer_statfs(&question);
            while stopped.try_recv().is_err() {
                if let Some(question) = fuse.question(Duration::from_millis(20)) {
                    fuse.answer_statfs(&question);
                }
            }
        });
        let start = Instant::now();
        let sizes = loop {
            let text = collect(&mut *collector, "disk").unwrap();
            let sizes = about(&text, "node_filesystem_size_bytes", "slow");
            if !sizes.is_empty() || start.elapsed() > Duration::from_secs(20) {
                break sizes;
            }
        };
        stop.send(()).unwrap();
        assert_eq!(
            sizes,
            [
                r#"node_filesystem_size_bytes{device="slow",mountpoint="/slow",fstype="fuse",device_error=""} 512000"#
            ]
        );
    });
}

#[test]
fn the_real_mountinfo_announces_what_is_mounted() {
    let dir = tempfile::tempdir().unwrap();
    let folder = std::fs::canonicalize(dir.path()).unwrap();
    let name = folder.to_str().unwrap().trim_start_matches('/').to_owned();
    // Process 1 may have other mounts than this test, so its place is taken by the test's own process.
    let tree = Tree::new().file("proc/diskstats", DISKSTATS);
    std::os::unix::fs::symlink("/proc/self", tree.path().join("proc/1")).unwrap();
    let paths = Paths { rootfs: "/".into(), ..tree.paths() };
    let options = Options::new("disk", paths, Default::default());
    let mut collector = (relink_core::testing::plugin("disk").new)(&options).unwrap();
    let mut seen =
        || about(&collect(&mut *collector, "disk").unwrap(), "node_filesystem_device_error", &name);
    assert!(seen().is_empty());
    let Some(fuse) = mounted(Fuse::mount(&folder)) else { return };
    assert_eq!(seen().len(), 1, "the new mount is there at once");
    assert_eq!(seen().len(), 1);
    drop(fuse);
    assert!(seen().is_empty(), "and gone at once");
}
