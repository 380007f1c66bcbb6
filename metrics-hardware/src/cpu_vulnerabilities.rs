//! `/sys/devices/system/cpu/vulnerabilities`: flaws of the CPU, and what the kernel does about them.

use std::path::PathBuf;

use relink_core::{Collector, Error, Family, Paths, Samples, Unread};
use relink_sysfs::Reader;

const INFO: Family = Family::gauge(
    "node_cpu_vulnerabilities_info",
    "Always 1; the labels say whether a flaw concerns the CPU, and what is done about it (/sys/devices/system/cpu/vulnerabilities).",
)
.labels(&["codename", "state", "mitigation"]);

pub(crate) const FAMILIES: &[Family] = &[INFO];

pub(crate) struct Vulnerabilities {
    folder: PathBuf,
    reader: Reader,
}

impl Vulnerabilities {
    pub(crate) fn new(paths: &Paths) -> Result<Self, Error> {
        let folder = paths.sysfs("devices/system/cpu/vulnerabilities");
        Ok(Vulnerabilities { folder, reader: Reader::default() })
    }
}

impl Collector for Vulnerabilities {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        let mut unread = Unread::default();
        let names = unread.list(&self.folder);
        unread.tell(out);
        for name in names {
            let Some(text) = self.reader.text(&self.folder.join(&name), out) else { continue };
            let (state, mitigation) = understood(&text);
            out.push(&INFO, [&name, state, &mitigation], 1.0);
        }
        Ok(())
    }
}

/// The state, and what the kernel says besides. The first word is the state, but for what no kernel should say: then all of it
/// is shown.
fn understood(text: &str) -> (&'static str, String) {
    const STATES: [&str; 4] = ["not affected", "vulnerable", "mitigation", "unknown"];
    let text = text.trim();
    let small = text.to_lowercase();
    match STATES.into_iter().find(|state| small.starts_with(state)) {
        Some(state @ "not affected") => (state, String::new()),
        Some(state) => (state, text.split_whitespace().skip(1).collect::<Vec<_>>().join(" ")),
        None => ("unknown", text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_says_is_a_state_and_more() {
        for (text, state, mitigation) in [
            ("Not affected\n", "not affected", ""),
            ("Vulnerable\n", "vulnerable", ""),
            ("Vulnerable: Safe RET, no microcode\n", "vulnerable", "Safe RET, no microcode"),
            ("Vulnerable, IBPB: disabled, STIBP: disabled", "vulnerable", "IBPB: disabled, STIBP: disabled"),
            ("Vulnerable; SMT vulnerable", "vulnerable", "SMT vulnerable"),
            ("Mitigation: PTI\n", "mitigation", "PTI"),
            (
                "Mitigation: Enhanced / Automatic IBRS; IBPB: conditional; BHI: Not affected\n",
                "mitigation",
                "Enhanced / Automatic IBRS; IBPB: conditional; BHI: Not affected",
            ),
            ("Unknown: Dependent on hypervisor status\n", "unknown", "Dependent on hypervisor status"),
            (
                "Unknown (XEN PV detected, hypervisor mitigation required)",
                "unknown",
                "(XEN PV detected, hypervisor mitigation required)",
            ),
            ("KVM: Mitigation: VMX unsupported\n", "unknown", "KVM: Mitigation: VMX unsupported"),
            ("Processor vulnerable\n", "unknown", "Processor vulnerable"),
            ("", "unknown", ""),
        ] {
            assert_eq!(understood(text), (state, mitigation.to_owned()), "{text}");
        }
    }
}
