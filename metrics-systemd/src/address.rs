//! Where systemd can be asked.

use std::ffi::OsStr;
use std::path::Path;

use relink_core::{Context, Error, Paths};
use rustix::net::SocketAddrUnix;

const VARIABLE: &str = "DBUS_SYSTEM_BUS_ADDRESS";
/// These are below the root.
const BUS: &str = "run/dbus/system_bus_socket";
const PRIVATE: &str = "run/systemd/private";

/// A socket that may be there.
pub(crate) struct Address {
    /// Its name in messages.
    pub(crate) shown: String,
    pub(crate) socket: SocketAddrUnix,
    /// Whether a bus listens there, which wants to be greeted, or systemd itself.
    pub(crate) is_bus: bool,
}

impl Address {
    fn file(path: &Path, is_bus: bool) -> Result<Self, Error> {
        let shown = path.display().to_string();
        let socket = SocketAddrUnix::new(path).context(&shown)?;
        Ok(Address { shown, socket, is_bus })
    }
}

/// Those to try, in this order. Root may ask systemd itself where there is no bus.
pub(crate) fn addresses(paths: &Paths, private_only: bool) -> Result<Vec<Address>, Error> {
    let private = || Address::file(&paths.rootfs.join(PRIVATE), false);
    if private_only {
        return Ok(vec![private()?]);
    }
    let mut all = match std::env::var_os(VARIABLE) {
        Some(text) if !text.is_empty() => of_variable(&text)?,
        _ => vec![Address::file(&paths.rootfs.join(BUS), true)?],
    };
    if rustix::process::geteuid().is_root() {
        all.push(private()?);
    }
    Ok(all)
}

/// Those of a list as in `unix:path=/run/bus;unix:abstract=bus,guid=0`, as far as they are sockets of this machine.
fn of_variable(text: &OsStr) -> Result<Vec<Address>, Error> {
    let text = text.to_string_lossy();
    let mut all = Vec::new();
    for one in text.split(';') {
        let pairs = one.strip_prefix("unix:").into_iter().flat_map(|pairs| pairs.split(','));
        for (key, value) in pairs.filter_map(|pair| pair.split_once('=')) {
            let socket = match key {
                "path" => SocketAddrUnix::new(unescaped(value)),
                "abstract" => SocketAddrUnix::new_abstract_name(&unescaped(value)),
                _ => continue,
            };
            let socket = socket.context(format_args!("{VARIABLE} is {text:?}"))?;
            all.push(Address { shown: one.to_owned(), socket, is_bus: true });
        }
    }
    if all.is_empty() {
        return Err(Error::new(format!("{VARIABLE} is {text:?}, expected unix:path=… or unix:abstract=…")));
    }
    Ok(all)
}

/// The bytes of a value in which `%2f` may stand for `/`.
fn unescaped(value: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = value.as_bytes();
    while let Some((byte, behind)) = rest.split_first() {
        let code =
            behind.get(..2).and_then(|code| u8::from_str_radix(std::str::from_utf8(code).ok()?, 16).ok());
        let (byte, length) = match code {
            Some(code) if *byte == b'%' => (code, 3),
            _ => (*byte, 1),
        };
        bytes.push(byte);
        rest = &rest[length..];
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Result<Vec<String>, Error> {
        Ok(of_variable(text.as_ref())?.iter().map(|one| format!("{:?}", one.socket)).collect())
    }

    #[test]
    fn the_variable_has_sockets_of_this_machine() {
        assert_eq!(shown("unix:path=/run/a%2Db%2").unwrap(), [r#""/run/a-b%2""#]);
        let several = shown("tcp:host=h,port=1;unix:guid=00,path=/a;unix:abstract=b;").unwrap();
        assert_eq!(several.len(), 2, "{several:?}");
        for bad in ["", ";", "unix:", "unix:runtime=yes", "tcp:host=localhost,port=1", "/run/bus"] {
            let error = shown(bad).unwrap_err();
            assert!(error.message().contains("expected unix:path="), "{bad}: {error}");
        }
        let long = shown(&format!("unix:path=/{}", "x".repeat(200))).unwrap_err().to_string();
        assert!(long.contains(VARIABLE) && long.contains("too long"), "{long}");
    }
}
