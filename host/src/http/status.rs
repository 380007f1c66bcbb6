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
        (status = 200, description = "It should. Further lines say what is kept in memory for want of a disk.", body = String, content_type = "text/plain"),
        (status = 503, description = "No collector works, and why; or no connection is free.", body = ErrorBody),
    )
)]
#[get("/-/ready")]
pub(super) fn ready(site: &State<Site>) -> Result<String, Refusal> {
    let reasons = site.agent.not_ready();
    if reasons.is_empty() {
        let troubles = site.agent.troubles().into_iter().map(|trouble| trouble + "\n");
        return Ok(["relink is ready.\n".to_owned()].into_iter().chain(troubles).collect());
    }
    Err(Refusal::new(Status::ServiceUnavailable, reasons.join("; "), "see GET /plugins"))
}
