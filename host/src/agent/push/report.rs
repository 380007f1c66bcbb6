//! What `/metrics` says of the push.

use relink_core::Samples;

use super::Push;
use crate::own::SelfReport;
use crate::own::push::{DROPPED, FAILED, LAST_SUCCESS, LOST, QUEUE_BYTES, QUEUE_LENGTH, RETRIED, SENT};

impl SelfReport for Push {
    fn report(&self, out: &mut Samples) {
        for lane in &self.lanes {
            let (tally, length, bytes) = lane.figures();
            let target = lane.name.as_str();
            out.push(&SENT, [target], tally.sent as f64);
            for (reason, count) in
                [("queue_full", tally.full), ("refused", tally.refused), ("rejected", tally.rejected)]
            {
                out.push(&DROPPED, [target, reason], count as f64);
            }
            out.push(&FAILED, [target], tally.failures as f64);
            out.push(&RETRIED, [target], tally.retries as f64);
            out.push(&QUEUE_LENGTH, [target], length as f64);
            out.push(&QUEUE_BYTES, [target], bytes as f64);
            out.push(&LAST_SUCCESS, [target], tally.last_success);
        }
        out.push(&LOST, [], self.lost as f64);
    }
}
