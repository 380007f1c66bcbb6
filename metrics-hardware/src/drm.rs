//! `/sys/class/drm`: graphics cards of the driver amdgpu, the only one whose load and memory the kernel shows as files.

use std::path::PathBuf;

use relink_core::{Collector, Error, Family, Paths, Samples, Unread};
use relink_sysfs::{Device, Devices, Reader, Words, chip, existing};

const INFO: Family = Family::gauge(
    "node_drm_card_info",
    "Always 1; the labels say what a graphics card is, and how it is clocked (/sys/class/drm/card*/device).",
)
.labels(&["card", "chip", "memory_vendor", "power_performance_level", "unique_id", "vendor"]);

/// A file, what its family is called, and what it means.
macro_rules! figure {
    ($file:literal, $name:literal, $help:literal) => {{
        const HELP: &str = concat!($help, " (", $file, ").");
        ($file, Family::gauge(concat!("node_drm_", $name), HELP).labels(&["card"]))
    }};
}

const FIGURES: [(&str, Family); 7] = [
    figure!("gpu_busy_percent", "gpu_busy_percent", "How busy a card is"),
    figure!("mem_info_gtt_total", "memory_gtt_size_bytes", "Memory of the machine that a card may use"),
    figure!("mem_info_gtt_used", "memory_gtt_used_bytes", "Memory of the machine that a card uses"),
    figure!(
        "mem_info_vis_vram_total",
        "memory_vis_vram_size_bytes",
        "Memory of a card that the CPU can reach"
    ),
    figure!(
        "mem_info_vis_vram_used",
        "memory_vis_vram_used_bytes",
        "Memory of a card in use that the CPU can reach"
    ),
    figure!("mem_info_vram_total", "memory_vram_size_bytes", "Memory of a card"),
    figure!("mem_info_vram_used", "memory_vram_used_bytes", "Memory of a card in use"),
];

pub(crate) const FAMILIES: &[Family] = &{
    let mut all = [INFO; 1 + FIGURES.len()];
    let mut at = 0;
    while at < FIGURES.len() {
        all[1 + at] = FIGURES[at].1;
        at += 1;
    }
    all
};

pub(crate) struct Drm {
    class: Devices,
    cards: Vec<Card>,
    unread: Unread,
    reader: Reader,
}

struct Card {
    name: String,
    /// The label of its sensors in the collector hwmon.
    chip: String,
    /// Who made its memory, how it is clocked, and its number.
    words: Words<3>,
    /// By the place in [`FIGURES`]; none for a file that this kind of card does not have.
    figures: [Option<PathBuf>; FIGURES.len()],
}

impl Drm {
    pub(crate) fn new(paths: &Paths) -> Result<Self, Error> {
        Ok(Drm {
            class: Devices::new(paths.sysfs("class/drm")),
            cards: Vec::new(),
            unread: Unread::default(),
            reader: Reader::default(),
        })
    }
}

impl Collector for Drm {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        if let Some(entries) = self.class.due(out) {
            self.unread = Unread::default();
            self.cards = entries.iter().filter_map(|entry| Card::find(entry, &mut self.unread)).collect();
        }
        self.unread.tell(out);
        for card in &mut self.cards {
            card.push(&mut self.reader, out);
        }
        Ok(())
    }
}

impl Card {
    /// A card of AMD's; not one of its sockets, such as `card0-DP-1`.
    fn find(entry: &Device, unread: &mut Unread) -> Option<Self> {
        let number = entry.name.strip_prefix("card")?;
        if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let device = entry.path.join("device");
        let about = unread.read(&device.join("uevent"))?;
        if !about.lines().any(|line| line.trim() == "DRIVER=amdgpu") {
            return None;
        }
        let figures = FIGURES.map(|(file, _)| existing(&device, file));
        Some(Card {
            name: entry.name.clone(),
            chip: unread.unless(&device, device.canonicalize()).map(|path| chip(&path)).unwrap_or_default(),
            words: Words::find(
                ["mem_info_vram_vendor", "power_dpm_force_performance_level", "unique_id"],
                &device,
            ),
            figures,
        })
    }

    fn push(&mut self, reader: &mut Reader, out: &mut Samples) {
        let [memory, level, id] = self.words.read(reader, out);
        out.push(&INFO, [&self.name, &self.chip, memory, level, id, "amd"], 1.0);
        for ((_, family), file) in FIGURES.iter().zip(&self.figures) {
            // node_exporter has a 0 for what a card does not tell, and sums over cards rely on it.
            let Some(file) = file else {
                out.push(family, [&self.name], 0.0);
                continue;
            };
            if let Some(number) = reader.number(file, out) {
                out.push(family, [&self.name], number);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use relink_testing::{Tree, collect};

    use super::*;

    #[test]
    fn cards_are_looked_for_again() {
        let tree = Tree::new().file("sys/class/drm/card1/device/uevent", "DRIVER=i915\n");
        let mut drm = Drm::new(&tree.paths()).unwrap();
        assert_eq!(collect(&mut drm, "drm").unwrap(), "");
        tree.write("sys/class/drm/card1/device/uevent", "DRIVER=amdgpu\nPCI_CLASS=30000\n");
        assert_eq!(collect(&mut drm, "drm").unwrap(), "", "it is not yet time");
        drm.class.half_a_minute_passes();
        let text = collect(&mut drm, "drm").unwrap();
        assert_eq!(text.lines().count(), 1 + FIGURES.len(), "{text}");
        assert!(text.contains("node_drm_gpu_busy_percent{card=\"card1\"} 0\n"), "{text}");
    }
}
