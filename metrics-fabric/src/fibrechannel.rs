//! `/sys/class/fc_host`: the ports of adapters for Fibre Channel.

use std::path::{Path, PathBuf};

use relink_core::{Collector, Error, Family, Paths, Samples, Unread};
use relink_sysfs::{Devices, Reader};

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

/// How many labels [`INFO`] has.
const LABELS: usize = INFO.label_names().len();

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

struct Host {
    /// The label values of [`INFO`], of which the first is the name.
    labels: [String; LABELS],
    /// The files that it has for labels, by the label's place. Which there are is the driver's choice.
    words: Vec<(usize, PathBuf)>,
    counts: Counts,
    unread: Unread,
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
        let mut unread = Unread::default();
        let files = unread.list(folder);
        let names = INFO.label_names().iter().enumerate().skip(1);
        let there = names.filter(|(_, name)| files.iter().any(|file| file == *name));
        let words = there.map(|(at, name)| (at, folder.join(name))).collect();
        let mut labels: [String; LABELS] = Default::default();
        name.clone_into(&mut labels[0]);
        // The firmware has no counter of what is all ones; a port that is off answers with an error.
        let counts = Counts::find(COUNTS, &folder.join("statistics"), Some(u64::MAX));
        Host { labels, words, counts, unread }
    }

    fn push(&mut self, reader: &mut Reader, out: &mut Samples) {
        self.unread.tell(out);
        for (at, file) in &self.words {
            let text = reader.text(file, out).unwrap_or_default();
            let text = text.trim();
            let is_number = INFO.label_names().get(*at).is_some_and(|name| NUMBERS.contains(name));
            let digits = text.strip_prefix("0x").filter(|digits| is_number && !digits.is_empty());
            if let Some(label) = self.labels.get_mut(*at) {
                digits.unwrap_or(text).clone_into(label);
            }
        }
        out.push(&INFO, self.labels.each_ref().map(String::as_str), 1.0);
        self.counts.push([&self.labels[0]], reader, out);
    }
}
