//! The addresses of NFS servers, out of `/proc/self/mountinfo`.

use relink_core::{Samples, Source};

/// The mounts of NFS, once they are asked for.
pub(super) struct Addresses<'a> {
    mountinfo: &'a mut Source,
    mounts: Option<Vec<Mounted>>,
}

struct Mounted {
    /// The line's number.
    at: usize,
    export: String,
    point: String,
    address: String,
}

impl<'a> Addresses<'a> {
    /// Nothing is read yet: a machine without NFS needs none of it.
    pub(super) fn new(mountinfo: &'a mut Source) -> Self {
        Addresses { mountinfo, mounts: None }
    }

    /// The address of a mount, or nothing. The kernel lists mounts in one order in both files; if one has come or gone in
    /// between, it is found by what is mounted where.
    pub(super) fn of(&mut self, at: usize, export: &str, point: &str, out: &mut Samples) -> String {
        let mounts = self.mounts.get_or_insert_with(|| match self.mountinfo.text() {
            Ok(text) => text.map_or(Vec::new(), |text| mounts(&text)),
            Err(why) => {
                out.warn(why.to_string());
                Vec::new()
            }
        });
        let same = |mount: &&Mounted| mount.export == export;
        let found = mounts.iter().find(|mount| mount.at == at).filter(same);
        let found = found.or_else(|| mounts.iter().filter(same).find(|mount| mount.point == point));
        found.map_or(String::new(), |mount| mount.address.clone())
    }
}

/// The mounts of NFS: lines such as `36 35 0:42 / /mnt rw shared:1 - nfs4 server:/export rw,vers=4.2,addr=192.0.2.1`. A line
/// of which no more can be understood than of that of another file system has no address here either.
fn mounts(text: &str) -> Vec<Mounted> {
    text.lines().enumerate().filter_map(|(at, line)| mounted(at, line)).collect()
}

fn mounted(at: usize, line: &str) -> Option<Mounted> {
    let (before, behind) = line.split_once(" - ")?;
    let point = before.split_ascii_whitespace().nth(4)?;
    let mut behind = behind.split_ascii_whitespace();
    behind.next().filter(|kind| matches!(*kind, "nfs" | "nfs4"))?;
    let (export, options) = (behind.next()?, behind.next()?);
    let address = options.split(',').filter_map(|option| option.strip_prefix("addr=")).next_back()?;
    Some(Mounted { at, export: export.to_owned(), point: point.to_owned(), address: address.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTINFO: &str = "\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro
30 22 0:42 / /mnt/a rw shared:144 - nfs4 s:/a rw,vers=4.0,clientaddr=192.0.2.5,addr=192.0.2.1,local_lock=none
31 22 0:43 / /mnt/b rw - nfs s:/a rw,vers=3,addr=fe80::1%eth0,mountaddr=192.0.2.9
32 22 0:44 / /mnt/c rw - nfs s:/c rw,vers=3
33
";

    #[test]
    fn an_address_is_that_of_the_line_or_of_what_is_mounted_there() {
        let tree = relink_testing::Tree::new().file("mountinfo", MOUNTINFO);
        let mut source = Source::new(tree.path().join("mountinfo"));
        let mut addresses = Addresses::new(&mut source);
        let mut out = Samples::new(&[], 0);
        let mut of = |at, export, point| addresses.of(at, export, point, &mut out);
        assert_eq!(of(1, "s:/a", "/mnt/a"), "192.0.2.1");
        assert_eq!(of(2, "s:/a", "/mnt/b"), "fe80::1%eth0");
        assert_eq!(of(2, "s:/a", "/mnt/a"), "fe80::1%eth0", "the same line");
        assert_eq!(of(5, "s:/a", "/mnt/b"), "fe80::1%eth0", "by the mount point");
        assert_eq!(of(3, "s:/c", "/mnt/c"), "", "no address");
        assert_eq!(of(1, "s:/other", "/mnt/a"), "", "another export");
        assert_eq!(of(0, "/dev/sda1", "/"), "");
        assert!(out.warnings().is_empty());
    }
}
