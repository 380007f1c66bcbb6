use relink_core::Family;

const LOAD: Family = Family::gauge("node load", "Load averages.").labels(&["__name__"]);

fn main() {
    println!("{}", LOAD.name());
}
