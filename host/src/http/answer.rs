//! The shapes of answers: JSON, and errors with what to do about them.

use std::io::Cursor;

use rocket::catcher::Catcher;
use rocket::http::{ContentType, Header, Method, Status};
use rocket::response::{self, Responder, Response};
use rocket::{Request, Route, catch, catchers};
use serde::Serialize;
use utoipa::ToSchema;

use super::Site;
use crate::expose;

/// An error of a route: `{"error": "...", "hint": "..."}`.
pub(crate) struct Refusal {
    pub(crate) status: Status,
    pub(crate) error: String,
    pub(crate) hint: String,
}

impl Refusal {
    pub(crate) fn new(status: Status, error: impl Into<String>, hint: impl Into<String>) -> Self {
        Refusal { status, error: error.into(), hint: hint.into() }
    }
}

impl From<relink_core::Error> for Refusal {
    /// An error in what the caller asked for.
    fn from(error: relink_core::Error) -> Self {
        Refusal::new(Status::BadRequest, error.message(), error.advice().unwrap_or_default())
    }
}

/// An error of any route.
#[derive(Serialize, ToSchema)]
#[schema(as = Error)]
pub(super) struct ErrorBody<'a> {
    /// What happened, to which value, and what was expected.
    error: &'a str,
    /// What to do about it; empty where nothing is known.
    hint: &'a str,
}

impl<'r> Responder<'r, 'static> for Refusal {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let peer = request.remote().map(tracing::field::display);
        let (status, method, uri) = (self.status.code, request.method(), request.uri());
        tracing::debug!(peer, status, "{method} {uri} is answered with an error: {}", self.error);
        let mut answer = Json(ErrorBody { error: &self.error, hint: &self.hint }).respond_to(request)?;
        answer.set_status(self.status);
        if self.status == Status::Unauthorized {
            answer.set_header(Header::new("WWW-Authenticate", "Bearer realm=\"relink\""));
        }
        if self.status == Status::MethodNotAllowed {
            answer.set_header(Header::new("Allow", allowed(request.uri().path().as_str())));
        }
        Ok(answer)
    }
}

/// A value as JSON. Never cached: every answer is of this moment.
pub(crate) struct Json<T>(pub(crate) T);

impl<'r, T: Serialize> Responder<'r, 'static> for Json<T> {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let mut body = serde_json::to_vec(&self.0).map_err(|_| Status::InternalServerError)?;
        body.push(b'\n');
        let mut answer = text(request, body);
        answer.set_header(ContentType::JSON);
        answer.set_header(Header::new("Cache-Control", "no-store"));
        Ok(answer)
    }
}

/// A text shorter than this is sent as it is: with its head it fits a packet.
pub(super) const SHORT: usize = 1000;

/// An answer of a text of this moment, compressed for those who take it so.
pub(super) fn text(request: &Request<'_>, body: Vec<u8>) -> Response<'static> {
    let mut answer = Response::new();
    answer.set_header(Header::new("Vary", "Accept-Encoding"));
    let site = request.rocket().state::<Site>().filter(|_| body.len() >= SHORT && takes_gzip(request));
    let body = match site {
        Some(site) => {
            answer.set_header(Header::new("Content-Encoding", "gzip"));
            site.agent.packer.pack(&body)
        }
        None => body,
    };
    answer.set_sized_body(body.len(), Cursor::new(body));
    answer
}

/// Whether an answer to this request may be compressed.
pub(super) fn takes_gzip(request: &Request<'_>) -> bool {
    expose::takes_gzip(request.headers().get_one("Accept-Encoding"))
}

/// The methods of the route at a path; nothing where there is no route.
fn allowed(path: &str) -> &'static str {
    let segments: Vec<_> = path.split('/').collect();
    // `/plugins/<name>`, `/plot/<family>.svg`: any segment in place of the brackets.
    let is_at = |route: &Route| {
        let own: Vec<_> = route.uri.path().split('/').collect();
        let fits = |(own, given): (&&str, &&str)| own == given || (own.contains('<') && !given.is_empty());
        own.len() == segments.len() && own.iter().zip(&segments).all(fits)
    };
    match super::routes().into_iter().find(is_at).map(|route| route.method) {
        Some(Method::Get) => "GET, HEAD",
        Some(method) => method.as_str(),
        None => "",
    }
}

/// Rocket answers 404 to a known path with another method, so the two are told apart here.
#[catch(404)]
fn not_found(request: &Request<'_>) -> Refusal {
    let path = request.uri().path();
    let methods = allowed(path.as_str());
    if methods.is_empty() || (request.method() == Method::Get && methods.starts_with("GET")) {
        let routes: Vec<_> = super::routes().iter().map(|route| route.uri.to_string()).collect();
        return Refusal::new(
            Status::NotFound,
            format!("there is no {path}"),
            format!("there are {}", routes.join(", ")),
        );
    }
    Refusal::new(
        Status::MethodNotAllowed,
        format!("{path} does not take {}", request.method()),
        format!("it takes {methods}"),
    )
}

#[catch(default)]
fn any_other(status: Status, _: &Request<'_>) -> Refusal {
    Refusal::new(status, status.reason_lossy().to_lowercase(), "")
}

pub(crate) fn catchers() -> Vec<Catcher> {
    catchers![not_found, any_other]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_knows_its_methods() {
        assert_eq!(allowed("/metrics"), "GET, HEAD");
        assert_eq!(allowed("/plugins/reload"), "PUT");
        assert_eq!(allowed("/plugins/cpu"), "GET, HEAD");
        assert_eq!(allowed("/plugins/cpu/x"), "");
        assert_eq!(allowed("/plugins/"), "");
        assert_eq!(allowed("/nothing"), "");
    }
}
