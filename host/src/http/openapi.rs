//! `GET /openapi.json`: all routes, their parameters and answers, for people and programs.
//!
//! Each route says for itself what it takes and answers; in `api.rs` stands what is true of all of them. What that comes to
//! is the same whenever it is asked for, so a test makes it and keeps it as a text. To make it in the agent took code of
//! 300 kB.

#[cfg(test)]
mod api;

use rocket::get;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::answer::Json;

/// The description, as `RELINK_BLESS=1 cargo test -p relink-host --lib openapi` has written it.
const TEXT: &str = include_str!("openapi/openapi.json");

/// One label, as `name=value`.
#[derive(ToSchema)]
#[schema(pattern = "^[^=]+=", example = "mode=idle")]
#[allow(dead_code, reason = "only its schema is wanted")]
pub(super) struct Label(String);

/// This description, as OpenAPI 3.1.
#[utoipa::path(responses((status = 200, description = "The description.", content_type = "application/json", body = serde_json::Value)))]
#[get("/openapi.json")]
pub(super) fn openapi() -> Json<&'static RawValue> {
    Json(serde_json::from_str(TEXT).expect("a test has made it"))
}
