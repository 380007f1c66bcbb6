//! Who may change the agent: code is built and run on this request, so each door is shut by itself.

use std::path::Path;

use relink_core::{Context, Error};
use rocket::Request;
use rocket::http::Status;
use rocket::request::{FromRequest, Outcome};
use sha2::{Digest, Sha256};

use super::Site;
use super::answer::Refusal;
use super::owner::trusted;
use crate::serve::dispatch::{LOCAL_ADDRESS, RAW_METHOD};

/// A header for the token alone, for callers whose `Authorization` has their user and password.
pub(crate) const TOKEN: &str = "Relink-Token";

/// What proxies add to the requests that they hand on.
const FORWARDED: [&str; 6] =
    ["Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP"];

/// Who may change the agent by this request, or why nobody may.
pub(crate) struct Permission(pub(crate) Result<Caller, Refusal>);

/// One who may change the agent, for the log.
pub(crate) struct Caller {
    pub(crate) peer: String,
    pub(crate) who: &'static str,
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Permission {
    type Error = std::convert::Infallible;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Self::Error> {
        let permission = permitted(request);
        let peer = request.remote().map(|peer| peer.to_string()).unwrap_or_default();
        if let Err(refusal) = &permission {
            let site = request.rocket().state::<Site>();
            if let Some(site) = site {
                site.agent.counters.request_was_refused();
            }
            if let Some(more) = site.and_then(|site| site.agent.refusals.take()) {
                let (method, uri, error) = (request.method(), request.uri(), &refusal.error);
                tracing::warn!(peer, "{method} {uri} is refused: {error}{more}");
            }
        }
        Outcome::Success(Permission(permission.map(|who| Caller { peer, who })))
    }
}

/// Says who the caller is, where it may.
fn permitted(request: &Request<'_>) -> Result<&'static str, Refusal> {
    let header = |name: &'static str| request.headers().get_one(name);
    for name in ["Content-Type", "Origin", "Sec-Fetch-Site", "Host", "Authorization", TOKEN] {
        // Only one would be looked at.
        if request.headers().get(name).nth(1).is_some() {
            return Err(Refusal::new(Status::Forbidden, format!("{name} is sent twice"), "send it once"));
        }
    }
    let site = request.rocket().state::<Site>();
    let scheme = site.map_or("http", |site| site.agent.config.scheme());
    refuse_browsers_elsewhere(
        scheme,
        header(RAW_METHOD),
        header("Content-Type"),
        header("Origin"),
        header("Sec-Fetch-Site"),
        header("Host"),
    )?;
    let denied = |error: &str, hint: &str| Err(Refusal::new(Status::Unauthorized, error, hint));
    let token = site.and_then(|site| site.token.as_ref());
    // A password that was asked for and was right does not come here: it lets a caller in, and gives no further rights.
    let own_header = header(TOKEN).map(|given| format!("Bearer {given}"));
    match (own_header.as_deref().or(header("Authorization")), token) {
        (Some(given), Some(token)) if token.is(given) => return Ok("the bearer of the token"),
        (Some(_), Some(_)) => {
            return denied(
                "wrong token",
                "send the content of [reload] token_file as Bearer token, or in the header Relink-Token",
            );
        }
        (Some(_), None) => {
            return denied("no token is set up here", "set [reload] token_file in relink.toml");
        }
        (None, _) => {}
    }
    // A proxy of the agent's own user, or of root, speaks for others: whose socket it is says nothing of them.
    if let Some(name) = FORWARDED.into_iter().find(|name| header(name).is_some()) {
        return denied(
            &format!(
                "the request comes by a proxy ({name}), so the user on this machine may be another's stand-in"
            ),
            "ask the agent itself, or set [reload] token_file in relink.toml, and send its content as Bearer token",
        );
    }
    let own_end = header(LOCAL_ADDRESS).and_then(|address| address.parse().ok());
    if let (Some(peer), Some(own_end)) = (request.remote(), own_end)
        && let Some(who) = trusted(peer, own_end)
    {
        return Ok(who);
    }
    denied(
        "only the agent's own user on this machine may do this without a token",
        "set [reload] token_file in relink.toml, and send its content as Bearer token",
    )
}

/// A browser sends what any page tells it to. What no page of another site can send, and curl does, passes.
fn refuse_browsers_elsewhere(
    scheme: &str,
    raw_method: Option<&str>,
    content_type: Option<&str>,
    origin: Option<&str>,
    fetch_site: Option<&str>,
    host: Option<&str>,
) -> Result<(), Refusal> {
    let forbidden = |error: String, hint: &str| Err(Refusal::new(Status::Forbidden, error, hint));
    if raw_method != Some("PUT") {
        let method = raw_method.unwrap_or("no method");
        return forbidden(
            format!("sent as {method}, not as PUT"),
            "curl -X PUT http://localhost:8000/plugins/reload",
        );
    }
    if let Some(kind) = content_type {
        let essence = kind.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/json") {
            let hint = "send no body, or application/json; a form could come from any web page";
            return forbidden(format!("content type {kind:?} is not taken here"), hint);
        }
    }
    if let Some(origin) = origin {
        let own = host.map(|host| format!("{scheme}://{host}"));
        if own.is_none_or(|own| !own.eq_ignore_ascii_case(origin)) {
            return forbidden(format!("origin {origin:?} is another site"), "use the agent's own page");
        }
    }
    if let Some(site) = fetch_site
        && !["same-origin", "none"].contains(&site)
    {
        return forbidden(format!("Sec-Fetch-Site is {site:?}"), "use the agent's own page");
    }
    Ok(())
}

/// The bearer token, as its hash: compared in the same time whatever is sent.
pub(crate) struct Token([u8; 32]);

impl Token {
    /// Reads the token file. It must hold a secret, and be nobody else's to read.
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        use std::os::unix::fs::MetadataExt;
        let doing = || format!("[reload] token_file {}", path.display());
        let mode = std::fs::metadata(path).context(doing())?.mode();
        if mode & 0o077 != 0 {
            return Err(Error::new(format!("{}: others may read it (mode {:o})", doing(), mode & 0o777))
                .hint(format!("chmod 600 {}", path.display())));
        }
        let text = std::fs::read_to_string(path).context(doing())?;
        if text.trim().len() < 16 {
            return Err(Error::new(format!(
                "{}: the token is too short, expected at least 16 characters",
                doing()
            ))
            .hint("openssl rand -hex 32 makes a good one"));
        }
        Ok(Token(Sha256::digest(text.trim().as_bytes()).into()))
    }

    fn is(&self, authorization: &str) -> bool {
        let Some((scheme, given)) = authorization.split_once(' ') else { return false };
        let given: [u8; 32] = Sha256::digest(given.trim().as_bytes()).into();
        let differs = self.0.iter().zip(given).fold(0, |differs, (a, b)| differs | (a ^ b));
        scheme.eq_ignore_ascii_case("bearer") && differs == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(
        method: Option<&str>,
        kind: Option<&str>,
        origin: Option<&str>,
        site: Option<&str>,
    ) -> Option<u16> {
        let refusal = refuse_browsers_elsewhere("http", method, kind, origin, site, Some("localhost:8000"));
        refusal.err().map(|refusal| refusal.status.code)
    }

    #[test]
    fn what_a_page_of_another_site_can_send_is_refused() {
        let put = Some("PUT");
        assert_eq!(refused(put, None, None, None), None, "curl -X PUT");
        assert_eq!(refused(put, Some("application/json; charset=utf-8"), None, None), None);
        assert_eq!(refused(put, None, Some("http://localhost:8000"), Some("same-origin")), None);
        assert_eq!(refused(put, None, None, Some("none")), None);
        assert_eq!(refused(Some("POST"), None, None, None), Some(403));
        assert_eq!(refused(None, None, None, None), Some(403));
        for kind in ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain", ""]
        {
            assert_eq!(refused(put, Some(kind), None, None), Some(403), "{kind:?}");
        }
        for origin in ["null", "http://evil.example", "https://localhost:8000", "http://localhost:8001", ""] {
            assert_eq!(refused(put, None, Some(origin), None), Some(403), "{origin:?}");
        }
        let own = |origin| {
            refuse_browsers_elsewhere("https", put, None, Some(origin), None, Some("localhost:8000")).is_ok()
        };
        assert!(
            own("https://localhost:8000") && !own("http://localhost:8000"),
            "the scheme is that of the agent"
        );
        for site in ["cross-site", "same-site", "", "x"] {
            assert_eq!(refused(put, None, None, Some(site)), Some(403), "{site:?}");
        }
    }

    #[test]
    fn only_the_whole_token_passes() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        std::fs::write(&path, "0123456789abcdef0123\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(Token::read(&path).err().unwrap().to_string().contains("chmod 600"));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let token = Token::read(&path).unwrap();
        assert!(token.is("Bearer 0123456789abcdef0123"));
        assert!(token.is("bearer 0123456789abcdef0123"));
        let long = format!("Bearer {}", "0".repeat(100_000));
        for wrong in ["", "Bearer", "Bearer ", "Bearer 0123456789abcdef", "Basic 0123456789abcdef0123", &long]
        {
            assert!(!token.is(wrong), "{wrong:.20}");
        }
        std::fs::write(&path, "short").unwrap();
        assert!(Token::read(&path).is_err());
    }
}
