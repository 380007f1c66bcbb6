use relink_core::Family;

const READS: Family = Family::counter("node_disk_reads_completed", "Reads.");

fn main() {
    println!("{}", READS.name());
}
