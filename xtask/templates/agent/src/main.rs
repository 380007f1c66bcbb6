//! An agent of my own: relink's host with my plugins. A plugin crate is linked in by a line `use metrics_cpu as _;`.

mod load;

fn main() -> std::process::ExitCode {
    relink_host::main()
}
