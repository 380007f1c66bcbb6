//! Standing in for another agent: what that agent would do where nothing is set.

use std::net::{Ipv6Addr, SocketAddr};
use std::path::Path;

use relink_core::Error;

use super::Config;
use crate::settings::flags::Given;

impl Config {
    /// Whether it stands in for another agent.
    pub(crate) fn is_drop_in(&self) -> bool {
        self.drop_in == Some(true)
    }

    /// Sets what the other agent has by default and nobody has set. Its name on the executable is enough, unless the
    /// configuration says otherwise.
    pub(super) fn stand_in(&mut self, given: &Given) -> Result<(), Error> {
        if self.drop_in.is_none() && given.is_called_so() {
            self.drop_in = Some(true);
        }
        if !self.is_drop_in() {
            return Ok(());
        }
        let Some(other) = given.drop_in() else {
            return Err(Error::new(
                "drop_in is set, and this executable is built to stand in for no other agent",
            )
            .hint("leave out --drop-in, RELINK_DROP_IN and drop_in"));
        };
        self.listen.set_default(SocketAddr::from((Ipv6Addr::UNSPECIFIED, other.port)));
        for folder in other.folders {
            if given.linked(folder.collector).is_some()
                && self.collectors.get(folder.collector, folder.option).is_none()
                && Path::new(folder.path).is_dir()
            {
                self.collectors.set(folder.collector, folder.option, folder.path.into());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use relink_core::registry::{CollectorDescriptor, Descriptor, OptionDescriptor, OptionKind};

    use super::*;
    use crate::settings::cli::Settings;
    use crate::settings::flags::{DropIn, Flags, Folder, NONE};

    /// A folder that each machine has, and one that none has.
    static FLAGS: Flags = Flags {
        drop_in: Some(DropIn {
            names: &["other_agent"],
            port: 4321,
            folders: &[
                Folder { collector: "texts", option: "directory", path: "/" },
                Folder { collector: "texts", option: "missing", path: "/no/such/folder" },
                Folder { collector: "absent", option: "directory", path: "/" },
            ],
        }),
        ..*NONE
    };

    static TEXTS: Descriptor = Descriptor {
        name: "texts",
        version: "1",
        help: "Texts",
        package: "metrics-texts",
        collectors: &[CollectorDescriptor {
            name: "texts",
            help: "Texts",
            families: &[],
            options: &[OptionDescriptor { name: "directory", help: "Where.", kind: OptionKind::List }],
            on: true,
            new: |_| Err(Error::new("not made in this test")),
        }],
    };

    fn load(name: &str, toml: &str, settings: Settings) -> Result<Config, Error> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("relink.toml");
        std::fs::write(&path, toml).unwrap();
        let (_, given) = Given::take([], &FLAGS, &[&TEXTS]).unwrap();
        let given = given.called(Some(name.into()));
        Config::load(&Settings { given, config: Some(path), ..settings }, &["texts"], &[&TEXTS])?.guarded()
    }

    fn said(name: &str, toml: &str, settings: Settings) -> (String, Option<String>) {
        let config = load(name, toml, settings).unwrap();
        let folder = config.collectors.get("texts", "directory").map(ToString::to_string);
        assert!(
            config.collectors.get("texts", "missing").is_none()
                && config.check_collectors(&["texts"]).is_ok()
        );
        (config.listen.to_string(), folder)
    }

    #[test]
    fn the_flag_the_file_and_the_name_set_what_nobody_has_set() {
        let flag = || Settings { drop_in: true, ..Settings::default() };
        let all = ("[::]:4321".to_owned(), Some("\"/\"".to_owned()));
        let none = ("127.0.0.1:8000".to_owned(), None);
        assert_eq!(said("relink", "", Settings::default()), none);
        assert_eq!(said("relink", "", flag()), all);
        assert_eq!(said("relink", "drop_in = true", Settings::default()), all);
        for name in ["other_agent", "/usr/bin/other_agent", "./other_agent"] {
            assert_eq!(said(name, "", Settings::default()), all, "{name}");
        }
        for name in ["", "other_agents", "-other_agent", "/other_agent/relink"] {
            assert_eq!(said(name, "", Settings::default()), none, "{name}");
        }
        assert_eq!(
            said("other_agent", "drop_in = false", Settings::default()),
            none,
            "what is set counts more"
        );
        let set = "listen = \"127.0.0.1:8000\"\n[collectors.texts]\ndirectory = \"/a\"";
        assert_eq!(
            said("other_agent", set, flag()),
            ("127.0.0.1:8000".to_owned(), Some("\"/a\"".to_owned()))
        );
    }

    #[test]
    fn an_executable_without_another_agent_refuses_it() {
        let settings = Settings { drop_in: true, ..Settings::default() };
        let error = Config::load(&settings, &[], &[]).unwrap_err().to_string();
        assert!(error.contains("stand in for no other agent"), "{error}");
    }
}
