//! What systemd says of itself, and the connection to it.

use std::time::Instant;

use relink_core::{Collector, Error, Family, Paths, Samples, options};
use relink_pattern::Pattern;

use crate::address::{Address, addresses};
use crate::bus::{Bus, PATIENCE};
use crate::call::Call;
use crate::units::{self, List};
use crate::wire::Message;

const RUNNING: Family = Family::gauge(
    "node_systemd_system_running",
    "1 if the machine is up and no unit has failed, else 0 (SystemState of the manager).",
);
const VERSION: Family =
    Family::gauge("node_systemd_version", "The version of systemd (Version of the manager).")
        .labels(&["version"]);
const VIRTUALIZATION: Family = Family::gauge(
    "node_systemd_virtualization_info",
    "On what kind of machine systemd finds itself (Virtualization of the manager).",
)
.labels(&["virtualization_type"]);

pub(crate) const FAMILIES: &[Family] = &[
    units::STATE,
    units::UNITS,
    RUNNING,
    VERSION,
    VIRTUALIZATION,
    units::LAST_TRIGGER,
    units::ACCEPTED,
    units::CONNECTIONS,
    units::REFUSED,
    units::START_TIME,
    units::TASKS,
    units::TASKS_MAX,
    units::RESTARTS,
];

options! {
    /// The table `[collectors.systemd]` of `relink.toml`.
    pub(crate) struct Settings {
        /// Which units are shown: a pattern of whole names.
        pub(crate) unit_include: String = ".+".to_owned(),
        /// Which of them are not.
        pub(crate) unit_exclude: String = r".+\.(automount|device|mount|scope|slice)".to_owned(),
        /// Whether the tasks of services are shown: two questions a service.
        pub(crate) enable_task_metrics: bool = false,
        /// Whether the restarts of services are shown: a question a service.
        pub(crate) enable_restarts_metrics: bool = false,
        /// Whether is shown since when units are active: a question a unit.
        pub(crate) enable_start_time_metrics: bool = false,
        /// Whether systemd is asked over its own socket, which only root may use, and not over the bus.
        pub(crate) private: bool = false,
    }
}

pub(crate) const NAME: &str = "org.freedesktop.systemd1";
const PATH: &str = "/org/freedesktop/systemd1";
const MANAGER: &str = "org.freedesktop.systemd1.Manager";
/// What a bus says where nobody has that name.
const ABSENT: [&str; 2] =
    ["org.freedesktop.DBus.Error.NameHasNoOwner", "org.freedesktop.DBus.Error.ServiceUnknown"];

/// A property of an object of systemd's.
pub(crate) const fn get<'a>(path: &'a str, interface: &'a str, property: &'a str) -> Call<'a> {
    let interface_of_get = "org.freedesktop.DBus.Properties";
    let arguments = Some([interface, property]);
    Call { destination: NAME, path, interface: interface_of_get, member: "Get", arguments }
}

const CALLS: [Call<'_>; 4] = [
    Call { destination: NAME, path: PATH, interface: MANAGER, member: "ListUnits", arguments: None },
    get(PATH, MANAGER, "Version"),
    get(PATH, MANAGER, "Virtualization"),
    get(PATH, MANAGER, "SystemState"),
];

/// A property as text: none if this systemd has no such property.
type Text = Result<Option<String>, Error>;

/// What systemd answers to `CALLS`.
struct Manager {
    /// None where no systemd is on the bus.
    units: Option<List>,
    properties: [Text; 3],
}

impl Manager {
    fn ask(bus: &mut Bus) -> Result<Self, Error> {
        let mut manager = Manager { units: None, properties: [Ok(None), Ok(None), Ok(None)] };
        bus.calls(&CALLS, |at, answer| {
            match at.checked_sub(1) {
                None if answer.is_error(&ABSENT) => {}
                None => manager.units = Some(List::of(answer).map_err(|why| why.context("ListUnits"))?),
                Some(at) => manager.properties[at] = text(answer),
            }
            Ok(())
        })?;
        Ok(manager)
    }

    fn show(&self, out: &mut Samples) {
        let mut told = [None; 3];
        let names = ["Version", "Virtualization", "SystemState"];
        for ((told, property), name) in told.iter_mut().zip(&self.properties).zip(names) {
            match property {
                Ok(text) => *told = text.as_deref(),
                Err(why) => out.warn(format!("{name} of systemd: {why}")),
            }
        }
        let [version, virtualization, state] = told;
        if let Some(version) = version {
            match release(version) {
                Some(number) => out.push(&VERSION, [version], number),
                None => out.warn(format!("Version of systemd: expected a number of 3 digits in {version:?}")),
            }
        }
        let virtualization = match virtualization {
            None => "unknown",
            // Systemd has no word for a machine that is one.
            Some("") => "none",
            Some(kind) => kind,
        };
        out.push(&VIRTUALIZATION, [virtualization], 1.0);
        if let Some(state) = state {
            out.push(&RUNNING, [], f64::from(u8::from(state == "running")));
        }
    }
}

fn text(answer: Message<'_>) -> Text {
    answer.property()?.map(|value| value.text().map(str::to_owned)).transpose()
}

/// The number of a release, as in `252.38-1~deb12u1` and `v256-rc1`: the first that has 3 digits, with its fraction.
fn release(version: &str) -> Option<f64> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let mut rest = version;
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        rest = &rest[at..];
        let whole = digits(rest);
        if whole >= 3 {
            let fraction = rest[whole..].strip_prefix('.').map_or(0, digits);
            let end = if fraction > 0 { whole + 1 + fraction } else { whole };
            return rest[..end].parse().ok();
        }
        rest = &rest[whole..];
    }
    None
}

pub(crate) struct Systemd {
    /// An error where a variable of the environment names no socket.
    addresses: Result<Vec<Address>, Error>,
    /// The connection of the last collection, and which of the addresses it is to.
    kept: Option<(Bus, usize)>,
    include: Pattern,
    exclude: Pattern,
    settings: Settings,
}

impl Systemd {
    pub(crate) fn new(paths: &Paths, settings: Settings) -> Result<Self, Error> {
        let whole = |option: &str, text: &str| {
            let option = format!("[collectors.systemd]: {option}");
            // The first is for the error, which shows what the operator wrote.
            Pattern::new(&option, text).and_then(|_| Pattern::new(&option, &format!("^(?:{text})$")))
        };
        Ok(Systemd {
            addresses: addresses(paths, settings.private),
            kept: None,
            include: whole("unit_include", &settings.unit_include)?,
            exclude: whole("unit_exclude", &settings.unit_exclude)?,
            settings,
        })
    }

    /// A connection, the number of its address and what systemd answers at first; none on a machine without systemd.
    fn ask(&mut self, until: Instant) -> Result<Option<(Bus, usize, Manager)>, Error> {
        // A bus that was started anew has closed it. Whatever else is wrong shows at the next attempt.
        if let Some((mut bus, at)) = self.kept.take() {
            bus.wait_until(until);
            if let Ok(manager) = Manager::ask(&mut bus) {
                return Ok(Some((bus, at, manager)));
            }
        }
        let mut failed = None;
        for (at, address) in self.addresses.as_ref().map_err(Clone::clone)?.iter().enumerate() {
            let found = Bus::open(address, until)
                .and_then(|bus| bus.map(|mut bus| Ok((Manager::ask(&mut bus)?, bus))).transpose());
            match found {
                Ok(Some((manager, bus))) => return Ok(Some((bus, at, manager))),
                Ok(None) => {}
                Err(why) => failed = failed.or(Some(why.context(format_args!("asking {}", address.shown)))),
            }
        }
        failed.map_or(Ok(None), Err)
    }
}

impl Collector for Systemd {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        let Some((mut bus, at, manager)) = self.ask(Instant::now() + PATIENCE)? else { return Ok(()) };
        if let Some(list) = &manager.units {
            let shown = |name: &str| self.include.is_match(name) && !self.exclude.is_match(name);
            manager.show(out);
            units::show(list, &mut bus, &self.settings, shown, out).map_err(|why| {
                let address = self.addresses.iter().flatten().nth(at);
                why.context(format_args!("asking {}", address.map_or("systemd", |one| &one.shown)))
            })?;
        }
        self.kept = Some((bus, at));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_has_three_digits() {
        for (text, number) in [
            ("252.38-1~deb12u1", Some(252.38)),
            ("systemd 239 (239-82.el8)", Some(239.0)),
            ("v256-rc1", Some(256.0)),
            ("1.2.257.", Some(257.0)),
            ("260~devel", Some(260.0)),
            ("9", None),
            ("", None),
            ("é12", None),
        ] {
            assert_eq!(release(text), number, "{text}");
        }
    }
}
