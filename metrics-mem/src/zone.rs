//! What the files have in common that tell zones apart.

use std::str::SplitAsciiWhitespace;

/// Numbers as labels: more than the sizes of blocks, and the zones of a node, that any kernel has.
pub(crate) const ORDINALS: [&str; 24] = [
    "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16", "17", "18",
    "19", "20", "21", "22", "23",
];

/// Node and zone that a line such as `Node 0, zone   Normal   6116   3568` is about, and the words behind them.
pub(crate) fn zone(line: &str) -> Option<(&str, &str, SplitAsciiWhitespace<'_>)> {
    let mut words = line.split_ascii_whitespace();
    words.next().filter(|word| *word == "Node")?;
    let node = words.next()?.strip_suffix(',')?;
    words.next().filter(|word| *word == "zone")?;
    let zone = words.next()?;
    let is_number = !node.is_empty() && node.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then_some((node, zone, words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_a_node_and_a_name() {
        let found = |line: &'static str| zone(line).map(|(node, zone, rest)| (node, zone, rest.count()));
        assert_eq!(found("Node 0, zone      DMA"), Some(("0", "DMA", 0)));
        assert_eq!(found("Node 12, zone   Normal   6116   3568 \n"), Some(("12", "Normal", 2)));
        for line in [
            "",
            "Node",
            "Node 0, zone",
            "Node 0 zone DMA",
            "Node x, zone DMA",
            "Node , zone DMA",
            "node 0, zone A",
        ] {
            assert_eq!(found(line), None, "{line}");
        }
    }
}
