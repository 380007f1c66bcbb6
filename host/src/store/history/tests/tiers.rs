//! What gets older, and what has no room: nothing is lost but what must be, and what is told is right.

use super::*;

#[test]
fn what_is_older_than_the_span_is_thinned_out_and_goes_at_last() {
    let layout = layout(1);
    let history = filled(5000, &layout);
    let [fine, coarse, coarsest] =
        history.reach().tiers.map(|tier| (tier.oldest_ms.map(|ms| (ms - START) / 1000), tier.rows));
    assert!((4300..4400).contains(&fine.0.unwrap()), "{fine:?}");
    assert!(coarse.0 == Some(9) && (430..460).contains(&coarse.1), "{coarse:?}");
    assert_eq!(coarsest, (None, 0));
    // A clock that jumps, forth and back.
    let mut history = filled(130, &layout);
    for second in [1_000_000, 130, 131, 132, 133, 134] {
        history.push(&snapshot(&[("cpu", &layout)], second), SECOND);
    }
    let rows = history.columns(&Ask::default());
    assert_eq!(rows.gaps.len(), 3, "{rows:?}");
    // Rare snapshots: the open chunk is bounded too.
    let mut history = History::new(SPAN, 1 << 20);
    (0..3000).for_each(|minute| history.push(&snapshot(&[("cpu", &layout)], 60 * minute), 60 * SECOND));
    assert!((10..=14).contains(&length(&history)), "{}", length(&history));
    let tiers = history.reach().tiers;
    assert!((105..=170).contains(&tiers[1].rows) && (1310..=1400).contains(&tiers[2].rows), "{tiers:?}");
}

#[test]
fn memory_is_bounded_and_counted() {
    for (cpus, budget) in [(1, 20_000), (100, 100_000), (3_000, 100_000), (1, 0)] {
        let layouts = [layout(cpus), layout(cpus + 1)];
        let mut history = History::new(SPAN, budget);
        for second in 0..300 {
            history.push(&snapshot(&[("cpu", &layouts[usize::from(second % 7 == 0)])], second), SECOND);
            assert!(history.bytes() <= budget.max(size_of::<Chunk>()), "{} of {budget}", history.bytes());
        }
        assert_eq!(history.is_empty(), cpus == 3_000 || budget == 0, "{cpus}");
        assert_eq!(history.reach().is_short, cpus > 1 || budget == 0);
        // What is counted is what is there, and nothing is left when all is gone.
        let counted = history.bytes();
        history.recount();
        assert_eq!(history.bytes(), counted);
    }
    let mut history = filled(300, &layout(1));
    (0..9).for_each(|second| history.push(&snapshot(&[], 10_000_000 + 10_000_000 * second), SECOND));
    assert_eq!((history.shared_bytes, history.latest.len()), (0, 0));
}

/// A machine of which each series goes its own way, and what it said.
struct Machine {
    layout: Arc<Layout>,
    values: Vec<f64>,
    said: Vec<(u64, bool, Vec<f64>)>,
    random: u64,
}

impl Machine {
    fn random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }

    /// The next snapshot: some series stand still, some go on, a counter may begin anew.
    fn next(&mut self, time: u64, is_gap: bool) -> Snapshot {
        for place in 0..self.values.len() {
            let (random, is_gauge) = (self.random(), place == 0);
            self.values[place] = match place % 4 {
                _ if is_gauge => (random % 1000) as f64 / 8.0,
                1 => self.values[place],
                2 if random % 50 > 0 => self.values[place],
                3 if random % 500 == 0 => 0.0,
                _ => self.values[place] + (random % 10_000) as f64 / 100.0,
            };
        }
        self.said.push((time, is_gap, self.values.clone()));
        let values = self.values.iter().copied().collect();
        let result = Ok(Frame { layout: Arc::clone(&self.layout), values });
        let mut snapshot = Snapshot::new(vec![Reading {
            collector: "cpu",
            duration: Duration::ZERO,
            result,
            left_out: LeftOut::default(),
        }]);
        snapshot.taken = SystemTime::UNIX_EPOCH + Duration::from_millis(time);
        snapshot
    }

    /// Every snapshot is in one row, with its last, lowest, highest and mean value, and no row reaches over a gap.
    fn is_told_by(&self, history: &History, step_ms: u64) {
        let columns = history.columns(&Ask { step_ms, ..Ask::default() });
        let oldest = history.reach().oldest_ms().unwrap();
        let mut said = self.said.iter().peekable();
        let mut before = Vec::new();
        for (row, &time) in columns.times.iter().enumerate() {
            let mut of_row = Vec::new();
            while let Some(one) = said.next_if(|(at, ..)| *at <= time) {
                of_row.push(one);
            }
            if row == 0 {
                // The oldest row says when it ends, and not what was forgotten before.
                assert!(oldest <= time);
                before = of_row.last().map(|(.., values)| values.clone()).unwrap();
                continue;
            }
            let first = of_row.first().unwrap_or_else(|| panic!("row {row} is of no snapshot"));
            assert_eq!(columns.gaps.binary_search(&row).is_ok(), first.1, "row {row} at {time}");
            assert!(of_row[1..].iter().all(|(_, is_gap, _)| !is_gap));
            assert_eq!(of_row.last().unwrap().0, time);
            for series in &columns.series {
                let place = match &series.labels[..] {
                    [] => 0,
                    [cpu, mode] => 1 + 2 * cpu.1.parse::<usize>().unwrap() + usize::from(mode.1 == "user"),
                    _ => unreachable!(),
                };
                let values: Vec<f64> = of_row.iter().map(|(.., values)| values[place]).collect();
                let bin = series.at(row).unwrap();
                let last = *values.last().unwrap();
                if series.kind == Kind::Counter {
                    assert_eq!(bin.last, last, "{series:?}");
                    let was = before[place];
                    let is_known = !first.1 && last >= was;
                    assert_eq!(columns.rate(series, row).is_some(), is_known, "{was} {last}");
                } else {
                    // The gauge goes from 0 to 125; quanta grow with the chunk, so a value may be rounded some times.
                    let min = values.iter().copied().fold(f64::INFINITY, f64::min);
                    let max = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                    let mean = values.iter().sum::<f64>() / values.len() as f64;
                    let told = [(bin.last, last), (bin.min, min), (bin.max, max), (bin.mean, mean)];
                    for (told, was) in told {
                        assert!((told - was).abs() < 2.0, "{told} {was} of {values:?} at {time}");
                    }
                }
            }
            before = of_row.last().map(|(.., values)| values.clone()).unwrap();
        }
        assert!(said.next().is_none());
    }
}

#[test]
fn what_was_pushed_comes_back_from_all_tiers() {
    for seed in 1..7 {
        let layout = layout(4);
        let values = vec![0.0; layout.series.len()];
        let mut machine = Machine { layout, values, said: Vec::new(), random: 77 * seed };
        // The bounds of some seeds are in the way, and the tiers reach a minute, twelve, and two hours and a half.
        let budget = if seed % 2 == 0 { 6_000 } else { 1 << 20 };
        let mut history = History::new(Duration::from_secs(60), budget);
        let mut time = START + seed * 1234;
        for at in 0..12_000 {
            let is_gap = at == 0 || machine.random().is_multiple_of(1000);
            time += if is_gap { 5000 + machine.random() % 300_000 } else { 900 + machine.random() % 200 };
            history.push(&machine.next(time, is_gap), SECOND);
            assert!(history.bytes() <= budget);
            if machine.random().is_multiple_of(2000) {
                history = History::decode(&history.encode(), Duration::from_secs(60), budget).unwrap();
            }
        }
        let tiers = history.reach().tiers;
        assert!(tiers.iter().all(|tier| tier.rows > 10) || budget < 1 << 20, "{tiers:?}");
        assert_eq!(history.reach().is_short, budget < 1 << 20, "{tiers:?}");
        for step_ms in [0, 10_000, 60_000, 300_000] {
            machine.is_told_by(&history, step_ms);
        }
    }
}

/// A machine with so many devices, of each of which twenty series stand still and two move.
fn large(devices: usize) -> Arc<Layout> {
    const STILL: Family = Family::gauge("still", "Still.").labels(&["device", "what"]);
    const MOVES: Family = Family::counter("moves_total", "Moves.").labels(&["device"]);
    const OTHER: Family =
        Family::counter("other_total", "Moves, and nobody asks for it.").labels(&["device"]);
    const ALL: &[Family] = &[STILL, MOVES, OTHER];
    let mut samples = Samples::new(ALL, 1_000_000);
    for device in 0..devices {
        let device = format!("device{device}");
        samples.push(&MOVES, [&device], 0.0);
        samples.push(&OTHER, [&device], 0.0);
        for what in 0..20 {
            samples.push(&STILL, [device.as_str(), &what.to_string()], 0.0);
        }
    }
    Arc::new(Layout::new(samples.series_set().unwrap(), Default::default()))
}

fn moved(layout: &Arc<Layout>, second: u64) -> Snapshot {
    let value = |place: usize| match place % 22 {
        0 => (second * (10 + place as u64 % 50)) as f64,
        1 => (second * (1_000_000 + place as u64)) as f64,
        _ => place as f64,
    };
    let values = (0..layout.series.len()).map(value).collect();
    let result = Ok(Frame { layout: Arc::clone(layout), values });
    let left_out = LeftOut::default();
    let mut snapshot =
        Snapshot::new(vec![Reading { collector: "net", duration: Duration::ZERO, result, left_out }]);
    snapshot.taken = SystemTime::UNIX_EPOCH + Duration::from_millis(START + 1000 * second);
    snapshot
}

#[test]
fn of_a_large_machine_what_is_asked_for_stays_for_its_span() {
    let layout = large(1000);
    let mut history = History::new(SPAN, 2 << 20);
    history.asked_for(&wanted("moves_total"));
    for second in 0..660 {
        history.push(&moved(&layout, second), SECOND);
        assert!(history.bytes() <= 2 << 20, "{}", history.bytes());
        if second == 330 {
            history = History::decode(&history.encode(), SPAN, 2 << 20).unwrap();
        }
    }
    assert!(history.reach().is_short, "what nobody asked for does not fit");
    let rows = |family: &str| {
        let families = wanted(family);
        let columns =
            history.columns(&Ask { families: &families, after_ms: Some(START + 59_000), ..Ask::default() });
        let of_one = columns
            .series
            .iter()
            .map(|series| (0..columns.times.len()).filter(|row| series.at(*row).is_some()).count());
        (columns.step_ms, of_one.min().unwrap())
    };
    assert_eq!(rows("moves_total"), (0, 600));
    assert!((1..600).contains(&rows("other_total").1), "{:?}", rows("other_total"));
    // It is the right one.
    let last = series(&history, "moves_total", &[("device", "device7")], None).pop().unwrap().points;
    let per_second = f64::from(10 + 7 * 22 % 50);
    assert!(last[last.len() - 600..].windows(2).all(|pair| pair[1].1 - pair[0].1 == per_second));
}

#[test]
fn families_of_texts_have_a_past() {
    let text = "# TYPE jobs gauge\njobs{name=\"a\"} 1\njobs{name=\"b\",room=\"c \\\"d\\\"\"} 2\n\
                # TYPE took_seconds histogram\ntook_seconds_bucket{le=\"1\"} 3\ntook_seconds_bucket{le=\"+Inf\"} 4\n\
                took_seconds_sum 5\ntook_seconds_count 4\n";
    let texts = relink_exposition::Exposition::parse("a.prom", text, 100).unwrap();
    let set = Samples::new(FAMILIES, 10).series_set().unwrap();
    let layout = Arc::new(Layout::new(set, texts.into()));
    let mut history = History::new(SPAN, 1 << 20);
    for second in 0..70 {
        let result = Ok(Frame { layout: Arc::clone(&layout), values: Arc::new([]) });
        let left_out = LeftOut::default();
        let reading = Reading { collector: "textfile", duration: Duration::ZERO, result, left_out };
        let mut snapshot = Snapshot::new(vec![reading]);
        snapshot.taken = SystemTime::UNIX_EPOCH + Duration::from_millis(START + 1000 * second);
        history.push(&snapshot, SECOND);
    }
    let history = History::decode(&history.encode(), SPAN, 1 << 20).unwrap();
    let columns = history.columns(&Ask::default());
    let told: Vec<_> = columns
        .series
        .iter()
        .map(|series| {
            let labels: Vec<_> =
                series.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
            (&*series.family, series.kind, labels.join(","), series.values.clone())
        })
        .collect();
    let one = |family, kind, labels: &str, value| (family, kind, labels.to_owned(), Values::Still(value));
    assert_eq!(
        told,
        [
            one("jobs", Kind::Gauge, "name=a", 1.0),
            one("jobs", Kind::Gauge, "name=b,room=c \"d\"", 2.0),
            one("took_seconds_bucket", Kind::Counter, "le=1", 3.0),
            one("took_seconds_bucket", Kind::Counter, "le=+Inf", 4.0),
            one("took_seconds_sum", Kind::Counter, "", 5.0),
            one("took_seconds_count", Kind::Counter, "", 4.0),
        ]
    );
    assert_eq!(columns.times.len(), 70);
    assert_eq!(
        history.after(69)[0].rows().map(|(table, values)| (table.len(), values.len())).collect::<Vec<_>>(),
        [(6, 6)]
    );
}
