//! Reads what was named: a file, or a page over HTTP. Nothing is read without a limit.

use std::fs::File;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use relink_core::{Context, Error};
use ureq::tls::{RootCerts, TlsConfig};

/// How many bytes are read of anything: several times the page of the largest machine.
const LARGEST: u64 = 64 << 20;

/// Longer than Prometheus waits for a page by default.
const PATIENCE: Duration = Duration::from_secs(15);

pub(crate) fn is_url(source: &str) -> bool {
    source.starts_with("http://") || source.starts_with("https://")
}

/// The bytes of a file or a page.
pub(crate) fn read(source: &str) -> Result<Vec<u8>, Error> {
    if is_url(source) { fetch(source).context(source) } else { file(source).context(source) }
}

/// The same as a text.
pub(crate) fn read_text(source: &str) -> Result<String, Error> {
    let bytes = file(source).context(source)?;
    String::from_utf8(bytes).map_err(|_| Error::new(format!("{source}: not UTF-8")))
}

fn file(path: &str) -> Result<Vec<u8>, Error> {
    let file = File::open(path).map_err(|error| {
        let error = Error::from(error);
        let is_address = path.contains(':') && !path.contains('/');
        if is_address { error.hint(format!("a URL begins with http://, as in http://{path}")) } else { error }
    })?;
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(Error::new(format!("has more than {LARGEST} bytes")));
    }
    Ok(bytes)
}

fn fetch(url: &str) -> Result<Vec<u8>, Error> {
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::PlatformVerifier)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let config = ureq::Agent::config_builder()
        .proxy(None)
        .http_status_as_error(false)
        .user_agent(concat!("relink-verify/", env!("CARGO_PKG_VERSION")))
        .timeout_global(Some(PATIENCE))
        .tls_config(tls.build());
    let request = config.build().new_agent().get(with_path(url)).header("Accept", "text/plain;version=0.0.4");
    let mut answer = request.call()?;
    let status = answer.status();
    if status.as_u16() != 200 {
        return Err(Error::new(format!("answered {status}, expected 200")));
    }
    Ok(answer.body_mut().with_config().limit(LARGEST).read_to_vec()?)
}

/// An address without a path means the page that both agents have.
fn with_path(url: &str) -> String {
    let (_, behind) = url.split_once("://").unwrap_or_default();
    match behind.split_once('/') {
        Some((_, path)) if !path.is_empty() => url.to_owned(),
        _ => format!("{}/metrics", url.trim_end_matches('/')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_alone_means_its_metrics() {
        for (url, whole) in [
            ("http://a:9100", "http://a:9100/metrics"),
            ("https://a/", "https://a/metrics"),
            ("http://a/metrics?collect[]=cpu", "http://a/metrics?collect[]=cpu"),
            ("http://a/other", "http://a/other"),
        ] {
            assert_eq!(with_path(url), whole);
        }
    }

    #[test]
    fn what_can_not_be_read_is_told_with_its_name() {
        let missing = read("/nowhere/page").unwrap_err().to_string();
        assert!(missing.starts_with("/nowhere/page: ") && !missing.contains("http://"), "{missing}");
        let address = read("localhost:9100").unwrap_err().to_string();
        assert!(address.contains("http://localhost:9100"), "{address}");
        let endless = read("/dev/zero").unwrap_err().to_string();
        assert!(endless.contains("more than 67108864 bytes"), "{endless}");
        let folder = read_text("/").unwrap_err().to_string();
        assert!(folder.starts_with("/: "), "{folder}");
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let refused = read(&format!("http://{closed}")).unwrap_err().to_string();
        assert!(refused.starts_with(&format!("http://{closed}: ")), "{refused}");
    }
}
