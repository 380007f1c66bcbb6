//! How the process was started: what an exec has to put back.

use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::exec;
use crate::handover::{ENV_HANDOVER, ENV_ROLLED_BACK, Handover};
use crate::terminal::Terminal;

/// How the process was started, recorded before anything changes it.
#[derive(Debug)]
pub struct Boot {
    argv: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    image: OwnedFd,
    limits: Vec<exec::Limit>,
    terminal: Terminal,
    record: BootRecord,
}

/// The part of [`Boot`] that a new image can't find out for itself, because the way to it has changed it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BootRecord {
    /// The blocked signals at the first start; signal `n` is bit `n - 1`, as in `/proc/self/status`.
    pub signal_mask: u64,
    /// The ignored signals at the first start, same bits. `nohup` ignores SIGHUP.
    pub ignored: u64,
    /// The process has a terminal that ends it when it hangs up.
    pub terminal: bool,
    /// The executable that is running. `None` when its file was gone already.
    pub executable: Option<Executable>,
}

/// What a child begins with: what the agent began with itself, whatever it has changed since.
#[derive(Clone, Copy)]
pub struct Origin<'a> {
    /// Without relink's own variables.
    pub environment: &'a [(OsString, OsString)],
    pub(super) limits: &'a [exec::Limit],
}

impl<'a> Origin<'a> {
    /// This environment, and the limits that the process has now.
    pub fn of(environment: &'a [(OsString, OsString)]) -> Self {
        Origin { environment, limits: &[] }
    }

    /// Makes a command begin with it, but for the variables that `leaves_out` names.
    pub fn apply(&self, command: &mut Command, leaves_out: impl Fn(&OsStr) -> bool) {
        let variables = self.environment.iter().filter(|(name, _)| !leaves_out(name));
        command.env_clear().envs(variables.cloned());
        exec::begin_with(command, self.limits);
    }
}

/// A file on disk as it was when it was last looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Executable {
    #[serde(with = "crate::handover::latin1")]
    path: Vec<u8>,
    device: u64,
    inode: u64,
    modified: (i64, i64),
    size: u64,
}

impl Executable {
    /// The open file `file`, which was found at `path`.
    pub(super) fn of(path: &Path, file: &File) -> io::Result<Self> {
        Ok(Executable::from_metadata(path, &file.metadata()?))
    }

    fn from_metadata(path: &Path, meta: &std::fs::Metadata) -> Self {
        Executable {
            path: path.as_os_str().as_bytes().to_vec(),
            device: meta.dev(),
            inode: meta.ino(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            size: meta.size(),
        }
    }

    /// Where the file is.
    pub fn path(&self) -> PathBuf {
        OsString::from_vec(self.path.clone()).into()
    }

    /// Whether another file, or other content, is there now.
    pub fn changed(&self) -> io::Result<bool> {
        let path = self.path();
        Ok(Executable::from_metadata(&path, &std::fs::metadata(&path)?) != *self)
    }
}

impl Boot {
    /// Records how this process was started. To be called first thing in `main`, after
    /// [`take_from_env`](crate::handover::take_from_env).
    ///
    /// Fails where `/proc` is missing or the executable can't be read; then there is no way back from a reload.
    pub fn record() -> io::Result<Self> {
        let image = File::open("/proc/self/exe")?;
        let path = std::fs::read_link("/proc/self/exe")?;
        // A path that has been replaced since reads "… (deleted)", a staged image "/memfd:…": no file has that name.
        let on_disk = std::fs::metadata(&path).is_ok_and(|meta| {
            image.metadata().is_ok_and(|own| (own.dev(), own.ino()) == (meta.dev(), meta.ino()))
        });
        let executable = if on_disk { Some(Executable::of(&path, &image)?) } else { None };
        Ok(Boot {
            argv: std::env::args_os().collect(),
            env: std::env::vars_os()
                .filter(|(key, _)| key != ENV_HANDOVER && key != ENV_ROLLED_BACK)
                .collect(),
            image: image.into(),
            limits: exec::LIMITS.into_iter().filter_map(exec::limit).collect(),
            terminal: Terminal::of_now(),
            record: BootRecord {
                terminal: false,
                signal_mask: exec::bits(&exec::mask_now()),
                ignored: (1..=64).filter(|&signal| exec::is_ignored(signal)).map(exec::bit).sum(),
                executable,
            },
        })
    }

    /// Takes over what the image before us recorded, and the process's name, which after an exec by descriptor
    /// would be a number. The image that was rolled back to is the one that wrote the hand-over; any other is the
    /// one it was written for.
    pub fn inherit(&mut self, from: &Handover, rolled_back: bool) {
        self.record = from.boot.clone();
        self.terminal = Terminal::that_binds(from.boot.terminal);
        if !rolled_back && from.executable.is_some() {
            self.record.executable.clone_from(&from.executable);
        }
        let path = self.record.executable.as_ref().map(Executable::path);
        let name = path.as_deref().and_then(Path::file_name).unwrap_or("relink".as_ref());
        if let Ok(name) = CString::new(name.as_bytes()) {
            exec::set_name(&name);
        }
    }

    /// Lets signals in again, as they were at the first start, and ignores those that were ignored then, as `nohup`
    /// does with SIGHUP and a shell with SIGINT of what it starts in the background. To be called once the handlers are
    /// in place: until then, all but the fatal ones have been kept waiting.
    pub fn unblock_signals(&self) {
        for signal in (1..=64).filter(|&signal| self.record.ignored & exec::bit(signal) != 0) {
            exec::ignore(signal);
        }
        // Whoever ignores the end of children can't wait for one: not for a builder, nor for the image in the preflight.
        exec::heed(libc::SIGCHLD);
        exec::set_mask(&exec::set_of(|signal| self.record.signal_mask & exec::bit(signal) != 0));
    }

    /// The running image, open for reading.
    pub fn image(&self) -> BorrowedFd<'_> {
        self.image.as_fd()
    }

    /// Whether `signal` was ignored at the first start, as `nohup` does with SIGHUP.
    pub fn was_ignored(&self, signal: i32) -> bool {
        (1..=64).contains(&signal) && self.record.ignored & exec::bit(signal) != 0
    }

    /// What a child begins with.
    pub fn origin(&self) -> Origin<'_> {
        Origin { environment: &self.env, limits: &self.limits }
    }

    /// What goes into the hand-over.
    pub fn to_record(&self) -> BootRecord {
        BootRecord { terminal: self.terminal.binds(), ..self.record.clone() }
    }

    /// The terminal that the process was started in.
    pub fn terminal(&self) -> &Terminal {
        &self.terminal
    }

    /// The executable that is running, as it was when it was started or staged.
    pub fn executable(&self) -> Option<&Executable> {
        self.record.executable.as_ref()
    }

    pub(super) fn c_argv(&self) -> io::Result<exec::CStrings> {
        exec::CStrings::new(self.argv.iter().map(|arg| arg.as_bytes().to_vec()))
    }

    pub(super) fn c_env(&self, more: &[(&str, &str)]) -> io::Result<exec::CStrings> {
        let own = self.env.iter().map(|(key, value)| [key.as_bytes(), b"=", value.as_bytes()].concat());
        exec::CStrings::new(own.chain(more.iter().map(|(key, value)| format!("{key}={value}").into_bytes())))
    }

    /// Puts the limits back to what they were. Async-signal-safe.
    pub(super) fn restore_limits(&self) {
        exec::set_limits(&self.limits);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_executable_is_told_from_what_replaced_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent");
        std::fs::write(&path, "one").unwrap();
        let seen = Executable::of(&path, &File::open(&path).unwrap()).unwrap();
        assert!(!seen.changed().unwrap());

        std::fs::write(folder.path().join("new"), "one").unwrap();
        std::fs::rename(folder.path().join("new"), &path).unwrap();
        assert!(seen.changed().unwrap(), "another file of the same content");
        std::fs::remove_file(&path).unwrap();
        assert!(seen.changed().is_err(), "no file at all");
    }
}
