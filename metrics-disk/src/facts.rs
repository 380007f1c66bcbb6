//! Facts for people, in decimal units as disks are sold.

/// How full a file system is: `11.0 GB of 252 GB used (4 %)`.
pub(crate) fn space(used: f64, size: f64) -> String {
    if size <= 0.0 {
        return "no size of its own".to_owned();
    }
    format!("{} of {} used ({:.0} %)", human(used), human(size), 100.0 * used / size)
}

/// What was read and written, and the kind of disk if it is known: `read 2.49 GB, written 310 MB, SSD`.
pub(crate) fn traffic(read: f64, written: f64, kind: &str) -> String {
    let totals = format!("read {}, written {}", human(read), human(written));
    if kind.is_empty() { totals } else { format!("{totals}, {kind}") }
}

/// Three digits and a unit.
fn human(bytes: f64) -> String {
    const UNITS: [&str; 7] = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
    let mut value = bytes;
    let mut unit = 0;
    // 999.5 would be shown as 1000.
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let digits = match value {
        _ if unit == 0 => 0,
        value if value < 9.995 => 2,
        value if value < 99.95 => 1,
        _ => 0,
    };
    format!("{value:.digits$} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_and_a_unit() {
        assert_eq!(human(0.0), "0 B");
        assert_eq!(human(999.0), "999 B");
        assert_eq!(human(1000.0), "1.00 kB");
        assert_eq!(human(9_994_000.0), "9.99 MB");
        assert_eq!(human(9_999_000.0), "10.0 MB");
        assert_eq!(human(11.04e9), "11.0 GB");
        assert_eq!(human(252.4e9), "252 GB");
        assert_eq!(human(999.7e9), "1.00 TB");
        assert_eq!(human(5e21), "5000 EB");
    }

    #[test]
    fn rows_are_for_people() {
        assert_eq!(space(11e9, 252e9), "11.0 GB of 252 GB used (4 %)");
        assert_eq!(space(0.0, 0.0), "no size of its own");
        assert_eq!(traffic(2.488e9, 0.0, "SSD"), "read 2.49 GB, written 0 B, SSD");
        assert_eq!(traffic(1.0, 2.0, ""), "read 1 B, written 2 B");
    }
}
