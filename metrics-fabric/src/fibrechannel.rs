//! `/sys/class/fc_host`: the ports of adapters for Fibre Channel.

use std::path::Path;

use relink_core::{Collector, Error, Family, Paths, Samples};
use relink_sysfs::{Devices, Reader, Words};

use crate::counts::{Count, Counts};

/// Its labels are called as the files are; but the first one is the folder's name.
const INFO: Family = Family::gauge(
    "node_fibrechannel_info",
    "Always 1; the labels say what a port is connected to, and how (/sys/class/fc_host).",
)
.labels(&[
    "fc_host",
    "speed",
    "port_state",
    "port_type",
    "port_id",
    "port_name",
    "fabric_name",
    "symbolic_name",
    "supported_classes",
    "supported_speeds",
    "dev_loss_tmo",
]);

/// The labels that are numbers in hexadecimal, which are shown without 0x.
const NUMBERS: [&str; 3] = ["port_id", "port_name", "fabric_name"];

const COUNTS: &[Count] = &[
    count(
        "dumped_frames",
        "node_fibrechannel_dumped_frames_total",
        "Frames that the port threw away (dumped_frames).",
    ),
    count(
        "error_frames",
        "node_fibrechannel_error_frames_total",
        "Frames that came with an error (error_frames).",
    ),
    count(
        "fcp_packet_aborts",
        "node_fibrechannel_fcp_packet_aborts_total",
        "Packets of SCSI that were given up (fcp_packet_aborts).",
    ),
    count(
        "invalid_crc_count",
        "node_fibrechannel_invalid_crc_total",
        "Frames whose checksum was wrong (invalid_crc_count).",
    ),
    count(
        "invalid_tx_word_count",
        "node_fibrechannel_invalid_tx_words_total",
        "Words on the line that were invalid (invalid_tx_word_count).",
    ),
    count(
        "link_failure_count",
        "node_fibrechannel_link_failure_total",
        "Times that the link failed (link_failure_count).",
    ),
    count(
        "loss_of_signal_count",
        "node_fibrechannel_loss_of_signal_total",
        "Times that the signal was lost (loss_of_signal_count).",
    ),
    count(
        "loss_of_sync_count",
        "node_fibrechannel_loss_of_sync_total",
        "Times that the beginning of words was lost (loss_of_sync_count).",
    ),
    count(
        "nos_count",
        "node_fibrechannel_nos_total",
        "Times that the other end said that it does not work (nos_count).",
    ),
    count("rx_frames", "node_fibrechannel_rx_frames_total", "Frames that the port received (rx_frames)."),
    count(
        "rx_words",
        "node_fibrechannel_rx_words_total",
        "Words of 4 bytes that the port received (rx_words).",
    ),
    count(
        "seconds_since_last_reset",
        "node_fibrechannel_seconds_since_last_reset_total",
        "Time since the port's statistics were reset (seconds_since_last_reset).",
    ),
    count("tx_frames", "node_fibrechannel_tx_frames_total", "Frames that the port sent (tx_frames)."),
    count("tx_words", "node_fibrechannel_tx_words_total", "Words of 4 bytes that the port sent (tx_words)."),
];

pub(crate) const FAMILIES: &[Family] = &Count::families::<{ 1 + COUNTS.len() }>(&[INFO], COUNTS);

const fn count(file: &'static str, name: &'static str, help: &'static str) -> Count {
    Count::new(file, Family::counter(name, help).labels(&["fc_host"]))
}

pub(crate) struct Fibrechannel {
    class: Devices,
    hosts: Vec<Host>,
    reader: Reader,
}

/// The labels behind the name, which are called as the files are.
const WORDS: [&str; INFO.label_names().len() - 1] = Words::labels_behind_the_name(&INFO);

struct Host {
    name: String,
    words: Words<{ WORDS.len() }>,
    counts: Counts,
}

impl Fibrechannel {
    pub(crate) fn new(paths: &Paths) -> Result<Self, Error> {
        let class = Devices::new(paths.sysfs("class/fc_host"));
        Ok(Fibrechannel { class, hosts: Vec::new(), reader: Reader::default() })
    }
}

impl Collector for Fibrechannel {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        if let Some(devices) = self.class.due(out) {
            self.hosts = devices.iter().map(|device| Host::find(&device.name, &device.path)).collect();
        }
        for host in &mut self.hosts {
            host.push(&mut self.reader, out);
        }
        Ok(())
    }
}

impl Host {
    fn find(name: &str, folder: &Path) -> Self {
        // The firmware has no counter of what is all ones; a port that is off answers with an error.
        let counts = Counts::find(COUNTS, &folder.join("statistics"), Some(u64::MAX));
        Host { name: name.to_owned(), words: Words::find(WORDS, folder), counts }
    }

    fn push(&mut self, reader: &mut Reader, out: &mut Samples) {
        let mut labels = [self.name.as_str(); WORDS.len() + 1];
        let words = self.words.read(reader, out);
        for ((label, name), word) in labels[1..].iter_mut().zip(WORDS).zip(words) {
            let digits =
                word.strip_prefix("0x").filter(|digits| NUMBERS.contains(&name) && !digits.is_empty());
            *label = digits.unwrap_or(word);
        }
        out.push(&INFO, labels, 1.0);
        self.counts.push([&self.name], reader, out);
    }
}
