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

/// A file, what its family is called, and what it means.
macro_rules! count {
    ($file:literal, $name:literal, $help:literal) => {{
        const NAME: &str = concat!("node_fibrechannel_", $name, "_total");
        const HELP: &str = concat!($help, " (", $file, ").");
        Count::new($file, Family::counter(NAME, HELP).labels(&["fc_host"]))
    }};
}

const COUNTS: &[Count] = &[
    count!("dumped_frames", "dumped_frames", "Frames that the port threw away"),
    count!("error_frames", "error_frames", "Frames that came with an error"),
    count!("fcp_packet_aborts", "fcp_packet_aborts", "Packets of SCSI that were given up"),
    count!("invalid_crc_count", "invalid_crc", "Frames whose checksum was wrong"),
    count!("invalid_tx_word_count", "invalid_tx_words", "Words on the line that were invalid"),
    count!("link_failure_count", "link_failure", "Times that the link failed"),
    count!("loss_of_signal_count", "loss_of_signal", "Times that the signal was lost"),
    count!("loss_of_sync_count", "loss_of_sync", "Times that the beginning of words was lost"),
    count!("nos_count", "nos", "Times that the other end said that it does not work"),
    count!("rx_frames", "rx_frames", "Frames that the port received"),
    count!("rx_words", "rx_words", "Words of 4 bytes that the port received"),
    count!(
        "seconds_since_last_reset",
        "seconds_since_last_reset",
        "Time since the port's statistics were reset"
    ),
    count!("tx_frames", "tx_frames", "Frames that the port sent"),
    count!("tx_words", "tx_words", "Words of 4 bytes that the port sent"),
];

pub(crate) const FAMILIES: &[Family] = &Count::families::<{ 1 + COUNTS.len() }>(&[INFO], COUNTS);

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
