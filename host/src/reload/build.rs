//! The build step: the builder command, and what it reports.

use std::path::PathBuf;
use std::time::Duration;

use relink_core::Error;
use serde::Deserialize;
use tokio::process::Command;
use tokio::sync::watch;

use super::child;
use relink_handover::Origin;

/// What a successful build made.
#[derive(Debug, PartialEq)]
pub(crate) struct Artifact {
    pub(crate) executable: PathBuf,
    /// Nothing had to be compiled.
    pub(crate) fresh: bool,
}

/// One line of the builder's stdout. What other tools print between them is passed over.
#[derive(Debug, Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
enum Line {
    Progress {
        done: u64,
        total: u64,
        #[serde(rename = "crate", default)]
        name: String,
    },
    Diagnostic {
        level: String,
        rendered: String,
    },
    Finished {
        success: bool,
        executable: Option<PathBuf>,
        #[serde(default)]
        fresh: bool,
        error: Option<String>,
    },
}

/// Runs the builder and tells its `progress` in words.
///
/// `plugins` are names that were checked by [`is_plugin_name`]; nothing else that a caller said comes near the
/// command.
pub(crate) async fn build(
    builder: &[String],
    plugins: Option<&[String]>,
    origin: Origin<'_>,
    limit: Duration,
    stop: watch::Receiver<bool>,
    mut progress: impl FnMut(String),
) -> Result<Artifact, Error> {
    let [program, arguments @ ..] = builder else {
        return Err(Error::new("[reload] builder is an empty list, expected a command"));
    };
    let mut command = Command::new(program);
    command.args(arguments);
    origin.apply(command.as_std_mut(), |name| name.to_string_lossy().starts_with("RELINK_"));
    if let Some(plugins) = plugins {
        command.arg("--plugins").arg(plugins.join(","));
    }
    let mut errors = String::new();
    let mut finished = None;
    let ended = child::run(command, "the builder", limit, stop, |line| {
        match serde_json::from_slice(line.as_bytes()) {
            Ok(Line::Progress { done, total, name }) => progress(format!("{done} of {total} crates {name}")),
            Ok(Line::Diagnostic { level, rendered }) if level == "error" => errors.push_str(&rendered),
            Ok(Line::Diagnostic { .. }) | Err(_) => {}
            Ok(Line::Finished { success, executable, fresh, error }) => {
                finished = Some((success, executable, fresh, error));
            }
        }
    })
    .await?;
    match finished {
        Some((true, Some(executable), fresh, _)) => Ok(Artifact { executable, fresh }),
        Some((_, _, _, error)) => {
            let error = error.unwrap_or_else(|| "the build failed".to_owned());
            let words = if errors.is_empty() { tail(&ended.stderr) } else { &errors };
            Err(Error::new(if words.trim().is_empty() || error.contains(words.trim()) {
                error
            } else {
                format!("{error}\n{}", words.trim_end())
            }))
        }
        None => Err(Error::new(format!(
            "the builder ended ({}) without saying what it built\n{}",
            ended.status,
            tail(&ended.stderr).trim_end()
        ))),
    }
}

/// The last lines of a text: where tools say what went wrong.
fn tail(text: &str) -> &str {
    let from = text.len().saturating_sub(8 * 1024);
    let from = (from..text.len()).find(|&at| text.is_char_boundary(at)).unwrap_or(text.len());
    &text[from..]
}

/// Whether a caller's word can be the name of a plugin: nothing that a command line could take for something else.
pub(crate) fn is_plugin_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    name.len() <= 64
        && bytes.next().is_some_and(|first| first.is_ascii_lowercase())
        && bytes
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn build_by(script: &str, plugins: Option<&[String]>) -> (Result<Artifact, Error>, Vec<String>) {
        let (_keep, stop) = watch::channel(false);
        let builder = ["sh".to_owned(), "-c".to_owned(), script.to_owned(), "sh".to_owned()];
        let mut steps = Vec::new();
        let path = [("PATH".into(), std::env::var_os("PATH").unwrap()), ("RELINK_X".into(), "1".into())];
        let origin = Origin::of(&path);
        let limit = Duration::from_secs(10);
        let built = build(&builder, plugins, origin, limit, stop, |step| steps.push(step)).await;
        (built, steps)
    }

    #[tokio::test]
    async fn a_build_reports_progress_and_its_artifact() {
        let script = r#"echo '{"reason":"progress","done":1,"total":2,"crate":"core"}'; echo other words
            echo "{\"reason\":\"finished\",\"success\":true,\"executable\":\"/x/$2$RELINK_X\",\"fresh\":false}""#;
        let (built, steps) = build_by(script, Some(&["cpu".to_owned(), "disk".to_owned()])).await;
        let expected = Artifact { executable: "/x/cpu,disk".into(), fresh: false };
        assert_eq!(built.unwrap(), expected, "the plugins are an argument, and RELINK_ variables stay out");
        assert_eq!(steps, ["1 of 2 crates core"]);
    }

    #[tokio::test]
    async fn a_failed_build_has_the_compilers_words() {
        // Not `echo`, which in some shells makes a line end of `\n`.
        let script = r#"printf '%s\n' '{"reason":"diagnostic","level":"error","rendered":"error: expected `;`\n"}'
            printf '%s\n' '{"reason":"diagnostic","level":"warning","rendered":"warning: unused\n"}'
            printf '%s\n' '{"reason":"finished","success":false,"error":"cargo build failed"}'; exit 1"#;
        let error = build_by(script, None).await.0.unwrap_err();
        assert_eq!(error.message(), "cargo build failed\nerror: expected `;`");
        let error = build_by("echo cargo: killed >&2; exit 9", None).await.0.unwrap_err();
        assert!(
            error.message().contains("exit status: 9") && error.message().contains("cargo: killed"),
            "{error}"
        );
    }

    #[test]
    fn names_that_are_no_plugin_names() {
        for bad in ["", "-p", "--release", "Cpu", "a b", "a/b", "../x", "a\0", "é", "1a", &"a".repeat(65)] {
            assert!(!is_plugin_name(bad), "{bad:?}");
        }
        assert!(is_plugin_name("cpu") && is_plugin_name("my-cpu_2"));
    }
}
