//! What `/metrics` says of the push.

use relink_core::Samples;

use super::Push;
use super::lane::Figures;
use crate::own::SelfReport;
use crate::own::push::{
    DAMAGED, DROPPED, FAILED, LAST_SUCCESS, LOST, QUEUE_AGE, QUEUE_BYTES, QUEUE_LENGTH, QUEUE_ON_DISK,
    QUEUE_SAMPLES, RETRIED, SENT,
};

impl SelfReport for Push {
    fn report(&self, out: &mut Samples) {
        let now = super::unix_ms();
        for lane in &self.lanes {
            let Figures { tally, depth, oldest, on_disk } = lane.figures();
            let target = lane.name.as_str();
            out.push(&SENT, [target], tally.sent as f64);
            for (reason, count) in [
                ("queue_full", tally.full),
                ("too_old", tally.aged),
                ("damaged", tally.damaged),
                ("refused", tally.refused),
                ("rejected", tally.rejected),
            ] {
                out.push(&DROPPED, [target, reason], count as f64);
            }
            out.push(&FAILED, [target], tally.failures as f64);
            out.push(&RETRIED, [target], tally.retries as f64);
            out.push(&QUEUE_LENGTH, [target], depth.requests as f64);
            out.push(&QUEUE_BYTES, [target], depth.bytes as f64);
            out.push(&QUEUE_SAMPLES, [target], depth.samples as f64);
            let age = oldest.map_or(0, |oldest| now.saturating_sub(oldest));
            out.push(&QUEUE_AGE, [target], age as f64 / 1000.0);
            out.push(&QUEUE_ON_DISK, [target], f64::from(on_disk));
            out.push(&DAMAGED, [target], tally.damaged_bytes as f64);
            out.push(&LAST_SUCCESS, [target], tally.last_success);
        }
        out.push(&LOST, [], self.lost as f64);
    }
}
