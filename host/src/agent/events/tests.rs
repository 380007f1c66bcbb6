use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use relink_core::{Family, Samples};
use serde_json::Value;

use super::*;
use crate::agent::Agent;
use crate::expose::gzip::{Flow, Packer};
use crate::own::counters::Counters;
use crate::settings::Config;
use crate::store::snapshot::{Frame, LeftOut, Reading};

const DISK: Family = Family::counter("disk_bytes_total", "Bytes.").labels(&["device"]);
const SPACE: Family = Family::gauge("space", "Space.").labels(&["mount"]);
const FAMILIES: &[Family] = &[DISK, SPACE];

/// What a snapshot has, by family and labels, as JSON has the values.
type All = BTreeMap<(String, String), Value>;

struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        // xorshift64
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// An agent without plugins, whose snapshots are made here.
fn agent() -> Agent {
    let agent = Agent::new(None, Config::default(), Arc::new(Counters::first()));
    agent.unwrap_or_else(|failed| panic!("{}", failed.error))
}

/// What each snapshot had.
struct World {
    random: Random,
    truth: HashMap<u64, All>,
    devices: Vec<u64>,
    layout: Option<Arc<crate::store::snapshot::Layout>>,
}

impl World {
    fn new(seed: u64) -> World {
        World { random: Random(seed), truth: HashMap::new(), devices: vec![0], layout: None }
    }

    /// Takes a snapshot in which some devices have come, some have gone, and some stand still.
    fn tick(&mut self, agent: &Agent, churn: u64) {
        for _ in 0..churn {
            match self.random.below(4) {
                0 if !self.devices.is_empty() => {
                    let at = self.random.below(self.devices.len() as u64) as usize;
                    self.devices.remove(at);
                }
                1 => self.devices.push(self.random.below(1_000_000)),
                _ => {}
            }
        }
        self.devices.sort_unstable();
        self.devices.dedup();
        let mut samples = Samples::new(FAMILIES, 1_000_000);
        let mut all = All::new();
        for device in &self.devices {
            let name = format!("sd\"{device}");
            let value = match self.random.below(4) {
                0 => self.random.below(1_000_000) as f64 / 100.0,
                1 => f64::INFINITY,
                _ => 7.0,
            };
            let family = if device % 3 == 0 { SPACE } else { DISK };
            samples.push(&family, [&name], value);
            let label = if device % 3 == 0 { "mount" } else { "device" };
            let labels = serde_json::json!({ label: name }).to_string();
            let told = serde_json::to_value(crate::expose::json::Number(value)).unwrap();
            all.insert((family.name().to_owned(), labels), told);
        }
        let frame = Frame::of(&mut samples, &mut self.layout).unwrap();
        let reading = Reading {
            collector: "disk",
            duration: Duration::ZERO,
            result: Ok(frame),
            left_out: LeftOut::default(),
        };
        agent.record(Arc::new(Snapshot::new(vec![reading])));
        self.truth.insert(agent.history().last_id(), all);
    }
}

/// One who listens, and what it has been told.
struct Client<'a> {
    subscriber: Subscriber<'a>,
    families: Vec<String>,
    names: HashMap<u64, (String, String)>,
    values: BTreeMap<u64, Value>,
    last: Option<u64>,
    pasts: usize,
}

impl<'a> Client<'a> {
    fn new(agent: &'a Agent, families: &[&str], last: Option<u64>, span: Option<Duration>) -> Self {
        let families: Vec<_> = families.iter().map(|family| (*family).to_owned()).collect();
        let wanted = Wanted { families: families.clone(), last, span };
        let subscriber = Subscriber::new(agent, wanted).expect("there is a place");
        Client { subscriber, families, names: HashMap::new(), values: BTreeMap::new(), last: None, pasts: 0 }
    }

    /// Reads all that there is, and holds each snapshot against what it was. `false`: the stream is over.
    fn read(&mut self, truth: &HashMap<u64, All>) -> bool {
        while let Some(text) = self.subscriber.next() {
            let text = Flow::new(false).put(&text, &Packer::new());
            let text = std::str::from_utf8(&text).unwrap();
            let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
            let data: Value = serde_json::from_str(field("data:").unwrap()).unwrap();
            let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
            match field("event:").unwrap() {
                "series" => {
                    for family in list(&data["families"]) {
                        for one in list(&family["series"]) {
                            let name = (family["name"].as_str().unwrap().to_owned(), one[1].to_string());
                            let number = one[0].as_u64().unwrap();
                            assert_eq!(self.names.insert(number, name), None, "{number} is given twice");
                        }
                    }
                }
                "past" => {
                    self.pasts += 1;
                    assert_eq!(self.last, None, "the past comes first");
                    let columns = list(&data["series"]);
                    let is_named = |column: &Value| self.names.contains_key(&column[0].as_u64().unwrap());
                    assert!(columns.iter().all(is_named), "{data}");
                }
                "samples" => {
                    let id = field("id:").unwrap().parse().unwrap();
                    if let Some(last) = self.last {
                        assert_eq!(id, last + 1, "none is left out");
                    }
                    self.last = Some(id);
                    for pair in list(&data["values"]).chunks(2) {
                        self.values.insert(pair[0].as_u64().unwrap(), pair[1].clone());
                    }
                    for gone in list(&data["gone"]) {
                        assert!(self.values.remove(&gone.as_u64().unwrap()).is_some(), "{gone}: {data}");
                    }
                    let told: All = self
                        .values
                        .iter()
                        .map(|(number, value)| (self.names[number].clone(), value.clone()))
                        .collect();
                    let mut expected = truth[&id].clone();
                    expected
                        .retain(|(family, _), _| self.families.is_empty() || self.families.contains(family));
                    assert!(told == expected, "snapshot {id}: {told:?}, expected {expected:?}");
                }
                other => panic!("{other}"),
            }
        }
        !self.subscriber.is_over()
    }
}

/// Which families a client may want.
const WANTS: [&[&str]; 3] = [&[], &["space"], &["space", "disk_bytes_total", "none"]];

#[test]
fn whoever_reads_when_gets_what_was() {
    for seed in 1..=20 {
        let (mut world, agent) = (World::new(seed), agent());
        let mut clients: Vec<Client<'_>> = Vec::new();
        for _ in 0..120 {
            let churn = world.random.below(3);
            world.tick(&agent, churn);
            if clients.len() < 6 {
                let families = WANTS[world.random.below(3) as usize];
                let newest = agent.history().last_id();
                let comes_back = world.random.below(3) == 0;
                let last = comes_back.then(|| newest.saturating_sub(world.random.below(30)));
                let span = (world.random.below(2) == 0).then_some(Duration::from_secs(60));
                clients.push(Client::new(&agent, families, last, span));
            }
            for client in &mut clients {
                // Some are slow.
                if world.random.below(3) > 0 {
                    assert!(client.read(&world.truth));
                }
            }
            if world.random.below(10) == 0 {
                clients.remove(0);
            }
        }
        assert!(clients.iter_mut().all(|client| client.read(&world.truth)));
        let newest = Some(agent.history().last_id());
        assert!(clients.iter().all(|client| client.last == newest), "all have caught up");
    }
}

#[test]
fn a_collection_that_two_bring_is_one_snapshot() {
    let agent = agent();
    let both = Arc::new(Snapshot::new(Vec::new()));
    agent.record(Arc::clone(&both));
    agent.record(both);
    assert_eq!(agent.history().last_id(), 1);
    agent.record(Arc::new(Snapshot::new(Vec::new())));
    assert_eq!(agent.history().last_id(), 2);
}

#[test]
fn the_past_is_told_to_those_who_have_seen_nothing() {
    let (mut world, agent) = (World::new(7), agent());
    (0..30).for_each(|_| world.tick(&agent, 1));
    let told = |last, span: Option<u64>| {
        let mut client = Client::new(&agent, &[], last, span.map(Duration::from_secs));
        assert!(client.read(&world.truth));
        (client.pasts > 0, client.last)
    };
    assert_eq!(told(None, Some(60)), (true, Some(30)));
    assert_eq!(told(None, None), (false, Some(30)));
    assert_eq!(told(Some(20), Some(60)), (false, Some(30)));
    // One that was never given; one of which something is forgotten can't go on either.
    assert_eq!(told(Some(31), Some(60)), (true, Some(30)));
}

#[test]
fn a_stream_ends_when_most_of_its_numbers_are_of_series_that_are_gone() {
    let (mut world, agent) = (World::new(7), agent());
    let mut client = Client::new(&agent, &[], None, None);
    let mut rounds = 0;
    loop {
        world.devices = (rounds * 1000..(rounds + 1) * 1000).collect();
        world.tick(&agent, 0);
        if !client.read(&world.truth) {
            break;
        }
        rounds += 1;
    }
    assert!((4..8).contains(&rounds), "{rounds}");
    // Who comes back by the number of its last snapshot goes on, with new numbers.
    let mut again = Client::new(&agent, &[], client.last, None);
    assert!(again.read(&world.truth) && again.names.len() <= 2000, "{}", again.names.len());
    assert_eq!(again.last, Some(agent.history().last_id()));
}
