//! The path beside `/metrics` at which the samples are served.

use relink_core::Error;

use super::Config;

impl Config {
    /// Whether it is a path. Whether a route can be put there, the routes say.
    pub(super) fn check_telemetry_path(&self) -> Result<(), Error> {
        let path = self.telemetry_path.as_str();
        let segments = || path.split('/').skip(1);
        let is_plain = |segment: &str| {
            !matches!(segment, "" | "." | "..")
                && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
        };
        if !path.starts_with('/') || !segments().all(is_plain) {
            return Err(Error::new(format!(
                "--web.telemetry-path or telemetry_path is {path:?}, expected a path that begins with /, such as \
                 /metrics, of letters, digits and -._~"
            )));
        }
        Ok(())
    }
}
