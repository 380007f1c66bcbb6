//! What a plugin says of itself before any of its code runs.

use crate::metric::equal;
use crate::{Collector, Error, Family, Options};

/// Makes a collector from its options.
pub type Factory = fn(&Options) -> Result<Box<dyn Collector>, Error>;

/// A plugin: data and a constructor. Made by [`register!`](crate::register).
#[derive(Clone, Copy)]
pub struct Descriptor {
    /// The name that the operator uses: `cpu`.
    pub name: &'static str,
    /// The crate's version.
    pub version: &'static str,
    /// What the plugin reads, in a few words.
    pub help: &'static str,
    /// The crate that registered it: `metrics-cpu`.
    pub package: &'static str,
    /// The families of which it may emit samples.
    pub families: &'static [Family],
    /// Makes its collector.
    pub new: Factory,
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
        let name = self.name.as_bytes();
        if name.is_empty() || name.len() > 64 || !name[0].is_ascii_lowercase() {
            return Err("a plugin's name begins with a-z and has at most 64 characters");
        }
        let mut i = 0;
        while i < name.len() {
            if !(name[i].is_ascii_lowercase()
                || name[i].is_ascii_digit()
                || name[i] == b'_'
                || name[i] == b'-')
            {
                return Err("a plugin's name is made of a-z, 0-9, _ and -");
            }
            i += 1;
        }
        let mut i = 0;
        while i < RESERVED.len() {
            if equal(self.name.as_bytes(), RESERVED[i].as_bytes()) {
                return Err("enabled, dir and prefer are keys of [plugins], not names of plugins");
            }
            i += 1;
        }
        if self.help.is_empty() {
            return Err("a plugin says in its help what it reads");
        }
        let mut i = 0;
        while i < self.families.len() {
            let mut j = 0;
            while j < i {
                if equal(self.families[i].name().as_bytes(), self.families[j].name().as_bytes()) {
                    return Err("a plugin declares each family once");
                }
                j += 1;
            }
            i += 1;
        }
        Ok(())
    }
}

/// The keys of `[plugins]` in `relink.toml`, beside which the plugins' own tables stand.
const RESERVED: [&str; 3] = ["enabled", "dir", "prefer"];
