//! Samples in a form that both protocols can be made of, and which series are live.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use relink_core::{Family, Kind};
use relink_exposition::{RuntimeFamily, RuntimeKind, RuntimeSample};

use crate::own;
use crate::store::snapshot::{Layout, Snapshot};

/// A name with a value. The value is never empty: that would be no label.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Message)]
pub(super) struct Label {
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) name: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    pub(super) value: Bytes,
}

impl Label {
    pub(super) fn new(name: impl Into<Bytes>, value: impl Into<Bytes>) -> Self {
        Label { name: name.into(), value: value.into() }
    }
}

/// A series: the metric's name, whether it counts, and its own labels, without those that all series have.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub(super) struct Series {
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) name: Bytes,
    #[prost(bool, tag = "2")]
    pub(super) counts: bool,
    #[prost(message, repeated, tag = "3")]
    pub(super) labels: Vec<Label>,
}

/// The samples of one metric.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Metric {
    pub(super) name: Bytes,
    pub(super) counts: bool,
    pub(super) help: Cow<'static, str>,
    pub(super) unit: &'static str,
    /// Whether it is one of the agent's own, which count since the agent began, and not since the machine did.
    pub(super) own: bool,
    pub(super) points: Vec<Point>,
}

/// One sample.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Point {
    pub(super) labels: Vec<Label>,
    /// Nothing when the series has ended.
    pub(super) value: Option<f64>,
}

/// What a scraper would say of the scrape itself, for dashboards and alerts that ask for it.
const SCRAPE: [Family; 3] = [
    Family::gauge("up", "Whether the agent could collect; always 1."),
    Family::gauge("scrape_duration_seconds", "How long the collection took."),
    Family::gauge("scrape_samples_scraped", "How many samples the collection had."),
];

/// The samples of a snapshot whose collection took so many seconds, and the ends of these series.
pub(super) fn metrics(snapshot: &Snapshot, seconds: f64, ended: Vec<Series>) -> Vec<Metric> {
    let mut metrics: Vec<Metric> = Vec::new();
    let mut samples = 0;
    for reading in &snapshot.readings {
        let Ok(frame) = &reading.result else { continue };
        let series = &frame.layout.series;
        samples += frame.samples();
        let mut last = None;
        for place in series.places() {
            let (index, family) = series.family_of(place);
            if last != Some(index) {
                metrics.push(Metric::of(family, reading.collector == own::NAME));
                last = Some(index);
            }
            if let Some(metric) = metrics.last_mut() {
                let labels = own_labels(family, series.labels_of(place));
                metric.points.push(Point { labels, value: Some(frame.values[place]) });
            }
        }
        frame.layout.texts.families().for_each(|family| add_runtime(&mut metrics, family));
    }
    for (family, value) in SCRAPE.iter().zip([1.0, seconds, samples as f64]) {
        let points = vec![Point { labels: Vec::new(), value: Some(value) }];
        metrics.push(Metric { points, ..Metric::of(family, true) });
    }
    end(&mut metrics, ended);
    metrics
}

/// Adds a family that is known only at run time. Its samples may be of several metrics, as those of a histogram are.
fn add_runtime(metrics: &mut Vec<Metric>, family: RuntimeFamily<'_>) {
    let first = metrics.len();
    for sample in family.samples() {
        let Series { name, counts, labels } = series_of_runtime(family, &sample);
        let known = metrics[first..].iter().position(|metric| metric.name == name);
        let at = known.map_or(metrics.len(), |at| first + at);
        if known.is_none() {
            let help = Cow::Owned(family.help().to_owned());
            metrics.push(Metric { name, counts, help, unit: "", own: false, points: Vec::new() });
        }
        metrics[at].points.push(Point { labels, value: Some(sample.value) });
    }
}

/// Adds the ends of series, each to its metric, so that a metric appears once.
pub(super) fn end(metrics: &mut Vec<Metric>, ended: Vec<Series>) {
    if ended.is_empty() {
        return;
    }
    let mut at: HashMap<Bytes, usize> =
        metrics.iter().enumerate().map(|(at, metric)| (metric.name.clone(), at)).collect();
    for series in ended {
        let Series { name, counts, labels } = series;
        let at = *at.entry(name).or_insert_with_key(|name| {
            let name = name.clone();
            metrics.push(Metric { name, counts, help: "".into(), unit: "", own: false, points: Vec::new() });
            metrics.len() - 1
        });
        metrics[at].points.push(Point { labels, value: None });
    }
}

impl Metric {
    fn of(family: &Family, own: bool) -> Self {
        Metric {
            name: Bytes::from_static(family.name().as_bytes()),
            counts: family.kind() == Kind::Counter,
            help: family.help().into(),
            unit: family.unit(),
            own,
            points: Vec::new(),
        }
    }
}

fn own_labels<'a>(family: &Family, values: impl Iterator<Item = &'a str>) -> Vec<Label> {
    let labels = family.label_names().iter().zip(values).filter(|(_, value)| !value.is_empty());
    let label = |(name, value): (&&'static str, &str)| {
        Label::new(Bytes::from_static(name.as_bytes()), Bytes::copy_from_slice(value.as_bytes()))
    };
    labels.map(label).collect()
}

/// The series that the last collection had. A receiver shows a series that is no longer sent for five minutes more, so
/// each that goes is ended by name; to know which went, it takes those that were.
#[derive(Default)]
pub(super) struct LiveSeries {
    layouts: Vec<Arc<Layout>>,
    /// Those of the image before, until this one has collected.
    inherited: Vec<Series>,
    any: bool,
}

impl LiveSeries {
    /// What the image before left.
    pub(super) fn inherit(inherited: Vec<Series>) -> Self {
        LiveSeries { any: !inherited.is_empty(), inherited, layouts: Vec::new() }
    }

    /// What is live after this collection, and the series that it has no more. Series seldom change, and a layout that
    /// is the same is shared, so that this costs nothing in most cases.
    pub(super) fn after(&self, snapshot: &Snapshot) -> (LiveSeries, Vec<Series>) {
        let frames = snapshot.readings.iter().filter_map(|reading| reading.result.as_ref().ok());
        let layouts: Vec<_> = frames.map(|frame| Arc::clone(&frame.layout)).collect();
        // Inherited ones are names without a layout, and no layout can be told to be the same as they are.
        let is_same = self.inherited.is_empty()
            && layouts.len() == self.layouts.len()
            && layouts.iter().zip(&self.layouts).all(|(a, b)| Arc::ptr_eq(a, b));
        let next = LiveSeries { layouts, inherited: Vec::new(), any: true };
        if is_same {
            return (next, Vec::new());
        }
        let now: HashSet<Series> = next.all().into_iter().collect();
        let ended = self.all().into_iter().filter(|series| !now.contains(series)).collect();
        (next, ended)
    }

    /// All of them.
    pub(super) fn all(&self) -> Vec<Series> {
        if !self.inherited.is_empty() {
            return self.inherited.clone();
        }
        let of_layout = |layout: &Arc<Layout>| {
            let set = &layout.series;
            let series = set.places().map(|place| {
                let family = set.family_of(place).1;
                series_of(family, own_labels(family, set.labels_of(place)))
            });
            let brought = layout
                .texts
                .families()
                .flat_map(|family| family.samples().map(move |sample| series_of_runtime(family, &sample)));
            series.chain(brought).collect::<Vec<_>>()
        };
        let scrape = SCRAPE.iter().filter(|_| self.any).map(|family| series_of(family, Vec::new()));
        self.layouts.iter().flat_map(of_layout).chain(scrape).collect()
    }
}

fn series_of(family: &Family, labels: Vec<Label>) -> Series {
    let name = Bytes::from_static(family.name().as_bytes());
    Series { name, counts: family.kind() == Kind::Counter, labels }
}

fn series_of_runtime(family: RuntimeFamily<'_>, sample: &RuntimeSample<'_>) -> Series {
    let labels = sample.label_pairs().into_iter().filter(|(_, value)| !value.is_empty());
    Series {
        name: (family.name().to_owned() + sample.suffix).into(),
        // How often something was seen only goes up; a sum may be of values below zero.
        counts: family.kind() == RuntimeKind::Counter || ["_bucket", "_count"].contains(&sample.suffix),
        labels: labels.map(|(name, value)| Label::new(name, value)).collect(),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use relink_core::Samples;
    use relink_exposition::Texts;

    use super::*;
    use crate::store::snapshot::{Frame, LeftOut, Reading};

    const BUSY: Family = Family::counter("busy_seconds_total", "Time busy.").labels(&["cpu", "job", "empty"]);
    const LOAD: Family = Family::gauge("load1", "Load.");
    const FAMILIES: &[Family] = &[BUSY, LOAD];

    /// A snapshot of one collector with so many CPUs.
    pub(in crate::agent::push) fn snapshot(layout: &Arc<Layout>, value: f64) -> Snapshot {
        let values = vec![value; layout.series.len()].into();
        let frame = Frame { layout: Arc::clone(layout), values };
        let left_out = LeftOut::default();
        let result = Ok(frame);
        Snapshot::new(vec![Reading { collector: "busy", duration: Duration::ZERO, result, left_out }])
    }

    pub(in crate::agent::push) fn layout(cpus: usize) -> Arc<Layout> {
        let mut samples = Samples::new(FAMILIES, 1000);
        for cpu in 0..cpus {
            samples.push(&BUSY, [&cpu.to_string(), "idle", ""], 0.0);
        }
        samples.push(&LOAD, [], 0.0);
        Arc::new(Layout::new(samples.series_set().unwrap(), Default::default()))
    }

    fn names(series: &[Series]) -> Vec<String> {
        let text = |bytes: &Bytes| String::from_utf8(bytes.to_vec()).unwrap();
        let name = |one: &Series| {
            one.labels.iter().fold(text(&one.name), |name, label| name + " " + &text(&label.value))
        };
        series.iter().map(name).collect()
    }

    fn update(live: &mut LiveSeries, snapshot: &Snapshot) -> Vec<Series> {
        let (next, ended) = live.after(snapshot);
        *live = next;
        ended
    }

    #[test]
    fn a_snapshot_becomes_metrics_with_those_of_the_scrape() {
        let found = metrics(&snapshot(&layout(2), 1.5), 0.25, Vec::new());
        let shape: Vec<_> = found.iter().map(|metric| (&metric.name[..], metric.points.len())).collect();
        assert_eq!(
            shape,
            [
                (&b"busy_seconds_total"[..], 2),
                (b"load1", 1),
                (b"up", 1),
                (b"scrape_duration_seconds", 1),
                (b"scrape_samples_scraped", 1)
            ]
        );
        let labels = [Label::new("cpu", "1"), Label::new("job", "idle")];
        assert_eq!(found[0].points[1], Point { labels: labels.into(), value: Some(1.5) });
        assert_eq!((found[0].counts, found[0].unit, found[1].counts), (true, "seconds", false));
        let values: Vec<_> = found[2..].iter().map(|metric| metric.points[0].value.unwrap()).collect();
        assert_eq!(values, [1.0, 0.25, 3.0]);
    }

    #[test]
    fn series_that_are_gone_are_told_once() {
        let (two, three) = (layout(2), layout(3));
        let mut live = LiveSeries::default();
        assert_eq!(live.all(), []);
        assert_eq!(update(&mut live, &snapshot(&three, 0.0)), []);
        assert_eq!(update(&mut live, &snapshot(&three, 1.0)), []);
        assert_eq!(names(&update(&mut live, &snapshot(&two, 2.0))), ["busy_seconds_total 2 idle"]);
        assert_eq!(update(&mut live, &snapshot(&layout(2), 2.0)), [], "another layout of the same series");
        // A collector that has failed is gone like one that was removed.
        let gone = update(&mut live, &Snapshot::new(Vec::new()));
        assert_eq!(names(&gone), ["busy_seconds_total 0 idle", "busy_seconds_total 1 idle", "load1"]);
        assert_eq!(names(&live.all()), ["up", "scrape_duration_seconds", "scrape_samples_scraped"]);
    }

    #[test]
    fn the_next_image_knows_what_was_live() {
        let (live, _) = LiveSeries::default().after(&snapshot(&layout(3), 0.0));
        let left = live.all();
        let mut next = LiveSeries::inherit(left.clone());
        assert_eq!(next.all(), left, "also if it ends before it has collected");
        let ended = update(&mut next, &snapshot(&layout(2), 0.0));
        assert_eq!(names(&ended), ["busy_seconds_total 2 idle"]);
        assert_eq!(update(&mut next, &snapshot(&layout(2), 0.0)), []);
    }

    #[test]
    fn what_is_known_only_at_run_time_is_pushed_as_well() {
        let text = "# HELP took_seconds T.\n# TYPE took_seconds histogram\n\
                    took_seconds_bucket{le=\"1\"} 2\ntook_seconds_bucket{le=\"+Inf\"} 3\n\
                    took_seconds_sum 4.5\ntook_seconds_count 3\nok{why=\"a \\\"b\\\"\"} 1\n";
        let mut samples = Texts::samples(FAMILIES, 1000);
        samples.push_text("a.prom", text).unwrap();
        let texts = Texts::of(&mut samples).unwrap().merged();
        let layout = Arc::new(Layout::new(samples.series_set().unwrap(), texts));
        let found = metrics(&snapshot(&layout, 0.0), 0.0, Vec::new());
        let shape = found[..4].iter().map(|m| (&m.name[..], m.counts, m.points.len(), m.points[0].value));
        assert_eq!(
            shape.collect::<Vec<_>>(),
            [
                (&b"ok"[..], false, 1, Some(1.0)),
                (b"took_seconds_bucket", true, 2, Some(2.0)),
                (b"took_seconds_sum", false, 1, Some(4.5)),
                (b"took_seconds_count", true, 1, Some(3.0)),
            ]
        );
        assert_eq!(found[0].points[0].labels, [Label::new("why", "a \"b\"")]);
        assert_eq!(found[1].help, "T.");
        assert_eq!(found.last().unwrap().points[0].value, Some(5.0), "scrape_samples_scraped");
        // A file that is gone ends its series.
        let mut live = LiveSeries::default();
        update(&mut live, &snapshot(&layout, 0.0));
        assert_eq!(names(&update(&mut live, &Snapshot::new(Vec::new()))).len(), 5);
    }

    #[test]
    fn ends_stand_with_their_metric() {
        let series = |name: &'static str, label: &'static str| Series {
            name: name.into(),
            counts: true,
            labels: vec![Label::new("cpu", label)],
        };
        let ended = vec![series("busy_seconds_total", "7"), series("gone", "1"), series("gone", "2")];
        let found = metrics(&snapshot(&layout(1), 1.0), 0.0, ended);
        assert_eq!(found[0].points[1], Point { labels: vec![Label::new("cpu", "7")], value: None });
        let gone = found.last().unwrap();
        assert_eq!((&gone.name[..], gone.points.len(), found.len()), (&b"gone"[..], 2, 6));
    }
}
