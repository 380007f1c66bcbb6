//! Which devices, mount points or types are left out.

use relink_core::Error;

use crate::Pattern;

/// A pair of options, `…_exclude` and `…_include`, of which at most one is set.
#[derive(Debug)]
pub struct Filter {
    /// Nothing where nothing is left out.
    pattern: Option<Pattern>,
    matches_are_ignored: bool,
}

impl Filter {
    /// A filter from the options of one thing, as in `device` of `diskstats`. An empty pattern filters nothing, and the
    /// default exclude gives way to an include.
    pub fn new(
        collector: &str,
        what: &str,
        exclude: &str,
        include: &str,
        default: &str,
    ) -> Result<Self, Error> {
        let option = format!("[collectors.{collector}]: {what}");
        let compile = |key: &str, pattern: &str| match pattern {
            "" => Ok(None),
            pattern => Pattern::new(&format!("{option}_{key}"), pattern).map(Some),
        };
        if include.is_empty() {
            return Ok(Filter { pattern: compile("exclude", exclude)?, matches_are_ignored: true });
        }
        if !exclude.is_empty() && exclude != default {
            let both = format!("{option}_exclude and {what}_include are both set, expected at most one");
            return Err(Error::new(both));
        }
        Ok(Filter { pattern: compile("include", include)?, matches_are_ignored: false })
    }

    /// Whether this name is left out.
    pub fn ignores(&self, name: &str) -> bool {
        self.pattern.as_ref().is_some_and(|pattern| pattern.is_match(name) == self.matches_are_ignored)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(exclude: &str, include: &str) -> Result<Filter, Error> {
        Filter::new("diskstats", "device", exclude, include, "^loop")
    }

    #[test]
    fn include_takes_the_place_of_the_default() {
        let included = filter("^loop", "^sda1$").unwrap();
        assert!(!included.ignores("sda1") && included.ignores("sda"));
        let excluded = filter("^loop", "").unwrap();
        assert!(!excluded.ignores("sda") && excluded.ignores("loop0"));
        assert!(!filter("", "").unwrap().ignores("loop0"));
        assert!(!filter("", "^loop0$").unwrap().ignores("loop0"));
    }

    #[test]
    fn bad_options_are_refused_by_name() {
        assert_eq!(
            filter("b", "a").unwrap_err().message(),
            "[collectors.diskstats]: device_exclude and device_include are both set, expected at most one"
        );
        let pattern = filter("(", "").unwrap_err().to_string();
        let expected = "[collectors.diskstats]: device_exclude is \"(\", expected a regular expression";
        assert!(pattern.starts_with(expected), "{pattern}");
    }
}
