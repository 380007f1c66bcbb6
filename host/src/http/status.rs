//! `GET /-/healthy`, `GET /-/ready`, and the plain page at `/`.

use std::fmt::Write as _;

use rocket::http::Status;
use rocket::response::content::RawHtml;
use rocket::{Route, State, get, routes};

use super::Site;
use super::answer::{ErrorBody, Refusal};

/// Whether the process serves; a restart would help when it does not.
#[utoipa::path(responses((status = 200, description = "It does.", body = String, content_type = "text/plain")))]
#[get("/-/healthy")]
pub(super) fn healthy() -> &'static str {
    "relink is healthy.\n"
}

/// Whether the agent should get traffic.
#[utoipa::path(
    responses(
        (status = 200, description = "It should.", body = String, content_type = "text/plain"),
        (status = 503, description = "No plugin works, and why; or no connection is free.", body = ErrorBody),
    )
)]
#[get("/-/ready")]
pub(super) fn ready(site: &State<Site>) -> Result<&'static str, Refusal> {
    let reasons = site.agent.not_ready();
    if reasons.is_empty() {
        return Ok("relink is ready.\n");
    }
    Err(Refusal::new(Status::ServiceUnavailable, reasons.join("; "), "see GET /plugins"))
}

/// A page for people.
#[utoipa::path(responses((status = 200, description = "The page.", body = String, content_type = "text/html")))]
#[get("/")]
pub(super) fn page(site: &State<Site>) -> RawHtml<String> {
    let mut rows = String::new();
    for plugin in site.agent.scheduler.statuses() {
        let said = plugin.error.as_deref().unwrap_or(&plugin.help);
        let _ = writeln!(
            rows,
            "<li><a href=\"/plugins/{}\">{}</a> {:?}: {}</li>",
            escaped(&plugin.name),
            escaped(&plugin.name),
            plugin.state,
            escaped(said)
        );
    }
    RawHtml(format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>relink</title>\n\
         <h1>relink {}</h1><p>generation {}</p>\n<ul>\n{rows}</ul>\n\
         <p><a href=\"/metrics\">/metrics</a> <a href=\"/plugins\">/plugins</a> <a href=\"/reloads\">/reloads</a></p>\n",
        env!("CARGO_PKG_VERSION"),
        site.agent.counters.generation()
    ))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

pub(super) fn routes() -> Vec<Route> {
    routes![healthy, ready, page]
}
