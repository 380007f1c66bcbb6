//! `GET /plugins` and `GET /plugins/<name>`.

use std::collections::BTreeMap;

use rocket::http::Status;
use rocket::{State, get};
use serde::Serialize;
use utoipa::ToSchema;

use super::Site;
use super::answer::{ErrorBody, Json, Refusal};
use crate::expose::json::{self, FamilyJson};
use crate::names;
use crate::plugins::status::{CollectorStatus, Status as PluginStatus};
use relink_order::gathered;

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
    /// In place of the list above: each collector with its facts and samples.
    #[schema(value_type = Vec<OneCollector>)]
    collectors: Vec<serde_json::Value>,
}

/// One collector, and its samples of now.
#[derive(Serialize, ToSchema)]
#[schema(as = CollectorWithSamples)]
pub(super) struct OneCollector {
    #[serde(flatten)]
    status: CollectorStatus,
    /// What it tells people, as it is now, such as the model of the CPU.
    facts: BTreeMap<String, String>,
    /// Its options that are set, by the file or by flags; nothing of one that does not run. The others have their defaults.
    #[schema(value_type = BTreeMap<String, serde_json::Value>)]
    options: serde_json::Map<String, serde_json::Value>,
    /// The families that it declared, and those that its patterns have become.
    #[schema(value_type = Vec<FamilyJson>)]
    families: serde_json::Value,
    /// The patterns that it declared, as in `node_vmstat_{}`: of these the kernel alone says which families there are.
    patterns: Vec<&'static str>,
}

/// What runs, how it fares, and why something does not.
#[utoipa::path(responses((status = 200, description = "All plugins.", body = List)))]
#[get("/plugins")]
pub(super) fn list(site: &State<Site>) -> Json<List> {
    // The states are those of the last collection: who asks for them wants them new.
    site.agent.was_looked_at();
    Json(List::of(site))
}

/// One plugin with the facts, families and samples of its collectors; asks them. The first request in ten seconds takes a
/// quarter of a second, as usage is told from two readings.
#[utoipa::path(
    params(("name" = String, Path, description = "The plugin's name.")),
    responses(
        (status = 200, description = "The plugin.", body = One),
        (status = 404, description = "There is no such plugin; the hint lists those there are.", body = ErrorBody),
    )
)]
#[get("/plugins/<name>")]
pub(super) async fn one(name: &str, site: &State<Site>) -> Result<Json<serde_json::Value>, Refusal> {
    let find = || site.agent.scheduler.statuses().into_iter().find(|status| status.name == name);
    if find().is_none() {
        // Rocket takes this path for a plugin's with every method but the one that it is for.
        if name == "reload" {
            let error = "/plugins/reload does not take GET";
            return Err(Refusal::new(Status::MethodNotAllowed, error, "it takes PUT"));
        }
        let statuses = site.agent.scheduler.statuses();
        let owner = statuses.iter().find(|status| status.collectors.iter().any(|one| one.name == name));
        let hint = match owner {
            Some(owner) => format!("collector {name} is one of /plugins/{}", owner.name),
            None => {
                let known: Vec<_> = statuses.iter().map(|status| status.name.as_str()).collect();
                let close = names::did_you_mean(name, known.iter().copied());
                format!("{close}known are: {}", known.join(", "))
            }
        };
        return Err(Refusal::new(Status::NotFound, format!("there is no plugin {name:?}"), hint));
    }
    // One that does not run can't be asked.
    let scheduler = &site.agent.scheduler;
    let snapshot = match scheduler.of_plugin(name) {
        Some(selection) => Some(site.agent.collect_with_facts(&selection).await),
        None => None,
    };
    let running = scheduler.running().into_iter().find(|plugin| plugin.name == name);
    let Some(mut status) = find() else {
        return Err(Refusal::new(Status::NotFound, format!("plugin {name:?} was just removed"), ""));
    };
    let one = |status: CollectorStatus| {
        let declared = running.as_ref().and_then(|plugin| plugin.declared_by(&status.name)).unwrap_or(&[]);
        let reading = snapshot.as_ref().and_then(|snapshot| snapshot.reading(&status.name));
        let frame = reading.and_then(|reading| reading.result.as_ref().ok());
        // Of one that does not answer, what it told some time ago may no longer be so.
        let facts = frame.map(|_| scheduler.facts_of(&status.name)).unwrap_or_default();
        let families = json::families(declared, frame);
        let facts = gathered(facts.rows().iter().cloned());
        let options = running.as_ref().and_then(|plugin| plugin.options_of(&status.name));
        let options = options.map(|options| options.table().clone()).unwrap_or_default();
        let patterns =
            declared.iter().filter(|family| family.is_pattern()).map(relink_core::Family::name).collect();
        let families = serde_json::json!(families);
        serde_json::json!(OneCollector { status, facts, options, families, patterns })
    };
    let collectors = std::mem::take(&mut status.collectors).into_iter().map(one).collect();
    // A value has each key once; written at once, the flattened status would write its list as well.
    Ok(Json(serde_json::json!(One { status, collectors })))
}
