//! A child process that must end: the builder, and the new image's preflight.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use relink_core::{Context, Error};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::process::Command;
use tokio::sync::watch;

/// The most that is kept of a child's words.
const KEPT: u64 = 256 * 1024;

/// What a child said and how it ended.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stderr: String,
}

/// Runs a command in a process group of its own, and hands each line of its stdout to `line`.
///
/// Past its time, or when `stop` turns true, the whole group is killed; so are children that the command left
/// behind when it ended. No zombie remains.
pub(crate) async fn run(
    mut command: Command,
    what: &str,
    limit: Duration,
    mut stop: watch::Receiver<bool>,
    mut line: impl FnMut(String),
) -> Result<Ended, Error> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    let mut child = command.spawn().context(format_args!("starting {what} {program:?}"))?;
    // Dropped at the end of this function on every path, also when the task is cancelled.
    let _group = Group(child.id());
    let stdout = child.stdout.take().ok_or_else(|| Error::new(format!("{what} has no stdout")))?;
    let stderr = child.stderr.take().ok_or_else(|| Error::new(format!("{what} has no stderr")))?;
    let work = async {
        let words = tokio::spawn(all_of(stderr));
        let mut lines = BufReader::new(stdout.take(64 << 20)).split(b'\n');
        while let Some(bytes) = lines.next_segment().await? {
            line(String::from_utf8_lossy(&bytes).into_owned());
        }
        let status = child.wait().await?;
        // A grandchild may hold stderr open for ever; what was said until the command ended is enough.
        let stderr = tokio::time::timeout(Duration::from_millis(200), words).await;
        Ok(Ended { status, stderr: stderr.ok().and_then(Result::ok).unwrap_or_default() })
    };
    tokio::select! {
        ended = work => ended,
        () = tokio::time::sleep(limit) => {
            Err(Error::new(format!("{what} did not end in {} s and was killed", limit.as_secs_f64())))
        }
        _ = stop.wait_for(|stop| *stop) => Err(Error::new(format!("{what} was stopped: the agent ends"))),
    }
}

async fn all_of(stream: impl AsyncRead + Unpin) -> String {
    let mut bytes = Vec::new();
    let mut stream = stream.take(KEPT);
    // What was read before an error is still worth showing.
    let _ = stream.read_to_end(&mut bytes).await;
    let mut rest = stream.into_inner();
    let _ = tokio::io::copy(&mut rest, &mut tokio::io::sink()).await;
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A process group that is killed when this is dropped.
struct Group(Option<u32>);

impl Drop for Group {
    fn drop(&mut self) {
        let Some(pid) = self.0.and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw)
        else {
            return;
        };
        // No such group any more is the usual case.
        let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    async fn run_for(script: &str, limit: Duration) -> (Result<Ended, Error>, Vec<String>) {
        let (_keep, stop) = watch::channel(false);
        let mut lines = Vec::new();
        let ended = run(sh(script), "the script", limit, stop, |line| lines.push(line)).await;
        (ended, lines)
    }

    #[tokio::test]
    async fn lines_words_and_status_come_back() {
        let (ended, lines) = run_for("echo a; echo b; echo oh >&2; exit 3", Duration::from_secs(10)).await;
        let ended = ended.unwrap();
        assert_eq!(lines, ["a", "b"]);
        assert_eq!(ended.stderr, "oh\n");
        assert_eq!(ended.status.code(), Some(3));
    }

    #[tokio::test]
    async fn past_its_time_the_whole_group_is_killed() {
        // The child of the child is the one that would go on.
        let (ended, lines) = run_for("sleep 1000 & echo $!; wait", Duration::from_millis(300)).await;
        assert!(ended.err().unwrap().message().contains("did not end in 0.3 s"));
        let grandchild = std::path::PathBuf::from(format!("/proc/{}", lines[0]));
        while grandchild.exists() && !is_zombie(&grandchild) {
            tokio::task::yield_now().await;
        }
    }

    /// The grandchild is init's to reap, which some containers' init does not do.
    fn is_zombie(process: &std::path::Path) -> bool {
        std::fs::read_to_string(process.join("stat")).is_ok_and(|stat| stat.contains(") Z "))
    }

    #[tokio::test]
    async fn a_command_that_does_not_exist_is_named() {
        let (_keep, stop) = watch::channel(false);
        let ended =
            run(Command::new("/no/such/cargo"), "the builder", Duration::from_secs(1), stop, |_| ()).await;
        let error = ended.err().unwrap();
        assert!(error.message().contains("the builder \"/no/such/cargo\": No such file"), "{error}");
    }
}
