//! Under which names the agent answers.
//!
//! A page on any site can point a name of its own at 127.0.0.1 (DNS rebinding); then the browser takes the agent for
//! that site. It can't do so without a name, so a request must name the agent by an address or by a name that the
//! operator listed.

use std::net::{Ipv4Addr, Ipv6Addr};

use hyper::StatusCode;
use hyper::Version;
use hyper::header::HOST;
use hyper::http::request::Parts;

use super::dispatch::Refusal;

/// The names under which requests are answered. IP addresses and `localhost` always are.
#[derive(Clone, Debug, Default)]
pub(crate) struct HostPolicy {
    names: Vec<String>,
}

/// Why an authority is not one of ours.
#[derive(Debug, PartialEq)]
enum Wrong {
    Malformed,
    NotServed,
}

impl HostPolicy {
    /// `names` come from the setting `hosts` and from `--allow-host`; case and a trailing dot don't matter.
    pub(crate) fn new(names: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        HostPolicy { names: names.into_iter().map(|name| normalise(name.as_ref())).collect() }
    }

    /// The authority that the request is for, `None` for an HTTP/1.0 request that names none.
    pub(super) fn check<'a>(&self, parts: &'a Parts) -> Result<Option<&'a str>, Refusal> {
        let mut headers = parts.headers.get_all(HOST).iter();
        let header = match (headers.next(), headers.next()) {
            (_, Some(_)) => return Err(malformed("more than one Host header".into())),
            (Some(header), None) => {
                let text = header.to_str().map_err(|_| malformed(format!("host {header:?} is not ASCII")))?;
                self.check_authority(text)?;
                Some(text)
            }
            (None, None) if parts.version == Version::HTTP_10 => None,
            (None, None) => return Err(malformed("no Host header".into())),
        };
        // An absolute target overrides the header (RFC 9112, 3.2.2), so it has to pass too.
        match parts.uri.authority() {
            Some(authority) => {
                self.check_authority(authority.as_str())?;
                Ok(Some(authority.as_str()))
            }
            None => Ok(header),
        }
    }

    fn check_authority(&self, authority: &str) -> Result<(), Refusal> {
        match self.allows(authority) {
            Ok(()) => Ok(()),
            Err(Wrong::Malformed) => Err(malformed(format!("host {authority:?} is malformed"))),
            Err(Wrong::NotServed) => Err(Refusal::new(
                StatusCode::MISDIRECTED_REQUEST,
                format!("host {authority:?} is not served here"),
                "use an IP address or localhost, or list the name in the setting `hosts` of relink.toml \
                 or with --allow-host",
            )),
        }
    }

    fn allows(&self, authority: &str) -> Result<(), Wrong> {
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => {
                let (address, port) = rest.split_once(']').ok_or(Wrong::Malformed)?;
                address.parse::<Ipv6Addr>().map_err(|_| Wrong::Malformed)?;
                ("", port)
            }
            None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
        };
        // Any port will do: a forwarded one is not the one that is listened on.
        let digits = port.strip_prefix(':');
        if !port.is_empty()
            && !digits.is_some_and(|port| port.parse::<u16>().is_ok() && !port.starts_with('+'))
        {
            return Err(Wrong::Malformed);
        }
        if authority.starts_with('[') || host.parse::<Ipv4Addr>().is_ok() {
            return Ok(());
        }
        let name = normalise(host);
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        if name.is_empty() || !name.bytes().all(legal) {
            return Err(Wrong::Malformed);
        }
        if name == "localhost" || self.names.contains(&name) { Ok(()) } else { Err(Wrong::NotServed) }
    }
}

fn normalise(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

fn malformed(error: String) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, error, "send one Host header, such as localhost:8000")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_localhost_and_listed_names_are_served() {
        let policy = HostPolicy::new(["Metrics.Example.", "box"]);
        for host in [
            "localhost",
            "LOCALHOST.",
            "localhost:8000",
            "127.0.0.1",
            "127.0.0.1:1",
            "[::1]",
            "[::1]:65535",
            "10.1.2.3:80",
            "[fe80::1]",
            "metrics.example",
            "METRICS.example.:8000",
            "box",
        ] {
            assert_eq!(policy.allows(host), Ok(()), "{host}");
        }
    }

    #[test]
    fn other_names_are_not_served() {
        let policy = HostPolicy::new(["metrics.example"]);
        for host in [
            "evil.example",
            "evil.example:8000",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "sub.metrics.example",
            "127.1",
            "0x7f.0.0.1",
            "2130706433",
            "localhost..",
            "xn--lcalhost-54a",
        ] {
            assert_eq!(policy.allows(host), Err(Wrong::NotServed), "{host}");
        }
    }

    #[test]
    fn nonsense_is_malformed() {
        let policy = HostPolicy::default();
        for host in [
            "",
            ".",
            ":",
            ":80",
            "localhost:",
            "localhost:x",
            "localhost:+1",
            "localhost:65536",
            "localhost:80:80",
            "::1",
            "[::1",
            "[::1]x",
            "[::1]:",
            "[localhost]",
            "[]",
            "user@localhost",
            "localhost/",
            "local host",
            "localhost,box",
            "localhost\u{0}",
            "löcalhost",
            "[fe80::1%25eth0]",
        ] {
            assert_eq!(policy.allows(host), Err(Wrong::Malformed), "{host:?}");
        }
    }

    #[test]
    fn odd_bytes_never_panic_nor_pass() {
        // Every mix of these, up to five long: what an authority is made of, and what it must not be made of.
        let alphabet = ["[", "]", ":", ".", "@", "1", "é", "%", "\u{0}", "localhost", "e"];
        let policy = HostPolicy::default();
        let mut passed = Vec::new();
        for mut number in 0..alphabet.len().pow(5) {
            let mut text = String::new();
            while number > 0 {
                text.push_str(alphabet[number % alphabet.len()]);
                number /= alphabet.len();
            }
            if policy.allows(&text).is_ok() {
                passed.push(text);
            }
        }
        assert!(!passed.is_empty());
        for text in passed {
            let name = text.split(':').next().unwrap();
            assert!(["localhost", "localhost."].contains(&name) || text.starts_with('['), "{text:?} passed");
        }
    }
}
