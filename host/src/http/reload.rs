//! `PUT /plugins/reload`, `GET /reloads`, `GET /reloads/<id>`.

use rocket::http::{Header, Status};
use rocket::response::{self, Responder, Response};
use rocket::{Request, Route, State, get, put, routes};
use serde::Serialize;

use super::Site;
use super::answer::{Json, Refusal};
use super::caller::Permission;
use super::query;
use crate::reload::build::is_plugin_name;
use crate::reload::journal::Journal;
use crate::reload::transaction;
use crate::serve::dispatch::OWED;

/// What the query of `PUT /plugins/reload` asks for; an error names what it can't mean.
struct Wanted(Result<transaction::Request, Refusal>);

#[rocket::async_trait]
impl<'r> rocket::request::FromRequest<'r> for Wanted {
    type Error = std::convert::Infallible;

    async fn from_request(request: &'r Request<'_>) -> rocket::request::Outcome<Self, Self::Error> {
        rocket::request::Outcome::Success(Wanted(wanted(request)))
    }
}

fn wanted(request: &Request<'_>) -> Result<transaction::Request, Refusal> {
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
    let mut plugins: Vec<String> = lists.iter().flat_map(|list| list.split(',')).map(str::to_owned).collect();
    plugins.sort_unstable();
    plugins.dedup();
    match plugins.iter().find(|name| !is_plugin_name(name)) {
        Some(name) => {
            bad(format!("{name:?} is no plugin's name"), "say plugins=cpu,disk; GET /plugins lists them")
        }
        None => Ok(transaction::Request { plugins: Some(plugins), force }),
    }
}

/// The answer comes later, from the image that serves then.
struct Owed(String);

impl<'r> Responder<'r, 'static> for Owed {
    fn respond_to(self, _: &'r Request<'_>) -> response::Result<'static> {
        Response::build().header(Header::new(OWED, self.0)).ok()
    }
}

#[put("/plugins/reload")]
fn reload(permission: Permission, wanted: Wanted, site: &State<Site>) -> Result<Owed, Refusal> {
    permission.0?;
    let request = wanted.0?;
    match site.reloader.start(request) {
        Ok(id) => Ok(Owed(id)),
        Err(busy) => Err(Refusal::new(
            Status::Conflict,
            format!("reload {} runs already, at step {}", busy.id, busy.step),
            format!("GET /reloads/{} shows how it goes", busy.id),
        )),
    }
}

/// The answer of `GET /reloads`.
#[derive(Serialize)]
struct List {
    reloads: Vec<Journal>,
}

#[get("/reloads")]
fn list(site: &State<Site>) -> Json<List> {
    Json(List { reloads: site.reloader.journals() })
}

#[get("/reloads/<id>")]
fn one(id: &str, site: &State<Site>) -> Result<Json<Journal>, Refusal> {
    let unknown =
        || Refusal::new(Status::NotFound, format!("there is no reload {id:?}"), "GET /reloads lists them");
    site.reloader.journal(id).map(Json).ok_or_else(unknown)
}

pub(super) fn routes() -> Vec<Route> {
    routes![reload, list, one]
}
