//! What the operator sets: the plugin's own table of `relink.toml`, and where the machine's files are.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::Error;

/// Where the machine's files are. Other than the defaults in a container that looks at its host, and in tests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paths {
    /// `--path.procfs`, by default `/proc`.
    pub procfs: PathBuf,
    /// `--path.sysfs`, by default `/sys`.
    pub sysfs: PathBuf,
    /// `--path.rootfs`, by default `/`.
    pub rootfs: PathBuf,
}

impl Default for Paths {
    fn default() -> Self {
        Paths { procfs: "/proc".into(), sysfs: "/sys".into(), rootfs: "/".into() }
    }
}

/// What `new` gets: the options of one plugin.
#[derive(Clone, Debug)]
pub struct Options {
    plugin: String,
    paths: Paths,
    table: serde_json::Map<String, serde_json::Value>,
    series: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options::new(String::new(), Paths::default(), serde_json::Map::new())
    }
}

/// How many series a plugin may have where nobody says otherwise.
const SERIES: usize = 20_000;

impl Options {
    /// The options of `plugin`, from its table of the configuration.
    pub fn new(
        plugin: impl Into<String>,
        paths: Paths,
        table: serde_json::Map<String, serde_json::Value>,
    ) -> Self {
        Options { plugin: plugin.into(), paths, table, series: SERIES }
    }

    /// With another limit of series, `[collect] series`.
    #[must_use]
    pub fn with_series(mut self, series: usize) -> Self {
        self.series = series;
        self
    }

    /// How many series the plugin may have.
    pub fn series(&self) -> usize {
        self.series
    }

    /// The table as the plugin's own struct. Derive `Deserialize` with `#[serde(default, deny_unknown_fields)]`:
    /// then what the operator leaves out has its default, and a misspelt key is an error that lists the known ones.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_value(serde_json::Value::Object(self.table.clone()))
            .map_err(|error| Error::new(format!("[plugins.{}]: {error}", self.plugin)))
    }

    /// For a plugin without options: what the operator set all the same is an error that names it.
    pub fn expect_none(&self) -> Result<(), Error> {
        match self.table.keys().next() {
            None => Ok(()),
            Some(key) => Err(Error::new(format!(
                "[plugins.{}]: unknown field `{key}`, the plugin has no options",
                self.plugin
            ))),
        }
    }

    /// A file below procfs, as in `options.procfs("stat")`.
    pub fn procfs(&self, file: impl AsRef<Path>) -> PathBuf {
        self.paths.procfs.join(file)
    }

    /// A file below sysfs.
    pub fn sysfs(&self, file: impl AsRef<Path>) -> PathBuf {
        self.paths.sysfs.join(file)
    }

    /// The root of the file systems to look at.
    pub fn rootfs(&self) -> &Path {
        &self.paths.rootfs
    }

    /// All three roots.
    pub fn paths(&self) -> &Paths {
        &self.paths
    }

    /// The table of the configuration.
    pub fn table(&self) -> &serde_json::Map<String, serde_json::Value> {
        &self.table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Own {
        info: bool,
    }

    fn options(json: serde_json::Value) -> Options {
        Options::new("cpu", Paths::default(), json.as_object().unwrap().clone())
    }

    #[test]
    fn an_unknown_or_wrong_option_is_refused_by_name() {
        assert!(options(serde_json::json!({"info": true})).parse::<Own>().unwrap().info);
        assert!(!options(serde_json::json!({})).parse::<Own>().unwrap().info);
        let error = options(serde_json::json!({"inof": true})).parse::<Own>().unwrap_err();
        assert_eq!(error.message(), "[plugins.cpu]: unknown field `inof`, expected `info`");
        let error = options(serde_json::json!({"info": 3})).parse::<Own>().unwrap_err();
        assert!(error.message().contains("expected a boolean"), "{error}");
        let error = options(serde_json::json!({"info": true})).expect_none().unwrap_err();
        assert_eq!(error.message(), "[plugins.cpu]: unknown field `info`, the plugin has no options");
        assert!(options(serde_json::json!({})).expect_none().is_ok());
    }
}
