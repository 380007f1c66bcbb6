//! The addresses to listen on, as flags, variables and the file write them.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};

use relink_core::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The addresses to listen on, each once, and whether anybody has set them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Listen {
    addresses: Vec<SocketAddr>,
    is_set: bool,
}

impl Default for Listen {
    fn default() -> Self {
        Listen { addresses: vec![SocketAddr::from(([127, 0, 0, 1], 8000))], is_set: false }
    }
}

impl Listen {
    pub(crate) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Takes these in place of what was there. One that is named twice is one; of port 0 each is a port of its own.
    pub(crate) fn set(&mut self, addresses: &[SocketAddr]) {
        self.addresses.clear();
        for &address in addresses {
            if address.port() == 0 || !self.addresses.contains(&address) {
                self.addresses.push(address);
            }
        }
        self.is_set = true;
    }

    /// Takes this where nobody has set an address.
    pub(super) fn set_default(&mut self, address: SocketAddr) {
        if !self.is_set {
            self.addresses = vec![address];
        }
    }

    /// Where a client on this machine reaches an agent that listens there: at the loopback, if it is among them. `None`:
    /// the port is one that the agent was given.
    pub(crate) fn seen_from_here(&self) -> Option<SocketAddr> {
        let loopback = self.addresses.iter().find(|address| address.ip().is_loopback());
        let mut address = *loopback.or(self.addresses.first())?;
        if address.ip().is_unspecified() {
            // Also for `[::]`: it takes IPv4 as well, and on a kernel without IPv6 it is all addresses of IPv4.
            address.set_ip(Ipv4Addr::LOCALHOST.into());
        }
        (address.port() != 0).then_some(address)
    }

    /// Another of these addresses that can't be had beside `address`: the one is all addresses of the machine, and they
    /// have the same port.
    pub(crate) fn in_the_way_of(&self, address: SocketAddr) -> Option<SocketAddr> {
        let overlaps = |other: &&SocketAddr| {
            other.port() == address.port() && (other.ip().is_unspecified() || address.ip().is_unspecified())
        };
        self.addresses.iter().filter(|other| **other != address).find(overlaps).copied()
    }
}

/// Whether a socket that listens there can be reached from elsewhere.
pub(crate) fn is_opened(address: SocketAddr) -> bool {
    !address.ip().to_canonical().is_loopback()
}

/// Whether this can be the name of a host in a request, without a port.
pub(crate) fn is_host_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
}

/// Whether one of the names in `hosts` can never be one that a request has. A pattern is refused, and not read as one.
pub(super) fn check_hosts(hosts: &[String]) -> Result<(), Error> {
    let is_name = |name: &String| is_host_name(name) || name.parse::<IpAddr>().is_ok();
    let Some(wrong) = hosts.iter().find(|name| !is_name(name)) else { return Ok(()) };
    let error = Error::new(format!("hosts or --allow-host names {wrong:?}, expected the name of one host"));
    Err(error.hint(if wrong.contains('*') {
        "list each name: a pattern would let any web page point a name of its own at this agent and speak for you \
         (DNS rebinding); where other machines reach the agent, any name may read anyhow"
    } else {
        "write it without scheme and port, such as web-1.example"
    }))
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<_> = self.addresses.iter().map(SocketAddr::to_string).collect();
        f.write_str(&all.join(", "))
    }
}

impl Serialize for Listen {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.addresses.as_slice() {
            [one] => one.serialize(serializer),
            several => several.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Listen {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected an address or a list of addresses")]
        enum Texts {
            One(String),
            Several(Vec<String>),
        }
        let texts = match Texts::deserialize(from)? {
            Texts::One(text) => vec![text],
            Texts::Several(texts) if texts.is_empty() => {
                return Err(de::Error::custom("listen is an empty list, expected an address"));
            }
            Texts::Several(texts) => texts,
        };
        let addresses: Result<Vec<_>, _> = texts.iter().map(|text| address(text)).collect();
        let mut listen = Listen::default();
        listen.set(&addresses.map_err(de::Error::custom)?);
        Ok(listen)
    }
}

/// An address as Go writes it: a host's name may stand in it, `:9100` is that port on all addresses, and brackets may
/// be around an address of IPv4 as well.
pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    let wrong = |why: &str| {
        let expected = "expected an address and a port, such as 127.0.0.1:8000, [::1]:8000 or :8000";
        format!("{text:?} {why}; {expected}")
    };
    let (host, port) = text.rsplit_once(':').ok_or_else(|| wrong("has no port"))?;
    let is_number = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let port: u16 = port.parse().ok().filter(|_| is_number).ok_or_else(|| wrong("has no port at its end"))?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    if bare.is_none() && host.contains([':', '[', ']']) {
        return Err(wrong("needs brackets around its host"));
    }
    let host = bare.unwrap_or(host);
    if host.is_empty() {
        return Ok(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)));
    }
    // An address of IPv6 may name an interface, as fe80::1%eth0, and is for the resolver to read.
    if !host.contains(':') && !is_host_name(host) {
        return Err(wrong("has no name of a host"));
    }
    let found = look_up(host, port).map_err(|error| wrong(&error.to_string()))?;
    // Of a name's addresses Go takes one of IPv4 where there is one, and `localhost` has both.
    found.min_by_key(SocketAddr::is_ipv6).ok_or_else(|| wrong("has no address"))
}

#[cfg(not(test))]
fn look_up(host: &str, port: u16) -> io::Result<impl Iterator<Item = SocketAddr>> {
    (host, port).to_socket_addrs()
}

/// The same without a server that would have to be asked: a fuzz target writes many names.
#[cfg(test)]
fn look_up(host: &str, port: u16) -> io::Result<impl Iterator<Item = SocketAddr>> {
    if host != "localhost" && host.parse::<IpAddr>().is_err() {
        return Err(io::Error::other("no test looks a name up"));
    }
    (host, port).to_socket_addrs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loopback_address_is_not_opened_however_it_is_written() {
        for (address, opened) in [
            ("127.0.0.1:1", false),
            ("127.1.2.3:1", false),
            ("[::1]:1", false),
            ("[::ffff:127.0.0.1]:1", false),
            ("0.0.0.0:1", true),
            ("[::]:1", true),
            ("10.1.2.3:1", true),
            ("[::ffff:10.1.2.3]:1", true),
            ("[::ffff:0.0.0.0]:1", true),
            ("[fe80::1]:1", true),
        ] {
            assert_eq!(is_opened(address.parse().unwrap()), opened, "{address}");
        }
    }

    #[test]
    fn addresses_are_written_as_go_writes_them() {
        for (text, expected) in [
            ("127.0.0.1:1", "127.0.0.1:1"),
            (":9100", "[::]:9100"),
            ("[]:9100", "[::]:9100"),
            ("0.0.0.0:9100", "0.0.0.0:9100"),
            ("[0.0.0.0]:9100", "0.0.0.0:9100"),
            ("[10.1.2.3]:9100", "10.1.2.3:9100"),
            ("[127.0.0.1]:8100", "127.0.0.1:8100"),
            ("[::]:9100", "[::]:9100"),
            ("[::1]:0", "[::1]:0"),
            ("[2001:db8::7]:65535", "[2001:db8::7]:65535"),
            ("[::ffff:10.1.2.3]:1", "[::ffff:10.1.2.3]:1"),
            ("localhost:1", "127.0.0.1:1"),
            ("[localhost]:1", "127.0.0.1:1"),
        ] {
            assert_eq!(address(text).map(|address| address.to_string()).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_what_was_expected() {
        for wrong in [
            "",
            ":",
            ":x",
            ":+1",
            ":-1",
            ": 1",
            "9100",
            "localhost",
            "127.0.0.1",
            "127.0.0.1:",
            "127.0.0.1:65536",
            "::1:9100",
            "[::1]",
            "[::1:9100",
            "::1]:9100",
            "[[::1]]:9100",
            "[::1]x:9100",
            "[::1]:9100:1",
            "http://127.0.0.1:9100",
            "127.0.0.1:9100/metrics",
            "no such name.invalid:1",
        ] {
            let error = address(wrong).unwrap_err();
            assert!(
                error.contains("expected an address") && error.contains(&format!("{wrong:?}")),
                "{error}"
            );
        }
    }

    #[test]
    fn a_host_is_named_and_not_described() {
        let check = |name: &str| check_hosts(&["a".to_owned(), name.to_owned()]).map_err(|e| e.to_string());
        for name in ["web-1", "Metrics.Example.", "web_1", "10.1.2.3", "::1"] {
            assert_eq!(check(name), Ok(()), "{name}");
        }
        for (wrong, why) in [
            ("*", "DNS rebinding"),
            ("*.example", "DNS rebinding"),
            ("web-1:8000", "without scheme and port"),
            ("http://web-1", "without scheme and port"),
            ("", "without scheme and port"),
        ] {
            let error = check(wrong).unwrap_err();
            assert!(error.contains(&format!("names {wrong:?}")) && error.contains(why), "{error}");
        }
    }

    fn listen(toml: &str) -> Result<Listen, toml::de::Error> {
        #[derive(Deserialize)]
        struct File {
            listen: Listen,
        }
        toml::from_str(toml).map(|file: File| file.listen)
    }

    #[test]
    fn a_file_has_one_or_a_list_and_each_counts_once() {
        assert_eq!(listen("listen = \":1\"").unwrap().to_string(), "[::]:1");
        let several =
            "listen = [\"[127.0.0.1]:1\", \"127.0.0.1:0\", \"127.0.0.1:1\", \"127.0.0.1:0\", \"[::1]:1\"]";
        assert_eq!(listen(several).unwrap().to_string(), "127.0.0.1:1, 127.0.0.1:0, 127.0.0.1:0, [::1]:1");
        for (wrong, why) in [
            ("listen = []", "an empty list"),
            ("listen = 9100", "an address or a list"),
            ("listen = [\":1\", \"nonsense\"]", "\"nonsense\" has no port"),
        ] {
            let error = listen(wrong).unwrap_err().to_string();
            assert!(error.contains(why), "{wrong}: {error}");
        }
    }

    #[test]
    fn what_is_written_is_read_the_same() {
        for toml in ["listen = \"127.0.0.1:1\"", "listen = [\"127.0.0.1:1\", \"[::]:2\"]"] {
            let value = serde_json::to_value(listen(toml).unwrap()).unwrap();
            assert_eq!(serde_json::from_value::<Listen>(value).unwrap(), listen(toml).unwrap(), "{toml}");
        }
    }

    #[test]
    fn a_default_of_another_agent_yields_to_what_was_set() {
        let other = "[::]:9100".parse().unwrap();
        let mut unset = Listen::default();
        unset.set_default(other);
        assert_eq!(unset.addresses(), [other]);
        // Also one that says what the default is.
        let mut set = listen("listen = \"127.0.0.1:8000\"").unwrap();
        set.set_default(other);
        assert_eq!(set.to_string(), "127.0.0.1:8000");
    }

    #[test]
    fn an_address_within_another_is_found() {
        let listen =
            listen("listen = [\"0.0.0.0:1\", \"127.0.0.1:1\", \"127.0.0.1:2\", \":3\", \"0.0.0.0:3\"]")
                .unwrap();
        let other =
            |address: &str| listen.in_the_way_of(address.parse().unwrap()).map(|other| other.to_string());
        assert_eq!(other("127.0.0.1:1").as_deref(), Some("0.0.0.0:1"));
        assert_eq!(other("127.0.0.1:2"), None);
        assert_eq!(other("0.0.0.0:3").as_deref(), Some("[::]:3"));
    }
}
