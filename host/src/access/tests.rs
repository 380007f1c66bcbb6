use relink_testkit::{Authority, until};
use tempfile::TempDir;

use super::*;

const HASH: &str = "$2y$10$mDwo.lAisC94iLAyP81MCesa29IzH37oigHC/42V2pdJlUprsJPze";
const CERTIFICATE: &str = "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n";

struct Folder {
    folder: TempDir,
    authority: Authority,
}

impl Folder {
    fn new(yaml: &str) -> Folder {
        let folder = Folder { folder: tempfile::tempdir().unwrap(), authority: Authority::new() };
        folder.renew();
        std::fs::write(folder.path("ca.crt"), folder.authority.cert()).unwrap();
        std::fs::write(folder.path("text"), "no PEM").unwrap();
        folder.write(yaml);
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, yaml: &str) {
        std::fs::write(self.path("half-written"), yaml).unwrap();
        std::fs::rename(self.path("half-written"), self.path("web.yml")).unwrap();
    }

    fn renew(&self) {
        self.authority.identity(&["127.0.0.1"]).write(self.folder.path(), "server");
    }

    fn open(&self) -> Result<Web, Error> {
        Web::open(&self.path("web.yml"), false)
    }

    fn error(&self, must_guard: bool) -> String {
        Web::open(&self.path("web.yml"), must_guard).err().map(|error| error.to_string()).unwrap_or_default()
    }
}

/// What is in force now, to be told apart by its address.
fn config(web: &Web) -> Arc<ServerConfig> {
    Arc::clone(web.current().tls().unwrap())
}

#[test]
fn a_certificate_that_is_replaced_is_in_force() {
    let folder = Folder::new(CERTIFICATE);
    let web = folder.open().unwrap();
    let before = config(&web);
    assert!(Arc::ptr_eq(&before, &config(&web)), "nothing has changed");
    folder.renew();
    assert!(!Arc::ptr_eq(&before, &config(&web)));
    assert!(web.is_current() && web.not_after().is_some());
}

#[test]
fn what_is_broken_leaves_in_force_what_was() {
    let folder = Folder::new(CERTIFICATE);
    let web = folder.open().unwrap();
    let before = config(&web);
    let other = Authority::new().identity(&["other"]);
    let breaks: [&dyn Fn(); 5] = [
        &|| std::fs::write(folder.path("server.crt"), "nonsense").unwrap(),
        &|| std::fs::write(folder.path("server.key"), &other.key).unwrap(),
        &|| std::fs::remove_file(folder.path("server.key")).unwrap(),
        &|| folder.write("tls_server_config: ["),
        &|| std::fs::remove_file(folder.path("web.yml")).unwrap(),
    ];
    for (number, break_it) in breaks.iter().enumerate() {
        break_it();
        assert!(Arc::ptr_eq(&before, &config(&web)), "{number}");
        assert!(!web.is_current() && !web.takes_reload(), "{number}");
    }
    folder.renew();
    folder.write(CERTIFICATE);
    assert!(!Arc::ptr_eq(&before, &config(&web)));
    assert!(web.is_current());
}

#[test]
fn a_link_to_another_file_is_seen() {
    let folder = Folder::new("tls_server_config: {cert_file: now/server.crt, key_file: now/server.key}");
    for (name, target) in [("first", "first"), ("second", "second")] {
        std::fs::create_dir(folder.path(name)).unwrap();
        folder.authority.identity(&["127.0.0.1"]).write(&folder.path(target), "server");
    }
    std::os::unix::fs::symlink("first", folder.path("now")).unwrap();
    let web = folder.open().unwrap();
    let before = config(&web);
    std::os::unix::fs::symlink("second", folder.path("next")).unwrap();
    std::fs::rename(folder.path("next"), folder.path("now")).unwrap();
    assert!(!Arc::ptr_eq(&before, &config(&web)));
}

#[test]
fn tls_goes_on_or_off_only_with_a_reload() {
    let folder = Folder::new(CERTIFICATE);
    let web = folder.open().unwrap();
    folder.write("basic_auth_users:\n");
    assert!(web.takes_reload() && !web.is_current() && web.has_tls());
    folder.write(CERTIFICATE);
    assert!(!web.takes_reload() && web.is_current());
    folder.write("");
    let plain = folder.open().unwrap();
    assert!(!plain.has_tls());
    folder.write(CERTIFICATE);
    assert!(plain.takes_reload() && !plain.has_tls());
}

#[test]
fn a_guard_that_is_needed_stays() {
    let users = format!("{CERTIFICATE}basic_auth_users:\n  alice: {HASH}\n");
    let clients =
        format!("{CERTIFICATE}  client_ca_file: ca.crt\n  client_auth_type: RequireAndVerifyClientCert\n");
    let any = format!("{CERTIFICATE}  client_auth_type: RequireAnyClientCert\n");
    for (yaml, guards) in [
        (users.as_str(), true),
        (&clients, true),
        (&any, false),
        (CERTIFICATE, false),
        (&format!("basic_auth_users:\n  alice: {HASH}\n"), false),
    ] {
        assert_eq!(Folder::new(yaml).open().unwrap().guards(), guards, "{yaml}");
    }
    let folder = Folder::new(&users);
    let web = Web::open(&folder.path("web.yml"), true).unwrap();
    folder.write(CERTIFICATE);
    assert!(!web.current().users.is_empty() && !web.is_current(), "nobody is let in by it");
    folder.write(&clients);
    assert!(web.current().users.is_empty() && web.is_current());
}

#[test]
fn what_can_not_be_set_up_is_said() {
    for (yaml, part) in [
        ("tls_server_config: {cert_file: no.crt, key_file: server.key}", "no.crt: No such file"),
        ("tls_server_config: {cert_file: text, key_file: server.key}", "there is no certificate in it"),
        ("tls_server_config: {cert_file: server.crt, key_file: text}", "there is no private key in it"),
        ("tls_server_config: {cert_file: server.crt, key_file: server.crt}", "there is no private key in it"),
        ("tls_server_config: {cert_file: ca.crt, key_file: server.key}", "not that of the certificate"),
        (&format!("{CERTIFICATE}  min_version: TLS9"), "known are: TLS10, TLS11, TLS12, TLS13"),
        (
            &format!("{CERTIFICATE}  max_version: TLS11\n  min_version: TLS10"),
            "relink speaks TLS12 and TLS13",
        ),
        (&format!("{CERTIFICATE}  max_version: TLS12\n  min_version: TLS13"), "above max_version"),
        (&format!("{CERTIFICATE}  cipher_suites: [TLS_X]"), "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
        (
            &format!("{CERTIFICATE}  max_version: TLS12\n  cipher_suites: [TLS_AES_128_GCM_SHA256]"),
            "names none for TLS 1.2",
        ),
        (&format!("{CERTIFICATE}  curve_preferences: [CurveP521]"), "none that relink has"),
        (&format!("{CERTIFICATE}  curve_preferences: [P256]"), "X25519, CurveP256, CurveP384"),
        (&format!("{CERTIFICATE}  client_auth_type: Require"), "RequireAndVerifyClientCert"),
        (&format!("{CERTIFICATE}  client_ca_file: ca.crt"), "asks for no certificate"),
        (
            &format!("{CERTIFICATE}  client_auth_type: RequireAndVerifyClientCert"),
            "client_ca_file is missing",
        ),
        (&format!("{CERTIFICATE}  client_auth_type: VerifyClientCertIfGiven"), "client_ca_file is missing"),
        (&format!("{CERTIFICATE}  client_allowed_sans: [a]"), "needs client certificates"),
    ] {
        let error = Folder::new(yaml).error(false);
        assert!(error.contains(part), "{yaml}: {error}");
    }
}

#[test]
fn what_rustls_lacks_is_left_out_and_what_it_has_is_taken_in_order() {
    let tls = |yaml: &str| {
        let folder = Folder::new(&format!("{CERTIFICATE}{yaml}"));
        let file = File::read(&folder.path("web.yml")).unwrap();
        Tls::new(file.tls().unwrap()).unwrap()
    };
    let suites = |tls: &Tls| -> Vec<String> {
        let suites = &tls.config.crypto_provider().cipher_suites;
        suites.iter().map(|suite| format!("{:?}", suite.suite())).collect()
    };
    let all = tls("");
    assert_eq!((suites(&all).len(), all.left_out.len()), (9, 0));
    let some = tls("  cipher_suites:\n  - TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA\n  \
         - TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256\n  - TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256\n  \
         - TLS_AES_128_GCM_SHA256\n  curve_preferences: [CurveP521, CurveP384, X25519]\n  min_version: TLS10\n");
    assert_eq!(
        suites(&some)[3..],
        ["TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"]
    );
    assert_eq!(some.left_out.len(), 3, "{:?}", some.left_out);
    let groups: Vec<_> =
        some.config.crypto_provider().kx_groups.iter().map(|group| format!("{:?}", group.name())).collect();
    assert_eq!(groups, ["secp384r1", "X25519"]);
    let new_only = tls("  cipher_suites: [TLS_AES_128_GCM_SHA256]\n");
    // Which leaves no version but the new one: rustls takes none without a suite.
    assert_eq!(suites(&new_only).len(), 3);
}

#[test]
fn a_damaged_certificate_does_not_spoil_a_bundle() {
    const DAMAGED: &str = "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n";
    let folder = Folder::new(&format!(
        "{CERTIFICATE}  client_ca_file: bundle.crt\n  client_auth_type: RequireAndVerifyClientCert\n"
    ));
    let left_out = |bundle: String| {
        std::fs::write(folder.path("bundle.crt"), bundle).unwrap();
        let file = File::read(&folder.path("web.yml")).unwrap();
        Tls::new(file.tls().unwrap()).map(|tls| tls.left_out)
    };
    let good = folder.authority.cert();
    assert_eq!(left_out(good.clone()).unwrap(), [""; 0]);
    let words = "client_ca: 2 of 3 certificates can't be read";
    assert_eq!(left_out(format!("{DAMAGED}{good}{DAMAGED}")).unwrap(), [words]);
    let error = left_out(DAMAGED.to_owned()).unwrap_err().to_string();
    assert!(error.contains("client_ca: of 1 certificates none can be read"), "{error}");
}

#[test]
fn a_certificate_may_stand_in_the_file() {
    let folder = Folder::new("");
    let indented = |name: &str| {
        let text = std::fs::read_to_string(folder.path(name)).unwrap();
        text.lines().map(|line| format!("    {line}\n")).collect::<String>()
    };
    let yaml = format!(
        "tls_server_config:\n  cert: |\n{}  key: |\n{}  client_ca: |\n{}  client_auth_type: \
         RequireAndVerifyClientCert\n",
        indented("server.crt"),
        indented("server.key"),
        indented("ca.crt")
    );
    folder.write(&yaml);
    let web = folder.open().unwrap();
    assert!(web.guards());
    assert!(!format!("{web:?}").contains("PRIVATE"), "{web:?}");
    // Times have a grain: a change right after a look is seen all the same, since the file is another.
    folder.write(CERTIFICATE);
    until("the change is seen", || (!web.current().guards()).then_some(()));
}
