//! `/sys/fs/selinux` and `/etc/selinux/config`: whether SELinux is on, and whether it enforces its policy.

use relink_core::{Collector, Context, Error, Family, Paths, Samples, Source};

const ENABLED: Family =
    Family::gauge("node_selinux_enabled", "1 if SELinux is on, else 0 (/sys/fs/selinux/enforce).");
const CONFIGURED: Family = Family::gauge(
    "node_selinux_config_mode",
    "What SELinux is to do from the next start on: 1 to enforce, 0 to permit, -1 nothing (/etc/selinux/config).",
);
const CURRENT: Family = Family::gauge(
    "node_selinux_current_mode",
    "What SELinux does now: 1 if it enforces, 0 if it permits (/sys/fs/selinux/enforce).",
);

pub(crate) const FAMILIES: &[Family] = &[ENABLED, CONFIGURED, CURRENT];

/// How node_exporter counts the modes.
const ENFORCING: f64 = 1.0;
const PERMISSIVE: f64 = 0.0;
const DISABLED: f64 = -1.0;

pub(crate) struct Selinux {
    enforce: Source,
    config: Source,
    own_label: Source,
}

impl Selinux {
    pub(crate) fn new(paths: &Paths) -> Result<Self, Error> {
        Ok(Selinux {
            enforce: Source::new(paths.sysfs("fs/selinux/enforce")),
            config: Source::new(paths.rootfs.join("etc/selinux/config")),
            own_label: Source::new(paths.procfs("self/attr/current")),
        })
    }
}

impl Collector for Selinux {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        let current = self.enforce.parse(current);
        if matches!(current, Ok(None)) || has_no_policy(&mut self.own_label) {
            out.push(&ENABLED, [], 0.0);
            return Ok(());
        }
        out.push(&ENABLED, [], 1.0);
        let configured = self.config.parse(configured).map(|mode| mode.or(Some(DISABLED)));
        for (family, mode) in [(CONFIGURED, configured), (CURRENT, current)] {
            match mode {
                Ok(Some(mode)) => out.push(&family, [], mode),
                Ok(None) => {}
                Err(why) => out.warn(why.to_string()),
            }
        }
        Ok(())
    }
}

/// As long as no policy is loaded, all that runs has this label, and nothing is decided by SELinux.
fn has_no_policy(own_label: &mut Source) -> bool {
    let label = own_label.text().ok().flatten();
    label.is_some_and(|label| label.trim_matches(['\0', '\n', ' ']) == "kernel")
}

fn current(text: &str) -> Result<f64, Error> {
    match text.trim() {
        "1" => Ok(ENFORCING),
        "0" => Ok(PERMISSIVE),
        other => Err(Error::expected("0 or 1", other)),
    }
}

/// The mode of the first line `SELINUX=`; without one SELinux is not wanted.
fn configured(text: &str) -> Result<f64, Error> {
    for (at, line) in text.lines().enumerate() {
        let Some((key, mode)) = line.split_once('=') else { continue };
        if key.trim() != "SELINUX" {
            continue;
        }
        let mode = mode.trim().trim_matches('"');
        let modes = [("enforcing", ENFORCING), ("permissive", PERMISSIVE), ("disabled", DISABLED)];
        let known = modes.iter().find(|(name, _)| name.eq_ignore_ascii_case(mode));
        return known
            .map(|(_, mode)| *mode)
            .ok_or_else(|| Error::expected("enforcing, permissive or disabled", mode))
            .context(format_args!("line {}", at + 1));
    }
    Ok(DISABLED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mode_is_that_of_the_line_selinux() {
        let fedora = "# This file controls the state of SELinux on the system.\n\
            # SELINUX= can take one of these three values:\n#     enforcing - it is enforced.\n\
            SELINUX=enforcing\nSELINUXTYPE=targeted\n";
        for (text, mode) in [
            (fedora, 1.0),
            ("SELINUX=permissive\n", 0.0),
            ("SELINUXTYPE=mls\nSELINUX=\"permissive\" \nSELINUX=enforcing\n", 0.0),
            ("SELINUX=disabled\n", -1.0),
            ("SELINUX=Enforcing", 1.0),
            ("#SELINUX=enforcing\n;SELINUX=enforcing\n", -1.0),
            ("", -1.0),
        ] {
            assert_eq!(configured(text).unwrap(), mode, "{text}");
        }
        let why = configured("\nSELINUX=on\n").unwrap_err();
        assert_eq!(why.message(), "line 2: expected enforcing, permissive or disabled, found \"on\"");
    }

    #[test]
    fn the_kernel_says_whether_it_enforces() {
        assert_eq!((current("1").unwrap(), current("0\n").unwrap()), (1.0, 0.0));
        assert_eq!(current("2").unwrap_err().message(), "expected 0 or 1, found \"2\"");
    }
}
