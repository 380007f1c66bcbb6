//! The web configuration file: the format of Prometheus' exporter-toolkit, so that one file serves all exporters of a
//! machine. What each key means there it means here; docs/tls.md lists the differences.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hyper::header::{HeaderName, HeaderValue};
use relink_core::{Context, Error};
use serde::Deserialize;

use super::passwords::Users;
use super::yaml;
use crate::duration;

/// The file as it is written. A section that is there and empty is as one that is absent.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct File {
    tls_server_config: Option<TlsServer>,
    http_server_config: Option<HttpServer>,
    basic_auth_users: Option<BTreeMap<String, String>>,
    rate_limit: Option<RateLimit>,
}

/// `tls_server_config`. Not `Debug`: the key may stand in it.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct TlsServer {
    cert: Option<String>,
    key: Option<String>,
    client_ca: Option<String>,
    cert_file: Option<PathBuf>,
    key_file: Option<PathBuf>,
    client_ca_file: Option<PathBuf>,
    pub(super) client_auth_type: Option<String>,
    pub(super) client_allowed_sans: Option<Vec<String>>,
    pub(super) min_version: Option<String>,
    pub(super) max_version: Option<String>,
    pub(super) cipher_suites: Option<Vec<String>>,
    pub(super) curve_preferences: Option<Vec<String>>,
    pub(super) prefer_server_cipher_suites: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct HttpServer {
    http2: Option<bool>,
    headers: Option<BTreeMap<String, String>>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RateLimit {
    interval: Option<String>,
    burst: Option<u32>,
}

/// PEM text that stands in a file of its own, or in the configuration.
pub(super) enum Pem {
    File(PathBuf),
    Inline(String),
}

/// A token bucket: one request each `interval` in the long run, `burst` at once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rate {
    pub(super) interval: Duration,
    pub(super) burst: u32,
}

impl File {
    /// Reads the file at `path`; paths in it are relative to its folder.
    pub(super) fn read(path: &Path) -> Result<File, Error> {
        let text = std::fs::read_to_string(path).map_err(|why| {
            let hint = "--web.config.file, RELINK_WEB_CONFIG_FILE or web_config names the file";
            Error::from(why).context(format_args!("reading {}", path.display())).hint(hint)
        })?;
        let mut file = Self::parse(&text).map_err(|error| error.context(path.display()))?;
        let base = path.parent().unwrap_or(Path::new(""));
        if let Some(tls) = &mut file.tls_server_config {
            for path in [&mut tls.cert_file, &mut tls.key_file, &mut tls.client_ca_file].into_iter().flatten()
            {
                *path = base.join(&*path);
            }
        }
        Ok(file)
    }

    fn parse(text: &str) -> Result<File, Error> {
        // A file of comments only asks for nothing.
        let mut file = yaml::read::<Option<File>>(text)?.unwrap_or_default();
        if let Some(tls) = &mut file.tls_server_config {
            tls.forget_blanks();
        }
        Ok(file)
    }

    /// The section on TLS, if it asks for anything.
    pub(super) fn tls(&self) -> Option<&TlsServer> {
        self.tls_server_config.as_ref().filter(|tls| tls.is_enabled())
    }

    /// The files that the section on TLS names.
    pub(super) fn named_files(&self) -> impl Iterator<Item = &PathBuf> {
        let tls = self.tls_server_config.iter();
        tls.flat_map(|tls| [&tls.cert_file, &tls.key_file, &tls.client_ca_file]).flatten()
    }

    /// Whether the file asks for HTTP/2 in so many words.
    pub(super) fn wants_http2(&self) -> bool {
        self.http_server_config.as_ref().is_some_and(|http| http.http2 == Some(true))
    }

    /// The headers that each response gets.
    pub(super) fn headers(&self) -> Result<Vec<(HeaderName, HeaderValue)>, Error> {
        /// Those that may be set, and the values where not any will do.
        const KNOWN: [(&str, &[&str]); 5] = [
            ("Content-Security-Policy", &[]),
            ("Strict-Transport-Security", &[]),
            ("X-Content-Type-Options", &["nosniff"]),
            ("X-Frame-Options", &["deny", "sameorigin"]),
            ("X-XSS-Protection", &[]),
        ];
        let mut headers = Vec::new();
        let given = self.http_server_config.iter().flat_map(|http| http.headers.iter().flatten());
        for (name, value) in given.filter(|(_, value)| !value.is_empty()) {
            let Some((_, values)) = KNOWN.iter().find(|(known, _)| known == name) else {
                let known: Vec<_> = KNOWN.iter().map(|(name, _)| *name).collect();
                return Err(Error::new(format!("headers: {name:?} can't be set here"))
                    .hint(format!("known are: {}", known.join(", "))));
            };
            if !values.is_empty() && !values.contains(&value.as_str()) {
                let expected = values.join(" or ");
                return Err(Error::new(format!("headers: {name} is {value:?}, expected {expected}")));
            }
            let value = HeaderValue::from_str(value).map_err(|_| {
                Error::new(format!("headers: {name} is {value:?}, which is not valid in a header"))
            })?;
            let name = HeaderName::from_bytes(name.as_bytes()).context("headers")?;
            headers.push((name, value));
        }
        Ok(headers)
    }

    /// Who may ask; nobody in particular when empty.
    pub(super) fn users(&self) -> Result<Users, Error> {
        Users::new(self.basic_auth_users.clone().unwrap_or_default())
    }

    /// How often all clients together may ask, if that is limited.
    pub(super) fn rate(&self) -> Result<Option<Rate>, Error> {
        let Some(limit) = &self.rate_limit else { return Ok(None) };
        let text = limit.interval.as_deref().unwrap_or("0");
        let interval = duration::parse(text)
            .map_err(|expected| Error::new(format!("rate_limit: interval is {text:?}, {expected}")))?;
        if interval.is_zero() {
            return Ok(None);
        }
        match limit.burst {
            Some(burst) if burst > 0 => Ok(Some(Rate { interval, burst })),
            _ => Err(Error::new("rate_limit: with a burst of 0 no request passes")
                .hint("set rate_limit.burst to how many requests may come at once")),
        }
    }
}

impl TlsServer {
    fn forget_blanks(&mut self) {
        for text in [&mut self.cert, &mut self.key, &mut self.client_ca, &mut self.client_auth_type] {
            text.take_if(|text| text.is_empty());
        }
        for path in [&mut self.cert_file, &mut self.key_file, &mut self.client_ca_file] {
            path.take_if(|path| path.as_os_str().is_empty());
        }
    }

    /// As in exporter-toolkit, settings such as `min_version` alone turn nothing on.
    fn is_enabled(&self) -> bool {
        let texts = [&self.cert, &self.key, &self.client_ca, &self.client_auth_type];
        let files = [&self.cert_file, &self.key_file, &self.client_ca_file];
        texts.iter().any(|text| text.is_some()) || files.iter().any(|file| file.is_some())
    }

    pub(super) fn certificate(&self) -> Result<Pem, Error> {
        one_of("cert", &self.cert, &self.cert_file)?.ok_or_else(|| missing("cert_file"))
    }

    pub(super) fn private_key(&self) -> Result<Pem, Error> {
        one_of("key", &self.key, &self.key_file)?.ok_or_else(|| missing("key_file"))
    }

    pub(super) fn client_authority(&self) -> Result<Option<Pem>, Error> {
        one_of("client_ca", &self.client_ca, &self.client_ca_file)
    }
}

fn one_of(key: &str, inline: &Option<String>, file: &Option<PathBuf>) -> Result<Option<Pem>, Error> {
    match (inline, file) {
        (Some(_), Some(_)) => {
            Err(Error::new(format!("tls_server_config: both {key} and {key}_file are set, expected one")))
        }
        (Some(text), None) => Ok(Some(Pem::Inline(text.clone()))),
        (None, Some(path)) => Ok(Some(Pem::File(path.clone()))),
        (None, None) => Ok(None),
    }
}

fn missing(key: &str) -> Error {
    Error::new(format!("tls_server_config: {key} is missing"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A hash of exporter-toolkit's own sample file.
    const HASH: &str = "$2y$10$mDwo.lAisC94iLAyP81MCesa29IzH37oigHC/42V2pdJlUprsJPze";

    fn error(text: &str) -> String {
        let check = || -> Result<(), Error> {
            let file = File::parse(text)?;
            file.headers()?;
            file.users()?;
            file.rate()?;
            if let Some(tls) = file.tls() {
                tls.certificate()?;
                tls.private_key()?;
                tls.client_authority()?;
            }
            Ok(())
        };
        check().err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn the_sample_of_exporter_toolkit_is_read() {
        let text = format!(
            "# Additionally, a certificate and a key file are needed.\n\
             tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n\n\
             basic_auth_users:\n  alice: {HASH}\n  bob: {HASH}\n\n\
             rate_limit:\n  interval: \"1s\" # time interval\n  burst: 20\n"
        );
        assert_eq!(error(&text), "");
        let file = File::parse(&text).unwrap();
        assert!(file.tls().is_some() && !file.wants_http2());
        assert_eq!(file.named_files().count(), 2);
        let rate = Rate { interval: Duration::from_secs(1), burst: 20 };
        assert_eq!(file.rate().unwrap(), Some(rate));
    }

    #[test]
    fn nothing_asked_for_is_nothing() {
        for text in [
            "",
            "# nothing\n",
            "{}",
            "tls_server_config:\nbasic_auth_users:\nrate_limit:\n",
            "tls_server_config:\n  cert_file: \"\"\n  min_version: TLS13\n",
            "rate_limit:\n  interval: 0\n  burst: 0\n",
            "http_server_config:\n  http2: false\n  headers:\n    X-Frame-Options: \"\"\n",
        ] {
            assert_eq!(error(text), "", "{text}");
            let file = File::parse(text).unwrap();
            assert!(file.tls().is_none() && file.users().unwrap().is_empty(), "{text}");
            assert_eq!(file.rate().unwrap(), None, "{text}");
            assert!(file.headers().unwrap().is_empty(), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_what_would_be_right() {
        for (text, parts) in [
            ("tls_sever_config:\n", &["tls_sever_config", "tls_server_config", "basic_auth_users"][..]),
            ("tls_server_config:\n  cert_fil: a\n", &["cert_fil", "cert_file"]),
            ("http_server_config:\n  http3: true\n", &["http3", "http2"]),
            ("tls_server_config:\n  cert_file: a\n", &["key_file is missing"]),
            ("tls_server_config:\n  client_auth_type: NoClientCert\n", &["cert_file is missing"]),
            ("tls_server_config:\n  cert_file: a\n  cert: b\n  key: c\n", &["both cert and cert_file"]),
            ("basic_auth_users:\n  alice: secret\n", &["alice", "bcrypt", "htpasswd"]),
            ("basic_auth_users:\n  \"a:b\": x\n", &["\"a:b\"", "colon"]),
            ("http_server_config:\n  headers:\n    Server: x\n", &["\"Server\"", "X-Frame-Options"]),
            (
                "http_server_config:\n  headers:\n    X-Frame-Options: no\n",
                &["X-Frame-Options", "deny or sameorigin"],
            ),
            ("rate_limit:\n  interval: 1s\n", &["burst of 0"]),
            ("rate_limit:\n  interval: 1x\n  burst: 1\n", &["\"1x\"", "with its unit"]),
            ("a: [", &["line"]),
            ("basic_auth_users: {a: x, a: y}\n", &["duplicate"]),
        ] {
            let error = error(text);
            for part in parts {
                assert!(error.contains(part), "{text}: {part:?} is not in {error:?}");
            }
        }
    }

    #[test]
    fn an_error_does_not_show_a_secret() {
        let text = format!("basic_auth_users:\n  alice: {HASH}\n  bob: [{HASH}]\nwrong: {HASH}\n");
        let error = error(&text);
        assert!(!error.is_empty() && !error.contains("$2y$"), "{error}");
        let text = "basic_auth_users:\n  alice: hunter2\n";
        assert!(!self::error(text).contains("hunter2"));
    }

    #[test]
    fn fuzz_web_configuration() {
        let whole = format!(
            "tls_server_config:\n  cert_file: a.pem\n  key_file: \"b\"\n  client_auth_type: RequireAndVerifyClientCert\n  \
             min_version: TLS12\n  cipher_suites: [TLS_AES_128_GCM_SHA256]\nhttp_server_config:\n  http2: true\n  headers:\n    \
             X-Frame-Options: deny\nbasic_auth_users:\n  alice: {HASH}\nrate_limit:\n  interval: 1m30s\n  burst: 10\n"
        );
        let anchors = "basic_auth_users: &a\n  <<: *a\nhttp_server_config: {headers: {'Content-Security-Policy': \"x\"}}\n".to_owned();
        let words = [
            "- ",
            ": ",
            "&a ",
            "*a",
            "<<: ",
            "{",
            "}",
            "[",
            "|\n",
            ">-\n",
            "'",
            "\"",
            "!!binary ",
            "\n  ",
            "#",
            "?",
            "~",
            "\u{0}",
        ];
        relink_fuzz::fuzz("web_configuration", &[whole, anchors], &words, |input| {
            let _ = error(&String::from_utf8_lossy(input));
        });
    }
}
