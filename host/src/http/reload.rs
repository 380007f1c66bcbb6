//! `PUT /plugins/reload`, `GET /reloads`, `GET /reloads/<id>`.

use rocket::http::{Header, Status};
use rocket::response::{self, Responder, Response};
use rocket::{Request, State, get, put};
use serde::Serialize;
use utoipa::ToSchema;

use super::Site;
use super::answer::{ErrorBody, Json, Refusal};
use super::caller::{Caller, Permission};
use super::query::{self, FromQuery, Query};
use crate::journal::Journal;
use crate::reload::build::is_plugin_name;
use crate::reload::transaction;
use crate::serve::dispatch::OWED;

impl FromQuery for transaction::Request {
    fn from_query(request: &Request<'_>) -> Result<Self, Refusal> {
        let bad = |error: String, hint: &str| Err(Refusal::new(Status::BadRequest, error, hint));
        let known = ["plugins", "force"];
        if let Some(other) = query::names(request).into_iter().find(|name| !known.contains(&name.as_str())) {
            return bad(format!("unknown parameter {other:?}"), "known are plugins=a,b and force=true");
        }
        let force = match query::values(request, "force").last().map(String::as_str) {
            None | Some("false") => false,
            Some("true") => true,
            Some(other) => return bad(format!("force is {other:?}"), "it is true or false"),
        };
        let lists = query::values(request, "plugins");
        if lists.is_empty() {
            return Ok(transaction::Request { plugins: None, force });
        }
        let mut plugins: Vec<String> =
            lists.iter().flat_map(|list| list.split(',')).map(str::to_owned).collect();
        plugins.sort_unstable();
        plugins.dedup();
        match plugins.iter().find(|name| !is_plugin_name(name)) {
            Some(name) => bad(
                format!("{name:?} is not a plugin's name"),
                "say plugins=cpu,disk; GET /plugins lists them",
            ),
            None => Ok(transaction::Request { plugins: Some(plugins), force }),
        }
    }
}

/// The answer comes later, from the image that serves then.
pub(super) struct Owed(String);

impl<'r> Responder<'r, 'static> for Owed {
    fn respond_to(self, _: &'r Request<'_>) -> response::Result<'static> {
        Response::build().header(Header::new(OWED, self.0)).ok()
    }
}

/// Puts new code and another set of plugins live, without losing a request.
///
/// Builds where a builder is set, else looks whether the executable or the plugins' libraries have changed on disk.
/// The answer comes when the new code serves, or it is clear that the old one stays. Allowed to the agent's own user
/// on the same machine, and to whoever has the token.
#[utoipa::path(
    params(
        ("plugins" = Option<String>, Query, description = "From now on these plugins, and no others: names with commas between them."),
        ("force" = Option<bool>, Query, description = "Re-execute also if nothing has changed: a restart in place."),
    ),
    responses(
        (status = 200, description = "Nothing had changed (`unchanged`), or the new code serves (`committed`).", body = Journal),
        (status = 202, description = "Under TLS, where a connection can't be handed over: the new code is about to run, and `Location` is where its outcome will be.", body = Journal),
        (status = 400, description = "A parameter is unknown, or not what it can be.", body = ErrorBody),
        (status = 401, description = "Neither the agent's own user, nor the token.", body = ErrorBody),
        (status = 403, description = "A browser may have been tricked into this request: another site's page, a form, a repeated header.", body = ErrorBody),
        (status = 409, description = "A reload runs already.", body = ErrorBody),
        (status = 422, description = "The new code was not accepted (`refused`): it did not build, or did not prove itself.", body = Journal),
        (status = 500, description = "The new image failed, and the old one serves again (`rolled_back`).", body = Journal),
        (status = 503, description = "The agent could not carry it out (`failed`), and the old code serves; or no connection is free.", body = inline(FailedOrFull)),
    ),
    security((), ("token" = []))
)]
#[put("/plugins/reload")]
pub(super) fn reload(
    permission: Permission,
    wanted: Query<transaction::Request>,
    site: &State<Site>,
) -> Result<Owed, Refusal> {
    let Caller { peer, who } = permission.0?;
    let request = wanted.0?;
    match site.reloader.start(request) {
        Ok(id) => {
            tracing::info!(reload = id, peer, who, "PUT /plugins/reload is allowed");
            Ok(Owed(id))
        }
        Err(busy) => Err(Refusal::new(
            Status::Conflict,
            format!("reload {} runs already, at step {}", busy.id, busy.step),
            format!("GET /reloads/{} shows how it goes", busy.id),
        )),
    }
}

/// What the answer 503 holds.
#[derive(ToSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "only its schema is wanted")]
enum FailedOrFull {
    Failed(Box<Journal>),
    Full(ErrorBody<'static>),
}

/// The reloads of this process that are remembered.
#[derive(Serialize, ToSchema)]
#[schema(as = Reloads)]
pub(super) struct List {
    /// The newest first; it may still run.
    reloads: Vec<Journal>,
}

/// The journal of reloads: what was done, what came of it, how long each step took.
#[utoipa::path(responses((status = 200, description = "The reloads.", body = List)))]
#[get("/reloads")]
pub(super) fn list(site: &State<Site>) -> Json<List> {
    Json(List { reloads: site.reloader.journals() })
}

/// One reload, also while it runs.
#[utoipa::path(
    params(("id" = String, Path, description = "The reload's id.")),
    responses(
        (status = 200, description = "The reload.", body = Journal),
        (status = 404, description = "There is no such reload, or it is forgotten.", body = ErrorBody),
    )
)]
#[get("/reloads/<id>")]
pub(super) fn one(id: &str, site: &State<Site>) -> Result<Json<Journal>, Refusal> {
    let unknown =
        || Refusal::new(Status::NotFound, format!("there is no reload {id:?}"), "GET /reloads lists them");
    site.reloader.journal(id).map(Json).ok_or_else(unknown)
}
