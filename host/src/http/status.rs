//! `GET /-/healthy` and `GET /-/ready`.

use rocket::http::Status;
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

pub(super) fn routes() -> Vec<Route> {
    routes![healthy, ready]
}
