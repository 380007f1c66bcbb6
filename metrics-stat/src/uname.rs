//! The kernel's name, of which no file of procfs has all six parts: uname(2) answers for the namespace that the agent is
//! in. Other systems have no domain name, and show nothing.

use relink_core::{Collector, Error, Facts, Family, Paths, Samples};

pub(crate) const UNAME: Family =
    Family::gauge("node_uname_info", "Always 1; the labels say which kernel runs and on what (uname).")
        .labels(&["sysname", "release", "version", "machine", "nodename", "domainname"]);

pub(crate) struct Uname;

impl Uname {
    pub(crate) fn new(_: &Paths) -> Result<Self, Error> {
        Ok(Uname)
    }
}

#[cfg(target_os = "linux")]
impl Collector for Uname {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        let name = rustix::system::uname();
        let texts = [
            name.sysname(),
            name.release(),
            name.version(),
            name.machine(),
            name.nodename(),
            name.domainname(),
        ]
        .map(|text| text.to_string_lossy());
        out.push(&UNAME, texts.each_ref().map(AsRef::as_ref), 1.0);
        Ok(())
    }

    fn facts(&mut self, out: &mut Facts) -> Result<(), Error> {
        let name = rustix::system::uname();
        let [system, release, machine] =
            [name.sysname(), name.release(), name.machine()].map(|text| text.to_string_lossy());
        out.push("kernel", format!("{system} {release}, {machine}"));
        Ok(())
    }
}

#[cfg(not(target_os = "linux"))]
impl Collector for Uname {
    fn collect(&mut self, _: &mut Samples) -> Result<(), Error> {
        Ok(())
    }
}
