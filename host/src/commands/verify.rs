//! `relink verify`: becomes `relink-verify`, which stands beside this executable. It is one of its own because its
//! parser of PromQL would make the agent half as large again.

use std::io::ErrorKind;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use relink_core::{Context, Error};

use crate::failure::Failed;
use crate::settings::asked::Verify;
use crate::settings::{Config, METRICS};

/// Gives this process to `relink-verify`; comes back only with the reason why it could not.
pub(crate) fn verify(config: &Config, asked: &Verify) -> Result<std::convert::Infallible, Failed> {
    let own = std::env::current_exe().context("looking for this executable").map_err(Failed::settings)?;
    let page = asked.page.clone().map_or_else(|| page(config), Ok).map_err(Failed::settings)?;
    let beside = own.parent().unwrap_or(Path::new("/")).join("relink-verify");
    let error = Command::new(&beside).args(asked.arguments(page)).exec();
    let is_missing = error.kind() == ErrorKind::NotFound;
    let error = Error::from(error).context(format_args!("running {}", beside.display()));
    Err(Failed::settings(if is_missing {
        error.hint("build it with `cargo build --release -p relink-verify`, and put it next to relink")
    } else {
        error
    }))
}

/// Where the agent that this configuration starts shows its page.
fn page(config: &Config) -> Result<String, Error> {
    let listen = config.listen.seen_from_here().ok_or_else(|| {
        Error::new("port 0 does not tell where the agent listens")
            .hint("say it with --listen, or name the page with --page")
    })?;
    // A key that this user may not read is no reason not to ask.
    let scheme = config.clone().guarded().map_or("http", |config| config.scheme());
    Ok(format!("{scheme}://{listen}{METRICS}"))
}

impl Verify {
    fn arguments(&self, page: String) -> Vec<String> {
        let mut arguments = vec!["--against".to_owned(), self.against.clone(), "--page".to_owned(), page];
        for (flag, files) in [("--rules", &self.rules), ("--dashboard", &self.dashboard)] {
            arguments.extend(files.iter().flat_map(|file| [flag.to_owned(), file.clone()]));
        }
        arguments.extend(self.json.then(|| "--json".to_owned()));
        arguments
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_that_of_the_configured_agent() {
        let at = |listen: &str| {
            let mut config = Config::default();
            config.listen.set(&[listen.parse().unwrap()]);
            page(&config).map_err(|error| error.to_string())
        };
        assert_eq!(at("127.0.0.1:8000").unwrap(), "http://127.0.0.1:8000/metrics");
        assert_eq!(at("[::1]:1").unwrap(), "http://[::1]:1/metrics");
        assert_eq!(at("[::]:9100").unwrap(), "http://127.0.0.1:9100/metrics");
        assert!(at("127.0.0.1:0").unwrap_err().contains("--page"));
    }

    #[test]
    fn each_file_has_its_flag() {
        let two = vec!["a".to_owned(), "b".to_owned()];
        let asked =
            Verify { against: "x".into(), page: None, rules: two, dashboard: vec!["c".into()], json: true };
        let arguments = asked.arguments("y".into()).join(" ");
        assert_eq!(arguments, "--against x --page y --rules a --rules b --dashboard c --json");
    }
}
