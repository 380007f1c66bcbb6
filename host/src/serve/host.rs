//! Under which names the agent answers.
//!
//! A page on any site can point a name of its own at 127.0.0.1 (DNS rebinding); then the browser takes the agent for
//! that site. It can't do so without a name, so a request must name the agent by an address or by a name that the
//! operator listed.
//!
//! A listener that the operator has opened to others is asked by names that nobody lists: scrapers know machines by their
//! DNS names. Whoever can reach it may read there, so a name keeps no reader out, and reading (GET, HEAD) is for any. That
//! is a matter of the listener, not of the address by which it was reached: what 127.0.0.1 shows of a socket that listens
//! on 0.0.0.0 is what it shows to everybody. Only a page in a browser inside a network, and its author outside, could tell
//! a difference; against that there are passwords and certificates, as for every other reader. Whatever changes
//! something keeps the list, everywhere.
//!
//! The machine's own name is no name of somebody else's site, so it is good for reading everywhere. And where the agent
//! stands in for another one, which asks for no names, neither does reading: a proxy beside it hands on the name that its
//! client used.

use std::net::{Ipv4Addr, Ipv6Addr};

use hyper::header::HOST;
use hyper::http::request::Parts;
use hyper::{Method, StatusCode, Version};

use super::dispatch::Refusal;
use crate::settings::is_host_name;

/// The names under which requests are answered. IP addresses and `localhost` always are.
#[derive(Clone, Debug, Default)]
pub(crate) struct HostPolicy {
    names: Vec<String>,
    /// The machine's own name.
    own: Option<String>,
    /// No reader is asked, whichever listener it came by.
    stands_in: bool,
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
        let names = names.into_iter().map(|name| normalise(name.as_ref())).collect();
        HostPolicy { names, own: None, stands_in: false }
    }

    /// The same for an agent on a machine of this name, which stands in for another one or does not.
    pub(crate) fn for_readers(mut self, own: &str, stands_in: bool) -> Self {
        (self.own, self.stands_in) = (Some(normalise(own)), stands_in);
        self
    }

    /// The authority that the request is for, `None` for an HTTP/1.0 request that names none. `opened`: it came by a
    /// listener that the operator has opened to others.
    pub(super) fn check<'a>(&self, parts: &'a Parts, opened: bool) -> Result<Option<&'a str>, Refusal> {
        let reads = matches!(parts.method, Method::GET | Method::HEAD);
        let any = reads && (opened || self.stands_in);
        let mut headers = parts.headers.get_all(HOST).iter();
        let header = match (headers.next(), headers.next()) {
            (_, Some(_)) => return Err(malformed("more than one Host header".into())),
            (Some(header), None) => {
                let text = header.to_str().map_err(|_| malformed(format!("host {header:?} is not ASCII")))?;
                self.check_authority(text, reads, any)?;
                Some(text)
            }
            (None, None) if parts.version == Version::HTTP_10 => None,
            (None, None) => return Err(malformed("no Host header".into())),
        };
        // An absolute target overrides the header (RFC 9112, 3.2.2), so it has to pass too.
        match parts.uri.authority() {
            Some(authority) => {
                self.check_authority(authority.as_str(), reads, any)?;
                Ok(Some(authority.as_str()))
            }
            None => Ok(header),
        }
    }

    fn check_authority(&self, authority: &str, reads: bool, any: bool) -> Result<(), Refusal> {
        match self.allows(authority, reads) {
            Ok(()) => Ok(()),
            Err(Wrong::NotServed) if any => Ok(()),
            Err(Wrong::Malformed) => Err(malformed(format!("host {authority:?} is malformed"))),
            Err(Wrong::NotServed) => Err(Refusal::new(
                StatusCode::MISDIRECTED_REQUEST,
                format!("host {authority:?} is not served here"),
                "use an IP address or localhost, or list the name in the setting `hosts` of relink.toml \
                 or with --allow-host",
            )),
        }
    }

    fn allows(&self, authority: &str, reads: bool) -> Result<(), Wrong> {
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
        if !is_host_name(&name) {
            return Err(Wrong::Malformed);
        }
        let is_own = reads && self.own.as_ref() == Some(&name);
        if name == "localhost" || is_own || self.names.contains(&name) {
            Ok(())
        } else {
            Err(Wrong::NotServed)
        }
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
            assert_eq!(policy.allows(host, true), Ok(()), "{host}");
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
            assert_eq!(policy.allows(host, true), Err(Wrong::NotServed), "{host}");
        }
    }

    #[test]
    fn any_name_will_do_to_read_where_the_operator_has_opened_a_listener() {
        let policy = HostPolicy::new(["metrics.example"]);
        let status = |method: &str, target: &str, hosts: &[&str], opened| {
            let mut request = hyper::Request::builder().method(method).uri(target);
            for host in hosts {
                request = request.header(HOST, *host);
            }
            let (parts, ()) = request.body(()).unwrap().into_parts();
            policy.check(&parts, opened).map(|_| ()).map_err(|refusal| refusal.status.as_u16())
        };
        for host in
            ["web-1.internal", "web-1.internal:9100", "web_1", "evil.example", "127.0.0.1.evil.example"]
        {
            for method in ["GET", "HEAD"] {
                assert_eq!(status(method, "/", &[host], true), Ok(()), "{method} {host}");
                assert_eq!(status(method, "/", &[host], false), Err(421), "{method} {host}");
            }
            for method in ["PUT", "POST", "PATCH", "DELETE", "OPTIONS", "TRACE", "get", "PURGE"] {
                assert_eq!(status(method, "/", &[host], true), Err(421), "{method} {host}");
            }
        }
        // It is one, and well-formed, for readers as well.
        for hosts in
            [&[][..], &["a", "a"], &["a b"], &["user@a"], &["a:x"], &["[a]"], &[""], &["a,b"], &["a/"]]
        {
            assert_eq!(status("GET", "/", hosts, true), Err(400), "{hosts:?}");
        }
        assert_eq!(status("GET", "http://web-1.internal/", &["web-2.internal"], true), Ok(()));
        assert_eq!(status("GET", "http://web-1.internal/", &["web 2"], true), Err(400));
        assert_eq!(status("PUT", "http://web-1.internal/", &["localhost"], true), Err(421));
        assert_eq!(status("PUT", "/", &["METRICS.example."], true), Ok(()));
    }

    #[test]
    fn the_machines_own_name_is_for_readers() {
        let policy = HostPolicy::new(["metrics.example"]).for_readers("Web-1.Example", false);
        assert_eq!(policy.allows("web-1.example.:9100", true), Ok(()));
        assert_eq!(policy.allows("web-1.example", false), Err(Wrong::NotServed));
        assert_eq!(policy.allows("metrics.example", false), Ok(()));
    }

    #[test]
    fn an_agent_that_stands_in_asks_no_reader_for_a_name() {
        let policy = HostPolicy::default().for_readers("box", true);
        let check = |method: Method, host: &str| {
            let request = hyper::Request::builder().method(method).header(HOST, host).body(()).unwrap();
            policy.check(&request.into_parts().0, false).map(drop).map_err(|refusal| refusal.status)
        };
        assert_eq!(check(Method::GET, "node.example"), Ok(()));
        assert_eq!(check(Method::HEAD, "node.example"), Ok(()));
        assert_eq!(check(Method::PUT, "node.example"), Err(StatusCode::MISDIRECTED_REQUEST));
        assert_eq!(check(Method::GET, "node example"), Err(StatusCode::BAD_REQUEST));
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
            assert_eq!(policy.allows(host, true), Err(Wrong::Malformed), "{host:?}");
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
            if policy.allows(&text, true).is_ok() {
                passed.push(text);
            }
        }
        assert!(!passed.is_empty());
        for text in passed {
            let name = text.split(':').next().unwrap();
            assert!(["localhost", "localhost."].contains(&name) || text.starts_with('['), "{text:?} passed");
        }
    }

    #[test]
    fn fuzz_host() {
        let policy = HostPolicy::new(["metrics.example", "[::1]"]).for_readers("web-1", false);
        let seeds =
            ["metrics.example:8000", "[::1]:9100", "127.0.0.1", "web-1.", "user@xn--lcalhost-54a:65535"];
        let words = [":", "[", "]", ".", "@", "/", "%", "::", "é", " ", "\t", "localhost"];
        relink_fuzz::fuzz("host", &seeds, &words, |input| {
            let own = |authority: &str| policy.allows(authority, false).is_ok();
            let text = String::from_utf8_lossy(input);
            // What is allowed is an address, or ends in one of the names, whatever stands around it.
            if own(&text) {
                let name = text.to_ascii_lowercase();
                let is_ours = ["metrics.example", "localhost", "]"].iter().any(|ours| name.contains(ours))
                    || name.starts_with(|first: char| first.is_ascii_digit());
                assert!(is_ours, "{text:?}");
            }
            let mut request = hyper::Request::builder().uri("/");
            if let Ok(value) = hyper::header::HeaderValue::from_bytes(input) {
                request = request.header(HOST, value);
            }
            if let Ok(request) = request.body(()) {
                let _ = policy.check(&request.into_parts().0, true);
            }
        });
    }
}
