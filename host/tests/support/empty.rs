//! An agent for the tests of loaded plugins: nothing is linked in.

use std::process::ExitCode;

fn main() -> ExitCode {
    relink_host::main()
}
