//! An agent under TLS, for the tests of it.

#![allow(dead_code, unreachable_pub, reason = "each test takes what it needs")]

use std::path::Path;
use std::process::Command;

use relink_testkit::{Agent, Answer, Authority, Connection, Identity};

use super::support::Folder;

/// Of "wonderland", cost 10, by another implementation.
pub const HASH: &str = "$2y$10$abcdefghijklmnopqrstuuwmjOOgyx/jknFqeF8sHrF2cGgSECl/q";
pub const CERTIFICATE: &str = "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n";
pub const ALICE: (&str, &str) = ("Authorization", "Basic YWxpY2U6d29uZGVybGFuZA==");

/// An agent under TLS, in a folder with its certificates.
pub struct Site {
    pub folder: Folder,
    pub authority: Authority,
}

impl Site {
    pub fn new(yaml: &str) -> Site {
        let toml = "print = \"none\"\nweb_config = \"web.yml\"\n[plugins]\nenabled = [\"load\", \"stat\"]\n";
        let site = Site { folder: Folder::new(toml), authority: Authority::new() };
        site.renew();
        site.folder.write("ca.crt", site.authority.cert());
        site.write(yaml);
        site
    }

    pub fn with_users() -> Site {
        Site::new(&format!("{CERTIFICATE}basic_auth_users:\n  alice: {HASH}\n"))
    }

    pub fn root(&self) -> &Path {
        self.folder.root()
    }

    pub fn write(&self, yaml: &str) {
        self.folder.write("half-written.yml", yaml);
        std::fs::rename(self.folder.path("half-written.yml"), self.folder.path("web.yml")).unwrap();
    }

    /// Another certificate in place of the one before.
    pub fn renew(&self) -> Identity {
        let identity = self.authority.identity(&["127.0.0.1", "localhost"]);
        identity.write(self.root(), "server");
        identity
    }

    pub fn start(&self) -> Agent {
        let agent = self.folder.start(&[]);
        assert!(agent.stderr().contains("listening on https://127.0.0.1:"), "{}", agent.stderr());
        agent
    }

    pub fn connect(&self, agent: &Agent) -> Connection {
        Connection::open_tls(agent.address, self.authority.client(None)).unwrap()
    }

    pub fn get(&self, agent: &Agent, path: &str) -> Answer {
        self.connect(agent).get(path).unwrap()
    }

    pub fn sample(&self, agent: &Agent, series: &str) -> Option<f64> {
        let text = self.get(agent, "/metrics").text();
        text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))?.parse().ok()
    }

    /// What curl says is the status and the body; nothing when it does not come to an answer.
    pub fn curl(&self, agent: &Agent, arguments: &[&str]) -> Option<(u16, String)> {
        let url = format!("https://{}/metrics", agent.address);
        let output = Command::new("curl")
            .args([
                "--silent",
                "--show-error",
                "--max-time",
                "30",
                "--write-out",
                "\n%{http_code}",
                "--cacert",
            ])
            .arg(self.folder.path("ca.crt"))
            .args(arguments)
            .arg(&url)
            .current_dir(self.root())
            .output()
            .unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let (body, status) = said.rsplit_once('\n').unwrap();
        output.status.success().then(|| (status.parse().unwrap(), body.to_owned()))
    }
}
