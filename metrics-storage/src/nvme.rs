//! `/sys/class/nvme`: controllers, and their paths to the namespaces that other controllers can reach too.

use std::path::PathBuf;

use relink_core::{Collector, Error, Family, Paths, Samples, Unread};
use relink_sysfs::{Device, Devices, Reader, Words, existing};

use crate::count;

const INFO: Family = Family::gauge(
    "node_nvme_info",
    "Always 1; the labels say what an NVMe controller is, and its state (/sys/class/nvme).",
)
.labels(&["device", "firmware_revision", "model", "serial", "state", "cntlid"]);
const NAMESPACE: Family = Family::gauge(
    "node_nvme_namespace_info",
    "Always 1; ana_state says how a namespace can be reached over this controller (ana_state).",
)
.labels(&["device", "nsid", "ana_state"]);
const CAPACITY: Family = Family::gauge(
    "node_nvme_namespace_capacity_bytes",
    "Size of a namespace: size times queue/logical_block_size.",
)
.labels(&["device", "nsid"]);
const SIZE: Family = Family::gauge(
    "node_nvme_namespace_size_bytes",
    "Size of a namespace: size times queue/logical_block_size.",
)
.labels(&["device", "nsid"]);
const USED: Family = Family::gauge(
    "node_nvme_namespace_used_bytes",
    "Space of a namespace that is in use: nuse times queue/logical_block_size.",
)
.labels(&["device", "nsid"]);
const BLOCK: Family = Family::gauge(
    "node_nvme_namespace_logical_block_size_bytes",
    "Size of a logical block of a namespace (queue/logical_block_size).",
)
.labels(&["device", "nsid"]);

pub(crate) const FAMILIES: &[Family] = &[INFO, NAMESPACE, CAPACITY, SIZE, USED, BLOCK];

/// The files of the labels of [`INFO`] behind the first. The drive fills serial number and model with blanks, some in front.
const WORDS: [&str; 5] = ["firmware_rev", "model", "serial", "state", "cntlid"];

pub(crate) struct Nvme {
    class: Devices,
    controllers: Vec<Controller>,
    unread: Unread,
    reader: Reader,
}

struct Controller {
    name: String,
    words: Words<{ WORDS.len() }>,
    namespaces: Vec<Namespace>,
}

/// A namespace, as it is reached over a controller.
struct Namespace {
    id: String,
    /// None for one that the kernel, or the subsystem, does not have.
    state: Option<PathBuf>,
    size: Option<PathBuf>,
    used: Option<PathBuf>,
    block: Option<PathBuf>,
}

impl Nvme {
    pub(crate) fn new(paths: &Paths) -> Result<Self, Error> {
        Ok(Nvme {
            class: Devices::new(paths.sysfs("class/nvme")),
            controllers: Vec::new(),
            unread: Unread::default(),
            reader: Reader::default(),
        })
    }
}

impl Collector for Nvme {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        if let Some(devices) = self.class.due(out) {
            self.unread = Unread::default();
            self.controllers =
                devices.iter().map(|device| Controller::find(device, &mut self.unread)).collect();
        }
        self.unread.tell(out);
        for controller in &mut self.controllers {
            controller.push(&mut self.reader, out);
        }
        Ok(())
    }
}

impl Controller {
    fn find(device: &Device, unread: &mut Unread) -> Self {
        let mut namespaces: Vec<Namespace> = Vec::new();
        for name in unread.list(&device.path) {
            // Two paths of one controller to the same namespace could not be told apart.
            if let Some(id) = namespace_id(&name)
                && namespaces.iter().all(|known| known.id != id)
            {
                let folder = device.path.join(&name);
                let file = |name: &str| existing(&folder, name);
                namespaces.push(Namespace {
                    id: id.to_owned(),
                    state: file("ana_state"),
                    size: file("size"),
                    used: file("nuse"),
                    block: file("queue/logical_block_size"),
                });
            }
        }
        Controller { name: device.name.clone(), words: Words::find(WORDS, &device.path), namespaces }
    }

    fn push(&mut self, reader: &mut Reader, out: &mut Samples) {
        let words = self.words.read(reader, out);
        // A controller that has gone has no files.
        if words.iter().any(|word| !word.is_empty()) {
            let [firmware, model, serial, state, id] = words;
            out.push(&INFO, [&self.name, firmware, model, serial, state, id], 1.0);
        }
        for namespace in &self.namespaces {
            namespace.push(&self.name, reader, out);
        }
    }
}

impl Namespace {
    fn push(&self, device: &str, reader: &mut Reader, out: &mut Samples) {
        let labels = [device, &self.id];
        let mut count = |file: &Option<PathBuf>| count(file.as_ref()?, reader, out);
        let (size, used) = (count(&self.size), count(&self.used));
        if let Some(block) = count(&self.block) {
            out.push(&BLOCK, labels, block);
            for (family, blocks) in [(CAPACITY, size), (SIZE, size), (USED, used)] {
                if let Some(blocks) = blocks {
                    out.push(&family, labels, blocks * block);
                }
            }
        }
        // A subsystem without asymmetric access has no such file.
        let state = self.state.as_ref().and_then(|file| reader.text(file, out));
        out.push(&NAMESPACE, [device, &self.id, state.as_deref().unwrap_or("unknown")], 1.0);
    }
}

/// The number at the end of `nvme0c1n2`. A namespace that only one controller can reach is called `nvme0n2`.
fn namespace_id(name: &str) -> Option<&str> {
    let (subsystem, rest) = name.strip_prefix("nvme")?.split_once('c')?;
    let (controller, id) = rest.split_once('n')?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    [subsystem, controller, id].into_iter().all(is_number).then_some(id)
}

#[cfg(test)]
mod tests {
    use relink_testing::{Tree, collect};

    use super::*;

    #[test]
    fn namespaces_are_known_by_their_names() {
        assert_eq!(namespace_id("nvme0c1n2"), Some("2"));
        assert_eq!(namespace_id("nvme10c0n12"), Some("12"));
        for other in
            ["nvme0n1", "nvme0c0n", "nvme0c0n1p1", "ng0n1", "nvme0c0nx", "nvmecn", "hwmon1", "nvme", ""]
        {
            assert_eq!(namespace_id(other), None, "{other}");
        }
    }

    #[test]
    fn namespaces_are_looked_for_again() {
        let tree = Tree::new().file("sys/class/nvme/nvme0/state", "live\n");
        let mut nvme = Nvme::new(&tree.paths()).unwrap();
        let first = collect(&mut nvme, "nvme").unwrap();
        tree.write("sys/class/nvme/nvme0/nvme0c0n1/ana_state", "optimized\n");
        assert_eq!(collect(&mut nvme, "nvme").unwrap(), first, "it is not yet time");
        nvme.class.half_a_minute_passes();
        let text = collect(&mut nvme, "nvme").unwrap();
        assert!(text.contains(r#"{device="nvme0",nsid="1",ana_state="optimized"} 1"#), "{text}");
    }
}
