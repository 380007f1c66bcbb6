//! `GET /plugins` and `GET /plugins/<name>`.

use std::collections::BTreeMap;
use std::time::Instant;

use rocket::http::Status;
use rocket::{Route, State, get, routes};
use serde::Serialize;

use super::Site;
use super::answer::{Json, Refusal};
use crate::expose::json;
use crate::plugins::status::Status as PluginStatus;

/// The answer of `GET /plugins`.
#[derive(Serialize)]
pub(super) struct List {
    generation: u64,
    plugins: Vec<PluginStatus>,
}

impl List {
    /// The plugins of now.
    pub(super) fn of(site: &Site) -> Self {
        List { generation: site.agent.counters.generation(), plugins: site.agent.scheduler.statuses() }
    }
}

/// The answer of `GET /plugins/<name>`.
#[derive(Serialize)]
struct One {
    #[serde(flatten)]
    status: PluginStatus,
    facts: BTreeMap<String, String>,
    families: serde_json::Value,
}

#[get("/plugins")]
fn list(site: &State<Site>) -> Json<List> {
    Json(List::of(site))
}

#[get("/plugins/<name>")]
async fn one(name: &str, site: &State<Site>) -> Result<Json<One>, Refusal> {
    let find = || site.agent.scheduler.statuses().into_iter().find(|status| status.name == name);
    if find().is_none() {
        // Rocket takes this path for a plugin's with every method but the one that it is for.
        if name == "reload" {
            let error = "/plugins/reload does not take GET";
            return Err(Refusal::new(Status::MethodNotAllowed, error, "it takes PUT"));
        }
        let known: Vec<_> = site.agent.scheduler.statuses().into_iter().map(|status| status.name).collect();
        let hint = format!("known are: {}", known.join(", "));
        return Err(Refusal::new(Status::NotFound, format!("there is no plugin {name:?}"), hint));
    }
    // A refused plugin can't be selected; its families are then empty.
    let families = match site.agent.scheduler.select(&[name], &[]) {
        Ok(selection) => {
            let deadline = Instant::now() + site.agent.config.collect_timeout();
            let snapshot = site.agent.scheduler.collect(&selection, deadline).await;
            let frame = snapshot.reading(name).and_then(|reading| reading.result.as_ref().ok());
            serde_json::json!(json::families(site.agent.scheduler.families_of(name), frame))
        }
        Err(_) => serde_json::json!([]),
    };
    let facts = site.agent.scheduler.facts_of(name).rows().iter().cloned().collect();
    match find() {
        Some(status) => Ok(Json(One { status, facts, families })),
        None => Err(Refusal::new(Status::NotFound, format!("plugin {name:?} was just removed"), "")),
    }
}

pub(super) fn routes() -> Vec<Route> {
    routes![list, one]
}
