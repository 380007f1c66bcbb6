//! The plugin on trees of files, with a stand-in for systemd behind a socket, and behind a real bus.
#![cfg(target_os = "linux")]

use metrics_systemd as _;
use relink_testing::{Tree, collect, make, render, warnings};

#[test]
#[ignore]
fn by_hand() {
    let tree = Tree::new();
    let all = std::env::var("TRY").unwrap_or("{}".into());
    let mut code = make(&tree, "systemd", &all).unwrap();
    print!("{}", collect(&mut *code, "systemd").unwrap());
    let began = std::time::Instant::now();
    for _ in 0..100 {
        collect(&mut *code, "systemd").unwrap();
    }
    eprintln!("{:?} each", began.elapsed() / 100);
    eprintln!("{:?}", warnings(&tree, "systemd", &all));
    let _ = render;
}
