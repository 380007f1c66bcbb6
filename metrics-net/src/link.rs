//! What netlink tells of one interface.

/// `IFF_UP`: the operator has switched the interface on.
pub(crate) const SWITCHED_ON: u32 = 1;

// The places in `Link::numbers`.
pub(crate) const CARRIER: usize = 0;
pub(crate) const CARRIER_CHANGES: usize = 1;
pub(crate) const CARRIER_UP_CHANGES: usize = 2;
pub(crate) const CARRIER_DOWN_CHANGES: usize = 3;
pub(crate) const DORMANT: usize = 4;
pub(crate) const FLAGS: usize = 5;
pub(crate) const INTERFACE: usize = 6;
pub(crate) const BELOW: usize = 7;
pub(crate) const LINK_MODE: usize = 8;
pub(crate) const MTU: usize = 9;
pub(crate) const GROUP: usize = 10;
pub(crate) const HARDWARE: usize = 11;
pub(crate) const QUEUE_LENGTH: usize = 12;
/// How many they are.
pub(crate) const NUMBERS: usize = 13;

/// The kernel's counters of an interface: the names of the files in `statistics`, in the order of `rtnl_link_stats64`.
pub(crate) const STATISTICS: [&str; 24] = [
    "rx_packets",
    "tx_packets",
    "rx_bytes",
    "tx_bytes",
    "rx_errors",
    "tx_errors",
    "rx_dropped",
    "tx_dropped",
    "multicast",
    "collisions",
    "rx_length_errors",
    "rx_over_errors",
    "rx_crc_errors",
    "rx_frame_errors",
    "rx_fifo_errors",
    "rx_missed_errors",
    "tx_aborted_errors",
    "tx_carrier_errors",
    "tx_fifo_errors",
    "tx_heartbeat_errors",
    "tx_window_errors",
    "rx_compressed",
    "tx_compressed",
    "rx_nohandler",
];

/// One of each of [`STATISTICS`], as far as the kernel knows them.
pub(crate) type Counts = [Option<u64>; STATISTICS.len()];

/// One interface. Its texts keep their memory from one reading to the next.
#[derive(Clone, Debug, Default)]
pub(crate) struct Link {
    /// What is no UTF-8 as U+FFFD.
    pub(crate) name: String,
    /// The kernel's number.
    pub(crate) index: u32,
    /// As the files of sysfs show them.
    pub(crate) numbers: [Option<i64>; NUMBERS],
    pub(crate) counts: Counts,
    pub(crate) address: String,
    pub(crate) broadcast: String,
    pub(crate) state: String,
    pub(crate) alias: String,
}
