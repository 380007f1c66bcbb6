//! `/sys/class/net`: what netlink does not tell, or where there is no netlink, all of it.

use std::path::{Path, PathBuf};

use relink_core::{Context, Error, Unread};

use crate::families::{ATTRIBUTES, INTERFACE, STATISTICS, SYSFS_ONLY};
use crate::link::Link;

/// All interfaces, by name. Costs some forty files an interface.
pub(crate) fn read(
    folder: &Path,
    links: &mut Vec<Link>,
    ignores: impl Fn(&str) -> bool,
) -> Result<(), Error> {
    links.clear();
    let entries = std::fs::read_dir(folder).context(format_args!("reading {}", folder.display()))?;
    for entry in entries {
        let entry = entry.context(format_args!("reading {}", folder.display()))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // There are files as well, such as `bonding_masters`.
        if ignores(&name) || !entry.path().is_dir() {
            continue;
        }
        let mut link = Link { name, ..Link::default() };
        fill(&entry.path(), &mut link)?;
        links.push(link);
    }
    links.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(())
}

fn fill(folder: &Path, link: &mut Link) -> Result<(), Error> {
    let unread = &mut link.unread;
    for at in 0..SYSFS_ONLY {
        link.numbers[at] = read_attribute(folder, at, unread)?;
    }
    link.index = link.numbers[INTERFACE].unwrap_or(0) as u32;
    for (count, file) in link.counts.iter_mut().zip(STATISTICS) {
        let path = folder.join("statistics").join(file);
        *count = read_parsed(path, "a count", unread, |text| text.parse().ok())?;
    }
    link.address = unread.read(&folder.join("address")).unwrap_or_default();
    link.broadcast = unread.read(&folder.join("broadcast")).unwrap_or_default();
    link.state = unread.read(&folder.join("operstate")).unwrap_or_default();
    link.alias = unread.read(&folder.join("ifalias")).unwrap_or_default();
    read_rest(folder, link)
}

/// What netlink does not tell.
pub(crate) fn fill_rest(folder: &Path, link: &mut Link) -> Result<(), Error> {
    link.unread = Unread::default();
    read_rest(folder, link)
}

fn read_rest(folder: &Path, link: &mut Link) -> Result<(), Error> {
    let unread = &mut link.unread;
    for at in SYSFS_ONLY..ATTRIBUTES.len() {
        link.numbers[at] = read_attribute(folder, at, unread)?;
    }
    link.duplex = unread.read(&folder.join("duplex")).unwrap_or_default();
    Ok(())
}

fn read_attribute(folder: &Path, at: usize, unread: &mut Unread) -> Result<Option<i64>, Error> {
    // Some are hexadecimal.
    read_parsed(folder.join(ATTRIBUTES[at].file), "a number", unread, |text| match text.strip_prefix("0x") {
        Some(digits) => i64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    })
}

/// Nothing if there is no such file, or if the driver has no value for it.
fn read_parsed<T>(
    path: PathBuf,
    what: &str,
    unread: &mut Unread,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, Error> {
    let Some(text) = unread.read(&path) else { return Ok(None) };
    match parse(&text) {
        Some(value) => Ok(Some(value)),
        None => Err(Error::expected(what, &text).context(path.display())),
    }
}
