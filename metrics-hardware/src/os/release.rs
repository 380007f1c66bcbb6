//! The format of os-release(5): lines of the kind `KEY=value` as a shell reads them, without what a shell would expand.

use relink_core::{Context, Error};

/// The keys that are shown, in the order of the labels of `node_os_info`.
pub(super) const KEYS: [&str; 12] = [
    "BUILD_ID",
    "ID",
    "ID_LIKE",
    "IMAGE_ID",
    "IMAGE_VERSION",
    "NAME",
    "PRETTY_NAME",
    "VARIANT",
    "VARIANT_ID",
    "VERSION",
    "VERSION_CODENAME",
    "VERSION_ID",
];

/// What a file says.
#[derive(Debug, Default)]
pub(super) struct Release {
    /// In the order of [`KEYS`], empty where nothing is said.
    pub(super) values: [String; KEYS.len()],
    /// Nothing if it does not begin with a number above 0.
    pub(super) version: Option<f64>,
    /// In seconds since 1970.
    pub(super) support_end: Option<f64>,
    /// Whether there is a line that makes sense.
    pub(super) is_any: bool,
    /// What was passed over.
    pub(super) odd: Vec<Error>,
}

impl Release {
    pub(super) fn of(text: &str) -> Self {
        let mut release = Release::default();
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match release.take(line).context(format_args!("line {}", at + 1)) {
                Ok(()) => release.is_any = true,
                Err(why) => release.odd.push(why),
            }
        }
        let [.., version] = &release.values;
        release.version = number(version).filter(|version| *version > 0.0);
        release
    }

    fn take(&mut self, line: &str) -> Result<(), Error> {
        let assigned = || Error::expected("KEY=value", line);
        let (key, value) = line.split_once('=').ok_or_else(assigned)?;
        let key = key.trim();
        let key = key.strip_prefix("export ").unwrap_or(key).trim_start();
        if !is_key(key) {
            return Err(assigned());
        }
        let value = unquoted(value.trim())?;
        if let Some((known, _)) = self.values.iter_mut().zip(KEYS).find(|(_, known)| *known == key) {
            *known = value;
        } else if key == "SUPPORT_END" {
            let day = || Error::expected("SUPPORT_END as year-month-day", &value);
            self.support_end = if value.is_empty() { None } else { Some(midnight(&value).ok_or_else(day)?) };
        }
        Ok(())
    }
}

fn is_key(key: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
    key.chars().all(is_letter) && key.starts_with(|c: char| !c.is_ascii_digit())
}

/// A value without its quotes, and without a comment behind it.
fn unquoted(text: &str) -> Result<String, Error> {
    let mut value = String::new();
    // Up to here the value stays as it is when space at its end is taken away.
    let mut kept = 0;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' | '\'' => {
                quoted(letter, &mut letters, &mut value).ok_or_else(|| {
                    Error::expected(format!("a {letter} at the end of what is quoted"), text)
                })?;
                kept = value.len();
            }
            '#' => break,
            _ => {
                value.push(letter);
                if !letter.is_whitespace() {
                    kept = value.len();
                }
            }
        }
    }
    value.truncate(kept);
    Ok(value)
}

/// Adds what stands up to the next quote; nothing if there is none. Between `'` a backslash is one; between `"` it makes the next
/// character an ordinary one, or the line end or tab that node_exporter's parser sees there.
fn quoted(quote: char, letters: &mut std::str::Chars<'_>, value: &mut String) -> Option<()> {
    loop {
        match letters.next()? {
            letter if letter == quote => return Some(()),
            '\\' if quote == '"' => match letters.next()? {
                'n' => value.push('\n'),
                'r' => value.push('\r'),
                't' => value.push('\t'),
                letter @ ('"' | '\'' | '\\' | '$' | '`') => value.push(letter),
                letter => value.extend(['\\', letter]),
            },
            letter => value.push(letter),
        }
    }
}

/// The number that a version begins with, as in 22.04 of 22.04.3.
fn number(version: &str) -> Option<f64> {
    let end_of_digits = |from: usize| {
        let rest = version.get(from..).unwrap_or("");
        from + rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())
    };
    let mut end = end_of_digits(0);
    if end == 0 {
        return None;
    }
    if version.get(end..).is_some_and(|rest| rest.starts_with('.')) {
        end = end_of_digits(end + 1);
    }
    version.get(..end)?.parse().ok()
}

/// The beginning of a day in UTC such as 2026-06-10, in seconds since 1970.
fn midnight(day: &str) -> Option<f64> {
    let number = |from: usize, to: usize| -> Option<i64> {
        let digits = day.get(from..to)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
    };
    let dashes = [day.get(4..5)?, day.get(7..8)?];
    let (year, month, day_of_month) = (number(0, 4)?, number(5, 7)?, number(8, day.len())?);
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if day.len() != 10 || dashes != ["-", "-"] || !(1..=days).contains(&day_of_month) {
        return None;
    }
    // A year that begins in March has its odd day at its end.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let days = 365 * year + leap_days + (153 * month + 2) / 5 + day_of_month - 1;
    /// From the first of March of the year 0 to 1970.
    const BEFORE_1970: i64 = 719_468;
    Some((days - BEFORE_1970) as f64 * 86_400.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(release: &Release, key: &str) -> String {
        release.values.iter().zip(KEYS).find(|(_, known)| *known == key).unwrap().0.clone()
    }

    #[test]
    fn releases_of_several_makers() {
        for (text, id, pretty, version) in [
            (
                "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\nID=debian\n",
                "debian",
                "Debian GNU/Linux 12 (bookworm)",
                Some(12.0),
            ),
            (
                "NAME=Fedora\nVERSION_ID=41\nID=fedora\nPRETTY_NAME='Fedora Linux 41'\n",
                "fedora",
                "Fedora Linux 41",
                Some(41.0),
            ),
            ("ID=ubuntu\nVERSION_ID=\"20.04\"\n", "ubuntu", "", Some(20.04)),
            (
                "ID=alpine\nVERSION_ID=3.21.0\nPRETTY_NAME=\"Alpine Linux v3.21\"\n",
                "alpine",
                "Alpine Linux v3.21",
                Some(3.21),
            ),
            ("NAME=\"Arch Linux\"\nID=arch\nBUILD_ID=rolling\n", "arch", "", None),
            ("\n# made by hand\nexport ID=own # mine\nID_LIKE=\nVERSION_ID=0\n", "own", "", None),
            ("ID=sle\nVERSION_ID=\"15-SP5\"\n", "sle", "", Some(15.0)),
            ("ID=x\nVERSION_ID=v1\n", "x", "", None),
        ] {
            let release = Release::of(text);
            assert_eq!(
                (value(&release, "ID").as_str(), value(&release, "PRETTY_NAME").as_str()),
                (id, pretty),
                "{text}"
            );
            assert_eq!((release.version, release.odd.len()), (version, 0), "{text}");
            assert!(release.is_any);
        }
    }

    #[test]
    fn values_are_quoted_as_for_a_shell() {
        for (text, value) in [
            ("", ""),
            ("a b  # c", "a b"),
            ("\"a b \" # c", "a b "),
            ("\"a # b\"", "a # b"),
            (r#""Fictional \$ OS: \` \"x\" \\ \q""#, r#"Fictional $ OS: ` "x" \ \q"#),
            (r"'a \$ b'", r"a \$ b"),
            (r#""a\tb""#, "a\tb"),
            ("\"a\"'b'c", "abc"),
            (r"a\b", r"a\b"),
            ("\"\u{e9}\"", "\u{e9}"),
        ] {
            assert_eq!(unquoted(text).unwrap(), value, "{text}");
        }
        for text in ["\"a", "'a", "\"a\\", "a\"b'c"] {
            assert!(unquoted(text).unwrap_err().message().contains("what is quoted"), "{text}");
        }
    }

    #[test]
    fn an_odd_line_is_passed_over() {
        let release =
            Release::of("ID=a\nnonsense\n=x\n1A=x\nA-B=x\nNAME=\"a\nSUPPORT_END=soon\nVERSION=\"1\"\n");
        assert_eq!((value(&release, "ID"), value(&release, "VERSION")), ("a".to_owned(), "1".to_owned()));
        let odd: Vec<_> = release.odd.iter().map(|why| why.message().to_owned()).collect();
        assert_eq!(
            odd,
            [
                "line 2: expected KEY=value, found \"nonsense\"",
                "line 3: expected KEY=value, found \"=x\"",
                "line 4: expected KEY=value, found \"1A=x\"",
                "line 5: expected KEY=value, found \"A-B=x\"",
                "line 6: expected a \" at the end of what is quoted, found \"\\\"a\"",
                "line 7: expected SUPPORT_END as year-month-day, found \"soon\"",
            ]
        );
        assert_eq!(release.support_end, None);
        assert!(!Release::of("\n#\n").is_any);
    }

    #[test]
    fn days_are_counted() {
        for (day, seconds) in [
            ("1970-01-01", Some(0.0)),
            ("2024-02-29", Some(1_709_164_800.0)),
            ("2025-12-15", Some(1_765_756_800.0)),
            ("2000-03-01", Some(951_868_800.0)),
            ("1969-12-31", Some(-86_400.0)),
            ("0000-01-01", Some(-62_167_219_200.0)),
            ("2023-02-29", None),
            ("2023-13-01", None),
            ("2023-00-01", None),
            ("2023-01-00", None),
            ("2023-1-01", None),
            ("2023-01-011", None),
            ("2023/01/01", None),
            ("+023-01-01", None),
            ("20\u{e9}3-01-01", None),
            ("", None),
        ] {
            assert_eq!(midnight(day), seconds, "{day}");
        }
    }

    #[test]
    fn a_version_begins_with_its_number() {
        for (version, number) in [
            ("22.04.3", Some(22.04)),
            ("12.", Some(12.0)),
            ("9.x", Some(9.0)),
            (".5", None),
            ("", None),
            ("\u{e9}", None),
        ] {
            assert_eq!(super::number(version), number, "{version}");
        }
    }
}
