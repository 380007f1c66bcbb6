//! `PUT /plugins/reload`, `GET /reloads`, `GET /reloads/<id>`.

use rocket::http::{Header, Status as HttpStatus};
use rocket::response::{self, Responder, Response};
use rocket::{Request, State, get, put};
use serde::Serialize;
use utoipa::ToSchema;

use super::Site;
use super::answer::{ErrorBody, Json, Refusal};
use super::caller::{Caller, Permission};
use super::query::{self, FromQuery, Query};
use crate::journal::{Asked, Journal};
use crate::names;
use crate::plugins::status::Status;
use crate::reload::build::is_plugin_name;
use crate::reload::choice;
use crate::serve::dispatch::OWED;

impl FromQuery for Asked {
    fn from_query(request: &Request<'_>) -> Result<Self, Refusal> {
        let bad = |error: String, hint: &str| Err(Refusal::new(HttpStatus::BadRequest, error, hint));
        let known = ["plugins", "on", "off", "force"];
        if let Some(other) = query::names(request).into_iter().find(|name| !known.contains(&name.as_str())) {
            let hint = "known are plugins=a,b, on=a,b, off=a,b and force=true";
            return bad(format!("unknown parameter {other:?}"), hint);
        }
        let force = match query::values(request, "force").last().map(String::as_str) {
            None | Some("false") => false,
            Some("true") => true,
            Some(other) => return bad(format!("force is {other:?}"), "it is true or false"),
        };
        let (on, off) =
            (names_of(request, "on").unwrap_or_default(), names_of(request, "off").unwrap_or_default());
        if let Some(both) = on.iter().find(|name| off.contains(name)) {
            return bad(format!("{both:?} is to be on and off"), "say which");
        }
        let plugins = names_of(request, "plugins");
        match plugins.iter().flatten().find(|name| !is_plugin_name(name)) {
            Some(name) => bad(
                format!("{name:?} is not a plugin's name"),
                "say plugins=cpu,disk; GET /plugins lists them",
            ),
            None => Ok(Asked { plugins, on, off, force }),
        }
    }
}

/// The names of a parameter, with commas between them, sorted; nothing where it is not given.
fn names_of(request: &Request<'_>, name: &str) -> Option<Vec<String>> {
    let lists = query::values(request, name);
    let mut names: Vec<_> = lists.iter().flat_map(|list| list.split(',')).map(str::to_owned).collect();
    names.sort_unstable();
    names.dedup();
    (!lists.is_empty()).then_some(names)
}

/// Whether each collector that is to be switched is one of this agent.
fn check_switches(asked: &Asked, plugins: &[Status]) -> Result<(), Refusal> {
    for (parameter, names) in [("on", &asked.on), ("off", &asked.off)] {
        let Some(name) = names.iter().find(|name| choice::owner(plugins, name).is_none()) else { continue };
        let collectors = |plugin: &Status| {
            let names: Vec<_> = plugin.collectors.iter().map(|one| one.name.clone()).collect();
            names.join(", ")
        };
        let hint = match plugins.iter().find(|plugin| plugin.name == *name) {
            Some(plugin) if plugin.collectors.is_empty() => {
                format!("{name} is a plugin that is not here yet: plugins= chooses plugins")
            }
            Some(plugin) => format!("{name} is a plugin, whose collectors are {}", collectors(plugin)),
            None => {
                let known = plugins.iter().flat_map(|plugin| &plugin.collectors).map(|one| one.name.as_str());
                let known: Vec<_> = known.collect();
                let close = names::did_you_mean(name, known.iter().copied());
                format!("{close}known are: {}", known.join(", "))
            }
        };
        let error = format!("{parameter} names {name:?}, which is no collector of this agent");
        return Err(Refusal::new(HttpStatus::BadRequest, error, hint));
    }
    Ok(())
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
        ("on" = Option<String>, Query, description = "From now on these collectors as well: names with commas between them. They are kept to by later reloads, until `off` names them, or `plugins` a set without their plugin."),
        ("off" = Option<String>, Query, description = "From now on without these collectors."),
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
    wanted: Query<Asked>,
    site: &State<Site>,
) -> Result<Owed, Refusal> {
    let Caller { peer, who } = permission.0?;
    let asked = wanted.0?;
    check_switches(&asked, &site.agent.scheduler.statuses())?;
    match site.reloader.start(who, asked) {
        Ok(id) => {
            tracing::info!(reload = id, peer, who, "PUT /plugins/reload is allowed");
            Ok(Owed(id))
        }
        Err(busy) => Err(Refusal::new(
            HttpStatus::Conflict,
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
    /// When this process began, in seconds since 1970. Reloads go on in it; a start is another process.
    started: f64,
    /// The newest first; it may still run.
    reloads: Vec<Journal>,
}

/// The journal of reloads: what was done, what came of it, how long each step took.
#[utoipa::path(responses((status = 200, description = "The reloads.", body = List)))]
#[get("/reloads")]
pub(super) fn list(site: &State<Site>) -> Json<List> {
    Json(List { started: site.agent.counters.counted().started, reloads: site.reloader.journals() })
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
    let unknown = || {
        Refusal::new(HttpStatus::NotFound, format!("there is no reload {id:?}"), "GET /reloads lists them")
    };
    site.reloader.journal(id).map(Json).ok_or_else(unknown)
}
