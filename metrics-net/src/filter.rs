//! Which interfaces are left out.

use relink_core::Error;
use relink_pattern::Pattern;

/// The options `device_exclude` and `device_include` of a collector: without one of them, no interface is left out.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    pattern: Option<Pattern>,
    matches_are_ignored: bool,
}

impl Filter {
    pub(crate) fn new(collector: &str, exclude: &str, include: &str) -> Result<Self, Error> {
        let (option, pattern) = match (exclude, include) {
            ("", "") => return Ok(Filter::default()),
            (exclude, "") => ("device_exclude", exclude),
            ("", include) => ("device_include", include),
            _ => {
                return Err(Error::new(format!(
                    "[collectors.{collector}]: device_exclude and device_include are both set, expected at most one"
                )));
            }
        };
        let pattern = Pattern::new(&format!("[collectors.{collector}]: {option}"), pattern)?;
        Ok(Filter { pattern: Some(pattern), matches_are_ignored: option == "device_exclude" })
    }

    pub(crate) fn ignores(&self, name: &str) -> bool {
        self.pattern.as_ref().is_some_and(|pattern| pattern.is_match(name) == self.matches_are_ignored)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_leave_out_or_let_in() {
        let filter = |exclude, include| Filter::new("netdev", exclude, include).unwrap();
        assert!(!filter("", "").ignores("veth1"));
        let exclude = filter("^veth", "");
        assert!(exclude.ignores("veth1") && !exclude.ignores("eth0"));
        let include = filter("", "^eth");
        assert!(include.ignores("lo") && !include.ignores("eth0"));
    }

    #[test]
    fn bad_options_are_refused_by_name() {
        let refused = |exclude, include| Filter::new("qdisc", exclude, include).unwrap_err().to_string();
        let both = refused("a", "b");
        assert!(
            both.contains("[collectors.qdisc]: device_exclude and device_include are both set"),
            "{both}"
        );
        let pattern = refused("", "(");
        assert!(pattern.contains("device_include is \"(\", expected a regular expression"), "{pattern}");
    }
}
