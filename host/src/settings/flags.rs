//! Flags of collectors, by rule; and those of another agent's command line, so that its unit file works unchanged.
//!
//! `--collector.NAME`, `--no-collector.NAME` and `--collector.NAME.SOME-OPTION=VALUE` are the tables `[collectors.NAME]`, for
//! whatever collector there is. What another agent has beyond that is the executable's table, because it names collectors:
//! the engine knows none. Each flag there has one of four meanings: it is another name of an option, it changes nothing here,
//! it tunes a collector that is not here, which is told in a warning, or it is refused with the reason.

mod absent;
mod given;

use relink_core::registry::{Descriptor, OptionKind};

pub(crate) use given::Given;

/// What an executable understands of another agent's command line.
#[derive(Debug)]
pub struct Flags {
    /// The other agent's name.
    pub agent: &'static str,
    /// Its collectors that nothing here stands for: to switch one off changes nothing, to switch one on is told in a warning
    /// and on the page, where its scrape is one that failed.
    pub absent: &'static [&'static str],
    /// Its flags that are not by rule an option of a collector here.
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
    /// The collector that reads it.
    pub collector: &'static str,
    /// The option of that collector which names the folder.
    pub option: &'static str,
    /// Where it is.
    pub path: &'static str,
}

/// No flags but relink's own.
pub const NONE: &Flags = &Flags { agent: "", absent: &[], flags: &[], drop_in: None };

/// A flag of the other agent's.
#[derive(Debug)]
pub struct Flag {
    /// Without the dashes, and of a switch without `no-`.
    name: &'static str,
    means: Means,
}

/// What follows a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// Nothing: it is on, and with `no-` in front off.
    Nothing,
    /// A text.
    Text,
}

#[derive(Debug)]
enum Means {
    Option {
        collector: &'static str,
        option: &'static str,
    },
    Nothing(Takes),
    /// It tunes a collector that nothing here stands for.
    Absent {
        takes: Takes,
        collector: &'static str,
    },
    /// Why; of a switch, whether it is refused `on` or off.
    Refused {
        takes: Takes,
        why: &'static str,
        on: bool,
    },
}

impl Flag {
    /// Another name of an option.
    pub const fn option(name: &'static str, collector: &'static str, option: &'static str) -> Self {
        Flag { name, means: Means::Option { collector, option } }
    }

    /// A flag that is taken and changes nothing: what it asks for is so anyhow, or tunes what is not here.
    pub const fn idle(name: &'static str, takes: Takes) -> Self {
        Flag { name, means: Means::Nothing(takes) }
    }

    /// A flag of a collector that nothing here stands for: told in a warning.
    pub const fn absent(name: &'static str, takes: Takes, collector: &'static str) -> Self {
        Flag { name, means: Means::Absent { takes, collector } }
    }

    /// A flag that is refused, and why. A switch may be switched off, as here it is.
    pub const fn refused(name: &'static str, takes: Takes, why: &'static str) -> Self {
        Flag { name, means: Means::Refused { takes, why, on: true } }
    }

    /// A switch that is on here, and can't be switched off.
    pub const fn refused_off(name: &'static str, why: &'static str) -> Self {
        Flag { name, means: Means::Refused { takes: Takes::Nothing, why, on: false } }
    }
}

impl Flags {
    /// A few lines for `--help`: the collectors that are `linked` with their options, and what is understood of another
    /// agent's flags.
    pub(crate) fn help(&self, linked: &[&'static Descriptor]) -> String {
        let mut collectors: Vec<_> = linked.iter().flat_map(|plugin| plugin.collectors).collect();
        relink_order::sort_by(&mut collectors, |one, other| one.name.cmp(other.name));
        let mut text = "Collectors; each is switched with --[no-]collector.NAME:\n".to_owned();
        for collector in collectors {
            let off = if collector.on { "" } else { " [off by default]" };
            text += &format!("  {}  {}{off}\n", collector.name, collector.help);
            for option in collector.options {
                let (no, value) =
                    if option.kind == OptionKind::Switch { ("[no-]", "") } else { ("", "=…") };
                let key = option.name.replace('_', "-");
                text += &format!("    --{no}collector.{}.{key}{value}  {}\n", collector.name, option.help);
            }
        }
        text += "  --collector.disable-defaults  Run only what is switched on\n";
        if self.agent.is_empty() {
            return text;
        }
        let named = |filter: fn(&Means) -> bool| {
            let flags = self.flags.iter().filter(|flag| filter(&flag.means));
            flags.map(|flag| format!("--{}", flag.name)).collect::<Vec<_>>().join("\n  ")
        };
        text + &format!(
            "Other flags of {} that mean the same here:\n  {}\nTaken, without effect:\n  {}\n\
             What tunes or switches on a collector that is not here is told in a warning.\n\
             Others are refused with the reason.{}",
            self.agent,
            named(|means| matches!(means, Means::Option { .. })),
            named(|means| matches!(means, Means::Nothing(_))),
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
