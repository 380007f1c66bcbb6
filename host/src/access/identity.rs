//! Certificate and private key → what this server shows of itself, and signs with.
//!
//! rustls would hold the two against each other by way of webpki, which reads X.509 v3 only; and of a key that it does not
//! take it says no reason. But a server need not understand its certificate in order to show it: only the public key in
//! it is looked at here, so that any version will do, as in Go. And a key that is not taken is looked into.

use std::sync::Arc;

use relink_core::{Context, Error};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SigningKey};
use x509_cert::der::asn1::{BitStringRef, ContextSpecific, ObjectIdentifier, OctetStringRef, UintRef};
use x509_cert::der::{self, AnyRef, Decode, Encode, Reader, SliceReader, Tag, TagMode, TagNumber, Tagged};
use x509_cert::spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};
use x509_cert::time::Validity;

use super::file::{Pem, TlsServer};

const NOT_ITS_KEY: &str = "the key is not that of the certificate";

/// What a server shows, and until when it is valid, in seconds since 1970.
pub(super) struct Identity {
    pub(super) key: CertifiedKey,
    pub(super) not_after: Option<f64>,
}

impl Identity {
    pub(super) fn new(settings: &TlsServer, provider: &CryptoProvider) -> Result<Self, Error> {
        let (cert, key) = (settings.certificate()?, settings.private_key()?);
        let certificates = certificates(&cert, "cert")?;
        let leaf = Leaf::of(&certificates[0])
            .context(format_args!("{}: the first certificate in it is damaged", place(&cert, "cert")))?;
        let not_after = leaf.not_after();
        let in_key_file = |error: Error| error.context(place(&key, "key"));
        let key = signing_key(&private_key(&key)?, &leaf, provider).map_err(in_key_file)?;
        if !leaf.is_of(&*key) {
            let belongs = |other: &CertificateDer| Leaf::of(other).is_ok_and(|other| other.is_of(&*key));
            let error = Error::new(NOT_ITS_KEY);
            return Err(match certificates[1..].iter().any(belongs) {
                true => error.hint("cert_file has it further down: the key's certificate has to come first"),
                false => error,
            });
        }
        Ok(Identity { key: CertifiedKey::new(certificates, key), not_after })
    }
}

/// The parts of a certificate that are looked at. All others are passed over, whatever they hold.
struct Leaf<'a> {
    validity: AnyRef<'a>,
    public: SubjectPublicKeyInfoRef<'a>,
}

impl<'a> Leaf<'a> {
    fn of(certificate: &'a [u8]) -> der::Result<Self> {
        let mut certificate = sequence(&mut SliceReader::new(certificate)?)?;
        let mut fields = sequence(&mut certificate)?;
        // The version, which the first one does not have.
        if fields.peek_byte() == Some(0xa0) {
            AnyRef::decode(&mut fields)?;
        }
        let mut field = || AnyRef::decode(&mut fields);
        let (_serial, _signature, _issuer) = (field()?, field()?, field()?);
        let (validity, _subject) = (field()?, field()?);
        Ok(Leaf { validity, public: fields.decode()? })
    }

    fn not_after(&self) -> Option<f64> {
        let validity: Validity = self.validity.decode_as().ok()?;
        Some(validity.not_after.to_unix_duration().as_secs_f64())
    }

    fn is_of(&self, key: &dyn SigningKey) -> bool {
        let Some(public) = key.public_key() else { return false };
        // Not the parameters of the algorithm: those of RSA are left out by some.
        SubjectPublicKeyInfoRef::from_der(&public).is_ok_and(|public| {
            public.algorithm.oid == self.public.algorithm.oid
                && public.subject_public_key == self.public.subject_public_key
        })
    }
}

/// What is in the SEQUENCE that comes next.
pub(super) fn sequence<'a>(reader: &mut SliceReader<'a>) -> der::Result<SliceReader<'a>> {
    let any = AnyRef::decode(reader)?;
    any.tag().assert_eq(Tag::Sequence)?;
    SliceReader::new(any.value())
}

fn signing_key(
    key: &PrivateKeyDer<'_>,
    leaf: &Leaf<'_>,
    provider: &CryptoProvider,
) -> Result<Arc<dyn SigningKey>, Error> {
    let der = key.secret_der();
    let (shape, mut key) = Shape::of(der).map_err(|_| Error::new("the private key in it is damaged"))?;
    // ring wants the public half in the file, and Java's tools for one leave it out. It stands in the certificate as well.
    if let Shape::Ec { private, has_public: false, .. } = &shape
        && let Some(public) = leaf.public.subject_public_key.as_bytes()
    {
        key = PrivateKeyDer::Sec1(with_public(private, public)?.into());
    }
    provider.key_provider.load_private_key(key).map_err(|_| shape.why_it_is_not_taken())
}

/// An `ECPrivateKey` (RFC 5915) with its public half.
fn with_public(private: &[u8], public: &[u8]) -> der::Result<Vec<u8>> {
    let value = BitStringRef::from_bytes(public)?;
    let public = ContextSpecific { tag_number: TagNumber::N1, tag_mode: TagMode::Explicit, value };
    let fields = [1_u8.to_der()?, OctetStringRef::new(private)?.to_der()?, public.to_der()?].concat();
    AnyRef::new(Tag::Sequence, &fields)?.to_der()
}

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");

/// Names of what is no secret to a reader of an error.
const NAMES: [(&str, &str); 10] = [
    ("1.2.840.10045.3.1.7", "P-256"),
    ("1.3.132.0.34", "P-384"),
    ("1.3.132.0.35", "P-521"),
    ("1.3.132.0.33", "P-224"),
    ("1.3.132.0.10", "secp256k1"),
    ("1.2.840.10040.4.1", "DSA"),
    ("1.2.840.113549.1.1.10", "RSA-PSS"),
    ("1.3.101.112", "Ed25519"),
    ("1.3.101.113", "Ed448"),
    ("1.3.101.110", "X25519"),
];

fn name_of(identifier: ObjectIdentifier) -> String {
    let identifier = identifier.to_string();
    let known = NAMES.iter().find(|(number, _)| *number == identifier);
    known.map_or(identifier.clone(), |(_, name)| (*name).to_owned())
}

/// What a private key is, as far as it matters for whether it is taken.
enum Shape<'a> {
    Rsa { bits: usize, exponent: &'a [u8], two_primes: bool },
    Ec { curve: Option<ObjectIdentifier>, private: &'a [u8], has_public: bool },
    Other(ObjectIdentifier),
}

impl<'a> Shape<'a> {
    /// A key, and the same for rustls. Its label does not count, as in Go: the second field tells PKCS #8, PKCS #1 and
    /// SEC 1 apart. Of PKCS #8 ring takes the first version only, so it gets what is inside.
    fn of(der: &'a [u8]) -> der::Result<(Self, PrivateKeyDer<'static>)> {
        let mut fields = sequence(&mut SliceReader::new(der)?)?;
        let _version = u8::decode(&mut fields)?;
        match fields.peek_header()?.tag {
            Tag::Sequence => {
                let algorithm = AlgorithmIdentifierRef::decode(&mut fields)?;
                let inner = OctetStringRef::decode(&mut fields)?.as_bytes();
                match algorithm.oid {
                    RSA => Self::pkcs1(inner),
                    EC => Self::sec1(inner, algorithm.parameters),
                    other => Ok((Shape::Other(other), PrivateKeyDer::Pkcs8(der.to_vec().into()))),
                }
            }
            Tag::Integer => Self::pkcs1(der),
            _ => Self::sec1(der, None),
        }
    }

    fn pkcs1(der: &'a [u8]) -> der::Result<(Self, PrivateKeyDer<'static>)> {
        let mut fields = sequence(&mut SliceReader::new(der)?)?;
        let version = u8::decode(&mut fields)?;
        let (modulus, exponent) = (UintRef::decode(&mut fields)?, UintRef::decode(&mut fields)?);
        let unused = modulus.as_bytes().first().map_or(0, |byte| byte.leading_zeros() as usize);
        let bits = modulus.as_bytes().len() * 8 - unused;
        let shape = Shape::Rsa { bits, exponent: exponent.as_bytes(), two_primes: version == 0 };
        Ok((shape, PrivateKeyDer::Pkcs1(der.to_vec().into())))
    }

    /// The curve may stand in it, or beside it.
    fn sec1(der: &'a [u8], curve: Option<AnyRef<'a>>) -> der::Result<(Self, PrivateKeyDer<'static>)> {
        let mut fields = sequence(&mut SliceReader::new(der)?)?;
        let _version = u8::decode(&mut fields)?;
        let private = OctetStringRef::decode(&mut fields)?.as_bytes();
        let inside = ContextSpecific::<AnyRef<'_>>::decode_explicit(&mut fields, TagNumber::N0)?;
        let has_public = !fields.is_finished();
        let curve = curve.or(inside.map(|inside| inside.value));
        let shape = Shape::Ec { curve: curve.and_then(|curve| curve.decode_as().ok()), private, has_public };
        Ok((shape, PrivateKeyDer::Sec1(der.to_vec().into())))
    }

    fn why_it_is_not_taken(&self) -> Error {
        let why = match self {
            Shape::Rsa { bits, .. } if ![2048, 3072, 4096].contains(bits) => {
                format!("it is an RSA key of {bits} bits, expected 2048, 3072 or 4096")
            }
            Shape::Rsa { two_primes: false, .. } => {
                "it is an RSA key of more than two primes, expected two".to_owned()
            }
            Shape::Rsa { exponent, .. } if exponent.len() < 3 => {
                let number = exponent.iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
                format!("it is an RSA key with the public exponent {number}, expected 65537")
            }
            Shape::Ec { curve: None, .. } => {
                "it is an ECDSA key without the name of its curve, expected P-256 or P-384".to_owned()
            }
            Shape::Ec { curve: Some(curve), .. } if !["P-256", "P-384"].contains(&&*name_of(*curve)) => {
                format!("it is an ECDSA key on the curve {}, expected P-256 or P-384", name_of(*curve))
            }
            Shape::Other(algorithm) if name_of(*algorithm) != "Ed25519" => {
                format!("it is a key for {}, expected RSA, ECDSA or Ed25519", name_of(*algorithm))
            }
            // Its public half was taken from the certificate.
            Shape::Ec { has_public: false, .. } => return Error::new(NOT_ITS_KEY),
            _ => return Error::new("the private key in it is damaged"),
        };
        Error::new(why).hint(
            "openssl ecparam -name prime256v1 -genkey -noout makes a key that is taken; it needs a certificate of its own",
        )
    }
}

fn text(pem: &Pem, key: &str) -> Result<Vec<u8>, Error> {
    match pem {
        Pem::Inline(text) => Ok(text.clone().into_bytes()),
        Pem::File(path) => std::fs::read(path).context(format_args!("{key}_file {}", path.display())),
    }
}

/// All certificates of a file, of which there is one at least. `key` is that of the web configuration.
pub(super) fn certificates(pem: &Pem, key: &str) -> Result<Vec<CertificateDer<'static>>, Error> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text(pem, key)?).collect();
    let certificates = certificates.map_err(|error| Error::new(format!("{}: {error}", place(pem, key))))?;
    if certificates.is_empty() {
        return Err(Error::new(format!("{}: there is no certificate in it", place(pem, key)))
            .hint("expected PEM: -----BEGIN CERTIFICATE-----"));
    }
    Ok(certificates)
}

/// The first private key of a file, as in Go.
fn private_key(pem: &Pem) -> Result<PrivateKeyDer<'static>, Error> {
    let text = text(pem, "key")?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| {
        let place = place(pem, "key");
        // Either in the label (PKCS #8), or in a line of its own below it.
        if text.windows(9).any(|word| word == b"ENCRYPTED") {
            return Error::new(format!("{place}: the private key in it is encrypted with a password"))
                .hint("openssl pkey -in KEY -out PLAIN takes the password off");
        }
        match error {
            pem::Error::NoItemsFound => Error::new(format!("{place}: there is no private key in it"))
                .hint("expected PEM: -----BEGIN PRIVATE KEY-----"),
            _ => Error::new(format!("{place}: the private key in it is damaged")),
        }
    })
}

fn place(pem: &Pem, key: &str) -> String {
    match pem {
        Pem::File(path) => format!("{key}_file {}", path.display()),
        Pem::Inline(_) => key.to_owned(),
    }
}
