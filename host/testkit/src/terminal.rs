//! A terminal that a test makes, starts a command in, and closes.

use std::io::{ErrorKind, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::fs::{Mode, OFlags};
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::{installed, until};

/// A terminal of 80 columns and 24 lines, with a command in it. The command is killed when this is dropped.
pub struct Terminal {
    /// The end where somebody would sit; nothing once they have left.
    master: Option<std::fs::File>,
    child: Child,
    said: Vec<u8>,
}

impl Terminal {
    /// Starts a command as the leader of a session that has this terminal, and with all its outputs there which are not
    /// redirected. `None`: `setsid` is not installed, which can do that.
    pub fn start(command: &Command) -> Option<Terminal> {
        let setsid = installed("setsid")?;
        crate::process::heed_signals();
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY;
        let master = openpt(flags).expect("a pseudo-terminal can be had");
        fcntl_setfd(&master, FdFlags::CLOEXEC).expect("a flag can be set");
        grantpt(&master).and_then(|()| unlockpt(&master)).expect("it is ours");
        let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&master, size).expect("it takes a size");
        let name = ptsname(&master, Vec::new()).expect("it has a name");
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let slave =
            std::fs::File::from(rustix::fs::open(name, flags, Mode::empty()).expect("it can be opened"));
        let own = || Stdio::from(slave.try_clone().expect("a descriptor can be copied"));
        let mut inside = Command::new(setsid);
        inside.arg("--ctty").arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => inside.env(name, value),
                None => inside.env_remove(name),
            };
        }
        if let Some(folder) = command.get_current_dir() {
            inside.current_dir(folder);
        }
        let child = inside.stdin(own()).stdout(own()).stderr(own()).spawn().expect("setsid starts");
        let master = std::fs::File::from(master);
        rustix::io::ioctl_fionbio(&master, true).expect("reading need not wait");
        Some(Terminal { master: Some(master), child, said: Vec::new() })
    }

    /// The process that was started.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What has come so far, with the terminal's own line ends as `\n`.
    pub fn said(&mut self) -> String {
        let mut buffer = [0; 4096];
        while let Some(master) = &mut self.master {
            match master.read(&mut buffer) {
                Ok(read) if read > 0 => self.said.extend(&buffer[..read]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Nothing for now; or nobody is there any more who could say something.
                _ => break,
            }
        }
        String::from_utf8_lossy(&self.said).replace("\r\n", "\n")
    }

    /// Waits until an agent in it says where it listens.
    pub fn listening(&mut self) -> SocketAddr {
        until("the agent in the terminal listens", || {
            crate::process::listening(&self.said()).first().copied()
        })
    }

    /// Closes it: who sat there has left.
    pub fn close(&mut self) {
        self.master = None;
    }

    /// Waits for the end of the process that was started.
    pub fn wait(&mut self) -> ExitStatus {
        until("the command in the terminal ends", || self.child.try_wait().expect("it can be waited for"))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended by itself, as some tests want it to.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
