//! Certificates for tests, and the client's end of TLS.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
    SerialNumber,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// Who signs certificates.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, as PEM.
pub struct Identity {
    /// The certificate.
    pub cert: String,
    /// Its private key.
    pub key: String,
    /// The certificate's serial number.
    pub serial: u8,
}

impl Authority {
    /// A new one that nobody trusts yet.
    #[allow(clippy::new_without_default, reason = "each is another")]
    pub fn new() -> Authority {
        let mut params = CertificateParams::new([]).expect("no names are valid names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        // Not the name of what it signs, which would then pass for signed by itself.
        params.distinguished_name.push(DnType::CommonName, "an authority of tests");
        let key = KeyPair::generate().expect("a key can be made");
        Authority(CertifiedIssuer::self_signed(params, key).expect("an authority signs itself"))
    }

    /// Its own certificate, as PEM.
    pub fn cert(&self) -> String {
        self.0.pem()
    }

    /// A certificate with these names: DNS names or addresses.
    pub fn identity(&self, names: &[&str]) -> Identity {
        static SERIAL: AtomicU8 = AtomicU8::new(1);
        let names: Vec<_> = names.iter().map(|name| name.to_string()).collect();
        let mut params = CertificateParams::new(names).expect("valid names");
        // Below 0x80, so that it is one byte in the certificate too.
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed) & 0x7f;
        params.serial_number = Some(SerialNumber::from(vec![serial]));
        let key = KeyPair::generate().expect("a key can be made");
        let cert = params.signed_by(&key, &self.0).expect("the authority signs");
        Identity { cert: cert.pem(), key: key.serialize_pem(), serial }
    }

    /// A client that trusts this authority, and shows `identity` where it is asked to.
    pub fn client(&self, identity: Option<&Identity>) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).expect("the authority's certificate is valid");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider has suites for both versions")
            .with_root_certificates(roots);
        Arc::new(match identity {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                let cert = CertificateDer::from_pem_slice(identity.cert.as_bytes()).expect("PEM");
                let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).expect("PEM");
                builder.with_client_auth_cert(vec![cert], key).expect("the key fits")
            }
        })
    }
}

impl Identity {
    /// Writes `NAME.crt` and `NAME.key`. Each by renaming, so that nobody reads half of one.
    pub fn write(&self, folder: &Path, name: &str) {
        for (extension, text) in [("crt", &self.cert), ("key", &self.key)] {
            let half = folder.join("half-written");
            std::fs::write(&half, text).expect("the folder can be written to");
            std::fs::rename(half, folder.join(format!("{name}.{extension}"))).expect("the same folder");
        }
    }
}

/// What a client's bytes go over.
pub(crate) enum Wire {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Wire {
    /// TLS over a socket, after the handshake.
    pub(crate) fn tls(
        mut stream: TcpStream,
        peer: SocketAddr,
        config: Arc<ClientConfig>,
    ) -> io::Result<Wire> {
        let name = ServerName::IpAddress(peer.ip().into());
        let mut session = ClientConnection::new(config, name).map_err(io::Error::other)?;
        while session.is_handshaking() {
            session.complete_io(&mut stream)?;
        }
        Ok(Wire::Tls(Box::new(StreamOwned::new(session, stream))))
    }

    pub(crate) fn socket(&self) -> &TcpStream {
        match self {
            Wire::Plain(stream) => stream,
            Wire::Tls(stream) => &stream.sock,
        }
    }

    /// The serial number of the certificate that the other end has shown.
    pub(crate) fn serial(&self) -> Option<u8> {
        let Wire::Tls(stream) = self else { return None };
        let leaf = stream.conn.peer_certificates()?.first()?.as_ref();
        // Certificate, TBSCertificate, [0] version 3, INTEGER: the serial number, one byte here.
        let at = leaf.windows(6).position(|bytes| bytes[..5] == [0xa0, 3, 2, 1, 2] && bytes[5] == 2)?;
        leaf.get(at + 7).copied()
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Wire::Plain(stream) => stream.read(buffer),
            Wire::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Wire::Plain(stream) => stream.write(bytes),
            Wire::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Wire::Plain(stream) => stream.flush(),
            Wire::Tls(stream) => stream.flush(),
        }
    }
}
