//! Which libraries this relink can use: any minor of its major, with tables as long as those of its first minor or longer.

use relink_core::Error;
use relink_core::abi::{CollectorTable, FamilyTable, MAJOR, OptionTable, PluginTable};

/// How long a [`PluginTable`] was in version 2.0, in bytes: no library's is shorter.
const FIRST_TABLE: usize = std::mem::offset_of!(PluginTable, collector_size) + size_of::<usize>();
/// How long a [`CollectorTable`] was in version 2.0, in bytes.
pub(super) const FIRST_COLLECTOR: usize =
    std::mem::offset_of!(CollectorTable, destroy) + size_of::<unsafe extern "C" fn()>();
/// How long a [`FamilyTable`] was in version 2.0, in bytes.
pub(super) const FIRST_FAMILY: usize =
    (std::mem::offset_of!(FamilyTable, kind) + size_of::<u32>()).next_multiple_of(align_of::<FamilyTable>());
/// How long an [`OptionTable`] was in version 2.0, in bytes.
pub(super) const FIRST_OPTION: usize =
    (std::mem::offset_of!(OptionTable, kind) + size_of::<u32>()).next_multiple_of(align_of::<OptionTable>());

#[cfg(target_pointer_width = "64")]
const _: () =
    assert!(FIRST_TABLE == 112 && FIRST_COLLECTOR == 120 && FIRST_FAMILY == 56 && FIRST_OPTION == 40);

/// Whether this relink can use a library of this version, whose table is `size` bytes long: any minor of the same
/// major, and any length from that of version 2.0 on.
pub fn accepts(major: u32, minor: u32, size: usize) -> Result<(), Error> {
    if major != MAJOR {
        return Err(rebuild(format!("was built for ABI {major}, this relink speaks ABI {MAJOR}")));
    }
    if size < FIRST_TABLE {
        return Err(rebuild(format!(
            "says ABI {major}.{minor} with a table of {size} bytes, which has {FIRST_TABLE} or more"
        )));
    }
    Ok(())
}

/// Whether the rows of a table, `what`, that lie `size` bytes apart can be read: from the length `first` of version 2.0 on,
/// and aligned. All of them hold addresses, and are aligned as those.
pub(super) fn accepts_rows(what: &str, size: usize, first: usize) -> Result<(), Error> {
    let align = align_of::<usize>();
    if size < first || !size.is_multiple_of(align) {
        return Err(rebuild(format!(
            "says that its {what} lie {size} bytes apart; a multiple of {align} is needed, {first} or more"
        )));
    }
    Ok(())
}

fn rebuild(message: String) -> Error {
    Error::new(message).hint("build it again with this relink's core: cargo xtask plugin build NAME")
}

#[cfg(test)]
mod tests {
    use super::*;
    use relink_core::abi::MINOR;

    #[test]
    fn another_major_is_refused_and_a_newer_minor_is_not() {
        for major in [0, 1, 3, u32::MAX] {
            let error = accepts(major, MINOR, FIRST_TABLE).unwrap_err();
            assert_eq!(error.message(), format!("was built for ABI {major}, this relink speaks ABI 2"));
            assert!(error.advice().unwrap().contains("cargo xtask plugin build"));
        }
        for minor in [0, MINOR, MINOR + 1, u32::MAX] {
            assert!(accepts(MAJOR, minor, FIRST_TABLE).is_ok(), "{minor}");
        }
    }

    #[test]
    fn a_longer_struct_is_accepted_and_a_shorter_one_is_not() {
        for size in [FIRST_TABLE, FIRST_TABLE + 1, size_of::<PluginTable>(), usize::MAX] {
            assert!(accepts(MAJOR, MINOR + 1, size).is_ok(), "{size}");
        }
        for size in [0, 16, FIRST_TABLE - 1] {
            let error = accepts(MAJOR, MINOR, size).unwrap_err();
            assert!(error.message().contains(&format!("a table of {size} bytes")), "{error}");
        }
        for size in [FIRST_FAMILY, FIRST_FAMILY + 8, size_of::<FamilyTable>()] {
            assert!(accepts_rows("families", size, FIRST_FAMILY).is_ok(), "{size}");
        }
        for size in [0, FIRST_FAMILY - 8, FIRST_FAMILY + 1] {
            assert!(accepts_rows("families", size, FIRST_FAMILY).is_err(), "{size}");
        }
    }
}
