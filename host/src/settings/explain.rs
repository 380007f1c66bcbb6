//! Where each setting came from.

use relink_core::Error;
use serde::Serialize;
use serde_json::Value;

use super::Config;
use crate::settings::cli::Settings;

/// A setting that differs from its default.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Setting {
    /// Its table and key, as in `collect.timeout`.
    pub(crate) key: String,
    pub(crate) value: Value,
    /// `null`: not set.
    pub(crate) default: Value,
    pub(crate) from: Origin,
}

/// What set it last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Origin {
    File,
    Environment,
    Flag,
    /// The executable's name.
    Name,
    /// What the agent does by default for which this one stands in.
    #[serde(rename = "drop-in")]
    DropIn,
}

impl Origin {
    /// The name, as in `relink check`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Origin::File => "file",
            Origin::Environment => "environment",
            Origin::Flag => "flag",
            Origin::Name => "the executable's name",
            Origin::DropIn => "drop-in",
        }
    }
}

/// The settings that differ from the defaults. `environment` is what variables alone set, `all` also the flags.
///
/// Layer upon layer is compared as JSON, so that a key needs no line here.
pub(crate) fn explain(environment: &Settings, all: &Settings) -> Result<Vec<Setting>, Error> {
    let defaults = serde_json::to_value(Config::default())?;
    // The file is the one that the flags name.
    let file = Config::from_file(all)?;
    let with = |settings: &Settings| -> Result<Value, Error> {
        let mut config = file.clone();
        config.overlay(settings)?;
        Ok(serde_json::to_value(config)?)
    };
    let mut last = file.clone();
    last.overlay(all)?;
    last.stand_in(&all.given)?;
    let layers = Layers {
        file: serde_json::to_value(&file)?,
        environment: with(environment)?,
        all: with(all)?,
        last: serde_json::to_value(last)?,
    };
    let mut found = Vec::new();
    layers.walk(&mut Vec::new(), &defaults, &mut found);
    Ok(found)
}

struct Layers {
    file: Value,
    environment: Value,
    all: Value,
    /// With what standing in for another agent sets.
    last: Value,
}

impl Layers {
    fn walk(&self, path: &mut Vec<String>, default: &Value, found: &mut Vec<Setting>) {
        let last = at(&self.last, path);
        if let (Value::Object(last), true) = (last, default.is_object() || default.is_null()) {
            for key in last.keys() {
                path.push(key.clone());
                self.walk(path, default.get(key).unwrap_or(&Value::Null), found);
                path.pop();
            }
        } else if last != default {
            let from = match last {
                value if value == at(&self.file, path) => Origin::File,
                value if value == at(&self.environment, path) => Origin::Environment,
                value if value == at(&self.all, path) => Origin::Flag,
                _ if path == &["drop_in"] => Origin::Name,
                _ => Origin::DropIn,
            };
            found.push(Setting { key: path.join("."), value: last.clone(), default: default.clone(), from });
        }
    }
}

fn at<'a>(value: &'a Value, path: &[String]) -> &'a Value {
    path.iter().fold(value, |value, key| value.get(key).unwrap_or(&Value::Null))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_told_with_what_set_it_last() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("relink.toml");
        let toml = "print = \"json\"\nhosts = [\"a\"]\n[collect]\ntimeout = 2\nseries = 1000000\n\
                    [collectors.filesystem]\nmount_timeout = 0.5\n";
        std::fs::write(&path, toml).unwrap();
        let environment = Settings { telemetry_path: Some("/m".into()), ..Settings::default() };
        let all = Settings {
            config: Some(path),
            listen: vec!["127.0.0.1:1".parse().unwrap()],
            ..environment.clone()
        };
        let found = explain(&environment, &all).unwrap();
        let told: Vec<_> = found.iter().map(|s| (s.key.as_str(), s.value.to_string(), s.from)).collect();
        let told: Vec<_> = told.iter().map(|(key, value, from)| (*key, value.as_str(), *from)).collect();
        assert_eq!(
            told,
            [
                ("collect.timeout", "2.0", Origin::File),
                ("collectors.filesystem.mount_timeout", "0.5", Origin::File),
                ("hosts", "[\"a\"]", Origin::File),
                ("listen", "\"127.0.0.1:1\"", Origin::Flag),
                ("print", "\"json\"", Origin::File),
                ("telemetry_path", "\"/m\"", Origin::Environment),
            ]
        );
    }
}
