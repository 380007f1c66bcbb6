//! `/proc/net/xfrm_stat`: packets that IPsec could not transform, by the reason.

use relink_core::{Collector, Error, Family, Paths, Samples, Source};

/// A line of the file.
struct Reason {
    field: &'static str,
    family: Family,
}

/// The field and the name of its family, without what all begin and end with, and what it means.
macro_rules! reason {
    ($field:literal, $name:literal, $help:literal) => {{
        const NAME: &str = concat!("node_xfrm_", $name, "_packets_total");
        const FIELD: &str = concat!("Xfrm", $field);
        Reason { field: FIELD, family: Family::counter(NAME, concat!($help, " (Xfrm", $field, ").")) }
    }};
}

/// Those that node_exporter shows; later kernels have more.
const REASONS: [Reason; 28] = [
    reason!("AcquireError", "acquire_error", "Packets for whose state keys were still being asked for"),
    reason!(
        "FwdHdrError",
        "fwd_hdr_error",
        "Packets to be forwarded whose header was bad, or that may not be forwarded"
    ),
    reason!("InBufferError", "in_buffer_error", "Packets in for which there was no buffer"),
    reason!("InError", "in_error", "Packets in with an error that no other family counts"),
    reason!("InHdrError", "in_hdr_error", "Packets in with a bad header"),
    reason!("InNoPols", "in_no_pols", "Packets in whose states are right and that no policy covers"),
    reason!(
        "InNoStates",
        "in_no_states",
        "Packets in without a state: the SPI, the address or the protocol is wrong"
    ),
    reason!("InPolBlock", "in_pol_block", "Packets in that a policy blocks"),
    reason!("InPolError", "in_pol_error", "Packets in whose policy is in error"),
    reason!("InStateExpired", "in_state_expired", "Packets in whose state has expired"),
    reason!("InStateInvalid", "in_state_invalid", "Packets in whose state is invalid"),
    reason!(
        "InStateMismatch",
        "in_state_mismatch",
        "Packets in whose state has another option, as for the encapsulation in UDP"
    ),
    reason!(
        "InStateModeError",
        "in_state_mode_error",
        "Packets in that the mode of the state could not take"
    ),
    reason!(
        "InStateProtoError",
        "in_state_proto_error",
        "Packets in that the protocol of the state could not take, as with a wrong key"
    ),
    reason!("InStateSeqError", "in_state_seq_error", "Packets in whose number is out of the window"),
    reason!("InTmplMismatch", "in_tmpl_mismatch", "Packets in whose states fit no template of the policy"),
    reason!(
        "OutBundleCheckError",
        "out_bundle_check_error",
        "Packets out whose bundle of states did not pass the check"
    ),
    reason!(
        "OutBundleGenError",
        "out_bundle_gen_error",
        "Packets out for which no bundle of states could be made"
    ),
    reason!("OutError", "out_error", "Packets out with an error that no other family counts"),
    reason!("OutNoStates", "out_no_states", "Packets out without a state"),
    reason!("OutPolBlock", "out_pol_block", "Packets out that a policy blocks"),
    reason!("OutPolDead", "out_pol_dead", "Packets out whose policy is dead"),
    reason!("OutPolError", "out_pol_error", "Packets out whose policy is in error"),
    reason!("OutStateExpired", "out_state_expired", "Packets out whose state has expired"),
    reason!(
        "OutStateInvalid",
        "out_state_invalid",
        "Packets out whose state is invalid, as one that has expired"
    ),
    reason!(
        "OutStateModeError",
        "out_state_mode_error",
        "Packets out that the mode of the state could not take"
    ),
    reason!(
        "OutStateProtoError",
        "out_state_proto_error",
        "Packets out that the protocol of the state could not take"
    ),
    reason!("OutStateSeqError", "out_state_seq_error", "Packets out for which the numbers have run out"),
];

pub(crate) const FAMILIES: &[Family] = &{
    let mut families = [REASONS[0].family; REASONS.len()];
    let mut at = 0;
    while at < REASONS.len() {
        families[at] = REASONS[at].family;
        at += 1;
    }
    families
};

/// The file is missing in a kernel that does not count this.
pub(crate) struct Xfrm(Source);

impl Xfrm {
    pub(crate) fn new(paths: &Paths) -> Result<Self, Error> {
        Ok(Xfrm(Source::new(paths.procfs("net/xfrm_stat"))))
    }
}

impl Collector for Xfrm {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        self.0.lines(out, |line, out| {
            let mut words = line.split_ascii_whitespace();
            let (field, count) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            let count: u64 = count.parse().map_err(|_| Error::expected("a name and a count", line))?;
            if let Some(family) = REASONS.iter().position(|reason| reason.field == field) {
                out.push_index(family, &[], count as f64);
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `XfrmInNoPols` is `in_no_pols`, as node_exporter writes it.
    #[test]
    fn each_family_bears_the_name_of_its_field() {
        for Reason { field, family } in &REASONS {
            let mut name = "node_xfrm".to_owned();
            for c in field.trim_start_matches("Xfrm").chars() {
                if c.is_ascii_uppercase() {
                    name.push('_');
                }
                name.push(c.to_ascii_lowercase());
            }
            assert_eq!(family.name(), name + "_packets_total");
        }
    }
}
