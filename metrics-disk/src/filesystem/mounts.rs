//! The text of mountinfo, as in `27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard`.

use relink_core::{Context, Error};

/// File systems whose statvfs(3) is answered by this machine alone. All others may wait for another machine or for a
/// program, and so may never answer.
const LOCAL: [&str; 49] = [
    "bcachefs",
    "binfmt_misc",
    "bpf",
    "btrfs",
    "cgroup",
    "cgroup2",
    "configfs",
    "cramfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "efivarfs",
    "erofs",
    "exfat",
    "ext2",
    "ext3",
    "ext4",
    "f2fs",
    "fusectl",
    "hfs",
    "hfsplus",
    "hugetlbfs",
    "iso9660",
    "jffs2",
    "jfs",
    "mqueue",
    "msdos",
    "nilfs2",
    "nsfs",
    "ntfs",
    "ntfs3",
    "overlay",
    "proc",
    "pstore",
    "ramfs",
    "reiserfs",
    "rootfs",
    "rpc_pipefs",
    "securityfs",
    "selinuxfs",
    "squashfs",
    "sysfs",
    "tmpfs",
    "tracefs",
    "ubifs",
    "udf",
    "vfat",
    "xfs",
    "zfs",
];

/// One mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// The kernel's number of this mount: another one after it was unmounted and mounted again.
    pub(crate) id: u32,
    pub(crate) major: u32,
    pub(crate) minor: u32,
    /// A path, which need not be UTF-8.
    pub(crate) mount_point: Vec<u8>,
    pub(crate) fstype: String,
    pub(crate) device: String,
    /// Whether the mount is read-only: this one, in the namespace whose mountinfo it is.
    pub(crate) mount_readonly: bool,
    /// Whether the file system is read-only, wherever it is mounted.
    pub(crate) super_readonly: bool,
    /// Whether asking for its size may wait for ever.
    pub(crate) suspect: bool,
}

impl Line {
    /// Whether it is the same mount of the same file system; the number of one that is gone is given to another.
    pub(crate) fn is_same_as(&self, other: &Line) -> bool {
        let key = |line: &Line| (line.id, line.major, line.minor, line.suspect);
        key(self) == key(other) && self.fstype == other.fstype && self.device == other.device
    }
}

/// All mounts, in the order in which they were mounted. A line that makes no sense is passed over, and noted in `odd`; if
/// that is so for each line, it is an error.
pub(crate) fn parse(text: &[u8], odd: &mut Vec<Error>) -> Result<Vec<Line>, Error> {
    let mut lines = Vec::new();
    for (at, line) in text.split(|&byte| byte == b'\n').enumerate().filter(|(_, line)| !line.is_empty()) {
        match parse_line(line).context(format_args!("line {}", at + 1)) {
            Ok(line) => lines.push(line),
            Err(why) => odd.push(why),
        }
    }
    if lines.is_empty() {
        let empty = || Error::new("the file is empty, expected a line for each mount");
        return Err(odd.first().cloned().unwrap_or_else(empty));
    }
    mark_suspects(&mut lines);
    Ok(lines)
}

fn parse_line(line: &[u8]) -> Result<Line, Error> {
    let wrong = || {
        let line: String = String::from_utf8_lossy(line).chars().take(60).collect();
        Error::new(format!(
            "expected a mount such as \"27 1 8:1 / /home rw - ext4 /dev/sda1 rw\", found {line:?}"
        ))
    };
    // One space ends a field; a device without a name is an empty field.
    let mut fields = line.split(|&byte| byte == b' ');
    let mut next = || fields.next().ok_or_else(wrong);
    let id = number(next()?).ok_or_else(wrong)?;
    let _parent: u32 = number(next()?).ok_or_else(wrong)?;
    let device_number = next()?;
    let colon = device_number.iter().position(|&byte| byte == b':').ok_or_else(wrong)?;
    let major = number(&device_number[..colon]).ok_or_else(wrong)?;
    let minor = number(&device_number[colon + 1..]).ok_or_else(wrong)?;
    let _root = next()?;
    let mount_point = unescape(next()?);
    let options = next()?;
    // Fields such as shared:1 may stand before the dash.
    while next()? != b"-" {}
    let fstype = text(next()?);
    let device = text(next()?);
    if !mount_point.starts_with(b"/") || fstype.is_empty() {
        return Err(wrong());
    }
    // Options of the file system may have unescaped spaces, and so be several fields.
    let super_readonly = fields.any(is_readonly);
    let mount_readonly = is_readonly(options);
    Ok(Line { id, major, minor, mount_point, fstype, device, mount_readonly, super_readonly, suspect: false })
}

/// Marks the file systems that are not local, and what is mounted below one of them: the way there leads through it.
fn mark_suspects(lines: &mut [Line]) {
    let remote: Vec<Vec<u8>> = lines
        .iter()
        .filter(|line| !LOCAL.contains(&line.fstype.as_str()))
        .map(|line| line.mount_point.clone())
        .collect();
    for line in lines {
        line.suspect = remote.iter().any(|parent| is_below(&line.mount_point, parent));
    }
}

/// Whether a path is a folder or something in it.
fn is_below(path: &[u8], folder: &[u8]) -> bool {
    strip(path, folder).is_some()
}

/// What remains of a path below a folder: nothing or something that begins with a slash.
pub(crate) fn strip<'a>(path: &'a [u8], folder: &[u8]) -> Option<&'a [u8]> {
    let folder = folder.strip_suffix(b"/").unwrap_or(folder);
    path.strip_prefix(folder).filter(|rest| rest.is_empty() || rest.starts_with(b"/"))
}

/// ext4 that met an error since Linux 6.15 is no longer `ro` but `emergency_ro`.
fn is_readonly(options: &[u8]) -> bool {
    options.split(|&byte| byte == b',').any(|option| option == b"ro" || option == b"emergency_ro")
}

fn number(digits: &[u8]) -> Option<u32> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn text(field: &[u8]) -> String {
    String::from_utf8_lossy(&unescape(field)).into_owned()
}

/// Undoes the kernel's escapes: a backslash and three octal digits stand for a byte.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&first, after)) = rest.split_first() {
        match (first, after) {
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', behind @ ..]) => {
                bytes.push((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'));
                rest = behind;
            }
            _ => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &[u8]) -> Vec<Line> {
        let mut odd = Vec::new();
        let lines = parse(text, &mut odd).unwrap();
        assert_eq!(odd, []);
        lines
    }

    fn one(line: &str) -> Line {
        all(line.as_bytes()).remove(0)
    }

    #[test]
    fn the_fields_of_a_line() {
        let line =
            one("36 35 98:10 /mnt1 /mnt2 rw,noatime master:1 shared:2 - ext3 /dev/root rw,errors=continue\n");
        assert_eq!(
            line,
            Line {
                id: 36,
                major: 98,
                minor: 10,
                mount_point: b"/mnt2".to_vec(),
                fstype: "ext3".into(),
                device: "/dev/root".into(),
                mount_readonly: false,
                super_readonly: false,
                suspect: false,
            }
        );
        assert_eq!(one("1 1 0:1 / /a rw - tmpfs  rw").device, "", "a device without a name");
        assert_eq!(one("1 1 0:1 / /a rw - - - rw").fstype, "-");
    }

    #[test]
    fn escapes_are_undone() {
        assert_eq!(
            one(r"1 1 0:1 / /a\040b\011c\012d\134e\043 rw - ext4 /dev/x rw").mount_point,
            b"/a b\tc\nd\\e#"
        );
        assert_eq!(one(r"1 1 0:1 / /a rw - cifs //host/my\040share rw").device, "//host/my share");
        assert_eq!(unescape(br"\04"), br"\04", "no escape");
        assert_eq!(unescape(br"\400\8\"), br"\400\8\", "no byte");
        assert_eq!(unescape(br"\134040"), br"\040", "undone once");
        assert_eq!(unescape(br"\303\251"), "é".as_bytes());
    }

    #[test]
    fn mount_and_file_system_say_apart_whether_they_are_read_only() {
        let said = |line: &str| {
            let line = one(line);
            (line.mount_readonly, line.super_readonly)
        };
        assert_eq!(said("1 1 0:1 / /a ro,relatime - ext4 /dev/x rw"), (true, false));
        assert_eq!(said("1 1 0:1 / /a rw - ext4 /dev/x ro"), (false, true));
        assert_eq!(said("1 1 0:1 / /a rw - ext4 /dev/x rw,emergency_ro"), (false, true));
        assert_eq!(said("1 1 0:1 / /a rw - 9p x rw,path=C:\\a b,ro"), (false, true));
        assert_eq!(said("1 1 0:1 / /ro rw - ext4 ro rw,errors=remount-ro"), (false, false));
    }

    #[test]
    fn what_may_hang_and_what_lies_behind_it_is_suspect() {
        let text = b"1 1 0:1 / / rw - ext4 a rw\n2 1 0:2 / /net rw - nfs4 b rw\n3 1 0:3 / /net/local rw - xfs c rw\n\
            4 1 0:4 / /network rw - xfs d rw\n5 1 0:5 / /x rw - fuse.sshfs e rw\n6 1 0:6 / /y rw - newfs f rw\n";
        let suspects: Vec<bool> = all(text).iter().map(|line| line.suspect).collect();
        assert_eq!(suspects, [false, true, true, false, true, true]);
        let root = b"1 1 0:1 / / rw - 9p a rw\n2 1 0:2 / /home rw - xfs b rw\n";
        assert!(all(root).iter().all(|line| line.suspect));
    }

    #[test]
    fn an_odd_line_is_told_and_the_others_count() {
        let good = "1 1 0:1 / / rw - ext4 a rw\n";
        for bad in [
            "junk",
            "x 1 0:1 / / rw - ext4 a rw",
            "1 1 01 / / rw - ext4 a rw",
            "1 1 0:1 / / rw ext4 a rw",
            "1 1 0:1 / / rw - ext4",
            "1 1 0:99999999999 / / rw - ext4 a rw",
            "1 1 0:1 / home rw - ext4 a rw",
        ] {
            let mut odd = Vec::new();
            let lines = parse(format!("{good}{bad}\n{good}").as_bytes(), &mut odd).unwrap();
            assert_eq!((lines.len(), odd.len()), (2, 1), "{bad}");
            assert!(odd[0].message().starts_with("line 2: expected a mount such as"), "{bad}: {odd:?}");
            let alone = parse(bad.as_bytes(), &mut Vec::new()).unwrap_err();
            assert!(alone.message().starts_with("line 1: expected a mount such as"), "{bad}: {alone}");
        }
        let refused = |text: &[u8]| parse(text, &mut Vec::new()).unwrap_err().to_string();
        assert!(refused(b"").starts_with("the file is empty"));
        assert!(refused(&[0xff; 9000]).len() < 400);
    }
}
