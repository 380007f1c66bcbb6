//! What the operator sets: a collector's own table of `relink.toml`, and where the machine's files are.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Map, Value};

use crate::Error;
use crate::descriptor::{OptionDescriptor, OptionKind};

/// Where the machine's files are. Other than the defaults in a container that looks at its host, and in tests.
#[derive(Clone, Debug, PartialEq, Eq)]
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

impl Paths {
    /// A file below procfs, as in `paths.procfs("stat")`.
    pub fn procfs(&self, file: impl AsRef<Path>) -> PathBuf {
        self.procfs.join(file)
    }

    /// A file below sysfs.
    pub fn sysfs(&self, file: impl AsRef<Path>) -> PathBuf {
        self.sysfs.join(file)
    }
}

/// What a collector is made with: its table of the configuration, and the paths.
#[derive(Clone, Debug, Default)]
pub struct Options {
    collector: String,
    paths: Paths,
    table: Map<String, Value>,
}

impl Options {
    /// The options of `collector`, from its table of the configuration.
    pub fn new(collector: impl Into<String>, paths: Paths, table: Map<String, Value>) -> Self {
        Options { collector: collector.into(), paths, table }
    }

    /// Where the machine's files are.
    pub fn paths(&self) -> &Paths {
        &self.paths
    }

    /// The table of the configuration.
    pub fn table(&self) -> &Map<String, Value> {
        &self.table
    }

    /// The table as the collector's own struct. What the operator leaves out has its default; a key that is none of the
    /// options, and a value of another kind, are errors that name it.
    pub fn parse<T: OptionSet>(&self) -> Result<T, Error> {
        let known = T::OPTIONS;
        if let Some(key) = self.table.keys().find(|key| !known.iter().any(|option| option.name == **key)) {
            let known = match known {
                [] => "the collector has no options".to_owned(),
                _ => format!("expected {}", known.iter().map(|o| o.name).collect::<Vec<_>>().join(", ")),
            };
            let collector = &self.collector;
            return Err(Error::new(format!("[collectors.{collector}]: unknown option {key}, {known}")));
        }
        T::read(self)
    }

    /// The value of one option, if it is set.
    pub fn value<T: OptionValue>(&self, name: &str) -> Result<Option<T>, Error> {
        let Some(value) = self.table.get(name) else { return Ok(None) };
        T::of(value).map(Some).ok_or_else(|| {
            let (collector, expected) = (&self.collector, T::KIND.expected());
            Error::new(format!("[collectors.{collector}]: {name} is {value}, expected {expected}"))
        })
    }
}

/// All options of a collector. Made by [`options!`](crate::options!).
pub trait OptionSet: Sized {
    /// What there is to set.
    const OPTIONS: &'static [OptionDescriptor];

    /// Reads them.
    fn read(options: &Options) -> Result<Self, Error>;
}

/// A collector without options.
impl OptionSet for () {
    const OPTIONS: &'static [OptionDescriptor] = &[];

    fn read(_: &Options) -> Result<(), Error> {
        Ok(())
    }
}

/// A type that an option may have.
pub trait OptionValue: Sized {
    /// What an operator writes for it.
    const KIND: OptionKind;

    /// The value that stands in the table, if it is one.
    fn of(value: &Value) -> Option<Self>;
}

macro_rules! values {
    ($($type:ty, $kind:ident, $of:expr;)*) => {$(
        impl OptionValue for $type {
            const KIND: OptionKind = OptionKind::$kind;

            fn of(value: &Value) -> Option<Self> {
                $of(value)
            }
        }
    )*};
}

values! {
    bool, Switch, Value::as_bool;
    String, Text, |value: &Value| value.as_str().map(str::to_owned);
    u64, Number, Value::as_u64;
    Duration, Seconds, |value: &Value| Duration::try_from_secs_f64(value.as_f64()?).ok();
    Vec<String>, List, |value: &Value| match value {
        Value::String(one) => Some(vec![one.clone()]),
        Value::Array(texts) => texts.iter().map(String::of).collect(),
        _ => None,
    };
}

/// The options of a collector: a struct, of which each field is a key of `[collectors.NAME]` and a flag
/// `--collector.NAME.FIELD`, with the value that it has where the operator says nothing.
///
/// ```
/// relink_core::options! {
///     /// What may be set of the file systems.
///     struct Settings {
///         /// Mount points to leave out, as a pattern.
///         mount_points_exclude: String = "^/(dev|proc)$".to_owned(),
///         /// How long a file system may take to answer.
///         mount_timeout: std::time::Duration = std::time::Duration::from_secs(5),
///     }
/// }
/// assert_eq!(Settings::default().mount_timeout.as_secs(), 5);
/// ```
///
/// A field is a `bool`, a `String`, a `u64`, a [`Duration`] in seconds, or a `Vec<String>`; its first line of comment
/// is what the operator reads. A value of another kind, and a key that is no field, are refused by name.
#[macro_export]
macro_rules! options {
    (
        $(#[$attribute:meta])*
        $visible:vis struct $name:ident {
            $(
                #[doc = $help:literal]
                $(#[doc = $more:literal])*
                $field_visible:vis $field:ident: $type:ty = $default:expr
            ),* $(,)?
        }
    ) => {
        $(#[$attribute])*
        #[derive(Clone, Debug)]
        $visible struct $name {
            $(
                #[doc = $help]
                $(#[doc = $more])*
                $field_visible $field: $type,
            )*
        }

        impl ::core::default::Default for $name {
            fn default() -> Self {
                $name { $($field: $default),* }
            }
        }

        impl $crate::registry::OptionSet for $name {
            const OPTIONS: &'static [$crate::registry::OptionDescriptor] = &[$(
                $crate::registry::OptionDescriptor {
                    name: stringify!($field),
                    help: $help.trim_ascii(),
                    kind: <$type as $crate::registry::OptionValue>::KIND,
                }
            ),*];

            fn read(options: &$crate::registry::Options) -> ::core::result::Result<Self, $crate::Error> {
                Ok($name { $($field: options.value(stringify!($field))?.unwrap_or_else(|| $default)),* })
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::options! {
        struct Own {
            /// Whether it is told.
            info: bool = true,
            /// A name.
            /// It may be empty.
            name: String = "x".to_owned(),
            /// How many.
            count: u64 = 3,
            /// How long.
            wait: Duration = Duration::from_millis(1500),
            /// Where.
            folders: Vec<String> = Vec::new(),
        }
    }

    fn options(json: serde_json::Value) -> Options {
        Options::new("cpu", Paths::default(), json.as_object().unwrap().clone())
    }

    fn refused(json: serde_json::Value) -> String {
        options(json).parse::<Own>().unwrap_err().message().to_owned()
    }

    #[test]
    fn what_is_left_out_has_its_default() {
        let own: Own = options(serde_json::json!({})).parse().unwrap();
        assert_eq!((own.info, own.name.as_str(), own.count), (true, "x", 3));
        let all =
            serde_json::json!({"info": false, "name": "", "count": 0, "wait": 0.25, "folders": ["/a", "/b"]});
        let own: Own = options(all).parse().unwrap();
        assert_eq!((own.info, own.name.as_str(), own.count, own.wait.as_millis()), (false, "", 0, 250));
        assert_eq!(own.folders, ["/a", "/b"]);
        let own: Own = options(serde_json::json!({"folders": "/a", "wait": 2})).parse().unwrap();
        assert_eq!((own.folders, own.wait.as_secs()), (vec!["/a".to_owned()], 2));
        assert_eq!(Own::OPTIONS[1].help, "A name.");
    }

    #[test]
    fn an_unknown_or_wrong_option_is_refused_by_name() {
        assert_eq!(
            refused(serde_json::json!({"inof": true})),
            "[collectors.cpu]: unknown option inof, expected info, name, count, wait, folders"
        );
        for (table, words) in [
            (serde_json::json!({"info": 3}), "info is 3, expected true or false"),
            (serde_json::json!({"name": 3}), "name is 3, expected a text"),
            (serde_json::json!({"count": -1}), "count is -1, expected a number of 0 or more"),
            (serde_json::json!({"wait": -1}), "wait is -1, expected seconds, 0 or more"),
            (serde_json::json!({"wait": "1s"}), "wait is \"1s\", expected seconds, 0 or more"),
            (serde_json::json!({"folders": [3]}), "folders is [3], expected a text or a list of texts"),
        ] {
            assert_eq!(refused(table), format!("[collectors.cpu]: {words}"));
        }
        let error = options(serde_json::json!({"info": true})).parse::<()>().unwrap_err();
        assert_eq!(error.message(), "[collectors.cpu]: unknown option info, the collector has no options");
    }
}
