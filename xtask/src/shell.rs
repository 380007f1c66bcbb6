//! Other programs, run in sight: each is echoed on stderr as one line before it starts.

use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::failure::{Doing, Failure, Result};

/// Writes `$ cargo build --release` on stderr.
pub(crate) fn echo(command: &Command) {
    eprintln!("$ {}", line(command));
}

/// Runs the command on this terminal. One that fails has told why.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    echo(command);
    let status = command.status().doing(format_args!("starting {}", program(command)))?;
    if status.success() {
        Ok(())
    } else {
        Err(Failure::new(format!("`{}` ended with {status}", line(command))))
    }
}

/// Becomes the command: same PID, same terminal. It returns only if that can't be.
pub(crate) fn become_it(mut command: Command) -> Failure {
    echo(&command);
    Failure::new(format!("starting {}: {}", program(&command), command.exec()))
}

/// The command as one would type it: the program without its folder, and quotes where a shell wants them.
fn line(command: &Command) -> String {
    let mut line = program(command);
    for arg in command.get_args() {
        let arg = arg.to_string_lossy();
        let plain =
            !arg.is_empty() && arg.chars().all(|c| c.is_ascii_alphanumeric() || "-_=+,./:@%".contains(c));
        line.push(' ');
        if plain {
            line.push_str(&arg);
        } else {
            line.push_str(&format!("'{}'", arg.replace('\'', r"'\''")));
        }
    }
    line
}

fn program(command: &Command) -> String {
    std::path::Path::new(command.get_program())
        .file_name()
        .unwrap_or(command.get_program())
        .to_string_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_echo_can_be_typed_again() {
        let mut command = Command::new("/usr/bin/cargo");
        command.args(["test", "--features=a/b", "", "it's here"]);
        assert_eq!(line(&command), r"cargo test --features=a/b '' 'it'\''s here'");
    }

    #[test]
    fn a_failing_command_is_named() {
        let failure = run(Command::new("sh").args(["-c", "exit 3"])).unwrap_err();
        assert!(failure.message().contains("exit status: 3"), "{failure:?}");
        let failure = run(&mut Command::new("/no/such/program")).unwrap_err();
        assert!(failure.message().starts_with("starting program: "), "{failure:?}");
    }
}
