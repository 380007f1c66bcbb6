//! Whose code the agent runs: files and folders that belong to root or to the agent's user, and that nobody else can
//! write, all the way up.

use std::fs::{File, Metadata};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use relink_core::{Context, Error};

use relink_handover::stage;

/// The mode bit of a folder in which each may only rename and remove what is their own, such as `/tmp`.
const STICKY: u32 = 0o1000;

/// Opens a library. What is checked is what was opened, so that nobody can exchange it in between.
pub(super) fn open(path: &Path) -> Result<File, Error> {
    let name = path.file_name().unwrap_or_default().as_bytes();
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-+".contains(byte);
    if !name.iter().all(is_plain) {
        return Err(Error::new(format!(
            "the file name {:?} has odd characters",
            path.file_name().unwrap_or_default()
        ))
        .hint("expected letters, digits, dots, dashes and underscores; rename it"));
    }
    let kind =
        std::fs::symlink_metadata(path).context(format_args!("looking at {}", path.display()))?.file_type();
    if kind.is_symlink() {
        return Err(Error::new(format!("{} is a symbolic link", path.display())).hint(format!(
            "put the file itself there: cp --remove-destination \"$(readlink -f {0})\" {0}",
            path.display()
        )));
    }
    if !kind.is_file() {
        return Err(
            Error::new(format!("{} is not a regular file", path.display())).hint("expected a library")
        );
    }
    let file = stage::open(path).context(format_args!("opening {}", path.display()))?;
    check(path, &file.metadata().context(format_args!("looking at {}", path.display()))?, false)?;
    Ok(file)
}

/// Checks a folder of plugins, and each folder above it.
pub(super) fn folder(dir: &Path) -> Result<(), Error> {
    let dir = std::path::absolute(dir).context(format_args!("plugin folder {}", dir.display()))?;
    for (depth, part) in dir.ancestors().enumerate() {
        let meta =
            std::fs::symlink_metadata(part).context(format_args!("plugin folder {}", part.display()))?;
        if meta.is_symlink() {
            return Err(Error::new(format!("{} is a symbolic link", part.display()))
                .hint("name the folder it leads to"));
        }
        if !meta.is_dir() {
            return Err(Error::new(format!("{} is not a folder", part.display())));
        }
        // In a sticky folder above, others can't replace what is ours; the folder of the plugins itself must not be one.
        check(part, &meta, depth > 0)?;
    }
    Ok(())
}

fn check(path: &Path, meta: &Metadata, may_be_sticky: bool) -> Result<(), Error> {
    let own = std::fs::metadata("/proc/self").context("asking who the agent runs as")?;
    judge(
        path,
        Owned { user: meta.uid(), group: meta.gid(), mode: meta.mode() },
        own.uid(),
        own.gid(),
        may_be_sticky,
    )
}

struct Owned {
    user: u32,
    group: u32,
    mode: u32,
}

fn judge(path: &Path, file: Owned, user: u32, group: u32, may_be_sticky: bool) -> Result<(), Error> {
    if file.user != 0 && file.user != user {
        return Err(Error::new(format!(
            "{} belongs to user {}, expected root or user {user}",
            path.display(),
            file.user
        ))
        .hint(format!("chown {user} {}", path.display())));
    }
    // Many systems give each user a group of their own, and let it write.
    let group_writes = file.mode & 0o020 != 0 && file.group != group && file.group != 0;
    let others_write = file.mode & 0o002 != 0;
    let sticky = may_be_sticky && file.mode & STICKY != 0;
    if (group_writes || others_write) && !sticky {
        let who = if others_write { "everybody" } else { "its group" };
        let mode = file.mode & 0o7777;
        return Err(Error::new(format!("{} can be written by {who} (mode {mode:o})", path.display()))
            .hint(format!("chmod go-w {}", path.display())));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(user: u32, group: u32, mode: u32, may_be_sticky: bool) -> bool {
        judge(Path::new("/x"), Owned { user, group, mode }, 1000, 1000, may_be_sticky).is_err()
    }

    #[test]
    fn only_root_and_the_agent_may_write() {
        assert!(!refused(1000, 1000, 0o644, false) && !refused(0, 0, 0o755, false));
        assert!(!refused(1000, 1000, 0o664, false), "the user's own group");
        assert!(refused(1000, 100, 0o664, false), "a group of others");
        assert!(refused(1000, 1000, 0o666, false) && refused(0, 0, 0o757, false));
        assert!(refused(1001, 1000, 0o600, false), "somebody else's");
        assert!(
            !refused(0, 0, 0o1777, true) && refused(0, 0, 0o1777, false),
            "/tmp above, and as the folder itself"
        );
    }

    #[test]
    fn links_folders_and_odd_names_are_no_libraries() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        std::fs::write(path("good.so"), "x").unwrap();
        std::os::unix::fs::symlink(path("good.so"), path("link.so")).unwrap();
        std::fs::create_dir(path("folder.so")).unwrap();
        assert!(open(&path("good.so")).is_ok());
        for (name, why) in [
            ("link.so", "symbolic link"),
            ("folder.so", "not a regular file"),
            ("a b.so", "odd characters"),
            ("gone.so", "No such file"),
        ] {
            let error = open(&path(name)).err().unwrap();
            assert!(error.message().contains(why), "{name}: {error}");
        }
        std::os::unix::fs::symlink(dir.path(), path("linked")).unwrap();
        assert!(folder(&path("linked")).unwrap_err().message().contains("symbolic link"));
        assert!(folder(dir.path()).is_ok());
    }
}
