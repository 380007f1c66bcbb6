//! The push over TLS: who is trusted, and who the agent says it is.

#[path = "support/receiver.rs"]
mod receiver;
#[path = "support/reload.rs"]
mod support;

use std::io::{BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, mpsc};

use receiver::Received;
use relink_testkit::{Agent, PATIENCE, until};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use support::Setup;

/// A receiver behind TLS: its address, its certificate, and the requests that come in.
fn start() -> (SocketAddr, String, mpsc::Receiver<Received>) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let certificate = CertificateDer::from(made.cert.der().to_vec());
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key.into())
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, requests) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let stream = StreamOwned::new(connection, stream.unwrap());
            let sender = sender.clone();
            std::thread::spawn(move || serve(stream, &sender));
        }
    });
    (address, made.cert.pem(), requests)
}

/// Takes what comes over one connection. One whose handshake fails has no request.
fn serve(stream: StreamOwned<ServerConnection, TcpStream>, sender: &mpsc::Sender<Received>) {
    let mut reader = BufReader::new(stream);
    while let Some((path, headers)) = receiver::head(&mut reader) {
        let mut body = vec![0; headers["content-length"].parse().unwrap()];
        if reader.read_exact(&mut body).is_err() || sender.send(Received::new(path, headers, body)).is_err() {
            return;
        }
        if reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").is_err() {
            return;
        }
    }
}

/// A folder with the certificate and a token, and an agent that pushes with these settings of its target.
fn pushing(address: SocketAddr, certificate: &str, target: &str) -> (Setup, Agent) {
    let setup = Setup::new("");
    setup.write("ca.pem", certificate);
    setup.write("token", "first\n");
    let folder = setup.path("").display().to_string();
    setup.write(
        "relink.toml",
        &format!(
            "print = \"none\"\n[plugins]\nenabled = [\"extra\"]\n[push]\ninterval = 0.3\n[[push.target]]\n\
             name = \"it\"\nkind = \"remote_write\"\nurl = \"https://{address}/\"\nmax_backoff = 1\n{}\n",
            target.replace("FOLDER/", &folder)
        ),
    );
    let agent = setup.start();
    (setup, agent)
}

#[test]
fn a_certificate_that_is_trusted_gets_samples_and_the_token_of_the_moment() {
    let (address, certificate, requests) = start();
    let settings = "ca_file = \"FOLDER/ca.pem\"\nbearer_token_file = \"FOLDER/token\"\n\
                    headers = { X-Scope-OrgID = \"team\" }";
    let (setup, _agent) = pushing(address, &certificate, settings);
    let request = requests.recv_timeout(PATIENCE).unwrap();
    assert!(request.samples().iter().any(|(series, ..)| series.contains("candidate_extra")));
    assert_eq!(request.headers["authorization"], "Bearer first");
    assert_eq!(request.headers["x-scope-orgid"], "team");
    setup.write("token", "second\n");
    until("the new token is used", || {
        let request = requests.recv_timeout(PATIENCE).unwrap();
        (request.headers["authorization"] == "Bearer second").then_some(())
    });
}

#[test]
fn a_certificate_that_is_not_trusted_gets_nothing_and_is_named() {
    let (address, certificate, requests) = start();
    let (_setup, agent) = pushing(address, &certificate, "");
    let failed = "relink_push_requests_failed_total{target=\"it\"}";
    until("it was tried", || agent.sample(failed).filter(|count| *count >= 2.0));
    let said = agent.stderr();
    assert!(said.contains("certificate") && said.contains("will be tried again"), "{said}");
    assert!(requests.try_recv().is_err(), "no request went out");
    assert!(agent.sample("relink_push_queue_length{target=\"it\"}").unwrap() >= 1.0, "nothing is dropped");
}
