//! `GET /-/healthy` and `GET /-/ready`.

use rocket::http::Status;
use rocket::{State, get};

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
        (status = 503, description = "No collector works, and why; or no connection is free.", body = ErrorBody),
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
