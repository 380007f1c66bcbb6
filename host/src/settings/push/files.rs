//! The files that a target of the push names: secrets, and whom to trust.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use relink_core::{Context, Error};
use ureq::tls::{Certificate, PemItem, parse_pem};

use super::Target;

impl Target {
    /// The header that says who we are; read again each time, because tokens are replaced.
    pub(crate) fn authorization(&self) -> Result<Option<String>, Error> {
        if let Some(file) = &self.bearer_token_file {
            return Ok(Some(format!("Bearer {}", secret(file)?)));
        }
        let Some(basic) = &self.basic_auth else { return Ok(None) };
        let pair = format!("{}:{}", basic.username, secret(&basic.password_file)?);
        Ok(Some(format!("Basic {}", STANDARD.encode(pair))))
    }
}

/// The secret in a file: one line.
pub(crate) fn secret(file: &Path) -> Result<String, Error> {
    let text = std::fs::read_to_string(file).context(format_args!("reading {}", file.display()))?;
    let text = text.trim();
    if text.is_empty() || text.contains(|c: char| c.is_control()) {
        return Err(Error::new(format!("{} is not a secret: expected one line", file.display())));
    }
    Ok(text.to_owned())
}

/// The certificates in a file.
pub(crate) fn certificates(file: &Path) -> Result<Vec<Certificate<'static>>, Error> {
    let pem = std::fs::read(file).context(format_args!("reading {}", file.display()))?;
    let mut certificates = Vec::new();
    for item in parse_pem(&pem) {
        let item = item.context(format_args!("{} is damaged, expected PEM", file.display()))?;
        if let PemItem::Certificate(certificate) = item {
            certificates.push(certificate);
        }
    }
    if certificates.is_empty() {
        let file = file.display();
        return Err(Error::new(format!(
            "{file} holds no certificate, expected PEM (-----BEGIN CERTIFICATE-----)"
        ))
        .hint(format!("if it is one in DER: openssl x509 -inform der -in {file} -out {file}.pem")));
    }
    Ok(certificates)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_read_from_files_each_time() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("secret");
        let target = |more: &str| -> Target {
            toml::from_str(&format!("kind = \"otlp\"\nurl = \"http://localhost:1\"\n{more}")).unwrap()
        };
        let bearer = target(&format!("bearer_token_file = {file:?}"));
        assert!(bearer.authorization().unwrap_err().to_string().contains("secret"));
        for (text, header) in [("one\n", "Bearer one"), (" two ", "Bearer two")] {
            std::fs::write(&file, text).unwrap();
            assert_eq!(bearer.authorization().unwrap().unwrap(), header);
        }
        std::fs::write(&file, "Aladdin\r\nX: y").unwrap();
        assert!(bearer.authorization().is_err(), "no second header comes in");
        std::fs::write(&file, "open sesame\n").unwrap();
        let basic = target(&format!("basic_auth = {{ username = \"Aladdin\", password_file = {file:?} }}"));
        let header = basic.authorization().unwrap().unwrap();
        assert_eq!(header, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert_eq!(target("").authorization().unwrap(), None);
    }
}
