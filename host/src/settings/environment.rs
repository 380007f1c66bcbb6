//! Which variables of the environment relink reads.

use std::ffi::OsString;

use relink_core::Error;

/// Tells an image to prove itself and end, in place of serving: the plugins to enable, as a JSON list or `null`.
pub(crate) const PREFLIGHT: &str = "RELINK_PREFLIGHT";

/// The variables that relink reads. A misspelt one would otherwise be ignored without a word.
const VARIABLES: [&str; 17] = [
    "RELINK_LISTEN",
    "RELINK_CONFIG",
    "RELINK_PLUGINS",
    "RELINK_PLUGIN_DIR",
    "RELINK_PRINT",
    "RELINK_PATH_PROCFS",
    "RELINK_PATH_SYSFS",
    "RELINK_PATH_ROOTFS",
    "RELINK_ALLOW_REMOTE",
    "RELINK_DROP_IN",
    "RELINK_LOG",
    "RELINK_LOG_FORMAT",
    "RELINK_BUILDER",
    "RELINK_WEB_CONFIG_FILE",
    // Set by one image for the next, and no business of anybody else.
    PREFLIGHT,
    relink_handover::ENV_HANDOVER,
    relink_handover::ENV_ROLLED_BACK,
];

/// Refuses variables of the environment that look like relink's and are not.
pub(crate) fn check_environment(names: impl Iterator<Item = OsString>) -> Result<(), Error> {
    for name in names {
        if let Some(name) = name.to_str().filter(|name| name.starts_with("RELINK_"))
            && !VARIABLES.contains(&name)
        {
            return Err(Error::new(format!("unknown environment variable {name}"))
                .hint(format!("known are: {}", VARIABLES[..14].join(", "))));
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
        assert!(check("RELINK_LISTEN").is_ok());
        let error = check("RELINK_LISEN").unwrap_err().to_string();
        assert!(error.contains("RELINK_LISEN") && error.contains("RELINK_LISTEN"), "{error}");
    }
}
