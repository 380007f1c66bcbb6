//! What a client has to show in the handshake: the five policies of Go's `tls.ClientAuthType`, and a list of names.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use relink_core::{Context, Error};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, RootCertStore, SignatureScheme};
use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// `client_auth_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Policy {
    None,
    /// Asked for, and neither needed nor verified.
    Request,
    /// Needed, and not verified: any certificate will do, whoever has signed it.
    RequireAny,
    VerifyIfGiven,
    RequireAndVerify,
}

impl Policy {
    pub(super) fn named(name: Option<&str>) -> Result<Self, Error> {
        Ok(match name {
            None | Some("NoClientCert") => Policy::None,
            Some("RequestClientCert") => Policy::Request,
            // The second is an old name that exporter-toolkit still takes.
            Some("RequireAnyClientCert" | "RequireClientCert") => Policy::RequireAny,
            Some("VerifyClientCertIfGiven") => Policy::VerifyIfGiven,
            Some("RequireAndVerifyClientCert") => Policy::RequireAndVerify,
            Some(other) => {
                return Err(Error::new(format!("client_auth_type is {other:?}")).hint(
                    "known are: NoClientCert, RequestClientCert, RequireAnyClientCert, \
                     VerifyClientCertIfGiven, RequireAndVerifyClientCert",
                ));
            }
        })
    }

    pub(super) fn verifies(self) -> bool {
        matches!(self, Policy::VerifyIfGiven | Policy::RequireAndVerify)
    }

    pub(super) fn requires(self) -> bool {
        matches!(self, Policy::RequireAny | Policy::RequireAndVerify)
    }
}

/// The verifier for a policy other than [`Policy::None`]. `roots` are there when it verifies.
pub(super) fn verifier(
    policy: Policy,
    roots: Option<RootCertStore>,
    sans: Option<Vec<String>>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, Error> {
    let chain = match roots {
        Some(roots) => {
            let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
            Some(builder.build().context("client_ca_file")?)
        }
        None => None,
    };
    Ok(Arc::new(Verifier { mandatory: policy.requires(), chain, sans, provider: Arc::clone(provider) }))
}

/// Judges a client's certificate. That the client has its key is checked in any case.
#[derive(Debug)]
struct Verifier {
    mandatory: bool,
    /// Who has to have signed it.
    chain: Option<Arc<dyn ClientCertVerifier>>,
    /// One of these names has to stand in it.
    sans: Option<Vec<String>>,
    provider: Arc<CryptoProvider>,
}

impl ClientCertVerifier for Verifier {
    fn client_auth_mandatory(&self) -> bool {
        self.mandatory
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chain.as_ref().map_or(&[], |chain| chain.root_hint_subjects())
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        if let Some(chain) = &self.chain {
            chain.verify_client_cert(end_entity, intermediates, now)?;
        }
        if let Some(allowed) = &self.sans {
            let names = subject_alternative_names(end_entity).unwrap_or_default();
            if !names.iter().any(|name| allowed.contains(name)) {
                return Err(CertificateError::ApplicationVerificationFailure.into());
            }
        }
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// The names that can be listed: DNS names, addresses, e-mail addresses and URIs. `None` for no valid certificate.
fn subject_alternative_names(certificate: &[u8]) -> Option<Vec<String>> {
    let certificate = x509_cert::Certificate::from_der(certificate).ok()?;
    let Some((_, SubjectAltName(names))) = certificate.tbs_certificate.get().ok()? else {
        return Some(Vec::new());
    };
    let text = |name: &GeneralName| match name {
        GeneralName::DnsName(name) | GeneralName::Rfc822Name(name) => Some(name.to_string()),
        GeneralName::UniformResourceIdentifier(uri) => Some(uri.to_string()),
        GeneralName::IpAddress(octets) => match *octets.as_bytes() {
            [a, b, c, d] => Some(Ipv4Addr::new(a, b, c, d).to_string()),
            ref octets => <[u8; 16]>::try_from(octets).ok().map(|octets| Ipv6Addr::from(octets).to_string()),
        },
        _ => None,
    };
    Some(names.iter().filter_map(text).collect())
}
