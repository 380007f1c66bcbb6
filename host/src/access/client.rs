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
use x509_cert::der::asn1::{ObjectIdentifier, OctetStringRef};
use x509_cert::der::{self, AnyRef, Decode, Reader, SliceReader, Tag, TagNumber, Tagged};

use super::identity::sequence;

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

/// The names that can be listed: DNS names, addresses, e-mail addresses and URIs. Only the extension that has them is looked at; to
/// read a certificate with all there is in it would be 50 kB of the executable.
fn subject_alternative_names(certificate: &[u8]) -> der::Result<Vec<String>> {
    let mut fields = sequence(&mut sequence(&mut SliceReader::new(certificate)?)?)?;
    let mut names = Vec::new();
    while !fields.is_finished() {
        let field = AnyRef::decode(&mut fields)?;
        if field.tag() != EXTENSIONS {
            continue;
        }
        let mut extensions = sequence(&mut SliceReader::new(field.value())?)?;
        while !extensions.is_finished() {
            let mut extension = sequence(&mut extensions)?;
            let what = ObjectIdentifier::decode(&mut extension)?;
            let _is_critical = Option::<bool>::decode(&mut extension)?;
            let value = OctetStringRef::decode(&mut extension)?;
            if what == SUBJECT_ALTERNATIVE_NAME {
                let mut all = sequence(&mut SliceReader::new(value.as_bytes())?)?;
                while !all.is_finished() {
                    names.extend(name(AnyRef::decode(&mut all)?));
                }
            }
        }
    }
    Ok(names)
}

/// Where the extensions are among the fields of a certificate.
const EXTENSIONS: Tag = Tag::ContextSpecific { constructed: true, number: TagNumber::N3 };
const SUBJECT_ALTERNATIVE_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");

/// One name as text, if it is of a kind that can be listed (RFC 5280, section 4.2.1.6).
fn name(name: AnyRef<'_>) -> Option<String> {
    let Tag::ContextSpecific { constructed: false, number } = name.tag() else { return None };
    match number {
        // rfc822Name, dNSName and uniformResourceIdentifier.
        TagNumber::N1 | TagNumber::N2 | TagNumber::N6 => {
            std::str::from_utf8(name.value()).ok().filter(|text| text.is_ascii()).map(str::to_owned)
        }
        // iPAddress.
        TagNumber::N7 => match *name.value() {
            [a, b, c, d] => Some(Ipv4Addr::new(a, b, c, d).to_string()),
            ref octets => <[u8; 16]>::try_from(octets).ok().map(|octets| Ipv6Addr::from(octets).to_string()),
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, SanType};

    use super::*;

    #[test]
    fn names_of_four_kinds_are_found_and_no_other() {
        let dns = |name: &str| SanType::DnsName(name.try_into().unwrap());
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![
            dns("box.example"),
            SanType::Rfc822Name("ops@box.example".try_into().unwrap()),
            SanType::URI("spiffe://box.example/a".try_into().unwrap()),
            SanType::IpAddress([10, 1, 2, 3].into()),
            SanType::IpAddress([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into()),
            SanType::OtherName((vec![1, 2, 3], "other".into())),
        ];
        // Other extensions stand before and after it, critical ones among them.
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let certificate = certificate.der().to_vec();
        let names = ["box.example", "ops@box.example", "spiffe://box.example/a", "10.1.2.3", "2001:db8::1"];
        assert_eq!(subject_alternative_names(&certificate).unwrap(), names);
        for length in 0..certificate.len() {
            assert!(subject_alternative_names(&certificate[..length]).is_err(), "{length} bytes of it");
        }
        let without = CertificateParams::default().self_signed(&key).unwrap();
        assert!(subject_alternative_names(without.der()).unwrap().is_empty());
    }
}
