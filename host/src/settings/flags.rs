//! Flags of another agent's command line, so that its unit file works unchanged: the table of an executable, and what a
//! command line makes of it.
//!
//! The table is the executable's, because it names plugins: the engine knows none. Each flag has one of four meanings:
//! it stands for an option of a plugin, it changes nothing here, it tunes a collector that is not here, which is told in
//! a warning, or it is refused with the reason.

mod absent;
mod given;

pub(crate) use given::Given;

use crate::duration;

/// What an executable understands of another agent's command line.
#[derive(Debug)]
pub struct Flags {
    /// The other agent's name.
    pub agent: &'static str,
    /// Its collectors: `--collector.NAME` and `--no-collector.NAME`.
    pub collectors: &'static [Collector],
    /// Its other flags.
    pub flags: &'static [Flag],
    /// What it does where nothing is set; none where the executable can't stand in for it.
    pub drop_in: Option<DropIn>,
}

/// What an agent does where nothing is set, for one that stands in for it (`--drop-in`).
#[derive(Debug)]
pub struct DropIn {
    /// What its executable is called. One of relink's that is called so stands in for it without being told.
    pub names: &'static [&'static str],
    /// The port at which it listens, on all addresses of the machine.
    pub port: u16,
    /// Folders that its packages make and have it read.
    pub folders: &'static [Folder],
}

/// A folder that is read if it is there.
#[derive(Debug)]
pub struct Folder {
    /// The plugin that reads it.
    pub plugin: &'static str,
    /// The option of that plugin which names the folder.
    pub option: &'static str,
    /// Where it is.
    pub path: &'static str,
}

/// No flags but relink's own.
pub const NONE: &Flags = &Flags { agent: "", collectors: &[], flags: &[], drop_in: None };

/// A collector of the other agent's.
#[derive(Debug)]
pub struct Collector {
    name: &'static str,
    stands_for: Option<Part>,
}

/// The part of a plugin that stands for a collector.
#[derive(Debug)]
struct Part {
    plugin: &'static str,
    /// The plugin's option that turns the part on and off; none where the part is the whole plugin.
    option: Option<&'static str>,
    by_default: bool,
}

impl Collector {
    /// A collector that a whole plugin stands for.
    pub const fn plugin(name: &'static str, plugin: &'static str) -> Self {
        Collector { name, stands_for: Some(Part { plugin, option: None, by_default: true }) }
    }

    /// A collector that is a part of a plugin, which `option` turns on and off; on by default.
    pub const fn part(name: &'static str, plugin: &'static str, option: &'static str) -> Self {
        Collector { name, stands_for: Some(Part { plugin, option: Some(option), by_default: true }) }
    }

    /// The same for a part that is off by default.
    pub const fn extra(name: &'static str, plugin: &'static str, option: &'static str) -> Self {
        Collector { name, stands_for: Some(Part { plugin, option: Some(option), by_default: false }) }
    }

    /// A collector that nothing here stands for: to switch it off changes nothing, to switch it on is told in a warning
    /// and on the page, where its scrape is one that failed.
    pub const fn absent(name: &'static str) -> Self {
        Collector { name, stands_for: None }
    }
}

/// Another flag of the other agent's.
#[derive(Debug)]
pub struct Flag {
    /// Without the dashes, and of a switch without `no-`.
    name: &'static str,
    takes: Takes,
    means: Means,
}

/// What follows the flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// Nothing: it is on, and with `no-` in front off.
    Nothing,
    /// A text, as it is.
    Text,
    /// A text; several make a list.
    Texts,
    /// A time as Go writes it, such as `1m30s`; it becomes seconds.
    Time,
}

impl Takes {
    /// The text behind a flag as an option's value, or what was expected.
    fn value(self, text: &str) -> Result<toml::Value, &'static str> {
        match self {
            Takes::Nothing | Takes::Text | Takes::Texts => Ok(text.into()),
            Takes::Time => duration::parse(text).map(|time| toml::Value::Float(time.as_secs_f64())),
        }
    }
}

#[derive(Debug)]
enum Means {
    Option {
        plugin: &'static str,
        option: &'static str,
    },
    Nothing,
    /// It tunes a collector that nothing here stands for.
    Absent {
        collector: &'static str,
    },
    /// Why; of a switch, whether it is refused `on` or off.
    Refused {
        why: &'static str,
        on: bool,
    },
}

impl Flag {
    /// A flag that sets an option of a plugin.
    pub const fn option(
        name: &'static str,
        takes: Takes,
        plugin: &'static str,
        option: &'static str,
    ) -> Self {
        Flag { name, takes, means: Means::Option { plugin, option } }
    }

    /// A flag that is taken and changes nothing: what it asks for is so anyhow, or tunes what is not here.
    pub const fn idle(name: &'static str, takes: Takes) -> Self {
        Flag { name, takes, means: Means::Nothing }
    }

    /// A flag of a collector that nothing here stands for: told in a warning.
    pub const fn absent(name: &'static str, takes: Takes, collector: &'static str) -> Self {
        Flag { name, takes, means: Means::Absent { collector } }
    }

    /// A flag that is refused, and why. A switch may be switched off, as here it is.
    pub const fn refused(name: &'static str, takes: Takes, why: &'static str) -> Self {
        Flag { name, takes, means: Means::Refused { why, on: true } }
    }

    /// A switch that is on here, and can't be switched off.
    pub const fn refused_off(name: &'static str, why: &'static str) -> Self {
        Flag { name, takes: Takes::Nothing, means: Means::Refused { why, on: false } }
    }
}

impl Flags {
    /// A few lines for `--help`: what is understood.
    pub(crate) fn help(&self) -> String {
        if self.collectors.is_empty() {
            return String::new();
        }
        let here = self.collectors.iter().filter(|collector| collector.stands_for.is_some());
        let names: Vec<_> = here.map(|collector| collector.name).collect();
        let flag = |flag: &Flag| {
            let no = if flag.takes == Takes::Nothing { "[no-]" } else { "" };
            format!("--{no}{}", flag.name)
        };
        let options = self.flags.iter().filter(|flag| matches!(flag.means, Means::Option { .. }));
        let idle = self.flags.iter().filter(|flag| matches!(flag.means, Means::Nothing));
        format!(
            "Flags of {} that mean the same here:\n  \
             --[no-]collector.NAME, NAME one of {}\n  \
             --collector.disable-defaults\n  {}\nTaken, without effect:\n  {}\n\
             What tunes or switches on a collector that is not here is told in a warning.\n\
             Others are refused with the reason.{}",
            self.agent,
            names.join(", "),
            options.map(flag).collect::<Vec<_>>().join("\n  "),
            idle.map(flag).collect::<Vec<_>>().join("\n  "),
            self.drop_in.as_ref().map(DropIn::help).unwrap_or_default(),
        )
    }
}

impl DropIn {
    fn help(&self) -> String {
        let folders: Vec<_> = self.folders.iter().map(|folder| folder.path).collect();
        format!(
            "\n--drop-in, and an executable called {}: listens on :{} where no address is set,\nand reads {} where it \
             is there and no folder is set.",
            self.names.join(" or "),
            self.port,
            folders.join(", "),
        )
    }
}
