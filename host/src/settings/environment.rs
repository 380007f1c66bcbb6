//! Which variables of the environment relink reads.

use std::ffi::OsString;

use clap::{Arg, CommandFactory};
use relink_core::Error;
use relink_handover::{ENV_HANDOVER, ENV_ROLLED_BACK};

use super::cli::Cli;

/// Tells an image to prove itself and end, in place of serving: what reloads chose, a `Choice` as JSON.
pub(crate) const PREFLIGHT: &str = "RELINK_PREFLIGHT";

/// Refuses variables of the environment that look like relink's and are not: a misspelt one would otherwise be ignored
/// without a word.
pub(crate) fn check_environment(names: impl Iterator<Item = OsString>) -> Result<(), Error> {
    let command = Cli::command();
    let known: Vec<_> = command.get_arguments().filter_map(Arg::get_env).collect();
    // Set by one image for the next, and no business of anybody else.
    let internal = [PREFLIGHT, ENV_HANDOVER, ENV_ROLLED_BACK];
    for name in names {
        if let Some(text) = name.to_str().filter(|name| name.starts_with("RELINK_"))
            && !known.contains(&name.as_os_str())
            && !internal.contains(&text)
        {
            let known: Vec<_> = known.iter().map(|name| name.to_string_lossy()).collect();
            return Err(Error::new(format!("unknown environment variable {text}"))
                .hint(format!("known are: {}", known.join(", "))));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_variable_is_refused() {
        let check = |name: &str| check_environment(["PATH".into(), name.into()].into_iter());
        for known in ["RELINK_LISTEN", "RELINK_BUILDER", PREFLIGHT, ENV_HANDOVER] {
            assert!(check(known).is_ok(), "{known}");
        }
        let error = check("RELINK_LISEN").unwrap_err().to_string();
        assert!(error.contains("RELINK_LISEN") && error.contains("RELINK_LISTEN"), "{error}");
    }
}
