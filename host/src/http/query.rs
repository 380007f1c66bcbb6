//! What the query of a request asks for.

use std::time::Duration;

use rocket::Request;
use rocket::http::{RawStr, Status};
use rocket::request::{FromRequest, Outcome};

use super::answer::Refusal;

/// What a route reads out of the query.
pub(super) trait FromQuery: Sized {
    /// The error names what the request can't mean.
    fn from_query(request: &Request<'_>) -> Result<Self, Refusal>;
}

/// The guard of a route for what it reads out of the query.
pub(super) struct Query<T>(pub(super) Result<T, Refusal>);

#[rocket::async_trait]
impl<'r, T: FromQuery> FromRequest<'r> for Query<T> {
    type Error = std::convert::Infallible;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Self::Error> {
        Outcome::Success(Query(T::from_query(request)))
    }
}

/// Whether a request has these parameters and no others; the error lists them.
pub(crate) fn only(request: &Request<'_>, known: &[&str]) -> Result<(), Refusal> {
    match names(request).into_iter().find(|name| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some(other) => Err(Refusal::new(
            Status::BadRequest,
            format!("unknown parameter {other:?}"),
            format!("known are {}", known.join(", ")),
        )),
    }
}

/// All values of a parameter, decoded. Prometheus sends `collect[]` as `collect%5B%5D`, so names are decoded too.
pub(crate) fn values(request: &Request<'_>, name: &str) -> Vec<String> {
    request.uri().query().map_or_else(Vec::new, |query| values_in(query.as_str(), name))
}

/// The seconds of a parameter that may stand once.
pub(super) fn seconds(request: &Request<'_>, name: &str) -> Result<Option<Duration>, Refusal> {
    let bad = |error: String, hint: String| Refusal::new(Status::BadRequest, error, hint);
    let values = values(request, name);
    let text = match values.as_slice() {
        [] => return Ok(None),
        [one] => one,
        many => return Err(bad(format!("{name} is given {} times", many.len()), "say it once".into())),
    };
    let seconds = text.parse::<f64>().ok().filter(|seconds| *seconds > 0.0);
    match seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()) {
        Some(seconds) => Ok(Some(seconds)),
        None => Err(bad(format!("{name} is {text:?}"), format!("it is a number above 0, as in {name}=300"))),
    }
}

/// The names of all parameters, decoded.
pub(crate) fn names(request: &Request<'_>) -> Vec<String> {
    let query = request.uri().query().map_or("", |query| query.as_str());
    let keys = query.split('&').map(|pair| pair.split_once('=').map_or(pair, |(key, _)| key));
    keys.filter(|key| !key.is_empty()).map(decoded).collect()
}

fn decoded(text: &str) -> String {
    RawStr::new(text).url_decode_lossy().into_owned()
}

fn values_in(query: &str, name: &str) -> Vec<String> {
    query
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .filter(|(key, _)| decoded(key) == name)
        .map(|(_, value)| decoded(value))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_are_decoded() {
        assert_eq!(values_in("collect[]=cpu&collect%5B%5D=di%73k&x=1", "collect[]"), ["cpu", "disk"]);
        assert_eq!(values_in("collect[]", "collect[]"), [""]);
        assert!(values_in("", "collect[]").is_empty());
        assert_eq!(values_in("collect[]=%ff%zz&&=", "collect[]"), ["\u{fffd}%zz"]);
    }
}
