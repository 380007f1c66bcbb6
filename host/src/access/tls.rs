//! `tls_server_config` → what a handshake needs.
//!
//! rustls speaks TLS 1.2 and 1.3, and knows no weak cipher suite. What a file asks for beyond that is left out and
//! said ([`Tls::left_out`]) where what remains is stricter; it is refused where nothing would remain.

use std::sync::Arc;

use relink_core::{Context, Error};
use rustls::crypto::{CryptoProvider, SupportedKxGroup, ring};
use rustls::sign::SingleCertAndKey;
use rustls::{
    CipherSuite, RootCertStore, ServerConfig, SupportedCipherSuite, SupportedProtocolVersion, version,
};

use super::client::{self, Policy};
use super::file::{Pem, TlsServer};
use super::identity::{Identity, certificates};

/// TLS as it is set up.
#[derive(Debug)]
pub(super) struct Tls {
    pub(super) config: Arc<ServerConfig>,
    /// Whether only clients with a certificate of the operator's authority get in.
    pub(super) identifies_clients: bool,
    /// What the file asks for and relink does not have, in words.
    pub(super) left_out: Vec<String>,
    /// When the certificate is no longer valid, in seconds since 1970.
    pub(super) not_after: Option<f64>,
}

/// The provider of the cryptography.
pub(super) fn provider() -> CryptoProvider {
    ring::default_provider()
}

impl Tls {
    pub(super) fn new(settings: &TlsServer) -> Result<Tls, Error> {
        Self::build(settings).map_err(|error| error.context("tls_server_config"))
    }

    fn build(settings: &TlsServer) -> Result<Tls, Error> {
        let mut left_out = Vec::new();
        let mut versions = versions(settings, &mut left_out)?;
        let mut provider = provider();
        provider.kx_groups = curves(settings, &mut left_out)?;
        provider.cipher_suites = cipher_suites(settings, &mut left_out)?;
        // As in Go: without a suite for TLS 1.2 there is none.
        let has = |suite: &SupportedCipherSuite, version: &SupportedProtocolVersion| {
            suite.version().version == version.version
        };
        versions.retain(|version| provider.cipher_suites.iter().any(|suite| has(suite, version)));
        if versions.is_empty() {
            return Err(Error::new("cipher_suites names none for TLS 1.2, and max_version leaves no other"));
        }
        let provider = Arc::new(provider);

        let Identity { key, not_after } = Identity::new(settings, &provider)?;
        let policy = Policy::named(settings.client_auth_type.as_deref())?;
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&versions)
            .context("min_version, max_version and cipher_suites")?;
        let builder = match client_verifier(settings, policy, &provider, &mut left_out)? {
            Some(verifier) => builder.with_client_cert_verifier(verifier),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(key)));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.ignore_client_order = settings.prefer_server_cipher_suites.unwrap_or(true);
        let identifies_clients = policy == Policy::RequireAndVerify;
        Ok(Tls { config: Arc::new(config), identifies_clients, left_out, not_after })
    }
}

fn versions(
    settings: &TlsServer,
    left_out: &mut Vec<String>,
) -> Result<Vec<&'static SupportedProtocolVersion>, Error> {
    const NAMES: [&str; 4] = ["TLS10", "TLS11", "TLS12", "TLS13"];
    let number = |key: &str, name: Option<&str>, default: usize| match name {
        None => Ok(default),
        Some(name) => NAMES.iter().position(|known| *known == name).ok_or_else(|| {
            Error::new(format!("{key} is {name:?}")).hint(format!("known are: {}", NAMES.join(", ")))
        }),
    };
    let min = number("min_version", settings.min_version.as_deref(), 2)?;
    let max = number("max_version", settings.max_version.as_deref(), 3)?;
    if min > max {
        return Err(Error::new(format!("min_version {} is above max_version {}", NAMES[min], NAMES[max])));
    }
    if max < 2 {
        return Err(Error::new(format!("max_version is {}, and relink speaks TLS12 and TLS13", NAMES[max])));
    }
    if min < 2 {
        left_out.push(format!("min_version {}: TLS12 is the oldest that relink speaks", NAMES[min]));
    }
    let both = [(2, &version::TLS12), (3, &version::TLS13)];
    Ok(both.into_iter().filter(|(n, _)| (min..=max).contains(n)).map(|(_, version)| version).collect())
}

fn curves(
    settings: &TlsServer,
    left_out: &mut Vec<String>,
) -> Result<Vec<&'static dyn SupportedKxGroup>, Error> {
    use rustls::crypto::ring::kx_group::{SECP256R1, SECP384R1, X25519};
    let Some(names) = settings.curve_preferences.as_ref().filter(|names| !names.is_empty()) else {
        return Ok(ring::default_provider().kx_groups);
    };
    let mut groups: Vec<&'static dyn SupportedKxGroup> = Vec::new();
    for name in names {
        match name.as_str() {
            "X25519" => groups.push(X25519),
            "CurveP256" => groups.push(SECP256R1),
            "CurveP384" => groups.push(SECP384R1),
            "CurveP521" => left_out.push("curve_preferences: relink has no CurveP521".to_owned()),
            other => {
                return Err(Error::new(format!("curve_preferences: {other:?} is unknown"))
                    .hint("known are: X25519, CurveP256, CurveP384"));
            }
        }
    }
    if groups.is_empty() {
        return Err(Error::new("curve_preferences names none that relink has")
            .hint("name one of X25519, CurveP256, CurveP384"));
    }
    Ok(groups)
}

/// Names of suites for TLS 1.2 that Go has or had and rustls has not: their encryption (CBC) or their exchange of keys
/// (RSA) is on its way out.
const WITHOUT: [&str; 8] = [
    "TLS_RSA_WITH_AES_128_CBC_SHA",
    "TLS_RSA_WITH_AES_256_CBC_SHA",
    "TLS_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
];

/// Go's name of a suite. rustls says `TLS13_…` where the standard and Go say `TLS_…`.
fn name_of(suite: CipherSuite) -> String {
    format!("{suite:?}").replace("TLS13_", "TLS_")
}

/// The suites in the order of the list. As in Go the list is one of suites for TLS 1.2: those of TLS 1.3 are always on.
fn cipher_suites(
    settings: &TlsServer,
    left_out: &mut Vec<String>,
) -> Result<Vec<SupportedCipherSuite>, Error> {
    let all = ring::default_provider().cipher_suites;
    let Some(names) = settings.cipher_suites.as_ref().filter(|names| !names.is_empty()) else {
        return Ok(all);
    };
    let is_new = |suite: &SupportedCipherSuite| suite.version().version == version::TLS13.version;
    let mut suites: Vec<_> = all.iter().copied().filter(is_new).collect();
    for name in names {
        match all.iter().find(|suite| name_of(suite.suite()) == *name) {
            Some(suite) if !suites.contains(suite) => suites.push(*suite),
            Some(_) => {}
            None if WITHOUT.contains(&name.as_str()) => {
                left_out.push(format!("cipher_suites: relink has no {name}"));
            }
            None => {
                let known: Vec<_> = all.iter().map(|suite| name_of(suite.suite())).collect();
                return Err(Error::new(format!("cipher_suites: {name:?} is unknown"))
                    .hint(format!("known are: {}", known.join(", "))));
            }
        }
    }
    Ok(suites)
}

fn client_verifier(
    settings: &TlsServer,
    policy: Policy,
    provider: &Arc<CryptoProvider>,
    left_out: &mut Vec<String>,
) -> Result<Option<Arc<dyn rustls::server::danger::ClientCertVerifier>>, Error> {
    let authority = settings.client_authority()?;
    let sans = settings.client_allowed_sans.clone();
    if authority.is_some() && policy == Policy::None {
        return Err(Error::new("client_ca_file is set, and client_auth_type asks for no certificate")
            .hint("client_auth_type: RequireAndVerifyClientCert"));
    }
    if sans.is_some() && !policy.requires() {
        return Err(Error::new("client_allowed_sans needs client certificates")
            .hint("client_auth_type: RequireAndVerifyClientCert (or RequireAnyClientCert)"));
    }
    if policy == Policy::None {
        return Ok(None);
    }
    let roots = match (&authority, policy.verifies()) {
        (Some(pem), true) => Some(roots(pem, left_out)?),
        // Go would trust every public authority here, and so any stranger.
        (None, true) => {
            return Err(Error::new("client certificates are to be verified, and client_ca_file is missing"));
        }
        // As in Go, an authority that nobody is held against is read all the same.
        (Some(pem), false) => roots(pem, left_out).map(|_| None)?,
        (None, false) => None,
    };
    client::verifier(policy, roots, sans, provider).map(Some)
}

fn roots(pem: &Pem, left_out: &mut Vec<String>) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    // As in Go, one that can't be read does not spoil a bundle.
    let (added, damaged) = roots.add_parsable_certificates(certificates(pem, "client_ca")?);
    if added == 0 {
        return Err(Error::new(format!("client_ca: of {damaged} certificates none can be read")));
    }
    if damaged > 0 {
        left_out.push(format!("client_ca: {damaged} of {} certificates can't be read", added + damaged));
    }
    Ok(roots)
}
