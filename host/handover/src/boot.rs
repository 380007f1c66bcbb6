//! How the process was started: what an exec has to put back.

use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::Command;

use crate::blob::Rejected;
use crate::exec::{self, Image};
use crate::executable::Executable;
use crate::stage::Staged;
use crate::state::{BootRecord, ENV_HANDOVER, ENV_ROLLED_BACK, State};
use crate::terminal::Terminal;

/// How the process was started, recorded by [`boot`](crate::boot()) before anything changes it.
#[derive(Debug)]
pub struct Boot {
    refused: Option<Rejected>,
    argv: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    image: OwnedFd,
    limits: Vec<exec::Limit>,
    terminal: Terminal,
    record: BootRecord,
}

/// What a child begins with: what the process began with itself, whatever it has changed since.
#[derive(Clone, Copy)]
pub struct Origin<'a> {
    environment: &'a [(OsString, OsString)],
    limits: &'a [exec::Limit],
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

impl Boot {
    /// Records how this process was started, and which hand-over it was given and has `refused`.
    pub(crate) fn record(refused: Option<Rejected>) -> io::Result<Self> {
        let image = File::open("/proc/self/exe")?;
        let path = std::fs::read_link("/proc/self/exe")?;
        // A path that has been replaced since reads "… (deleted)", a staged image "/memfd:…": no file has that name.
        let on_disk = std::fs::metadata(&path).is_ok_and(|meta| {
            image.metadata().is_ok_and(|own| (own.dev(), own.ino()) == (meta.dev(), meta.ino()))
        });
        let executable = if on_disk { Some(Executable::of(&path, &image)?) } else { None };
        Ok(Boot {
            refused,
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
    pub(crate) fn inherit(&mut self, from: &State, rolled_back: bool) {
        self.record = from.boot.clone();
        self.terminal = Terminal::that_binds(from.boot.terminal);
        if !rolled_back && from.executable.is_some() {
            self.record.executable.clone_from(&from.executable);
        }
        let path = self.record.executable.as_ref().map(Executable::path);
        let path = path.or_else(|| self.argv.first().map(PathBuf::from)).unwrap_or_default();
        if let Some(Ok(name)) = path.file_name().map(|name| CString::new(name.as_bytes())) {
            exec::set_name(&name);
        }
    }

    /// Lets signals in again, as they were at the first start, and ignores those that were ignored then, as `nohup`
    /// does with SIGHUP and a shell with SIGINT of what it starts in the background.
    pub(crate) fn unblock_signals(&self) {
        for signal in (1..=64).filter(|&signal| self.record.ignored & exec::bit(signal) != 0) {
            exec::ignore(signal);
        }
        // Whoever ignores the end of children can't wait for one: not for a builder, nor for the image in the preflight.
        exec::heed(libc::SIGCHLD);
        exec::set_mask(&exec::set_of(|signal| self.record.signal_mask & exec::bit(signal) != 0));
    }

    /// The running image: to run it once more.
    pub fn image(&self) -> Image<'_> {
        Image { fd: self.image.as_fd(), executable: self.executable() }
    }

    /// Stages what is on disk now where the running image came from: the newest version.
    pub fn stage(&self) -> io::Result<Staged> {
        let file = self.executable().ok_or_else(|| {
            let words = "the file of the running executable was gone before it could be looked at";
            io::Error::new(io::ErrorKind::NotFound, words)
        })?;
        Staged::new(&file.path())
    }

    /// Why a hand-over that the environment spoke of was none, so that this is a fresh start.
    pub fn refused(&self) -> Option<&Rejected> {
        self.refused.as_ref()
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
    pub(crate) fn to_record(&self) -> BootRecord {
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

    pub(crate) fn c_argv(&self) -> io::Result<exec::CStrings> {
        exec::CStrings::new(self.argv.iter().map(|arg| arg.as_bytes().to_vec()))
    }

    pub(crate) fn c_env(&self, more: &[(&str, &str)]) -> io::Result<exec::CStrings> {
        let own = self.env.iter().map(|(key, value)| [key.as_bytes(), b"=", value.as_bytes()].concat());
        exec::CStrings::new(own.chain(more.iter().map(|(key, value)| format!("{key}={value}").into_bytes())))
    }

    /// Puts the limits back to what they were. Async-signal-safe.
    pub(crate) fn restore_limits(&self) {
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
