//! One request to a target, and what its answer means.
//!
//! The client is `ureq`: it blocks, so each target has a thread, which is there only when a target is configured. An
//! async client on the agent's runtime would need hyper's connections, pools, time-outs and TLS put together here, and
//! its handshakes would run on the one thread that answers scrapes. Proxies named in the environment are not used, and
//! redirections are not followed: what is sent goes where the configuration says.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use relink_core::Error;
use ureq::config::ConfigBuilder;
use ureq::tls::{RootCerts, TlsConfig};
use ureq::typestate::AgentScope;

use super::queue::Outcome;
use super::{otlp, remote_write};
use crate::settings::push::{Kind, Target, certificates};

/// How much of an answer is read.
const LARGEST_ANSWER: u64 = 64 << 10;
/// How much of an answer is logged.
const WORDS: usize = 400;

/// Sends to one target.
pub(super) struct Client {
    agent: ureq::Agent,
    target: Target,
}

/// What a target said.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) retry_after: Option<Duration>,
    pub(super) body: Vec<u8>,
}

impl Client {
    pub(super) fn new(target: &Target) -> Result<Self, Error> {
        let config = client(target.ca_file.as_deref())?
            .timeout_global(Some(*target.timeout))
            // Longer than most intervals, and shorter than a receiver keeps an idle connection.
            .max_idle_age(Duration::from_secs(50))
            .max_idle_connections(1);
        Ok(Client { agent: config.build().new_agent(), target: target.clone() })
    }

    /// Posts a body, and waits for the answer. An error is of the network, or of a file with a secret.
    pub(super) fn post(&self, body: &[u8]) -> Result<Answer, Error> {
        let mut request = self.agent.post(&self.target.url);
        let headers: &[_] = match self.target.kind {
            Kind::RemoteWrite => &remote_write::HEADERS,
            Kind::Otlp => &otlp::HEADERS,
        };
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        for (name, value) in &self.target.headers {
            request = request.header(name, value);
        }
        if let Some(authorization) = self.target.authorization()? {
            request = request.header("Authorization", authorization);
        }
        let mut answer = request.send(body)?;
        let retry_after = answer.headers().get("retry-after").and_then(|value| value.to_str().ok());
        let retry_after = retry_after.and_then(|value| wait(value, SystemTime::now()));
        let status = answer.status().as_u16();
        let body = answer.body_mut().with_config().limit(LARGEST_ANSWER).read_to_vec();
        // The status has said what matters; a body that is cut short or too long does not change it.
        Ok(Answer { status, retry_after, body: body.unwrap_or_default() })
    }
}

/// A client that asks whom it was told to ask, and takes what that says. It trusts who has signed these certificates, or
/// else whom the machine trusts.
pub(crate) fn client(ca_file: Option<&Path>) -> Result<ConfigBuilder<AgentScope>, Error> {
    let roots = match ca_file {
        Some(file) => RootCerts::new_with_certs(&certificates(file)?),
        None => RootCerts::PlatformVerifier,
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = TlsConfig::builder().root_certs(roots).unversioned_rustls_crypto_provider(provider).build();
    Ok(ureq::Agent::config_builder()
        .proxy(None)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .user_agent(concat!("relink/", env!("CARGO_PKG_VERSION")))
        .tls_config(tls))
}

/// The time of a `Retry-After`: seconds, or a date. One that has passed is 0; what is neither says nothing.
fn wait(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than a number has still ask for a long time.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let until = httpdate::parse_http_date(value).ok()?;
    Some(until.duration_since(now).unwrap_or_default())
}

impl Answer {
    /// What it means for the request. Remote write may be tried again after 429 and any 5xx; OTLP after four statuses
    /// only. Everything else would not be taken another time either.
    pub(super) fn outcome(&self, kind: Kind) -> Outcome {
        let again = match kind {
            Kind::RemoteWrite => self.status == 429 || self.status >= 500,
            Kind::Otlp => matches!(self.status, 429 | 502 | 503 | 504),
        };
        match self.status {
            200..=299 => Outcome::Delivered,
            _ if again => Outcome::Failed { retry_after: self.retry_after },
            _ => Outcome::Refused,
        }
    }

    /// The answer for the log: on one line, and not too long.
    pub(super) fn words(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        let words: Vec<_> = text.split_whitespace().collect();
        let words: String = words.join(" ").chars().filter(|c| !c.is_control()).take(WORDS).collect();
        format!("status {}: {}", self.status, if words.is_empty() { "no body" } else { &words })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16) -> Answer {
        Answer { status, retry_after: Some(Duration::from_secs(3)), body: Vec::new() }
    }

    #[test]
    fn what_is_sent_again_depends_on_the_protocol() {
        let again = Outcome::Failed { retry_after: Some(Duration::from_secs(3)) };
        for (status, remote_write, otlp) in [
            (200, Outcome::Delivered, Outcome::Delivered),
            (204, Outcome::Delivered, Outcome::Delivered),
            (301, Outcome::Refused, Outcome::Refused),
            (400, Outcome::Refused, Outcome::Refused),
            (401, Outcome::Refused, Outcome::Refused),
            (409, Outcome::Refused, Outcome::Refused),
            (413, Outcome::Refused, Outcome::Refused),
            (429, again, again),
            (500, again, Outcome::Refused),
            (501, again, Outcome::Refused),
            (502, again, again),
            (503, again, again),
            (504, again, again),
        ] {
            assert_eq!(answer(status).outcome(Kind::RemoteWrite), remote_write, "{status}");
            assert_eq!(answer(status).outcome(Kind::Otlp), otlp, "{status}");
        }
    }

    #[test]
    fn a_wait_is_seconds_or_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777 - 30);
        for (value, seconds) in [
            ("0", Some(0)),
            (" 120 ", Some(120)),
            ("18446744073709551615", Some(u64::MAX)),
            ("99999999999999999999999999", Some(u64::MAX)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(30)),
            ("Sun, 06 Nov 1994 08:49:00 GMT", Some(0)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(30)),
            ("Sun Nov  6 08:49:37 1994", Some(30)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some(252_618_189_052)),
            ("soon", None),
            ("-1", None),
            ("+1", None),
            ("1.5", None),
            ("1, 2", None),
            ("Sun, 06 Nov 1994 08:49:37 +0100", None),
            ("", None),
        ] {
            assert_eq!(wait(value, now), seconds.map(Duration::from_secs), "{value:?}");
        }
    }

    #[test]
    fn an_answer_is_logged_on_one_short_line() {
        let with = |body: &[u8]| Answer { status: 400, retry_after: None, body: body.into() }.words();
        assert_eq!(with(b"out of order\nsample\x1b[31m\n"), "status 400: out of order sample[31m");
        assert_eq!(with(b"\xff"), "status 400: \u{fffd}");
        assert_eq!(with(b""), "status 400: no body");
        assert!(with(&[b'x'; 10_000]).len() < 450);
    }
}
