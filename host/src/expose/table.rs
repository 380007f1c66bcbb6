//! The console: what each plugin says, for people.

use std::time::Duration;

use relink_core::{Family, Kind};
use relink_exposition::RuntimeFamily;
use x509_cert::der::DateTime;

use super::Section;
use crate::store::snapshot::Frame;

/// So many lines a plugin gets at most, its facts and families together.
const LINES: usize = 12;
/// So many lines of families there are at least, however many facts.
const FAMILIES: usize = 3;

/// So many lines the brief table has in all, where each plugin has one and there are no more plugins than that.
const BRIEF: usize = 18;
/// So wide a column of names gets at most, in characters: a mount point can be a long one.
const NAMES: usize = 28;

/// How the console wants it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    /// Whether colours may be used.
    pub color: bool,
    /// Columns; longer lines are cut.
    pub width: usize,
}

/// The table of these plugins, a line feed behind each line.
pub(crate) fn render(sections: &[Section<'_>], style: Style) -> String {
    let mut out = String::new();
    for section in sections {
        push_section(section, style, &mut out);
    }
    out
}

/// A line or two of facts a plugin; then those that were `refused`, with the reason, and the names of those that are
/// `off`. For a start, so that what comes after it is seen on a terminal of 24 lines.
pub(crate) fn overview(
    sections: &[Section<'_>],
    refused: &[(&str, &str)],
    off: &[&str],
    style: Style,
) -> String {
    let mut out = String::new();
    let names = sections.iter().map(|section| section.name).chain(refused.iter().map(|(name, _)| *name));
    let column = names.map(|name| name.chars().count()).max().unwrap_or(0).min(NAMES);
    let room = style.width.saturating_sub(column + 2);
    let mut spare = BRIEF.saturating_sub(sections.len());
    for section in sections {
        let name = format!("{:column$}  ", shortened(section.name, column));
        if let Some(error) = section.error() {
            push_line(&[(Look::Bold, &name), (Look::Red, &format!("failing: {error}"))], style, &mut out);
            if section.samples().is_none() {
                continue;
            }
        }
        let lines = filled(&highlights(section), room, 1 + spare.min(1));
        spare -= lines.len().saturating_sub(1);
        for (at, line) in lines.iter().enumerate() {
            let before = match at {
                0 => (Look::Bold, name.as_str()),
                _ => (Look::Plain, &*" ".repeat(column + 2)),
            };
            push_line(&[before, (Look::Plain, line)], style, &mut out);
        }
    }
    for (name, why) in refused {
        let name = format!("{:column$}  ", shortened(name, column));
        push_line(&[(Look::Bold, &name), (Look::Red, &format!("refused: {why}"))], style, &mut out);
    }
    if !off.is_empty() {
        push_line(&[(Look::Dim, &format!("off: {}", off.join(", ")))], style, &mut out);
    }
    out
}

/// What a plugin tells in a few words: its facts, or else what it is about.
fn highlights(section: &Section<'_>) -> Vec<String> {
    if section.facts().next().is_none() {
        return vec![section.help.to_owned(), outcome(section)];
    }
    let fact = |(name, value): &(String, String)| match name.as_str() {
        name if name == section.name => value.clone(),
        name => format!("{} {value}", shortened(name, NAMES)),
    };
    section.facts().map(fact).collect()
}

/// The pieces in as many lines as they need, but no more than `most`; the last says how many were left out.
fn filled(pieces: &[String], room: usize, most: usize) -> Vec<String> {
    const BETWEEN: &str = " · ";
    let mut lines: Vec<String> = Vec::new();
    for (at, piece) in pieces.iter().enumerate() {
        let length = piece.chars().count();
        let left = pieces.len() - at;
        // Room for the word of how many more there are, as long as this is not the last.
        let room = if lines.len() == most && left > 1 { room.saturating_sub(12) } else { room };
        let full = lines.len() == most;
        match lines.last_mut() {
            Some(line) if line.chars().count() + BETWEEN.len() + length <= room => {
                line.push_str(BETWEEN);
                line.push_str(piece);
            }
            Some(line) if full => {
                line.push_str(&format!("{BETWEEN}{left} more"));
                break;
            }
            _ => lines.push(piece.clone()),
        }
    }
    lines
}

/// A name of at most so many characters: the beginning and the end of a longer one, as most paths differ there.
fn shortened(name: &str, most: usize) -> String {
    let length = name.chars().count();
    if length <= most {
        return name.to_owned();
    }
    let (before, behind) = (most / 2, most - most / 2 - 1);
    name.chars().take(before).chain(['…']).chain(name.chars().skip(length - behind)).collect()
}

/// How a piece of a line looks.
#[derive(Clone, Copy)]
enum Look {
    Plain,
    Bold,
    Dim,
    Red,
}

fn push_section(section: &Section<'_>, style: Style, out: &mut String) {
    let title = format!("{} {}", section.name, section.version);
    let about = format!(" · {} · ", section.help);
    let rest = format!("{} · {}", section.placement, outcome(section));
    push_line(&[(Look::Bold, &title), (Look::Plain, &about), (Look::Dim, &rest)], style, out);
    if let Some(error) = section.error() {
        push_line(&[(Look::Red, "  error: "), (Look::Red, error.message())], style, out);
        if let Some(advice) = error.advice() {
            push_line(&[(Look::Red, "  hint:  "), (Look::Red, advice)], style, out);
        }
    }
    let frames = section.parts.iter().filter_map(|part| part.frame);
    let families: Vec<_> = frames.flat_map(summaries).collect();
    let all: Vec<_> = section.facts().collect();
    let lines = LINES - families.len().min(FAMILIES);
    let facts = rows_shown(all.len(), lines);
    let names = all.iter().take(facts).map(|(name, _)| name.chars().count());
    let column = names.max().unwrap_or(0).min(NAMES);
    for (name, value) in &all[..facts] {
        let name = shortened(name, column);
        push_line(&[(Look::Plain, &format!("  {name:column$}  {value}"))], style, out);
    }
    push_more(all.len() - facts, "facts in /plugins/", section.name, style, out);

    let shown = rows_shown(families.len(), LINES - all.len().min(lines));
    let column = families.iter().take(shown).map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, value) in &families[..shown] {
        push_line(&[(Look::Dim, &format!("  {name:column$}  {value}"))], style, out);
    }
    push_more(families.len() - shown, "families in /metrics", "", style, out);
}

/// How many of these rows fit, when the last line may have to say how many more there are.
fn rows_shown(rows: usize, lines: usize) -> usize {
    if rows <= lines { rows } else { lines - 1 }
}

fn push_more(count: usize, what: &str, name: &str, style: Style, out: &mut String) {
    if count > 0 {
        push_line(&[(Look::Dim, &format!("  … and {count} more {what}{name}"))], style, out);
    }
}

fn outcome(section: &Section<'_>) -> String {
    let took = duration(section.duration());
    match section.samples() {
        Some(1) => format!("1 sample in {took}"),
        Some(count) => format!("{count} samples in {took}"),
        None => format!("failed after {took}"),
    }
}

/// Each family with its value, or the range of its values.
fn summaries(frame: &Frame) -> Vec<(&str, String)> {
    let series = &frame.layout.series;
    let places: Vec<usize> = series.places().collect();
    let declared = places.chunk_by(|&a, &b| series.family_of(a).0 == series.family_of(b).0).map(|places| {
        let (_, family) = series.family_of(places[0]);
        let values: Vec<f64> = places.iter().map(|&place| frame.values[place]).collect();
        (family.name(), summary(family, &values))
    });
    declared.chain(frame.layout.texts.families().map(|family| (family.name(), brief(family)))).collect()
}

/// A family of which only its text knows what it means.
fn brief(family: RuntimeFamily<'_>) -> String {
    let mut samples = family.samples();
    match (samples.next(), samples.count()) {
        (Some(only), 0) => number(only.value),
        (_, more) => format!("{} series", more + 1),
    }
}

fn summary(family: &Family, values: &[f64]) -> String {
    if let [value] = values {
        return human(family, *value);
    }
    let least = human(family, values.iter().copied().fold(f64::NAN, f64::min));
    let most = human(family, values.iter().copied().fold(f64::NAN, f64::max));
    let count = values.len();
    if least == most {
        format!("{count} series, each {most}")
    } else {
        format!("{count} series, {least} to {most}")
    }
}

/// A value in the unit in which people read it.
fn human(family: &Family, value: f64) -> String {
    if !value.is_finite() {
        return value.to_string();
    }
    match family.unit() {
        "bytes" => scaled(value, "B", &["kB", "MB", "GB", "TB", "PB", "EB"]),
        "hertz" => scaled(value, "Hz", &["kHz", "MHz", "GHz"]),
        // A gauge of more than thirty years is a point in time.
        "seconds" if family.kind() == Kind::Gauge && value >= 1e9 => date(value),
        "seconds" => seconds(value),
        "ratio" => format!("{} %", number(value * 100.0)),
        "celsius" => format!("{} °C", number(value)),
        "volts" => format!("{} V", number(value)),
        "amperes" => format!("{} A", number(value)),
        "joules" => scaled(value, "J", &["kJ", "MJ", "GJ"]),
        "watts" => format!("{} W", number(value)),
        _ => number(value),
    }
}

fn scaled(value: f64, base: &str, larger: &[&str]) -> String {
    let mut value = value;
    let mut unit = base;
    for next in larger {
        if value.abs() < 999.95 {
            break;
        }
        value /= 1000.0;
        unit = next;
    }
    if unit == base { format!("{} {unit}", number(value)) } else { format!("{value:.1} {unit}") }
}

pub(crate) fn seconds(value: f64) -> String {
    let magnitude = value.abs();
    let (factor, unit) = match magnitude {
        0.0 => return "0 s".to_owned(),
        m if m < 0.999_95e-3 => (1e6, "µs"),
        m if m < 0.999_95 => (1e3, "ms"),
        m if m < 120.0 => (1.0, "s"),
        m if m < 7200.0 => (1.0 / 60.0, "min"),
        m if m < 172_800.0 => (1.0 / 3600.0, "h"),
        _ => (1.0 / 86_400.0, "d"),
    };
    format!("{:.1} {unit}", value * factor)
}

/// Seconds since 1970 as date and time of day in UTC. The calendar is that of certificates, which ends with the year 9999.
pub(crate) fn date(value: f64) -> String {
    let time =
        Duration::try_from_secs_f64(value.floor()).ok().and_then(|s| DateTime::from_unix_duration(s).ok());
    time.map_or_else(|| format!("{value} s"), |time| time.to_string().replace('T', " ").replace('Z', " UTC"))
}

/// A number with at most three decimals, and its thousands apart.
fn number(value: f64) -> String {
    if value.abs() >= 1e15 || (value != 0.0 && value.abs() < 0.0005) {
        return format!("{value:.2e}");
    }
    let text = format!("{:.3}", value.abs());
    let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
    let mut out = if value < 0.0 { "-".to_owned() } else { String::new() };
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    let part = part.trim_end_matches('0');
    if !part.is_empty() {
        out.push('.');
        out.push_str(part);
    }
    out
}

fn duration(duration: Duration) -> String {
    match duration.as_micros() {
        micros if micros < 1000 => format!("{micros} µs"),
        _ => seconds(duration.as_secs_f64()),
    }
}

/// A line of pieces, cut at the width. Names of mounts and devices are anybody's text, so control characters, with
/// which a terminal can be driven, are shown as `�`.
fn push_line(pieces: &[(Look, &str)], style: Style, out: &mut String) {
    let length = pieces.iter().map(|(_, text)| text.chars().count()).sum::<usize>();
    let mut room = if length <= style.width { length } else { style.width.saturating_sub(1) };
    for &(look, text) in pieces {
        let before = match look {
            _ if !style.color => "",
            Look::Plain => "",
            Look::Bold => "\x1b[1m",
            Look::Dim => "\x1b[2m",
            Look::Red => "\x1b[31m",
        };
        out.push_str(before);
        let shown = text.chars().take(room).map(|c| match c {
            '\n' | '\t' => ' ',
            c if c.is_control() => '\u{fffd}',
            c => c,
        });
        out.extend(shown);
        room = room.saturating_sub(text.chars().count());
        if !before.is_empty() {
            out.push_str("\x1b[0m");
        }
    }
    if length > style.width {
        out.push('…');
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_facts_fill_few_lines_and_the_rest_is_counted() {
        let pieces: Vec<_> = (0..9).map(|at| format!("eth{at} up, 10 Gbit/s")).collect();
        let lines = filled(&pieces, 60, 2);
        assert_eq!(lines[0], "eth0 up, 10 Gbit/s · eth1 up, 10 Gbit/s");
        assert_eq!(lines[1], "eth2 up, 10 Gbit/s · eth3 up, 10 Gbit/s · 5 more");
        assert!(lines.len() == 2 && lines.iter().all(|line| line.chars().count() <= 60), "{lines:?}");
        assert_eq!(filled(&pieces[..1], 60, 1), [pieces[0].as_str()]);
        assert_eq!(filled(&pieces[..3], 60, 2).len(), 2);
        assert_eq!(filled(&[], 60, 2), [""; 0]);
    }

    #[test]
    fn a_long_name_keeps_both_its_ends() {
        assert_eq!(shortened("/var/lib/docker/overlay2/0123456789abcdef/merged", 20), "/var/lib/d…ef/merged");
        assert_eq!(shortened("/", 20), "/");
        assert_eq!(shortened("ééééé", 3), "é…é");
    }

    #[test]
    fn values_are_shown_as_people_read_them() {
        const BYTES: Family = Family::gauge("size_bytes", "S.");
        const SECONDS: Family = Family::counter("busy_seconds_total", "B.");
        const BOOT: Family = Family::gauge("boot_time_seconds", "B.");
        const HERTZ: Family = Family::gauge("clock_hertz", "C.");
        const RATIO: Family = Family::gauge("used_ratio", "U.");
        const PLAIN: Family = Family::gauge("things", "T.");
        let cases = [
            (&BYTES, 0.0, "0 B"),
            (&BYTES, 999.0, "999 B"),
            (&BYTES, 1000.0, "1.0 kB"),
            (&BYTES, 999_960.0, "1.0 MB"),
            (&BYTES, 10_995_116_277.0, "11.0 GB"),
            (&BYTES, 1e30, "1000000000000.0 EB"),
            (&SECONDS, 0.0, "0 s"),
            (&SECONDS, 0.000_041, "41.0 µs"),
            (&SECONDS, 0.0032, "3.2 ms"),
            (&SECONDS, 3.2, "3.2 s"),
            (&SECONDS, 5400.0, "90.0 min"),
            (&SECONDS, 129_600.0, "36.0 h"),
            (&SECONDS, 1_700_000_000.0, "19675.9 d"),
            (&BOOT, 1_700_000_000.0, "2023-11-14 22:13:20 UTC"),
            (&BOOT, 1_709_164_800.0, "2024-02-29 00:00:00 UTC"),
            (&BOOT, 4_107_542_399.0, "2100-02-28 23:59:59 UTC"),
            (&BOOT, 4_107_542_400.0, "2100-03-01 00:00:00 UTC"),
            (&HERTZ, 2_450_000_000.0, "2.5 GHz"),
            (&RATIO, 0.125, "12.5 %"),
            (&PLAIN, 1_234_567.0, "1,234,567"),
            (&PLAIN, -0.52, "-0.52"),
            (&PLAIN, 1e18, "1.00e18"),
            (&PLAIN, 1e-9, "1.00e-9"),
            (&PLAIN, f64::NAN, "NaN"),
            (&PLAIN, f64::INFINITY, "inf"),
        ];
        for (family, value, text) in cases {
            assert_eq!(human(family, value), text);
        }
    }
}
