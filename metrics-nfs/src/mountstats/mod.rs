//! `/proc/self/mountstats`: how each mount of NFS is used.

mod addresses;
mod families;
mod mount;

use std::collections::HashSet;

use relink_core::{Collector, Error, Paths, Samples, Source};

use addresses::Addresses;
pub(crate) use families::FAMILIES;
use families::{INFO, OPERATIONS};
use mount::{Mount, counts, seconds};

pub(crate) struct Mountstats {
    mountstats: Source,
    mountinfo: Source,
}

impl Mountstats {
    pub(crate) fn new(paths: &Paths) -> Result<Self, Error> {
        let source = |file| Source::new(paths.procfs(file));
        Ok(Mountstats { mountstats: source("self/mountstats"), mountinfo: source("self/mountinfo") })
    }
}

impl Collector for Mountstats {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        let mut mounts = Mounts {
            addresses: Addresses::new(&mut self.mountinfo),
            count: 0,
            part: Part::None,
            exports: HashSet::new(),
            points: HashSet::new(),
        };
        let read = self.mountstats.lines(out, |line, out| mounts.read(line.trim_ascii(), out));
        mounts.end(out);
        read
    }
}

/// What was read of the file so far.
struct Mounts<'a> {
    addresses: Addresses<'a>,
    /// How many mounts there were, of whatever kind.
    count: usize,
    part: Part,
    /// Export, protocol and address of the mounts that are shown. A server shows the same under several mount points.
    exports: HashSet<[String; 3]>,
    /// The same with the mount point.
    points: HashSet<[String; 4]>,
}

/// Where in the file the next line is.
enum Part {
    /// In a mount of which nothing is shown, or before all.
    None,
    /// In a mount, before its operations.
    Mount(Box<Mount>),
    /// Among the operations of a mount, which are shown for these protocols.
    Operations(Box<Mount>, Vec<String>),
}

impl Mounts<'_> {
    fn read(&mut self, line: &str, out: &mut Samples) -> Result<(), Error> {
        if line.starts_with("device ") || line.starts_with("no device ") {
            self.end(out);
            self.count += 1;
            if let Some((export, point)) = Mount::of(line)? {
                let address = self.addresses.of(self.count - 1, export, point, out);
                self.part = Part::Mount(Box::new(Mount::new(export, point, address)));
            }
            return Ok(());
        }
        match &mut self.part {
            Part::Mount(_) if line.starts_with("per-op") => {
                self.show(out);
                Ok(())
            }
            Part::Mount(mount) => mount.read(line),
            Part::Operations(_, protocols) if protocols.is_empty() => Ok(()),
            Part::Operations(mount, protocols) => operation(line, mount, protocols, out),
            Part::None if self.count > 0 => Ok(()),
            Part::None => Err(Error::expected("a line that begins with device", line)),
        }
    }

    /// Ends a mount, which is shown now if it has no operations.
    fn end(&mut self, out: &mut Samples) {
        self.show(out);
        self.part = Part::None;
    }

    /// Shows what stands before the operations of a mount, once for each of its protocols. As with node_exporter a mount of
    /// what another one is of has only its mount point shown, and one without a transport nothing.
    fn show(&mut self, out: &mut Samples) {
        let Part::Mount(mount) = std::mem::replace(&mut self.part, Part::None) else { return };
        let mut protocols: Vec<String> = Vec::new();
        for transport in &mount.transports {
            let protocol = &transport.protocol;
            if protocols.contains(protocol) {
                continue;
            }
            let labels = [&mount.export, protocol, &mount.address, &mount.point];
            if self.points.insert(labels.map(String::clone)) {
                out.push(&INFO, labels.map(String::as_str), 1.0);
            }
            let [export, protocol, address, _] = labels.map(String::clone);
            if !self.exports.insert([export, protocol.clone(), address]) {
                break;
            }
            mount.push(&protocol, out);
            protocols.push(protocol);
        }
        self.part = Part::Operations(mount, protocols);
    }
}

/// A line such as `READ: 1298 1298 0 207680 1210292152 6 79386 79407`. Since Linux 5.3 the number of errors follows.
fn operation(line: &str, mount: &Mount, protocols: &[String], out: &mut Samples) -> Result<(), Error> {
    let (name, numbers) = line.split_once(' ').unwrap_or((line, ""));
    let numbers = counts(numbers, OPERATIONS.len())?;
    let name = name.strip_suffix(':').unwrap_or(name);
    for protocol in protocols {
        for (family, number) in OPERATIONS.iter().zip(&numbers) {
            let value = match family.unit() {
                "seconds" => seconds(*number) as f64 / 1000.0,
                _ => *number as f64,
            };
            out.push(family, [&mount.export, protocol, &mount.address, name], value);
        }
    }
    Ok(())
}
