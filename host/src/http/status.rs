//! `GET /-/healthy`, `GET /-/ready`, and the plain page at `/`.

use std::fmt::Write as _;

use rocket::http::Status;
use rocket::response::content::RawHtml;
use rocket::{Route, State, get, routes};

use super::Site;
use super::answer::Refusal;

#[get("/-/healthy")]
fn healthy() -> &'static str {
    "relink is healthy.\n"
}

#[get("/-/ready")]
fn ready(site: &State<Site>) -> Result<&'static str, Refusal> {
    let reasons = site.agent.not_ready();
    if reasons.is_empty() {
        return Ok("relink is ready.\n");
    }
    Err(Refusal::new(Status::ServiceUnavailable, reasons.join("; "), "see GET /plugins"))
}

#[get("/")]
fn page(site: &State<Site>) -> RawHtml<String> {
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
