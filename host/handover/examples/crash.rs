//! A new version that crashes before it is ready.

fn main() {
    let _start = relink_handover::boot();
    std::process::abort();
}
