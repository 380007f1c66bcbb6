//! `[push]`: what is pushed, and to which targets.

mod files;

pub(crate) use files::{certificates, secret};

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use relink_core::{Context, Error};
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use ureq::http::{HeaderName, HeaderValue, Uri};

use super::Seconds;

/// All queues in memory together may not take more: they go over in the hand-over, and copying them is part of the pause.
const LARGEST_QUEUES: usize = 32 << 20;

/// With less, one large request would fill it.
const SMALLEST_DISK: u64 = 1 << 20;

/// `[push]`: every collection goes to each of the targets.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    /// Seconds from one collection to the next.
    pub(crate) interval: Seconds<15_000, 100, 3_600_000>,
    /// Where undelivered requests are kept on disk, a folder for each target; an empty text keeps them in memory only.
    /// When absent, below the folder that systemd gives the unit for its state, if it does.
    dir: Option<PathBuf>,
    /// How many bytes they may take on disk, for each target.
    pub(crate) disk_bytes: u64,
    /// How many bytes of undelivered requests are kept in memory for each target: all, or those that can't be on disk.
    pub(crate) queue_bytes: usize,
    /// Seconds after which an undelivered request is dropped.
    pub(crate) queue_age: Seconds<604_800_000, 1_000, 31_536_000_000>,
    /// Seconds of collections that a power cut may cost, beside the last one; 0 has each on disk for sure.
    pub(crate) sync_interval: Seconds<0, 0, 3_600_000>,
    /// How many times faster than they were made collections go out when many wait.
    pub(crate) catch_up: u32,
    /// Seconds that the last delivery may take when the agent ends.
    pub(crate) flush_timeout: Seconds<2_000, 0, 3_600_000>,
    /// Labels of all series, as a scraper would add them; `job` and `instance` have defaults.
    pub(crate) labels: BTreeMap<String, String>,
    /// `[[push.target]]`
    #[serde(rename = "target", skip_serializing_if = "Vec::is_empty")]
    pub(crate) targets: Vec<Target>,
}

/// `[[push.target]]`: where collections go.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Target {
    /// The name on `/metrics` and in the log, and under which the queue is handed over at a reload; the URL's host and
    /// port when absent.
    #[serde(default)]
    name: Option<String>,
    /// The protocol.
    pub(crate) kind: Kind,
    /// Where to post to.
    pub(crate) url: String,
    /// Seconds that a request may take.
    #[serde(default)]
    pub(crate) timeout: Seconds<10_000, 10, 3_600_000>,
    /// Seconds to wait before a failed request is sent again; doubled from one failure to the next.
    #[serde(default)]
    pub(crate) min_backoff: Seconds<1_000, 10, 3_600_000>,
    /// The longest that this wait becomes.
    #[serde(default)]
    pub(crate) max_backoff: Seconds<30_000, 10, 3_600_000>,
    /// Further headers of each request.
    #[serde(default, serialize_with = "names_only")]
    pub(crate) headers: BTreeMap<String, String>,
    /// A file with a bearer token, read again for each request.
    #[serde(default)]
    pub(crate) bearer_token_file: Option<PathBuf>,
    /// User and password.
    #[serde(default)]
    pub(crate) basic_auth: Option<BasicAuth>,
    /// Certificates (PEM) to trust in place of the machine's.
    #[serde(default)]
    pub(crate) ca_file: Option<PathBuf>,
}

/// `basic_auth`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BasicAuth {
    pub(crate) username: String,
    /// A file with the password, read again for each request.
    pub(crate) password_file: PathBuf,
}

/// The protocol of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// Prometheus remote write 1.0.
    RemoteWrite,
    /// OTLP over HTTP, in protobuf.
    Otlp,
}

/// A header may hold a secret, and `relink check` shows settings.
fn names_only<S: Serializer>(headers: &BTreeMap<String, String>, to: S) -> Result<S::Ok, S::Error> {
    let mut map = to.serialize_map(Some(headers.len()))?;
    for name in headers.keys() {
        map.serialize_entry(name, "(not shown)")?;
    }
    map.end()
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            interval: Seconds::default(),
            dir: None,
            disk_bytes: 256 << 20,
            queue_bytes: 4 << 20,
            queue_age: Seconds::default(),
            sync_interval: Seconds::default(),
            catch_up: 100,
            flush_timeout: Seconds::default(),
            labels: BTreeMap::new(),
            targets: Vec::new(),
        }
    }
}

impl Settings {
    /// The labels of all series, the defaults included.
    pub(crate) fn all_labels(&self) -> BTreeMap<String, String> {
        let mut labels = self.labels.clone();
        labels.entry("job".to_owned()).or_insert_with(|| "node".to_owned());
        labels.entry("instance".to_owned()).or_insert_with(host_name);
        labels
    }

    /// Where undelivered requests are kept on disk, if they are.
    pub(crate) fn folder(&self) -> Option<PathBuf> {
        match &self.dir {
            Some(dir) => Some(dir.clone()).filter(|dir| !dir.as_os_str().is_empty()),
            None => {
                let state = std::env::var_os("STATE_DIRECTORY").filter(|state| !state.is_empty())?;
                // Of several folders, the first.
                std::env::split_paths(&state).next().map(|folder| folder.join("push"))
            }
        }
    }

    /// How long to wait between two requests when many wait.
    pub(crate) fn pace(&self) -> Duration {
        *self.interval / self.catch_up.max(1)
    }

    /// Whether all of it can be used.
    pub(crate) fn check(&self, origin: &str) -> Result<(), Error> {
        let problem = |what: String| Error::new(format!("{origin}: [push] {what}"));
        if self.queue_bytes.saturating_mul(self.targets.len()) > LARGEST_QUEUES {
            let (bytes, targets) = (self.queue_bytes, self.targets.len());
            return Err(problem(format!(
                "queue_bytes is {bytes} for each of {targets} targets, expected {LARGEST_QUEUES} at most together"
            )));
        }
        if self.disk_bytes < SMALLEST_DISK {
            let bytes = self.disk_bytes;
            return Err(problem(format!("disk_bytes is {bytes}, expected {SMALLEST_DISK} or more")));
        }
        if self.catch_up < 2 {
            let times = self.catch_up;
            return Err(problem(format!(
                "catch_up is {times}, expected 2 or more: with less, no queue becomes shorter"
            )));
        }
        for (name, value) in &self.labels {
            if let Some(why) = bad_label(name, value) {
                return Err(problem(format!("labels: {name} = {value:?}: {why}")));
            }
        }
        let mut names = BTreeSet::new();
        for target in &self.targets {
            target.check().map_err(|error| {
                error.context(format_args!("{origin}: [[push.target]] {}", target.name()))
            })?;
            if !names.insert(target.name()) {
                let error = problem(format!("two targets are called {:?}", target.name()));
                return Err(error.hint("give each a name of its own: name = \"…\""));
            }
        }
        Ok(())
    }
}

/// Why a label can't be one, if so.
fn bad_label(name: &str, value: &str) -> Option<&'static str> {
    let mut bytes = name.bytes();
    let begins = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    if !begins || !bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Some("a label's name is made of a-z, A-Z, 0-9 and _, and does not begin with a digit");
    }
    if name.starts_with("__") {
        return Some("label names that begin with __ are Prometheus' own");
    }
    value.is_empty().then_some("a label can't be empty")
}

/// Headers that the protocol or the other settings determine.
const OWN_HEADERS: [&str; 8] = [
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "host",
    "transfer-encoding",
    "x-prometheus-remote-write-version",
];

impl Target {
    /// Its name.
    pub(crate) fn name(&self) -> String {
        let named = self.name.clone().filter(|name| !name.is_empty());
        let uri = || Some(self.url.parse::<Uri>().ok()?.authority()?.to_string());
        named.or_else(uri).unwrap_or_else(|| self.url.clone())
    }

    fn check(&self) -> Result<(), Error> {
        let uri: Uri = self.url.parse().context(format_args!("url {:?}", self.url))?;
        let authority = uri.authority().map(ToString::to_string).unwrap_or_default();
        if !matches!(uri.scheme_str(), Some("http" | "https")) || authority.is_empty() {
            return Err(Error::new(format!("url is {:?}, expected http://… or https://…", self.url)));
        }
        if authority.contains('@') {
            return Err(Error::new("url holds a password, which would be shown in logs")
                .hint("use basic_auth = { username = \"…\", password_file = \"…\" }"));
        }
        if *self.max_backoff < *self.min_backoff {
            let (min, max) = (self.min_backoff.as_secs_f64(), self.max_backoff.as_secs_f64());
            return Err(Error::new(format!("max_backoff is {max}, less than min_backoff, which is {min}")));
        }
        for (name, value) in &self.headers {
            let known = HeaderName::try_from(name).context(format_args!("headers: {name:?}"))?;
            HeaderValue::try_from(value).context(format_args!("headers: the value of {name}"))?;
            if OWN_HEADERS.contains(&known.as_str()) {
                return Err(Error::new(format!("headers: {name} can't be set here"))
                    .hint("bearer_token_file and basic_auth make the header Authorization"));
            }
        }
        if self.bearer_token_file.is_some() && self.basic_auth.is_some() {
            return Err(Error::new("bearer_token_file and basic_auth are both set, expected one of them"));
        }
        // A file that can't be used is better known at the start than from the log.
        self.ca_file.as_deref().map(certificates).transpose()?;
        self.authorization().map(drop)
    }
}

/// What this machine calls itself.
pub(crate) fn host_name() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    if name.is_empty() { "localhost".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(toml: &str) -> Result<Settings, String> {
        let settings: Settings = toml::from_str(toml).map_err(|error| error.to_string())?;
        settings.check("relink.toml").map_err(|error| error.to_string())?;
        Ok(settings)
    }

    #[test]
    fn a_target_needs_a_kind_and_a_url_and_has_defaults_for_the_rest() {
        let settings = check(
            "[[target]]\nkind = \"remote_write\"\nurl = \"http://localhost:9090/api/v1/write\"\n\
             [[target]]\nkind = \"otlp\"\nurl = \"https://otel:4318/v1/metrics\"\nname = \"otel\"",
        )
        .unwrap();
        assert_eq!(settings.targets[0].name(), "localhost:9090");
        assert_eq!(settings.targets[1].name(), "otel");
        assert_eq!(settings.targets[1].kind, Kind::Otlp);
        assert_eq!(settings.all_labels()["job"], "node");
        assert_eq!(settings.all_labels()["instance"], host_name());
        assert!(!host_name().is_empty());
        assert!(check("").unwrap().targets.is_empty());
    }

    #[test]
    fn the_folder_is_what_is_set_and_an_empty_one_is_none() {
        assert_eq!(check("dir = \"/var/lib/q\"").unwrap().folder(), Some("/var/lib/q".into()));
        assert_eq!(check("dir = \"\"").unwrap().folder(), None);
        assert_eq!(check("interval = 15.0").unwrap().pace(), Duration::from_millis(150));
    }

    #[test]
    fn what_can_not_be_used_is_named() {
        let target = |more: &str| {
            format!("[[target]]\nkind = \"otlp\"\nurl = \"http://localhost:4318/v1/metrics\"\n{more}")
        };
        for (toml, words) in [
            ("intervall = 1".to_owned(), "unknown field `intervall`"),
            ("interval = 0".to_owned(), "expected seconds from 0.1 to 3600"),
            ("queue_bytes = 99999999\n".to_owned() + &target(""), "queue_bytes is 99999999"),
            ("disk_bytes = 1000".to_owned(), "disk_bytes is 1000, expected 1048576 or more"),
            ("catch_up = 1".to_owned(), "catch_up is 1, expected 2 or more"),
            ("queue_age = 0".to_owned(), "expected seconds from 1 to 31536000"),
            ("[labels]\n\"a-b\" = \"c\"".to_owned(), "labels: a-b"),
            ("[labels]\njob = \"\"".to_owned(), "a label can't be empty"),
            ("[labels]\n__name__ = \"a\"".to_owned(), "Prometheus' own"),
            ("[[target]]\nkind = \"otlp\"".to_owned(), "missing field `url`"),
            ("[[target]]\nkind = \"graphite\"\nurl = \"\"".to_owned(), "`remote_write`"),
            (target("headrs = 1"), "unknown field `headrs`"),
            (target("timeout = 0"), "expected seconds from 0.01 to 3600"),
            (target("max_backoff = 0.5"), "less than min_backoff"),
            (target("headers = { Authorization = \"x\" }"), "headers: Authorization"),
            (target("headers = { \"a b\" = \"x\" }"), "headers: \"a b\""),
            (target("bearer_token_file = \"/nowhere\""), "/nowhere"),
            (target("ca_file = \"/nowhere.pem\""), "/nowhere.pem"),
            (target("") + &target(""), "two targets are called \"localhost:4318\""),
            ("[[target]]\nkind = \"otlp\"\nurl = \"ftp://a\"".to_owned(), "expected http"),
            ("[[target]]\nkind = \"otlp\"\nurl = \"http://a:b@c/\"".to_owned(), "password"),
        ] {
            let error = check(&toml).unwrap_err();
            assert!(error.contains(words), "{toml}: {error}");
        }
    }
}
