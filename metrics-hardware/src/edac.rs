//! `/sys/devices/system/edac/mc`: memory errors that the controllers have found and corrected, or could not correct.

use std::path::{Path, PathBuf};

use relink_core::{Collector, Error, Family, Paths, Samples, Unread};
use relink_sysfs::{Devices, Reader};

use crate::count;

const CORRECTED: Family =
    Family::counter("node_edac_correctable_errors_total", "Memory errors corrected (mc*/ce_count).")
        .labels(&["controller"]);
const UNCORRECTED: Family = Family::counter(
    "node_edac_uncorrectable_errors_total",
    "Memory errors that could not be corrected (mc*/ue_count).",
)
.labels(&["controller"]);
const ROW_CORRECTED: Family = Family::counter(
    "node_edac_csrow_correctable_errors_total",
    "Memory errors corrected in a row of chips, or in an unknown one (ce_count and ce_noinfo_count).",
)
.labels(&["controller", "csrow"]);
const ROW_UNCORRECTED: Family = Family::counter(
    "node_edac_csrow_uncorrectable_errors_total",
    "Memory errors that could not be corrected in a row of chips, or in an unknown one (ue_count and ue_noinfo_count).",
)
.labels(&["controller", "csrow"]);
const CHANNEL_CORRECTED: Family = Family::counter(
    "node_edac_channel_correctable_errors_total",
    "Memory errors corrected in a channel of a row (csrow*/ch*_ce_count).",
)
.labels(&["controller", "csrow", "channel", "dimm_label"]);
const CHANNEL_UNCORRECTED: Family = Family::counter(
    "node_edac_channel_uncorrectable_errors_total",
    "Memory errors that could not be corrected in a channel of a row (csrow*/ch*_ue_count).",
)
.labels(&["controller", "csrow", "channel", "dimm_label"]);

pub(crate) const FAMILIES: &[Family] =
    &[CORRECTED, UNCORRECTED, ROW_CORRECTED, ROW_UNCORRECTED, CHANNEL_CORRECTED, CHANNEL_UNCORRECTED];

/// The files of a controller, their families and the row they count for.
const OF_CONTROLLER: [(&str, Family, &str); 4] = [
    ("ce_count", CORRECTED, ""),
    ("ue_count", UNCORRECTED, ""),
    ("ce_noinfo_count", ROW_CORRECTED, "unknown"),
    ("ue_noinfo_count", ROW_UNCORRECTED, "unknown"),
];

pub(crate) struct Edac {
    controllers: Devices,
    counts: Vec<Count>,
    unread: Unread,
    reader: Reader,
}

/// A file that holds a count.
struct Count {
    family: Family,
    /// As many of these as the family has.
    labels: [String; 4],
    path: PathBuf,
}

impl Edac {
    pub(crate) fn new(paths: &Paths) -> Result<Self, Error> {
        Ok(Edac {
            controllers: Devices::new(paths.sysfs("devices/system/edac/mc")),
            counts: Vec::new(),
            unread: Unread::default(),
            reader: Reader::default(),
        })
    }
}

impl Collector for Edac {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        if let Some(entries) = self.controllers.due(out) {
            (self.counts, self.unread) = Default::default();
            for entry in entries {
                if let Some(controller) = number(&entry.name, "mc", "") {
                    find(controller, &entry.path, &mut self.counts, &mut self.unread);
                }
            }
        }
        self.unread.tell(out);
        for Count { family, labels, path } in &self.counts {
            if let Some(count) = count(path, &mut self.reader, out) {
                let labels = labels.each_ref().map(String::as_str);
                out.push_slice(family, &labels[..family.value_count()], count);
            }
        }
        Ok(())
    }
}

/// Adds the counts of a controller.
fn find(controller: &str, folder: &Path, counts: &mut Vec<Count>, unread: &mut Unread) {
    let files = unread.list(folder);
    for (file, family, row) in OF_CONTROLLER.iter().filter(|(file, ..)| files.iter().any(|name| name == file))
    {
        counts.push(Count::new(*family, [controller, row, "", ""], folder.join(file)));
    }
    for name in &files {
        if let Some(row) = number(name, "csrow", "") {
            find_in_row(controller, row, &folder.join(name), counts, unread);
        }
    }
}

fn find_in_row(controller: &str, row: &str, folder: &Path, counts: &mut Vec<Count>, unread: &mut Unread) {
    for file in unread.list(folder) {
        let (family, channel) = match file.as_str() {
            "ce_count" => (ROW_CORRECTED, None),
            "ue_count" => (ROW_UNCORRECTED, None),
            file => match (number(file, "ch", "_ce_count"), number(file, "ch", "_ue_count")) {
                (Some(channel), _) => (CHANNEL_CORRECTED, Some(channel)),
                (_, Some(channel)) => (CHANNEL_UNCORRECTED, Some(channel)),
                _ => continue,
            },
        };
        let label = channel.map(|channel| dimm(folder, channel, unread)).unwrap_or_default();
        let labels = [controller, row, channel.unwrap_or_default(), &label];
        counts.push(Count::new(family, labels, folder.join(&file)));
    }
}

/// What is printed beside the slot, with what node_exporter makes of the words that the kernel puts there by itself, as in
/// `CPU_SrcID#0_Ha#0_Chan#1_DIMM#0` and `mc#0csrow#1channel#0`.
fn dimm(folder: &Path, channel: &str, unread: &mut Unread) -> String {
    match unread.read(&folder.join(format!("ch{channel}_dimm_label"))) {
        Some(label) => {
            label.trim().replace('#', "").replace("csrow", "_csrow").replace("channel", "_channel")
        }
        None => "unknown".to_owned(),
    }
}

/// The digits between a name's beginning and its end, if there is nothing else.
fn number<'a>(name: &'a str, begin: &str, end: &str) -> Option<&'a str> {
    let digits = name.strip_prefix(begin)?.strip_suffix(end)?;
    (!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(digits)
}

impl Count {
    fn new(family: Family, labels: [&str; 4], path: PathBuf) -> Self {
        Count { family, labels: labels.map(str::to_owned), path }
    }
}

#[cfg(test)]
mod tests {
    use relink_testing::{Tree, collect};

    use super::*;

    #[test]
    fn a_number_is_all_that_a_name_has_beside_its_words() {
        assert_eq!(number("mc0", "mc", ""), Some("0"));
        assert_eq!(number("ch12_ce_count", "ch", "_ce_count"), Some("12"));
        for name in ["mc", "mcx", "mc0x", "m0", "power"] {
            assert_eq!(number(name, "mc", ""), None, "{name}");
        }
        for name in ["ch_ce_count", "ch0_ue_count", "ch_ce_coun", "ce_count"] {
            assert_eq!(number(name, "ch", "_ce_count"), None, "{name}");
        }
    }

    #[test]
    fn labels_of_modules_are_as_node_exporter_has_them() {
        let tree = Tree::new();
        let label = |content: &str| {
            tree.write("sys/ch0_dimm_label", content);
            dimm(&tree.path().join("sys"), "0", &mut Unread::default())
        };
        assert_eq!(label("CPU_SrcID#0_Ha#0_Chan#1_DIMM#0\n"), "CPU_SrcID0_Ha0_Chan1_DIMM0");
        assert_eq!(label("mc#0csrow#1channel#0\n"), "mc0_csrow1_channel0");
        assert_eq!(label(" A1 \n"), "A1");
        assert_eq!(dimm(tree.path(), "0", &mut Unread::default()), "unknown");
    }

    #[test]
    fn the_files_of_a_controller_are_looked_for_again() {
        let tree = Tree::new().file("sys/devices/system/edac/mc/mc0/mc_name", "Skylake Socket#0 IMC#0\n");
        let mut edac = Edac::new(&tree.paths()).unwrap();
        assert_eq!(collect(&mut edac, "edac").unwrap(), "");
        tree.write("sys/devices/system/edac/mc/mc0/ce_count", "3\n");
        assert_eq!(collect(&mut edac, "edac").unwrap(), "", "it is not yet time");
        edac.controllers.half_a_minute_passes();
        let text = collect(&mut edac, "edac").unwrap();
        assert_eq!(text, "node_edac_correctable_errors_total{controller=\"0\"} 3\n");
    }
}
