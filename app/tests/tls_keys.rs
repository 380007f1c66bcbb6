//! Certificates and keys as openssl makes them: those that serve, and those that are refused with the true reason. A file
//! that node_exporter serves with serves here, but for keys that ring can't sign with.

mod support;
#[path = "support/tls.rs"]
mod tls_support;

use std::fs;
use std::process::Command;

use relink_testkit::{Agent, installed, skip};
use tls_support::{CERTIFICATE, Site};

/// A folder with an agent that serves by `server.crt` and `server.key`.
struct Keys {
    site: Site,
    agent: Agent,
}

impl Keys {
    fn start() -> Option<Keys> {
        for program in ["openssl", "curl"] {
            if installed(program).is_none() {
                skip("certificates and keys of openssl", &format!("{program} is not installed"));
                return None;
            }
        }
        let site = Site::new(CERTIFICATE);
        let agent = site.start();
        Some(Keys { site, agent })
    }

    /// Runs openssl once a line.
    fn openssl(&self, lines: &str) {
        for line in lines.lines() {
            let mut command = Command::new("openssl");
            command.args(line.split_whitespace()).current_dir(self.site.root());
            let output = command.output().unwrap();
            assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        }
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.site.folder.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// These texts are the certificate and the key from here on.
    fn put(&self, certificate: &str, key: &str) {
        for (name, text) in [("server.crt", certificate), ("server.key", key)] {
            self.site.folder.write("half-written", text);
            fs::rename(self.site.folder.path("half-written"), self.site.folder.path(name)).unwrap();
        }
    }

    /// Makes the key `k.pem` by this command of openssl, and the certificate `c.pem` of version 3 for it.
    fn made(&self, command: &str) -> (String, String) {
        self.openssl(command);
        self.openssl("req -x509 -new -key k.pem -subj /CN=localhost -days 36500 -out c.pem");
        (self.read("c.pem"), self.read("k.pem"))
    }

    /// They serve: at a start, and in an agent that runs.
    fn serves(&self, what: &str, certificate: &str, key: &str) {
        self.put(certificate, key);
        let ended = self.site.folder.run(&["check"]);
        assert_eq!(ended.code, Some(0), "{what}: {}", ended.stderr);
        let (status, body) = self.site.curl(&self.agent, &["--insecure"]).expect(what);
        assert_eq!(status, 200, "{what}");
        assert!(
            body.contains("\nrelink_web_config_last_reload_successful 1\n"),
            "{what}: {}",
            self.agent.stderr()
        );
    }

    /// They are refused with these words.
    fn refused(&self, what: &str, certificate: &str, key: &str, words: &[&str]) {
        self.put(certificate, key);
        let ended = self.site.folder.run(&["check"]);
        assert_eq!(ended.code, Some(2), "{what}: {}", ended.stderr);
        for word in words.iter().chain(&["web.yml", "tls_server_config"]) {
            assert!(ended.stderr.contains(word), "{what}: {word:?} is not in {}", ended.stderr);
        }
    }
}

const RSA: &str = "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out k.pem";
const P256: &str = "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out k.pem";
const P384: &str = "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out k.pem";

#[test]
fn a_certificate_of_version_1_serves_as_any_other() {
    let Some(keys) = Keys::start() else { return };
    for key in [RSA, P256, P384, "genpkey -algorithm ED25519 -out k.pem"] {
        let (certificate, private) = keys.made(key);
        keys.serves(key, &certificate, &private);
        keys.openssl(
            "req -new -key k.pem -subj /CN=localhost -out r.csr\n\
             x509 -req -in r.csr -signkey k.pem -days 36500 -out c.pem\n\
             x509 -in c.pem -noout -text -out text",
        );
        assert!(keys.read("text").contains("Version: 1 (0x0)"), "{}", keys.read("text"));
        keys.serves(key, &keys.read("c.pem"), &private);
        // Its end is shown: a hundred years from now.
        let (_, body) = keys.site.curl(&keys.agent, &["--insecure"]).unwrap();
        let end = body.lines().find_map(|line| {
            line.strip_prefix("relink_tls_certificate_not_after_timestamp_seconds ")?.parse::<f64>().ok()
        });
        assert!(end.is_some_and(|end| end > 4e9), "{end:?}");
        // The keys are held against each other in this version, too.
        let other = keys.made(key).1;
        let version_1 = keys.read("server.crt");
        keys.refused(key, &version_1, &other, &["the key is not that of the certificate"]);
    }
    // One that has ended serves all the same: a client judges that.
    let key = keys.made(RSA).1;
    keys.openssl(
        "req -new -key k.pem -subj /CN=localhost -out r.csr\n\
         x509 -req -in r.csr -signkey k.pem -days -1 -out c.pem",
    );
    keys.serves("expired", &keys.read("c.pem"), &key);
    // Also below an authority of version 1, without a subject and with a serial number longer than the standard's.
    keys.openssl(
        "req -new -key k.pem -subj /CN=ca -out r.csr\n\
         x509 -req -in r.csr -signkey k.pem -days 36500 -out ca.pem\n\
         genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out leaf.pem\n\
         req -new -key leaf.pem -subj / -out r.csr\n\
         x509 -req -in r.csr -CA ca.pem -CAkey k.pem -set_serial 0x7fffffffffffffffffffffffffffffffffffffffffff -out c.pem",
    );
    keys.serves("long", &format!("{}{}", keys.read("c.pem"), keys.read("ca.pem")), &keys.read("leaf.pem"));
}

#[test]
fn the_encoding_of_a_key_and_what_stands_around_it_do_not_matter() {
    let Some(keys) = Keys::start() else { return };
    let (certificate, key) = keys.made(RSA);
    keys.openssl("pkey -in k.pem -traditional -out t.pem");
    let traditional = keys.read("t.pem");
    assert!(traditional.contains("BEGIN RSA PRIVATE KEY"), "PKCS #1");
    keys.serves("PKCS #1", &certificate, &traditional);
    keys.serves("a wrong label", &certificate, &traditional.replace("RSA PRIVATE", "PRIVATE"));
    keys.serves("another", &certificate, &key.replace("PRIVATE", "EC PRIVATE"));
    let crlf = |text: &str| text.replace('\n', "\r\n");
    keys.serves("lines of Windows", &crlf(&certificate), &crlf(&key));
    let with_text = |text: &str| {
        format!("Bag Attributes\n    localKeyID: 01\nsubject=CN = localhost\n{text}\nand after\n")
    };
    keys.serves("text", &with_text(&certificate), &with_text(&key));
    let both = format!("{key}{certificate}");
    keys.serves("one file", &both, &both);
    let cut = format!("{certificate}-----BEGIN X509 CRL-----\nMIIB\n-----END X509 CRL-----\n");
    keys.serves("something else beside it", &cut, key.trim_end());

    for curve in [P256, P384] {
        let (certificate, key) = keys.made(curve);
        // The chain stands below, and only the first key counts.
        let chain = format!("{certificate}{}", keys.site.authority.cert());
        keys.serves(curve, &chain, &format!("{key}{traditional}"));
        let first = format!("{}{certificate}", keys.site.authority.cert());
        keys.refused(curve, &first, &key, &["not that of the certificate", "has to come first"]);
        keys.openssl(
            "pkey -in k.pem -traditional -out t.pem\n\
             ec -in k.pem -no_public -out n.pem\n\
             pkcs8 -topk8 -nocrypt -in n.pem -out m.pem",
        );
        let sec1 = keys.read("t.pem");
        assert!(sec1.contains("BEGIN EC PRIVATE KEY"), "SEC 1");
        keys.serves("SEC 1", &certificate, &sec1);
        let parameters = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
        keys.serves("with parameters", &certificate, &format!("{parameters}{sec1}"));
        let (without, in_pkcs8) = (keys.read("n.pem"), keys.read("m.pem"));
        assert!(without.len() < key.len() - 60, "the public half is left out");
        keys.serves("without the public half", &certificate, &without);
        keys.serves("the same in PKCS #8", &certificate, &in_pkcs8);
        let other = keys.made(curve).0;
        keys.refused("of another certificate", &other, &without, &["not that of the certificate"]);
    }
}

#[test]
fn a_key_that_can_not_sign_is_refused_with_the_true_reason() {
    let Some(keys) = Keys::start() else { return };
    const SIZES: &str = "bits, expected 2048, 3072 or 4096";
    const CURVES: &str = "expected P-256 or P-384";
    for (command, words) in [
        ("genrsa -out k.pem 1024", &["RSA key of 1024 bits", SIZES][..]),
        ("genrsa -out k.pem 2560", &["RSA key of 2560 bits", SIZES]),
        ("genrsa -out k.pem 5120", &["RSA key of 5120 bits", SIZES]),
        ("genrsa -3 -out k.pem 2048", &["public exponent 3,", "65537"]),
        ("genrsa -primes 3 -out k.pem 2048", &["more than two primes"]),
        ("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521 -out k.pem", &["the curve P-521", CURVES]),
        ("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-224 -out k.pem", &["the curve P-224", CURVES]),
        ("ecparam -name secp521r1 -genkey -out k.pem", &["the curve P-521", CURVES]),
        ("ecparam -name secp256k1 -genkey -noout -out k.pem", &["the curve secp256k1", CURVES]),
        (
            "ecparam -name brainpoolP256r1 -genkey -noout -out k.pem",
            &["the curve 1.3.36.3.3.2.8.1.1.7", CURVES],
        ),
        (
            "ecparam -name prime256v1 -param_enc explicit -genkey -noout -out k.pem",
            &["without the name of its curve", CURVES],
        ),
        ("genpkey -algorithm ED448 -out k.pem", &["a key for Ed448", "expected RSA, ECDSA or Ed25519"]),
    ] {
        let (certificate, key) = keys.made(command);
        keys.refused(command, &certificate, &key, words);
        assert!(!keys.site.folder.run(&["check"]).stderr.contains(&key[40..60]), "no secret is shown");
    }
}

#[test]
fn a_file_without_a_key_that_can_be_read_says_what_it_has() {
    let Some(keys) = Keys::start() else { return };
    let (certificate, key) = keys.made(RSA);
    keys.openssl(
        "pkcs8 -topk8 -in k.pem -passout pass:secret -out e.pem\n\
         rsa -in k.pem -aes128 -traditional -passout pass:secret -out o.pem\n\
         pkey -in k.pem -pubout -out p.pem",
    );
    const ENCRYPTED: &str = "encrypted with a password";
    keys.refused("PKCS #8", &certificate, &keys.read("e.pem"), &[ENCRYPTED, "openssl pkey"]);
    keys.refused("PKCS #1", &certificate, &keys.read("o.pem"), &[ENCRYPTED, "openssl pkey"]);
    keys.refused("public", &certificate, &keys.read("p.pem"), &["there is no private key in it"]);
    let lines: Vec<_> = key.lines().collect();
    let cut = [&lines[..5], &lines[lines.len() - 1..]].concat().join("\n");
    keys.refused("cut", &certificate, &cut, &["server.key", "the private key in it is damaged"]);
    keys.refused("no end", &certificate, &lines[..5].join("\n"), &["server.key", "is damaged"]);
    let lines: Vec<_> = certificate.lines().collect();
    let cut = [&lines[..3], &lines[lines.len() - 1..]].concat().join("\n");
    keys.refused("cut", &cut, &key, &["server.crt", "the first certificate in it is damaged"]);
}
