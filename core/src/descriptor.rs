//! What a plugin says of itself before any of its code runs.

use crate::metric::{Family, equal};
use crate::options::Options;
use crate::{Collector, Error};

/// Makes a collector from its options.
pub type Factory = fn(&Options) -> Result<Box<dyn Collector>, Error>;

/// A plugin: its name and its collectors. Made by [`register!`](crate::register).
#[derive(Clone, Copy, Debug)]
pub struct Descriptor {
    /// The name that the operator uses: `disk`.
    pub name: &'static str,
    /// The crate's version.
    pub version: &'static str,
    /// What the plugin reads, in a few words.
    pub help: &'static str,
    /// The crate that registered it: `metrics-disk`.
    pub package: &'static str,
    /// Its collectors, one at least.
    pub collectors: &'static [CollectorDescriptor],
}

/// A collector: one source of families, and its constructor.
#[derive(Clone, Copy, Debug)]
pub struct CollectorDescriptor {
    /// The name that the operator uses: `filesystem`. No two collectors of an agent have one name.
    pub name: &'static str,
    /// What it reads, in a few words.
    pub help: &'static str,
    /// The families of which it may emit samples.
    pub families: &'static [Family],
    /// What may stand in its table `[collectors.NAME]`.
    pub options: &'static [OptionDescriptor],
    /// Whether it runs where nobody says anything.
    pub on: bool,
    /// Makes the collector.
    pub new: Factory,
}

/// An option of a collector. Made by [`options!`](crate::options!).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OptionDescriptor {
    /// The key in the collector's table, as in `mount_timeout`; in its flag each `_` is a `-`.
    pub name: &'static str,
    /// What it sets, in a sentence.
    pub help: &'static str,
    /// What its value is.
    pub kind: OptionKind,
}

/// What an option's value is, so that the text of a flag can be read as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptionKind {
    /// `true` or `false`.
    Switch,
    /// A text.
    Text,
    /// A number.
    Number,
    /// A time, in seconds.
    Seconds,
    /// A text, or a list of texts.
    List,
}

impl OptionKind {
    /// What an operator is told to write.
    pub const fn expected(self) -> &'static str {
        match self {
            OptionKind::Switch => "true or false",
            OptionKind::Text => "a text",
            OptionKind::Number => "a number of 0 or more",
            OptionKind::Seconds => "seconds, 0 or more",
            OptionKind::List => "a text or a list of texts",
        }
    }
}

impl Descriptor {
    /// Checks a descriptor; in a `const`, as `register!` does it, a bad one does not compile.
    pub const fn checked(self) -> Self {
        match self.check() {
            Ok(()) => self,
            Err(why) => panic!("{}", why),
        }
    }

    /// Why this descriptor can't be accepted.
    pub const fn check(&self) -> Result<(), &'static str> {
        if !is_name(self.name, b'-') {
            return Err("a plugin's name is 64 bytes at most, of a-z, 0-9, _ and -, and begins with a-z");
        }
        if matches!(self.name.as_bytes(), b"enabled" | b"dir" | b"prefer" | b"reload") {
            return Err(
                "enabled, dir, prefer and reload are keys of [plugins] and a route, not names of plugins",
            );
        }
        if self.help.is_empty() {
            return Err("a plugin says in its help what it reads");
        }
        if self.collectors.is_empty() {
            return Err("a plugin has a collector at least");
        }
        let mut i = 0;
        while i < self.collectors.len() {
            if let Err(why) = self.collectors[i].check() {
                return Err(why);
            }
            let mut j = 0;
            while j < i {
                if equal(self.collectors[i].name.as_bytes(), self.collectors[j].name.as_bytes()) {
                    return Err("a plugin has each collector once");
                }
                if share_a_family(self.collectors[i].families, self.collectors[j].families) {
                    return Err("a family is of one collector");
                }
                j += 1;
            }
            i += 1;
        }
        Ok(())
    }
}

impl CollectorDescriptor {
    const fn check(&self) -> Result<(), &'static str> {
        if !is_name(self.name, b'-') {
            return Err("a collector's name is 64 bytes at most, of a-z, 0-9, _ and -, and begins with a-z");
        }
        if matches!(self.name.as_bytes(), b"disable-defaults") {
            return Err("disable-defaults is a flag, --collector.disable-defaults, and no collector's name");
        }
        if self.help.is_empty() {
            return Err("a collector says in its help what it reads");
        }
        let mut i = 0;
        while i < self.families.len() {
            if share_a_family(self.families.split_at(i).0, &[self.families[i]]) {
                return Err("a collector declares each family once");
            }
            i += 1;
        }
        let mut i = 0;
        while i < self.options.len() {
            let option = self.options[i].name.as_bytes();
            if matches!(option, b"enabled") {
                return Err("enabled is a key of each collector's table, and no option's name");
            }
            if !is_name(self.options[i].name, b'_') {
                return Err("an option's name begins with a-z and is made of a-z, 0-9 and _");
            }
            let mut j = 0;
            while j < i {
                if equal(option, self.options[j].name.as_bytes()) {
                    return Err("a collector has each option once");
                }
                j += 1;
            }
            i += 1;
        }
        Ok(())
    }

    /// The option of this name.
    pub fn option(&self, name: &str) -> Option<&'static OptionDescriptor> {
        self.options.iter().find(|option| option.name == name)
    }
}

/// Whether a name begins with a-z, is made of a-z, 0-9, `_` and this one, and has at most 64 characters.
const fn is_name(name: &str, besides: u8) -> bool {
    let name = name.as_bytes();
    if name.is_empty() || name.len() > 64 || !name[0].is_ascii_lowercase() {
        return false;
    }
    let mut i = 0;
    while i < name.len() {
        if !matches!(name[i], b'a'..=b'z' | b'0'..=b'9' | b'_') && name[i] != besides {
            return false;
        }
        i += 1;
    }
    true
}

const fn share_a_family(some: &[Family], others: &[Family]) -> bool {
    let mut i = 0;
    while i < some.len() {
        let mut j = 0;
        while j < others.len() {
            if some[i].collides(&others[j]) {
                return true;
            }
            j += 1;
        }
        i += 1;
    }
    false
}
