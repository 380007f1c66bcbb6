//! Rocket: routes, guards, catchers. The only room that knows Rocket's macros.

mod answer;
mod bundle;
pub(crate) mod caller;
mod compare;
mod events;
mod history;
mod openapi;
mod owner;
mod page;
mod plot;
mod plugins;
mod query;
mod reload;
mod scrape;
mod status;

use std::sync::Arc;

use relink_core::Error;
use rocket::config::{Ident, LogLevel};
use rocket::shield::Shield;
use rocket::{Build, Rocket, Route, routes};

use crate::agent::Agent;
use crate::journal::Journals;
use crate::reload::transaction::Reloader;
use crate::serve::Quiesce;
use crate::settings::{Config, METRICS};
use relink_handover::Boot;

/// What the routes speak for.
pub(crate) struct Site {
    pub(crate) agent: Arc<Agent>,
    pub(crate) reloader: Arc<Reloader>,
    /// Tells endless answers to end.
    pub(crate) quiesce: Quiesce,
    /// The bearer token for callers that are not the agent's own user.
    pub(crate) token: Option<caller::Token>,
}

impl Site {
    /// A site that answers itself only: no server stands behind it, and nobody can have it reload.
    pub(crate) fn to_prove(agent: Arc<Agent>, boot: &'static Boot) -> Self {
        let reloader = Reloader::new(Arc::clone(&agent), boot, Journals::default(), String::new());
        Site { agent, reloader, quiesce: Quiesce::new(), token: None }
    }
}

/// Whether the samples can be served at the `telemetry_path` as well: relink's own routes are in the way of some.
pub(crate) fn check(config: &Config) -> Result<(), Error> {
    let path = config.telemetry_path.as_str();
    let first = path.split('/').nth(1).unwrap_or_default();
    if path == METRICS || routes().iter().all(|route| route.uri.path().split('/').nth(1) != Some(first)) {
        return Ok(());
    }
    Err(Error::new(format!(
        "--web.telemetry-path or telemetry_path is {path:?}, expected a path that does not begin with /{first}, \
         which relink serves itself"
    )))
}

/// The routes.
pub(crate) fn rocket(site: Site) -> Rocket<Build> {
    let config = rocket::Config {
        // Rocket would log each request and its own start; relink logs what an operator has to act on.
        log_level: LogLevel::Off,
        cli_colors: false,
        ident: Ident::try_new("relink").unwrap_or_else(|_| Ident::none()),
        ..rocket::Config::release_default()
    };
    let telemetry_path = site.agent.config.telemetry_path.clone();
    // An empty shield, in place of Rocket's: what that adds to each answer is added by the dispatch, which also has answers
    // that Rocket does not see, and is five times as quick at it.
    let rocket = rocket::custom(config).attach(Shield::new()).manage(site);
    let rocket = rocket.mount("/", routes()).register("/", answer::catchers());
    match telemetry_path.as_str() {
        METRICS => rocket,
        other => rocket.mount(other, routes![scrape::metrics_elsewhere]),
    }
}

/// All routes, in the order in which they are told to those who ask for one that is not among them.
fn routes() -> Vec<Route> {
    routes![
        page::page,
        page::file,
        scrape::metrics,
        plugins::list,
        reload::reload,
        plugins::one,
        reload::list,
        reload::one,
        events::events,
        history::history,
        compare::compare,
        plot::picture,
        openapi::openapi,
        status::healthy,
        status::ready,
    ]
}
