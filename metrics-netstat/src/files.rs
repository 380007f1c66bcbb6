//! Collectors that read several files.

use relink_core::{Error, Samples};

/// Reads each file. `read` returns whether it showed something.
///
/// A file that can't be read, or of which nothing can be understood, is told, and the others are shown. If there is no
/// other, it is an error.
pub(crate) fn each<T>(
    files: impl IntoIterator<Item = T>,
    out: &mut Samples,
    mut read: impl FnMut(T, &mut Samples) -> Result<bool, Error>,
) -> Result<(), Error> {
    let (mut shown, mut first) = (false, None);
    for file in files {
        let warned = out.warned();
        match read(file, out) {
            Ok(found) => shown |= found,
            Err(why) => {
                // Of a file that could be read, each line is told already.
                if out.warned() == warned {
                    out.warn(why.to_string());
                }
                first = first.or(Some(why));
            }
        }
    }
    first.filter(|_| !shown).map_or(Ok(()), Err)
}
