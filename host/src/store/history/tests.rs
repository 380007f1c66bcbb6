mod tiers;

use std::collections::HashSet;
use std::time::{Instant, SystemTime};

use relink_core::{Error, Family, Kind, Samples};

use super::*;
use crate::store::snapshot::{Frame, LeftOut, Reading};

const BUSY: Family = Family::counter("busy_seconds_total", "Busy.").labels(&["cpu", "mode"]);
const LOAD: Family = Family::gauge("load", "Load.");
const FAMILIES: &[Family] = &[BUSY, LOAD];
const SECOND: Duration = Duration::from_secs(1);
const SPAN: Duration = Duration::from_secs(600);
const START: u64 = 1_700_000_000_000;

fn layout(cpus: usize) -> Arc<Layout> {
    let mut samples = Samples::new(FAMILIES, 1_000_000);
    samples.push(&LOAD, [], 0.0);
    for cpu in 0..cpus {
        for mode in ["idle", "user"] {
            samples.push(&BUSY, [&cpu.to_string(), mode], 0.0);
        }
    }
    Arc::new(Layout::new(samples.series_set().unwrap(), Default::default()))
}

/// A snapshot `second` seconds after the start, in which the load is `second` and a cpu's ticks go up by 97.
fn snapshot(layouts: &[(&'static str, &Arc<Layout>)], second: u64) -> Snapshot {
    let reading = |(collector, layout): &(&'static str, &Arc<Layout>)| {
        let ticks = |at: usize| ((1000 * at) as u64 + 97 * second) as f64 / 100.0;
        let values =
            (0..layout.series.len()).map(|at| if at == 0 { second as f64 } else { ticks(at) }).collect();
        let result = Ok(Frame { layout: Arc::clone(layout), values });
        Reading { collector, duration: Duration::ZERO, result, left_out: LeftOut::default() }
    };
    let mut snapshot = Snapshot::new(layouts.iter().map(reading).collect());
    let failed = Err(Error::new("failed"));
    let left_out = LeftOut::default();
    snapshot.readings.push(Reading {
        collector: "failing",
        duration: Duration::ZERO,
        result: failed,
        left_out,
    });
    snapshot.taken = SystemTime::UNIX_EPOCH + Duration::from_millis(START + 1000 * second);
    snapshot
}

fn filled(seconds: u64, layout: &Arc<Layout>) -> History {
    let mut history = History::new(SPAN, 1 << 20);
    (0..seconds).for_each(|second| history.push(&snapshot(&[("cpu", layout)], second), SECOND));
    history
}

/// The last values of a family's series, with the times of their rows.
fn series(history: &History, family: &str, labels: &[(&str, &str)], after: Option<u64>) -> Vec<Series> {
    let labels: Vec<_> =
        labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let families = wanted(family);
    let columns =
        history.columns(&Ask { families: &families, labels: &labels, after_ms: after, ..Ask::default() });
    let points = |series: &ColumnSeries| {
        let rows = columns.times.iter().enumerate();
        rows.filter_map(|(row, time)| Some((*time, series.at(row)?.last))).collect()
    };
    columns
        .series
        .iter()
        .map(|one| Series { kind: one.kind, labels: one.labels.clone(), points: points(one) })
        .collect()
}

#[derive(Debug, PartialEq)]
struct Series {
    kind: Kind,
    labels: Vec<(String, String)>,
    points: Vec<(u64, f64)>,
}

fn length(history: &History) -> usize {
    history.reach().tiers[0].rows
}

fn points(history: &History, after: Option<u64>) -> Vec<(u64, f64)> {
    series(history, "load", &[], after).into_iter().flat_map(|series| series.points).collect()
}

#[test]
fn series_come_back_with_labels_and_points() {
    let history = filled(200, &layout(2));
    let all: Vec<_> = (0..200).map(|second| (START + 1000 * second, second as f64)).collect();
    assert_eq!(points(&history, None), all);
    assert_eq!(points(&history, Some(START + 100_000)), all[101..]);
    assert_eq!(points(&history, Some(START + 149_000)), all[150..]);
    assert_eq!(points(&history, history.last_time_ms()), []);
    assert_eq!((history.last_id(), length(&history)), (200, 200));

    let user = series(&history, "busy_seconds_total", &[("mode", "user")], None);
    let labels = |cpu: &str| vec![("cpu".to_owned(), cpu.to_owned()), ("mode".to_owned(), "user".to_owned())];
    assert_eq!(
        user.iter().map(|series| series.labels.clone()).collect::<Vec<_>>(),
        [labels("0"), labels("1")]
    );
    assert!(user.iter().all(|series| series.kind == Kind::Counter && series.points.len() == 200));
    assert_eq!(user[1].points[199], (START + 199_000, (4000 + 97 * 199) as f64 / 100.0));
    let one = series(&history, "busy_seconds_total", &[("mode", "idle"), ("cpu", "1")], None);
    assert_eq!(one.len(), 1);
    assert!(series(&history, "busy_seconds_total", &[("mode", "nice")], None).is_empty());
    assert!(series(&history, "load", &[("mode", "user")], None).is_empty());
    assert!(series(&history, "other", &[], None).is_empty());
}

#[test]
fn collectors_and_series_may_come_and_go() {
    let (small, large) = (layout(1), layout(2));
    let mut history = History::new(SPAN, 1 << 20);
    for second in 0..150 {
        match second % 3 {
            0 => history.push(&snapshot(&[("cpu", &small)], second), SECOND),
            1 => history.push(&snapshot(&[("cpu", &large)], second), SECOND),
            _ => history.push(&snapshot(&[], second), SECOND),
        }
    }
    let decoded = History::decode(&history.encode(), SPAN, 1 << 20).unwrap();
    for history in [history, decoded] {
        let busy = series(&history, "busy_seconds_total", &[("mode", "idle")], None);
        assert_eq!(busy.iter().map(|series| series.points.len()).collect::<Vec<_>>(), [100, 50]);
        let seconds = points(&history, None).into_iter().map(|(_, value)| value);
        let expected: Vec<f64> = (0..150).filter(|second| second % 3 != 2).map(f64::from).collect();
        let mut seconds: Vec<f64> = seconds.collect();
        seconds.sort_by(f64::total_cmp);
        assert_eq!(seconds, expected);
    }
}

#[test]
fn a_decoded_history_is_the_same_and_goes_on() {
    let before = layout(3);
    for seconds in [0, 1, 59, 60, 61, 100] {
        let history = filled(seconds, &before);
        let encoded = history.encode();
        let mut decoded = History::decode(&encoded, SPAN, 1 << 20).unwrap();
        assert_eq!(decoded.encode(), encoded);
        assert_eq!(decoded.last_id(), seconds);
        for family in ["load", "busy_seconds_total"] {
            let [a, b] = [&history, &decoded].map(|history| series(history, family, &[], None));
            assert_eq!(a, b);
        }
        // The next image makes layouts of its own; the same series continue in the same columns.
        let after = layout(3);
        (seconds..seconds + 70)
            .for_each(|second| decoded.push(&snapshot(&[("cpu", &after)], second), SECOND));
        assert_eq!(decoded.last_id(), seconds + 70);
        assert_eq!(points(&decoded, None).len() as u64, seconds + 70);
        assert_eq!(decoded.latest.len(), 1);
        let tables: HashSet<_> = (decoded.all_chunks())
            .flat_map(|(_, chunk)| chunk.blocks.iter().map(|block| Arc::as_ptr(&block.table)))
            .collect();
        assert_eq!(tables.len(), 1);
    }
}

#[test]
fn many_reloads_do_not_leave_short_chunks() {
    let mut history = History::new(SPAN, 1 << 20);
    for second in 0..180 {
        history.push(&snapshot(&[("cpu", &layout(1))], second), SECOND);
        history = History::decode(&history.encode(), SPAN, 1 << 20).unwrap();
    }
    assert_eq!(length(&history), 180);
    assert!(history.tiers[0].len() <= 8, "{}", history.tiers[0].len());
}

#[test]
fn ten_minutes_of_a_usual_machine_are_small() {
    // One series in four changes from second to second.
    let layout = layout(200);
    let mut history = History::new(SPAN, 4 << 20);
    for second in 0..600 {
        let mut snapshot = snapshot(&[("cpu", &layout)], second);
        let frame = snapshot.readings[0].result.as_mut().unwrap();
        frame.values =
            frame.values.iter().enumerate().map(|(at, &v)| if at % 4 == 0 { v } else { 5.25 }).collect();
        history.push(&snapshot, SECOND);
    }
    let raw = 600 * 8 * layout.series.len();
    assert!(history.encode().len() * 12 < raw, "{} of {raw}", history.encode().len());
}

#[test]
fn damaged_bytes_are_refused_and_never_harm() {
    let encoded = filled(70, &layout(2)).encode();
    let decode = |bytes: &[u8]| History::decode(bytes, SPAN, 1 << 20);
    assert!(decode(b"").err().unwrap().contains("format"));
    assert!(decode(b"RLH9...").err().unwrap().contains("format"));
    let short = History::decode(&encoded, SPAN, encoded.len() / 2).unwrap();
    assert!(short.bytes() <= encoded.len() / 2 && short.reach().is_short);
    for end in 0..encoded.len() {
        assert!(decode(&encoded[..end]).is_err(), "cut at {end}");
    }
    let mut longer = encoded.clone();
    longer.push(0);
    assert!(decode(&longer).err().unwrap().contains("damaged"));
    let mut state = 99_u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as usize
    };
    let try_all = |bytes: &[u8]| {
        if let Ok(mut history) = decode(bytes) {
            assert!(history.bytes() <= 1 << 20);
            points(&history, None);
            series(&history, "busy_seconds_total", &[("mode", "user")], Some(START));
            history.push(&snapshot(&[("cpu", &layout(2))], 70), SECOND);
            history.encode();
        }
    };
    for bit in 0..8 * encoded.len() {
        let mut flipped = encoded.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        try_all(&flipped);
    }
    for _ in 0..5000 {
        let mut garbled = encoded.clone();
        for _ in 0..1 + random() % 8 {
            let at = random() % garbled.len();
            garbled[at] = random() as u8;
        }
        try_all(&garbled);
        let mut noise: Vec<u8> = (0..random() % 300).map(|_| random() as u8).collect();
        noise.splice(..0, *b"RLH3");
        try_all(&noise);
    }
}

/// `cargo test -p relink-host --release measure_history -- --ignored --nocapture`
#[test]
#[ignore = "a measurement"]
fn measure_history() {
    let layout = layout(200);
    let snapshots: Vec<_> = (0..600).map(|second| snapshot(&[("cpu", &layout)], second)).collect();
    let mut history = History::new(SPAN, 4 << 20);
    let mut slowest = Duration::ZERO;
    let start = Instant::now();
    for snapshot in &snapshots {
        let start = Instant::now();
        history.push(snapshot, SECOND);
        slowest = slowest.max(start.elapsed());
    }
    println!("{} series: 600 pushes {:?}, the slowest {slowest:?}", layout.series.len(), start.elapsed());
    let start = Instant::now();
    let encoded = history.encode();
    println!("{} bytes in memory, encoded {} in {:?}", history.bytes(), encoded.len(), start.elapsed());
    let start = Instant::now();
    History::decode(&encoded, SPAN, 4 << 20).unwrap();
    println!("decoded in {:?}", start.elapsed());
    let start = Instant::now();
    let found = series(&history, "busy_seconds_total", &[("mode", "user")], None);
    println!("{} series queried in {:?}", found.len(), start.elapsed());
}

/// The values of a snapshot, by family and labels.
fn told(past: &Past) -> Vec<(String, String, u64)> {
    let rows = past.rows().flat_map(|(table, values)| {
        values.iter().enumerate().map(move |(place, value)| {
            let labels: Vec<_> =
                table.label_pairs(place).map(|(name, value)| format!("{name}={value}")).collect();
            (table.family_name(place).to_owned(), labels.join(","), value.to_bits())
        })
    });
    rows.collect()
}

/// All snapshots after that one, piece by piece.
fn followed(history: &History, mut id: u64) -> Vec<Past> {
    let mut all = Vec::new();
    loop {
        let some = history.after(id);
        let Some(last) = some.last() else { return all };
        id = last.id;
        all.extend(some);
    }
}

#[test]
fn snapshots_come_back_whole_in_order_and_the_same_when_packed() {
    let (small, large) = (layout(1), layout(3));
    let mut history = History::new(SPAN, 1 << 20);
    let mut fresh = Vec::new();
    for second in 0..200 {
        let snapshot = match second % 4 {
            0 => snapshot(&[("cpu", &small)], second),
            3 => snapshot(&[], second),
            _ => snapshot(&[("cpu", &large), ("other", &small)], second),
        };
        history.push(&snapshot, SECOND);
        let newest = history.after(second);
        assert_eq!(newest.iter().map(|past| past.id).collect::<Vec<_>>(), [second + 1]);
        assert_eq!(told(&newest[0]), told(&Past::of(second + 1, &snapshot)), "{second}");
        fresh.push((newest[0].id, newest[0].time_ms, told(&newest[0])));
    }
    let decoded = History::decode(&history.encode(), SPAN, 1 << 20).unwrap();
    for history in [history, decoded] {
        for from in [0, 1, 58, 59, 60, 61, 119, 150, 199, 200, 201, u64::MAX] {
            let seen: Vec<_> =
                followed(&history, from).iter().map(|past| (past.id, past.time_ms, told(past))).collect();
            assert_eq!(seen, fresh[fresh.len().min(usize::try_from(from).unwrap_or(usize::MAX))..], "{from}");
        }
        assert_eq!(history.time_of(61), Some(START + 60_000));
        assert_eq!((history.time_of(0), history.time_of(201)), (None, None));
        assert!(history.has_family("load") && !history.has_family("loaf"));
        let busy = wanted("busy_seconds_total");
        assert_eq!(history.extent(&Ask { families: &busy, ..Ask::default() }), (200, 6));
    }
}

fn wanted(family: &str) -> Vec<String> {
    vec![family.to_owned()]
}

#[test]
fn columns_tell_each_time_once_and_what_stood_still_once() {
    let (small, large) = (layout(1), layout(2));
    let mut history = History::new(SPAN, 1 << 20);
    for second in 0..130 {
        let cpu = if second < 65 { &small } else { &large };
        let mut snapshot = snapshot(&[("cpu", cpu)], second);
        if let Ok(frame) = &mut snapshot.readings[0].result {
            frame.values =
                frame.values.iter().enumerate().map(|(at, v)| if at == 1 { 7.0 } else { *v }).collect();
        }
        history.push(&snapshot, SECOND);
    }
    let load = wanted("load");
    let ask = Ask { families: &load, ..Ask::default() };
    let seconds = |from: u64, until: u64| (from..until).map(|second| second as f64).collect::<Vec<_>>();
    let columns = history.columns(&ask);
    assert_eq!(columns.times, (0..130).map(|second| START + 1000 * second).collect::<Vec<_>>());
    assert_eq!((columns.gaps, columns.series.len()), (vec![0], 1));
    assert_eq!(columns.series[0].values, Values::Last(seconds(0, 130)));
    let some =
        history.columns(&Ask { after_ms: Some(START + 50_000), until_ms: Some(START + 70_000), ..ask });
    assert_eq!((some.times.len(), some.gaps.len()), (20, 0));
    assert_eq!(some.series[0].values, Values::Last(seconds(51, 71)));

    // Each row begins at a whole step.
    let binned = history.columns(&Ask { step_ms: 20_000, ..ask });
    assert_eq!(binned.times, [19, 39, 59, 79, 99, 119, 129].map(|second| START + 1000 * second));
    let Values::Bins(bins) = &binned.series[0].values else { panic!("{binned:?}") };
    assert_eq!(bins.last, [19.0, 39.0, 59.0, 79.0, 99.0, 119.0, 129.0]);
    assert_eq!(bins.min, [0.0, 20.0, 40.0, 60.0, 80.0, 100.0, 120.0]);
    assert_eq!(bins.max, bins.last);
    assert_eq!(bins.mean, [9.5, 29.5, 49.5, 69.5, 89.5, 109.5, 124.5]);

    let busy = wanted("busy_seconds_total");
    let labels = [("mode".to_owned(), "idle".to_owned())];
    let busy = history.columns(&Ask { families: &busy, labels: &labels, step_ms: 60_000, ..ask });
    assert_eq!(busy.series.iter().map(|one| one.labels[0].1.as_str()).collect::<Vec<_>>(), ["0", "1"]);
    assert_eq!(busy.series[0].values, Values::Still(7.0));
    let Values::Last(last) = &busy.series[1].values else { panic!("{busy:?}") };
    assert!(last[0].is_nan(), "{last:?}");
    assert_eq!(last[1..], [3000.0 + 97.0 * 99.0, 3000.0 + 97.0 * 129.0].map(|ticks| ticks / 100.0));
    assert_eq!(history.columns(&Ask::default()).series.len(), 5);
}

#[test]
fn a_gap_stands_before_what_nobody_measured() {
    let layout = layout(1);
    let mut history = History::new(SPAN, 1 << 20);
    for second in [0, 1, 2, 4, 7, 8, 5, 6] {
        history.push(&snapshot(&[("cpu", &layout)], second), SECOND);
    }
    history.push(&snapshot(&[("cpu", &layout)], 26), 20 * SECOND);
    let decoded = History::decode(&history.encode(), SPAN, 1 << 20).unwrap();
    for history in [history, decoded] {
        assert_eq!(history.columns(&Ask::default()).gaps, [0, 4, 6]);
        let gaps: Vec<_> = followed(&history, 0).iter().map(|past| past.is_after_gap).collect();
        assert_eq!(gaps, [true, false, false, false, true, false, true, false, false]);
        // A step does not reach over it.
        let rows = history.columns(&Ask { step_ms: 60_000, ..Ask::default() });
        assert_eq!((rows.times.len(), rows.gaps), (3, vec![0, 1, 2]));
    }
}

#[test]
fn a_large_history_is_followed_in_pieces() {
    let mut history = History::new(SPAN, 64 << 20);
    let layout = layout(3000);
    (0..60).for_each(|second| history.push(&snapshot(&[("cpu", &layout)], second), SECOND));
    assert!(history.after(0).len() < 60 && !history.after(0).is_empty());
    assert_eq!(
        followed(&history, 0).iter().map(|past| past.id).collect::<Vec<_>>(),
        (1..=60).collect::<Vec<_>>()
    );
}

/// What another image hands over may be anything: it is refused, or is a history that can be asked and goes on.
#[test]
fn fuzz_history() {
    let (small, large) = (layout(1), layout(3));
    let of = |seconds: u64| {
        let mut history = filled(seconds, &small);
        (seconds..seconds + 9).for_each(|second| history.push(&snapshot(&[("cpu", &large)], second), SECOND));
        history
    };
    let seeds = [of(0), of(70), of(700)].map(|history| history.encode());
    let next = snapshot(&[("cpu", &small)], 710);
    relink_fuzz::fuzz("history", &seeds, &["cpu", "load", "\u{0}\u{0}\u{0}"], |input| {
        let Ok(mut history) = History::decode(input, SPAN, 1 << 20) else { return };
        history.push(&next, SECOND);
        for step_ms in [0, 60_000] {
            history.columns(&Ask { step_ms, ..Ask::default() });
        }
        assert_eq!(
            History::decode(&history.encode(), SPAN, 1 << 20).map(|again| again.last_id()),
            Ok(history.last_id())
        );
        let _ = (history.reach(), history.after(0));
    });
}
