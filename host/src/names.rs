//! Names that one may have meant.

/// Those of the `known` names that look like this one, the likeliest first; three at most.
pub(crate) fn close<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let likeness = known.into_iter().map(|known| (strsim::jaro_winkler(name, known), known));
    let mut close: Vec<_> = likeness.filter(|(likeness, _)| *likeness > 0.85).collect();
    relink_order::sort_by(&mut close, |one, other| other.0.total_cmp(&one.0));
    close.into_iter().take(3).map(|(_, name)| name).collect()
}

/// The same as the beginning of a hint, where there are some.
pub(crate) fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    question(&close(name, known))
}

/// Whether one of these was meant.
pub(crate) fn question<S: std::borrow::Borrow<str>>(close: &[S]) -> String {
    if close.is_empty() { String::new() } else { format!("did you mean {}? ", close.join(" or ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_alike_is_proposed() {
        let known = ["cpu", "cpufreq", "disk", "meminfo"];
        assert_eq!(close("dsik", known), ["disk"]);
        assert_eq!(did_you_mean("cpufrq", known), "did you mean cpufreq or cpu? ");
        assert_eq!(did_you_mean("cpuu", known), "did you mean cpu? ");
        assert_eq!(did_you_mean("quota", known), "");
    }
}
