//! Wireless interfaces: their channel, the network that they are in, and the stations that they talk with.

use std::time::{Duration, Instant};

use relink_core::{Collector, Error, Family, Paths, Samples};

use crate::netlink::{Interface, Network, Station, Wireless};

const LABELS: &[&str] = &["device", "mac_address"];

const fn counter(name: &'static str, help: &'static str) -> Family {
    Family::counter(name, help).labels(LABELS)
}

const fn gauge(name: &'static str, help: &'static str) -> Family {
    Family::gauge(name, help).labels(LABELS)
}

const FREQUENCY: Family = Family::gauge(
    "node_wifi_interface_frequency_hertz",
    "Frequency of the channel that a wireless interface is on, 0 without one.",
)
.labels(&["device"]);
const INFO: Family = Family::gauge(
    "node_wifi_station_info",
    "Always 1, labelled with the network that a wireless interface is in.",
)
.labels(&["device", "bssid", "ssid", "mode"]);

/// The numbers of a station come in this order, behind the other two.
pub(crate) const FAMILIES: &[Family] = &[
    FREQUENCY,
    INFO,
    counter("node_wifi_station_beacon_loss_total", "Times that beacons of a station were lost."),
    counter("node_wifi_station_connected_seconds_total", "Time since a station was connected."),
    gauge("node_wifi_station_inactive_seconds", "Time since a station was last active."),
    gauge("node_wifi_station_receive_bits_per_second", "Rate at which was last received from a station."),
    counter("node_wifi_station_receive_bytes_total", "Bytes received from a station."),
    counter("node_wifi_station_received_packets_total", "Packets received from a station."),
    gauge("node_wifi_station_signal_dbm", "Strength of the signal last received from a station."),
    gauge("node_wifi_station_transmit_bits_per_second", "Rate at which was last sent to a station."),
    counter("node_wifi_station_transmit_bytes_total", "Bytes sent to a station."),
    counter("node_wifi_station_transmit_failed_total", "Packets that could not be sent to a station."),
    counter("node_wifi_station_transmit_retries_total", "Packets that were sent to a station again."),
    counter("node_wifi_station_transmitted_packets_total", "Packets sent to a station."),
];

fn numbers(station: &Station) -> [Option<f64>; FAMILIES.len() - 2] {
    // From 100 kbit/s.
    let rate = |rate: Option<u32>| rate.map(|rate| f64::from(rate) * 1e5);
    let bytes = |count: Option<u64>| count.map(|count| count as f64);
    [
        station.beacon_loss.map(f64::from),
        station.connected_seconds.map(f64::from),
        station.inactive_milliseconds.map(|time| f64::from(time) / 1e3),
        rate(station.receive_rate),
        bytes(station.receive_bytes),
        station.received_packets.map(f64::from),
        station.signal.map(f64::from),
        rate(station.transmit_rate),
        bytes(station.transmit_bytes),
        station.failed.map(f64::from),
        station.retries.map(f64::from),
        station.transmitted_packets.map(f64::from),
    ]
}

/// How often it is asked which number nl80211 has: a machine may get wireless interfaces, and the module be loaded anew.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

pub(crate) struct Wifi {
    /// None until it is first used, and after it could not be opened.
    wireless: Option<Wireless>,
    /// The number of nl80211, and when it was asked for.
    family: Option<(Instant, Option<u16>)>,
}

impl Wifi {
    /// There is no file with the same, so that the paths do not matter.
    pub(crate) fn new(_: &Paths) -> Result<Self, Error> {
        Ok(Wifi { wireless: None, family: None })
    }
}

impl Collector for Wifi {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        let wireless = match &mut self.wireless {
            Some(wireless) => wireless,
            None => self.wireless.insert(Wireless::open()?),
        };
        let family = match self.family {
            Some((at, family)) if at.elapsed() < LOOK_AGAIN => family,
            _ => {
                let family = wireless.family()?;
                self.family = Some((Instant::now(), family));
                family
            }
        };
        let Some(family) = family else { return Ok(()) };
        let mut interfaces = wireless.interfaces(family)?;
        relink_order::sort_by(&mut interfaces, |one, other| one.name.cmp(&other.name));
        // Names that differ in nothing but U+FFFD would be one series, and a series can't be there twice.
        interfaces.dedup_by(|one, before| one.name == before.name);
        for interface in &interfaces {
            let network = wireless.network(family, interface);
            let stations = wireless.stations(family, interface);
            for why in [network.as_ref().err(), stations.as_ref().err()].into_iter().flatten() {
                out.warn(format!("{}: {why}", interface.name));
            }
            push(interface, network.ok().flatten(), stations.unwrap_or_default(), out);
        }
        Ok(())
    }
}

fn push(interface: &Interface, network: Option<Network>, mut stations: Vec<Station>, out: &mut Samples) {
    let device = interface.name.as_str();
    out.push(&FREQUENCY, [device], f64::from(interface.frequency.unwrap_or(0)) * 1e6);
    if let Some(network) = network {
        out.push(&INFO, [device, &network.address, &network.name, network.mode], 1.0);
    }
    relink_order::sort_by(&mut stations, |one, other| one.address.cmp(&other.address));
    stations.dedup_by(|one, before| one.address == before.address);
    for station in stations {
        for (at, number) in numbers(&station).into_iter().enumerate() {
            if let Some(number) = number {
                out.push_index(2 + at, &[device, &station.address], number);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use relink_testing::samples;

    use super::*;

    #[test]
    fn what_a_driver_does_not_tell_is_left_out() {
        let interface = |name: &str, frequency| Interface { index: 1, name: name.to_owned(), frequency };
        let address = "02:fc:00:00:00:09".to_owned();
        let network = Network { address: address.clone(), name: "café".to_owned(), mode: "client" };
        let station = Station {
            address,
            inactive_milliseconds: Some(400),
            receive_rate: Some(1300),
            receive_bytes: Some(u64::MAX),
            signal: Some(-52),
            transmitted_packets: Some(7),
            ..Station::default()
        };
        let mut out = samples("wifi", 100);
        push(&interface("wlan0", Some(5180)), Some(network), vec![station.clone(), station], &mut out);
        push(&interface("wlan1", None), None, Vec::new(), &mut out);
        let set = out.series_set().unwrap();
        let shown = set.places().map(|at| {
            let labels = set.labels_of(at).collect::<Vec<_>>().join(" ");
            format!("{} {labels}: {}\n", set.family_of(at).1.name(), out.values()[at])
        });
        assert_eq!(
            shown.collect::<String>().replace(" wlan0 02:fc:00:00:00:09:", ""),
            "node_wifi_interface_frequency_hertz wlan0: 5180000000
node_wifi_interface_frequency_hertz wlan1: 0
node_wifi_station_info wlan0 02:fc:00:00:00:09 café client: 1
node_wifi_station_inactive_seconds 0.4
node_wifi_station_receive_bits_per_second 130000000
node_wifi_station_receive_bytes_total 18446744073709552000
node_wifi_station_signal_dbm -52
node_wifi_station_transmitted_packets_total 7
"
        );
    }
}
