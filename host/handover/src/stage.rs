//! Keeping an artifact, an executable or a library: a private copy that nobody can change any more, known by its content hash.
//!
//! What is hashed, what is copied and what runs are the same bytes: the file is read once, and later only the copy
//! is used. A linker may then overwrite the file at any time.

use std::fmt::{self, Write as _};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{Access, AtFlags, MemfdFlags};
use rustix::io::Errno;
use sha2::{Digest, Sha256};

use crate::exec::Image;
use crate::executable::Executable;
use crate::sealed;

/// More than any executable; it keeps a wrong path (a disk image) out of memory.
const LARGEST: u64 = 2 << 30;

/// So much is read at once: it stays in the processor's cache from the reading to the writing.
const PIECE: usize = 64 * 1024;

/// A copy of an executable, ready to run by its descriptor.
#[derive(Debug)]
pub struct Staged {
    image: OwnedFd,
    hash: String,
    source: Executable,
    size: u64,
    in_memory: bool,
}

impl Staged {
    /// Copies the executable at `path` into sealed memory, or, where memory may not be executed
    /// (`vm.memfd_noexec=2`, a security policy), into a file that has no name any more.
    pub fn new(path: &Path) -> io::Result<Self> {
        let source = open(path).doing(format_args!("opening {}", path.display()))?;
        Self::of(path, source)
    }

    /// The same for a file that is open already, because it was looked at before.
    pub fn of(path: &Path, source: File) -> io::Result<Self> {
        match memory() {
            Ok(memory) => copy(path, source, memory, true),
            Err(Errno::ACCESS | Errno::PERM | Errno::NOSYS) => {
                let file = file(&places()).doing("making a file for the private copy")?;
                copy(path, source, file, false)
            }
            Err(error) => Err(error).doing("making memory for the private copy"),
        }
    }

    /// The copy, to become it.
    pub fn image(&self) -> Image<'_> {
        Image { fd: self.image.as_fd(), executable: Some(&self.source) }
    }

    /// SHA-256 of the content, in hexadecimal digits.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// The file that was copied, as it was then.
    pub fn source(&self) -> &Executable {
        &self.source
    }

    /// Bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Whether the copy is in memory; otherwise it is on disk.
    pub fn in_memory(&self) -> bool {
        self.in_memory
    }
}

/// SHA-256 of an open file, in hexadecimal digits.
pub fn hash(file: BorrowedFd<'_>) -> io::Result<String> {
    let file = File::from(file.try_clone_to_owned()?);
    let mut hash = Sha256::new();
    let mut buffer = vec![0; PIECE];
    let mut at = 0;
    loop {
        // Not `read`: the position belongs to everyone who has the file open.
        match file.read_at(&mut buffer, at) {
            Ok(0) => return Ok(hexadecimal(&hash.finalize())),
            Ok(read) => {
                hash.update(&buffer[..read]);
                at += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// Opens a regular file, and nothing else: no link to follow, no pipe to wait for.
pub fn open(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path)?;
    let meta = file.metadata()?;
    if !meta.is_file() {
        return unfit("is not a regular file");
    }
    if meta.len() > LARGEST {
        return unfit("is larger than 2 GiB, expected an executable or a library");
    }
    Ok(file)
}

fn memory() -> Result<File, Errno> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let memory = match rustix::fs::memfd_create(c"relink", flags | MemfdFlags::EXEC) {
        // Linux before 6.3 does not know the flag, and makes all memory executable.
        Err(Errno::INVAL) => rustix::fs::memfd_create(c"relink", flags)?,
        other => other?,
    };
    executable(memory.as_fd())?;
    Ok(memory.into())
}

/// Whether the system would run this file: its mode, and how its file system is mounted.
fn executable(file: BorrowedFd<'_>) -> Result<(), Errno> {
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    rustix::fs::accessat(rustix::fs::CWD, path, Access::EXEC_OK, AtFlags::empty())
}

fn places() -> [PathBuf; 2] {
    let run = std::env::var_os("XDG_RUNTIME_DIR").filter(|dir| !dir.is_empty());
    [run.map_or_else(std::env::temp_dir, PathBuf::from), std::env::temp_dir()]
}

/// A new file in the first of `folders` where files can be executed. Its name is taken away at once, so that it goes
/// with the last process that runs it.
fn file(folders: &[PathBuf]) -> io::Result<File> {
    let mut last = unfit("no folder to try");
    for folder in folders {
        let path = folder.join(format!("relink-{}-{}", std::process::id(), random()));
        // `create_new` follows no link and takes no file that somebody else put there.
        let made = OpenOptions::new().read(true).write(true).create_new(true).mode(0o500).open(&path);
        let made = made.and_then(|file| {
            std::fs::remove_file(&path)?;
            executable(file.as_fd())?;
            Ok(file)
        });
        match made {
            Ok(file) => return Ok(file),
            Err(error) => last = Err(error).doing(folder.display()),
        }
    }
    last.map_err(|error| {
        io::Error::new(error.kind(), format!("{error}; set TMPDIR to a folder that is not mounted noexec"))
    })
}

/// A number that makes a name new; `create_new` makes sure.
fn random() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::hash::RandomState::new().build_hasher().finish()
}

fn copy(path: &Path, mut source: File, mut target: File, in_memory: bool) -> io::Result<Staged> {
    let reading = format_args!("reading {}", path.display());
    let seen = Executable::of(path, &source).doing(reading)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; PIECE];
    let mut size = 0;
    loop {
        let read = match source.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error).doing(reading),
        };
        let bytes = &buffer[..read];
        if size == 0 && !bytes.starts_with(b"\x7fELF") {
            return unfit("no ELF file").doing(reading);
        }
        size += read as u64;
        if size > LARGEST {
            return unfit("it grows while it is read").doing(reading);
        }
        hash.update(bytes);
        target.write_all(bytes).doing(format_args!("copying {}, {size} bytes so far", path.display()))?;
    }
    if size == 0 {
        return unfit("the file is empty").doing(reading);
    }
    if Executable::of(path, &source).doing(reading)? != seen {
        return unfit("the file changed while it was read; reload again").doing(reading);
    }
    let image = if in_memory { seal(target) } else { read_only(target) };
    Ok(Staged {
        image: image.doing(format_args!("sealing the copy of {}", path.display()))?,
        hash: hexadecimal(&hash.finalize()),
        source: seen,
        size,
        in_memory,
    })
}

fn seal(memory: File) -> io::Result<OwnedFd> {
    sealed::seal(&memory, Duration::from_secs(2))?;
    Ok(memory.into())
}

/// The same file, open for reading only: the system does not run a file that is open for writing.
fn read_only(file: File) -> io::Result<OwnedFd> {
    file.sync_all()?;
    let again = File::open(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
    Ok(again.into())
}

/// Puts what was being done in front of an error, as in `reading a: No such file`.
trait Doing<T> {
    fn doing(self, what: impl fmt::Display) -> io::Result<T>;
}

impl<T, E: Into<io::Error>> Doing<T> for Result<T, E> {
    fn doing(self, what: impl fmt::Display) -> io::Result<T> {
        self.map_err(Into::into).map_err(|error| io::Error::new(error.kind(), format!("{what}: {error}")))
    }
}

/// A file that can't be an artifact.
fn unfit<T>(why: &str) -> io::Result<T> {
    Err(io::Error::new(io::ErrorKind::InvalidInput, why.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Seek;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn sample() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent");
        std::fs::write(&path, b"\x7fELF and so on").unwrap();
        (folder, path)
    }

    fn content(image: BorrowedFd<'_>) -> Vec<u8> {
        let mut file = File::from(image.try_clone_to_owned().unwrap());
        file.rewind().unwrap();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn the_copy_is_hashed_and_nobody_can_change_it() {
        let (_folder, path) = sample();
        let staged = Staged::new(&path).unwrap();
        std::fs::write(&path, b"something else").unwrap();
        assert_eq!(content(staged.image().fd), b"\x7fELF and so on");
        // printf '\x7fELF and so on' | sha256sum
        assert_eq!(staged.hash(), "f10dcfc38df641ffd9013f9834e069b55f9c2213e1d9fedc3414fd106aa8e5d3");
        assert_eq!(hash(staged.image().fd).unwrap(), staged.hash());
        assert_eq!(staged.size(), 14);
        assert!(staged.source().changed().unwrap());
        assert!(staged.in_memory());
        let mut file = File::from(staged.image().fd.try_clone_to_owned().unwrap());
        assert_eq!(file.write(b"x").unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        assert_eq!(file.set_len(1).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
    }

    #[test]
    fn where_memory_may_not_run_a_nameless_file_does() {
        let (folder, path) = sample();
        let kept = tempfile::tempdir().unwrap();
        let target = file(&[folder.path().join("missing"), kept.path().to_owned()]).unwrap();
        let staged = copy(&path, open(&path).unwrap(), target, false).unwrap();
        assert_eq!(content(staged.image().fd), b"\x7fELF and so on");
        assert_eq!(std::fs::read_dir(kept.path()).unwrap().count(), 0, "no file stays behind");
        let meta = File::from(staged.image().fd.try_clone_to_owned().unwrap()).metadata().unwrap();
        assert_eq!(meta.permissions().mode() & 0o777, 0o500);
        let mut file = File::from(staged.image().fd.try_clone_to_owned().unwrap());
        assert_eq!(file.write(b"x").unwrap_err().raw_os_error(), Some(libc::EBADF), "open for reading only");
    }

    #[test]
    fn both_kinds_run() {
        let program = std::env::current_exe().unwrap();
        let on_disk = copy(&program, open(&program).unwrap(), file(&places()).unwrap(), false).unwrap();
        for staged in [on_disk, Staged::new(&program).unwrap()] {
            let image = format!("/proc/self/fd/{}", staged.image().fd.as_raw_fd());
            let output = loop {
                // A child that another test forks may have the file open for writing, until it execs.
                match std::process::Command::new(&image).arg("--list").output() {
                    Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => {
                        std::thread::yield_now()
                    }
                    output => break output.unwrap(),
                }
            };
            let output = String::from_utf8(output.stdout).unwrap();
            assert!(output.contains("both_kinds_run: test"), "{output}");
        }
    }

    #[test]
    fn what_is_no_executable_is_refused_in_words() {
        let (folder, path) = sample();
        let refused = |path: &Path| Staged::new(path).unwrap_err().to_string();
        assert!(refused(folder.path()).ends_with("is not a regular file"));
        assert!(refused(&folder.path().join("missing")).contains("No such file"));
        symlink(&path, folder.path().join("link")).unwrap();
        assert!(refused(&folder.path().join("link")).contains("symbolic links"));
        std::fs::write(&path, "").unwrap();
        assert!(refused(&path).ends_with("the file is empty"));
        std::fs::write(&path, "#!/bin/sh").unwrap();
        assert_eq!(refused(&path), format!("reading {}: no ELF file", path.display()));
        let pipe = folder.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0)
            .unwrap();
        assert!(refused(&pipe).ends_with("is not a regular file"));
    }

    #[test]
    fn a_full_disk_is_said_with_the_step() {
        let (_folder, path) = sample();
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let error = copy(&path, open(&path).unwrap(), full, false).unwrap_err().to_string();
        assert!(error.starts_with("copying ") && error.contains("No space left"), "{error}");
    }
}
