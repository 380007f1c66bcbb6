//! What ends all that a soak has started, however the soak itself ends: by a finding, by Ctrl-C, by `kill -9`.

use std::io::Write;
use std::process::{Child, ChildStdin, Command, Stdio};

use crate::failure::{Doing, Result};

/// Reads ids, one a line, and ends those processes when the other end of its input is closed, which the kernel does for
/// whoever dies. Ctrl-C goes to all on the terminal, and is not for it.
const SCRIPT: &str = "trap '' INT TERM HUP
ids=
while read -r id; do
    case $id in over) exit ;; *) ids=\"$ids $id\" ;; esac
done
kill -s KILL $ids 2>/dev/null";

/// The shell that waits.
pub(super) struct Guard {
    child: Child,
    input: ChildStdin,
}

impl Guard {
    pub(super) fn start() -> Result<Self> {
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT]).stdin(Stdio::piped()).stdout(Stdio::null());
        let mut child = command.spawn().doing("starting sh")?;
        let input = child.stdin.take().expect("its input is piped");
        Ok(Guard { child, input })
    }

    /// Has it end this process as well.
    pub(super) fn watch(&mut self, id: u32) -> Result<()> {
        writeln!(self.input, "{id}").doing("telling the guard of a process")
    }

    /// All have been ended and waited for: their ids may be another's by now.
    pub(super) fn over(mut self) -> Result<()> {
        writeln!(self.input, "over").doing("telling the guard that it is over")?;
        self.child.wait().doing("waiting for the guard").map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;

    fn sleeper() -> Child {
        // It would outlive the test by far; the signal is what ends it.
        Command::new("sleep").arg("600").spawn().unwrap()
    }

    #[test]
    fn what_is_watched_ends_with_the_one_who_watches() {
        let mut guard = Guard::start().unwrap();
        let mut child = sleeper();
        guard.watch(child.id()).unwrap();
        let Guard { child: mut shell, input } = guard;
        drop(input);
        assert_eq!(child.wait().unwrap().signal(), Some(9));
        shell.wait().unwrap();
    }

    #[test]
    fn what_is_over_is_left_alone() {
        let mut guard = Guard::start().unwrap();
        let mut child = sleeper();
        guard.watch(child.id()).unwrap();
        guard.over().unwrap();
        assert_eq!(child.try_wait().unwrap(), None, "it runs on");
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(9));
    }
}
