//! An agent that runs, as `relink status` and `relink reload` ask it.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use relink_core::{Context, Error, registry};
use serde_json::Value;
use ureq::http::Uri;

use crate::agent::Agent;
use crate::agent::push::client;
use crate::http::caller::TOKEN;
use crate::plugins::linked::Built;
use crate::settings::Config;
use crate::settings::asked::Whom;
use crate::settings::cli::Settings;
use crate::settings::push::secret;

/// How long an answer may take that the agent gives at once.
const PATIENCE: Duration = Duration::from_secs(10);

/// The agent that was chosen.
pub(crate) struct Remote {
    client: ureq::Agent,
    /// Its URL, without a `/` at the end.
    pub(crate) url: String,
    headers: Vec<(&'static str, String)>,
}

/// What it answered.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Remote {
    pub(crate) fn new(whom: &Whom, settings: &Settings, built: Option<Built>) -> Result<Self, Error> {
        let url = match &whom.address {
            Some(address) => url_of(address)?,
            None => own_url(Config::load(settings, &Agent::known_plugins(built), &registry::plugins())?)?,
        };
        let mut headers = Vec::new();
        if let Some(file) = &whom.token_file {
            headers.push((TOKEN, secret(file).context("--token-file")?));
        }
        if let (Some(user), Some(file)) = (&whom.user, &whom.password_file) {
            let password = secret(file).context("--password-file")?;
            let pair = STANDARD.encode(format!("{user}:{password}"));
            headers.push(("Authorization", format!("Basic {pair}")));
        }
        let client = client(whom.ca_file.as_deref()).context("--ca-file")?.timeout_connect(Some(PATIENCE));
        Ok(Remote { client: client.build().new_agent(), url, headers })
    }

    pub(crate) fn get(&self, path: &str) -> Result<Answer, Error> {
        let mut request = self.client.get(format!("{}{path}", self.url));
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        self.told(request.config().timeout_global(Some(PATIENCE)).build().call())
    }

    /// Waits for the answer as long as it takes.
    pub(crate) fn put(&self, path: &str) -> Result<Answer, Error> {
        let mut request = self.client.put(format!("{}{path}", self.url));
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        self.told(request.send_empty())
    }

    fn told(&self, answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<Answer, Error> {
        let mut answer = answer.map_err(|error| unanswered(&self.url, error))?;
        let status = answer.status().as_u16();
        let text = answer.body_mut().read_to_string().unwrap_or_default();
        // What is no JSON is a sentence, such as that of `/-/ready`.
        let body =
            serde_json::from_slice(text.as_bytes()).unwrap_or_else(|_| Value::String(text.trim().to_owned()));
        Ok(Answer { status, body })
    }
}

impl Answer {
    /// The body of a success; else the agent's own words, and its hint.
    pub(crate) fn success(self) -> Result<Value, Error> {
        match self.status {
            200 if self.body.is_object() => Ok(self.body),
            _ => Err(self.refusal()),
        }
    }

    pub(crate) fn refusal(&self) -> Error {
        let word = |key: &str| self.body[key].as_str().unwrap_or_default();
        if word("error").is_empty() {
            let error = Error::new(format!("it answers {}, but not as a relink agent does", self.status));
            return error.hint("say with --address where the agent is");
        }
        let error = Error::new(format!("the agent answers {}: {}", self.status, harmless(word("error"))));
        match (self.status, word("hint")) {
            (401, hint) => error.hint(format!("{hint} (--token-file; --user and --password-file)")),
            (_, "") => error,
            (_, hint) => error.hint(hint),
        }
    }
}

fn unanswered(url: &str, error: ureq::Error) -> Error {
    // One that accepts and says nothing is no agent, or one in trouble: another one would not start at that address.
    if let ureq::Error::Timeout(_) = error {
        let seconds = PATIENCE.as_secs();
        return Error::new(format!("nothing at {url} has answered within {seconds} s"))
            .hint("say with --address where the agent is; one that runs and is silent tells why in its log");
    }
    let error = Error::from(error).context(format_args!("asking the agent at {url}"));
    error.hint("start one with `relink run`, or say with --address where it is")
}

/// An agent's words without control characters, with which a terminal can be driven.
pub(super) fn harmless(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && !matches!(c, '\n' | '\t') { '\u{fffd}' } else { c }).collect()
}

/// `host:port`, `:port`, or a URL without a path.
fn url_of(address: &str) -> Result<String, Error> {
    let url = match address {
        address if address.contains("://") => address.trim_end_matches('/').to_owned(),
        address if address.starts_with(':') => format!("http://127.0.0.1{address}"),
        address => format!("http://{address}"),
    };
    let is_plain = |uri: &Uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.path_and_query().is_none_or(|path| path.as_str() == "/")
            && uri.authority().is_some_and(|authority| match authority.port_u16() {
                Some(port) => authority.as_str() == format!("{}:{port}", authority.host()),
                None => authority.as_str() == authority.host(),
            })
    };
    if url.parse::<Uri>().is_ok_and(|uri| is_plain(&uri)) {
        return Ok(url);
    }
    Err(Error::new(format!(
        "--address is {address:?}, expected HOST:PORT, http://HOST:PORT or https://HOST:PORT"
    )))
}

/// Where an agent of this configuration listens.
fn own_url(config: Config) -> Result<String, Error> {
    let listen = config.listen.seen_from_here().ok_or_else(|| {
        Error::new("the agent took a free port (listen has port 0)")
            .hint("say which with --address; the agent has told it when it started")
    })?;
    let config =
        config.guarded().context("telling whether the agent speaks TLS (or say it with --address)")?;
    Ok(format!("{}://{listen}", config.scheme()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_url_or_short_for_one() {
        for (address, url) in [
            ("localhost:8000", "http://localhost:8000"),
            (":9100", "http://127.0.0.1:9100"),
            ("[::1]:8000", "http://[::1]:8000"),
            ("http://127.0.0.1:8000/", "http://127.0.0.1:8000"),
            ("https://node.example:9100", "https://node.example:9100"),
        ] {
            assert_eq!(url_of(address).unwrap(), url);
        }
        for wrong in
            ["", ":x", "ftp://localhost", "http://localhost:8000/metrics", "http://a@b", "a b", "http://"]
        {
            assert!(url_of(wrong).unwrap_err().to_string().contains("--address"), "{wrong:?}");
        }
    }

    #[test]
    fn who_is_no_agent_is_told_from_one_that_refuses() {
        let answer = |status, body| Answer { status, body };
        let other = answer(404, Value::String("<html>".into())).success().unwrap_err();
        assert!(other.to_string().contains("404, but not as a relink agent does"), "{other}");
        assert!(answer(200, Value::String("up 1".into())).success().is_err());
        let refused = serde_json::json!({ "error": "no\u{1b}[31m", "hint": "say please" });
        let refused = answer(403, refused).success().unwrap_err().to_string();
        assert_eq!(refused, "the agent answers 403: no\u{fffd}[31m; say please");
    }

    #[test]
    fn silence_is_told_from_nobody() {
        let silent = unanswered("http://a:1", ureq::Error::Timeout(ureq::Timeout::Global)).to_string();
        assert!(silent.starts_with("nothing at http://a:1 has answered within 10 s; say with"), "{silent}");
        let nobody = unanswered("http://a:1", ureq::Error::ConnectionFailed).to_string();
        assert!(nobody.starts_with("asking the agent at http://a:1: ") && nobody.contains("relink run"));
    }

    #[test]
    fn the_own_agent_is_asked_where_it_can_be_reached() {
        let of = |listen: &[&str]| {
            let mut config = Config::default();
            config.allow_remote = true;
            config.listen.set(&listen.iter().map(|address| address.parse().unwrap()).collect::<Vec<_>>());
            own_url(config)
        };
        let url = |listen: &str| of(&[listen]);
        assert_eq!(of(&["10.1.2.3:80", "127.0.0.1:9100"]).unwrap(), "http://127.0.0.1:9100");
        assert_eq!(url("127.0.0.1:8000").unwrap(), "http://127.0.0.1:8000");
        assert_eq!(url("0.0.0.0:9100").unwrap(), "http://127.0.0.1:9100");
        assert_eq!(url("[::]:9100").unwrap(), "http://127.0.0.1:9100");
        assert!(url("127.0.0.1:0").unwrap_err().to_string().contains("--address"));
    }
}
