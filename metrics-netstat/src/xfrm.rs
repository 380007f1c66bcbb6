//! `/proc/net/xfrm_stat`: packets that IPsec could not transform, by the reason.

use relink_core::{Collector, Error, Family, Paths, Samples, Source};

/// A line of the file.
struct Reason {
    field: &'static str,
    family: Family,
}

const fn reason(field: &'static str, name: &'static str, help: &'static str) -> Reason {
    Reason { field, family: Family::counter(name, help) }
}

/// Those that node_exporter shows; later kernels have more.
const REASONS: [Reason; 28] = [
    reason(
        "XfrmAcquireError",
        "node_xfrm_acquire_error_packets_total",
        "Packets for whose state keys were still being asked for (XfrmAcquireError).",
    ),
    reason(
        "XfrmFwdHdrError",
        "node_xfrm_fwd_hdr_error_packets_total",
        "Packets to be forwarded whose header was bad, or that may not be forwarded (XfrmFwdHdrError).",
    ),
    reason(
        "XfrmInBufferError",
        "node_xfrm_in_buffer_error_packets_total",
        "Packets in for which there was no buffer (XfrmInBufferError).",
    ),
    reason(
        "XfrmInError",
        "node_xfrm_in_error_packets_total",
        "Packets in with an error that no other family counts (XfrmInError).",
    ),
    reason(
        "XfrmInHdrError",
        "node_xfrm_in_hdr_error_packets_total",
        "Packets in with a bad header (XfrmInHdrError).",
    ),
    reason(
        "XfrmInNoPols",
        "node_xfrm_in_no_pols_packets_total",
        "Packets in whose states are right and that no policy covers (XfrmInNoPols).",
    ),
    reason(
        "XfrmInNoStates",
        "node_xfrm_in_no_states_packets_total",
        "Packets in without a state: the SPI, the address or the protocol is wrong (XfrmInNoStates).",
    ),
    reason(
        "XfrmInPolBlock",
        "node_xfrm_in_pol_block_packets_total",
        "Packets in that a policy blocks (XfrmInPolBlock).",
    ),
    reason(
        "XfrmInPolError",
        "node_xfrm_in_pol_error_packets_total",
        "Packets in whose policy is in error (XfrmInPolError).",
    ),
    reason(
        "XfrmInStateExpired",
        "node_xfrm_in_state_expired_packets_total",
        "Packets in whose state has expired (XfrmInStateExpired).",
    ),
    reason(
        "XfrmInStateInvalid",
        "node_xfrm_in_state_invalid_packets_total",
        "Packets in whose state is invalid (XfrmInStateInvalid).",
    ),
    reason(
        "XfrmInStateMismatch",
        "node_xfrm_in_state_mismatch_packets_total",
        "Packets in whose state has another option, as for the encapsulation in UDP (XfrmInStateMismatch).",
    ),
    reason(
        "XfrmInStateModeError",
        "node_xfrm_in_state_mode_error_packets_total",
        "Packets in that the mode of the state could not take (XfrmInStateModeError).",
    ),
    reason(
        "XfrmInStateProtoError",
        "node_xfrm_in_state_proto_error_packets_total",
        "Packets in that the protocol of the state could not take, as with a wrong key (XfrmInStateProtoError).",
    ),
    reason(
        "XfrmInStateSeqError",
        "node_xfrm_in_state_seq_error_packets_total",
        "Packets in whose number is out of the window (XfrmInStateSeqError).",
    ),
    reason(
        "XfrmInTmplMismatch",
        "node_xfrm_in_tmpl_mismatch_packets_total",
        "Packets in whose states fit no template of the policy (XfrmInTmplMismatch).",
    ),
    reason(
        "XfrmOutBundleCheckError",
        "node_xfrm_out_bundle_check_error_packets_total",
        "Packets out whose bundle of states did not pass the check (XfrmOutBundleCheckError).",
    ),
    reason(
        "XfrmOutBundleGenError",
        "node_xfrm_out_bundle_gen_error_packets_total",
        "Packets out for which no bundle of states could be made (XfrmOutBundleGenError).",
    ),
    reason(
        "XfrmOutError",
        "node_xfrm_out_error_packets_total",
        "Packets out with an error that no other family counts (XfrmOutError).",
    ),
    reason(
        "XfrmOutNoStates",
        "node_xfrm_out_no_states_packets_total",
        "Packets out without a state (XfrmOutNoStates).",
    ),
    reason(
        "XfrmOutPolBlock",
        "node_xfrm_out_pol_block_packets_total",
        "Packets out that a policy blocks (XfrmOutPolBlock).",
    ),
    reason(
        "XfrmOutPolDead",
        "node_xfrm_out_pol_dead_packets_total",
        "Packets out whose policy is dead (XfrmOutPolDead).",
    ),
    reason(
        "XfrmOutPolError",
        "node_xfrm_out_pol_error_packets_total",
        "Packets out whose policy is in error (XfrmOutPolError).",
    ),
    reason(
        "XfrmOutStateExpired",
        "node_xfrm_out_state_expired_packets_total",
        "Packets out whose state has expired (XfrmOutStateExpired).",
    ),
    reason(
        "XfrmOutStateInvalid",
        "node_xfrm_out_state_invalid_packets_total",
        "Packets out whose state is invalid, as one that has expired (XfrmOutStateInvalid).",
    ),
    reason(
        "XfrmOutStateModeError",
        "node_xfrm_out_state_mode_error_packets_total",
        "Packets out that the mode of the state could not take (XfrmOutStateModeError).",
    ),
    reason(
        "XfrmOutStateProtoError",
        "node_xfrm_out_state_proto_error_packets_total",
        "Packets out that the protocol of the state could not take (XfrmOutStateProtoError).",
    ),
    reason(
        "XfrmOutStateSeqError",
        "node_xfrm_out_state_seq_error_packets_total",
        "Packets out for which the numbers have run out (XfrmOutStateSeqError).",
    ),
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
