//! `GET /plugins` and `GET /plugins/<name>`.

use std::collections::BTreeMap;

use relink_core::Facts;
use rocket::http::Status;
use rocket::{State, get};
use serde::Serialize;
use utoipa::ToSchema;

use super::Site;
use super::answer::{ErrorBody, Json, Refusal};
use crate::expose::json::{self, FamilyJson};
use crate::plugins::status::Status as PluginStatus;

/// All plugins that are known.
#[derive(Serialize, ToSchema)]
#[schema(as = Plugins)]
pub(super) struct List {
    /// The agent's version.
    version: &'static str,
    /// How often new code went live in this process, its start included.
    generation: u64,
    /// Since when that code serves, in seconds since 1970.
    since: f64,
    /// Sorted by name.
    plugins: Vec<PluginStatus>,
}

impl List {
    /// The plugins of now.
    pub(super) fn of(site: &Site) -> Self {
        let counted = site.agent.counters.counted();
        List {
            version: env!("CARGO_PKG_VERSION"),
            generation: counted.generation,
            since: counted.since,
            plugins: site.agent.scheduler.statuses(),
        }
    }
}

/// One plugin, and its samples of now.
#[derive(Serialize, ToSchema)]
#[schema(as = PluginWithSamples)]
pub(super) struct One {
    #[serde(flatten)]
    status: PluginStatus,
    /// What it tells people, as it is now, such as the model of the CPU.
    facts: BTreeMap<String, String>,
    /// The families that it declared.
    #[schema(value_type = Vec<FamilyJson>)]
    families: serde_json::Value,
}

/// What runs, how it fares, and why something does not.
#[utoipa::path(responses((status = 200, description = "All plugins.", body = List)))]
#[get("/plugins")]
pub(super) fn list(site: &State<Site>) -> Json<List> {
    Json(List::of(site))
}

/// One plugin with its facts, its families and their samples; asks the plugin. The first request in ten seconds takes a
/// quarter of a second, as usage is told from two readings.
#[utoipa::path(
    params(("name" = String, Path, description = "The plugin's name.")),
    responses(
        (status = 200, description = "The plugin.", body = One),
        (status = 404, description = "There is no such plugin; the hint lists those there are.", body = ErrorBody),
    )
)]
#[get("/plugins/<name>")]
pub(super) async fn one(name: &str, site: &State<Site>) -> Result<Json<One>, Refusal> {
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
    // One that does not run can't be asked.
    let (facts, families) = match site.agent.collect_with_facts(name).await {
        Ok(snapshot) => {
            let frame = snapshot.reading(name).and_then(|reading| reading.result.as_ref().ok());
            // Of one that does not answer, what it told some time ago may no longer be so.
            let facts = frame.map(|_| site.agent.scheduler.facts_of(name)).unwrap_or_default();
            let families = json::families(site.agent.scheduler.families_of(name), frame);
            (facts, serde_json::json!(families))
        }
        Err(_) => (Facts::default(), serde_json::json!([])),
    };
    let facts = facts.rows().iter().cloned().collect();
    match find() {
        Some(status) => Ok(Json(One { status, facts, families })),
        None => Err(Refusal::new(Status::NotFound, format!("plugin {name:?} was just removed"), "")),
    }
}
