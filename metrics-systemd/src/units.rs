//! The units, and what is asked of each.

use relink_core::{Error, Family, Samples};

use crate::bus::Bus;
use crate::systemd::{Settings, get};
use crate::wire::{Message, Reader, Value, utf8};

pub(crate) const STATE: Family = Family::gauge(
    "node_systemd_unit_state",
    "1 for the state in which the unit is, 0 for others (ListUnits).",
)
.labels(&["name", "state", "type"]);
pub(crate) const UNITS: Family = Family::gauge(
    "node_systemd_units",
    "Units in this state, those included that are not shown (ListUnits).",
)
.labels(&["state"]);
pub(crate) const LAST_TRIGGER: Family = Family::gauge(
    "node_systemd_timer_last_trigger_seconds",
    "When the timer elapsed last, since 1970 (LastTriggerUSec).",
)
.labels(&["name"]);
pub(crate) const ACCEPTED: Family = Family::counter(
    "node_systemd_socket_accepted_connections_total",
    "Connections that the socket has accepted (NAccepted).",
)
.labels(&["name"]);
pub(crate) const CONNECTIONS: Family =
    Family::gauge("node_systemd_socket_current_connections", "Connections of the socket now (NConnections).")
        .labels(&["name"]);
pub(crate) const REFUSED: Family = Family::counter(
    "node_systemd_socket_refused_connections_total",
    "Connections that the socket has refused (NRefused).",
)
.labels(&["name"]);
pub(crate) const START_TIME: Family = Family::gauge(
    "node_systemd_unit_start_time_seconds",
    "Since when the unit is active, since 1970; 0 if it is not (ActiveEnterTimestamp).",
)
.labels(&["name"]);
pub(crate) const TASKS: Family =
    Family::gauge("node_systemd_unit_tasks_current", "Tasks of the service now (TasksCurrent).")
        .labels(&["name"]);
pub(crate) const TASKS_MAX: Family =
    Family::gauge("node_systemd_unit_tasks_max", "Tasks that the service may have (TasksMax).")
        .labels(&["name"]);
pub(crate) const RESTARTS: Family = Family::counter(
    "node_systemd_service_restart_total",
    "How often systemd has restarted the service by itself (NRestarts).",
)
.labels(&["name"]);

const STATES: [&str; 5] = ["activating", "active", "deactivating", "failed", "inactive"];

const UNIT: &str = "org.freedesktop.systemd1.Unit";
const SERVICE: &str = "org.freedesktop.systemd1.Service";
const MOUNT: &str = "org.freedesktop.systemd1.Mount";
const TIMER: &str = "org.freedesktop.systemd1.Timer";
const SOCKET: &str = "org.freedesktop.systemd1.Socket";

/// A property of a sort of units, and what is shown of it.
struct Property {
    /// What names of such units end in; all units if empty.
    ending: &'static str,
    interface: &'static str,
    name: &'static str,
    shown: Shown,
    is_wanted: fn(&Settings) -> bool,
}

enum Shown {
    /// The label `type` of the unit's states.
    Type,
    Number(Family),
    /// A number whose highest value says that there is none.
    Limit(Family),
    /// Microseconds.
    Time(Family),
}

const fn property(
    ending: &'static str,
    interface: &'static str,
    name: &'static str,
    shown: Shown,
    is_wanted: fn(&Settings) -> bool,
) -> Property {
    Property { ending, interface, name, shown, is_wanted }
}

const PROPERTIES: &[Property] = &[
    property(".service", SERVICE, "Type", Shown::Type, always),
    property(".mount", MOUNT, "Type", Shown::Type, always),
    property(".timer", TIMER, "LastTriggerUSec", Shown::Time(LAST_TRIGGER), always),
    property(".socket", SOCKET, "NAccepted", Shown::Number(ACCEPTED), always),
    property(".socket", SOCKET, "NConnections", Shown::Number(CONNECTIONS), always),
    property(".socket", SOCKET, "NRefused", Shown::Number(REFUSED), always),
    property("", UNIT, "ActiveEnterTimestamp", Shown::Time(START_TIME), |set| set.enable_start_time_metrics),
    property(".service", SERVICE, "TasksCurrent", Shown::Limit(TASKS), |set| set.enable_task_metrics),
    property(".service", SERVICE, "TasksMax", Shown::Limit(TASKS_MAX), |set| set.enable_task_metrics),
    property(".service", SERVICE, "NRestarts", Shown::Number(RESTARTS), |set| set.enable_restarts_metrics),
];

const fn always(_: &Settings) -> bool {
    true
}

/// The answer to `ListUnits`, out of which units are read.
pub(crate) struct List {
    bytes: Vec<u8>,
    is_big: bool,
}

impl List {
    pub(crate) fn of(answer: Message<'_>) -> Result<Self, Error> {
        let (bytes, is_big) = answer.body("a(ssssssouso)")?.into_parts();
        Ok(List { bytes: bytes.to_vec(), is_big })
    }

    /// The units by name. One that makes no sense is passed over, and told.
    fn units(&self, out: &mut Samples) -> Result<Vec<Unit<'_>>, Error> {
        let mut units = Vec::new();
        let mut elements = Reader::of_body(&self.bytes, self.is_big).array()?;
        while let Some(reader) = elements.next()? {
            match Unit::read(reader)? {
                Ok(unit) => units.push(unit),
                Err(why) => out.warn(format!("a unit: {why}")),
            }
        }
        units.sort_by_key(|unit| unit.name);
        units.dedup_by(|unit, before| {
            let is_twice = unit.name == before.name;
            if is_twice {
                out.warn(format!("{} is listed twice", unit.name));
            }
            is_twice
        });
        Ok(units)
    }
}

struct Unit<'a> {
    name: &'a str,
    is_loaded: bool,
    state: &'a str,
    path: &'a str,
}

impl<'a> Unit<'a> {
    /// The next one of the list: an error within if it makes no sense, and one without if nothing behind it does.
    fn read(reader: &mut Reader<'a>) -> Result<Result<Self, Error>, Error> {
        let [name, _description, load, state, _sub_state, _followed] = reader.texts()?;
        let path = reader.text()?;
        let _job = reader.number(4)?;
        let [_type_of_job, _path_of_job] = reader.texts()?;
        Ok(Unit::new(name, load, state, path))
    }

    fn new(name: &'a [u8], load: &[u8], state: &'a [u8], path: &'a [u8]) -> Result<Self, Error> {
        // A bus throws out who sends another path.
        let is_in_path = |byte: &u8| byte.is_ascii_alphanumeric() || b"_/".contains(byte);
        if !path.starts_with(b"/") || !path.iter().all(is_in_path) {
            return Err(Error::expected("the path of an object", &path.escape_ascii().to_string()));
        }
        Ok(Unit { name: utf8(name)?, is_loaded: load == b"loaded", state: utf8(state)?, path: utf8(path)? })
    }

    fn show(&self, kind: &str, out: &mut Samples) {
        for state in STATES {
            out.push(&STATE, [self.name, state, kind], f64::from(u8::from(state == self.state)));
        }
    }

    fn has(&self, property: &Property) -> bool {
        self.name.ends_with(property.ending)
    }
}

/// Asks for what is shown of the units with these names, and pushes it.
pub(crate) fn show(
    list: &List,
    bus: &mut Bus,
    settings: &Settings,
    is_shown: impl Fn(&str) -> bool,
    out: &mut Samples,
) -> Result<(), Error> {
    let mut units = list.units(out)?;
    count(&units, out);
    units.retain(|unit| unit.is_loaded && is_shown(unit.name));
    let mut asked = Vec::new();
    for unit in &units {
        let mut has_type = false;
        for property in PROPERTIES.iter().filter(|one| unit.has(one) && (one.is_wanted)(settings)) {
            has_type |= matches!(property.shown, Shown::Type);
            if property.interface == UNIT && unit.state != "active" {
                out.push(&START_TIME, [unit.name], 0.0);
            } else {
                asked.push((unit, property));
            }
        }
        if !has_type {
            unit.show("", out);
        }
    }
    let calls: Vec<_> = asked.iter().map(|(unit, one)| get(unit.path, one.interface, one.name)).collect();
    bus.calls(&calls, |at, answer| {
        let (unit, property) = asked[at];
        if let Err(why) = property.show(unit, answer, out) {
            out.warn(format!("{} of {}: {why}", property.name, unit.name));
        }
        Ok(())
    })
}

/// How many are in each state. There are more states than those of `STATES`, such as `reloading`.
fn count(units: &[Unit<'_>], out: &mut Samples) {
    let mut counts: Vec<_> = STATES.iter().map(|state| (*state, 0)).collect();
    for unit in units {
        match counts.iter_mut().find(|(state, _)| *state == unit.state) {
            Some((_, count)) => *count += 1,
            None => counts.push((unit.state, 1)),
        }
    }
    counts.iter().for_each(|(state, count)| out.push(&UNITS, [state], f64::from(*count)));
}

impl Property {
    fn show(&self, unit: &Unit<'_>, answer: Message<'_>, out: &mut Samples) -> Result<(), Error> {
        let value = answer.property();
        if let Shown::Type = self.shown {
            let kind = value.and_then(|value| value.map_or(Ok(""), Value::text));
            unit.show(kind.as_deref().unwrap_or(""), out);
            return kind.map(drop);
        }
        let Some(value) = value? else { return Ok(()) };
        let number = value.number()?;
        match &self.shown {
            Shown::Limit(_) if number == u64::MAX => {}
            Shown::Number(family) | Shown::Limit(family) => out.push(family, [unit.name], number as f64),
            Shown::Time(family) => out.push(family, [unit.name], number as f64 / 1e6),
            Shown::Type => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::{pad, put_length, put_text};

    /// The body of an answer to `ListUnits` in which these are the units' names and paths.
    fn list(units: &[[&str; 2]]) -> List {
        let mut bytes = vec![0; 8];
        for [name, path] in units {
            pad(&mut bytes, 0, 8);
            for text in [name, "D", "loaded", "active", "running", "", path] {
                put_text(&mut bytes, 0, text);
            }
            pad(&mut bytes, 0, 4);
            bytes.extend([0; 4]);
            put_text(&mut bytes, 0, "");
            put_text(&mut bytes, 0, "/");
        }
        let length = bytes.len() - 8;
        put_length(&mut bytes, 0, length);
        List { bytes, is_big: false }
    }

    /// The names, and what was warned of.
    fn names(list: &List) -> (Result<Vec<String>, Error>, Vec<String>) {
        let mut out = Samples::new(&[], 0);
        let units = list.units(&mut out);
        let names = units.map(|units| units.iter().map(|unit| unit.name.to_owned()).collect());
        (names, out.warnings().to_vec())
    }

    #[test]
    fn what_makes_no_sense_in_a_list_is_passed_over() {
        let mut odd =
            list(&[["b.service", "/b"], ["x.timer", "/x"], ["c.socket", "no path"], ["a.mount", "/a"]]);
        let at = odd.bytes.windows(7).position(|window| window == b"x.timer").unwrap();
        odd.bytes[at] = 0xff;
        let (units, told) = names(&odd);
        assert_eq!(units.unwrap(), ["a.mount", "b.service"]);
        let expected =
            [r#"expected UTF-8, found "\\xff.timer""#, r#"expected the path of an object, found "no path""#];
        assert_eq!(told, expected.map(|why| format!("a unit: {why}")));
        assert!(names(&list(&[])).0.unwrap().is_empty());
    }

    #[test]
    fn no_list_is_believed() {
        let good = list(&[["b.service", "/b"], ["x.timer", "/x"]]).bytes;
        for is_big in [false, true] {
            for at in 0..good.len() {
                let cut = good[..at].to_vec();
                assert!(names(&List { bytes: cut, is_big }).0.is_err(), "{at} bytes");
                for byte in [0, 1, 0x7f, 0x80, 0xff] {
                    let mut bytes = good.clone();
                    bytes[at] = byte;
                    let _ = names(&List { bytes, is_big });
                }
            }
        }
    }

    #[test]
    fn fuzz_units() {
        let units = list(&[["ssh.service", "/org/freedesktop/systemd1/unit/ssh"], ["a.mount", "/a"]]);
        relink_fuzz::fuzz("units", &[units.bytes], &["ssh.service\0", "/", "active\0"], |input| {
            for is_big in [false, true] {
                let mut out = Samples::new(&[], 0);
                let _ = List { bytes: input.to_vec(), is_big }.units(&mut out);
            }
        });
    }
}
