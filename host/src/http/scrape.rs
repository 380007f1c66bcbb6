//! `GET /metrics`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use rocket::http::Header;
use rocket::request::{FromRequest, Outcome};
use rocket::response::{self, Responder, Response};
use rocket::{Request, State, get};

use super::Site;
use super::answer::{ErrorBody, Refusal};
use super::query;
use crate::expose::{self, Format};
use crate::schedule::deadline;
use crate::serve::dispatch::Ready;
use crate::store::snapshot::Body;

/// What a scraper asks for.
pub(super) struct Scrape {
    collect: Vec<String>,
    exclude: Vec<String>,
    format: Format,
    gzip: bool,
    timeout: Option<String>,
    /// Who asks, for the log.
    peer: Option<SocketAddr>,
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Scrape {
    type Error = std::convert::Infallible;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Self::Error> {
        let header = |name| request.headers().get_one(name);
        let (format, gzip) = expose::negotiate(header("Accept"), header("Accept-Encoding"));
        Outcome::Success(Scrape {
            collect: query::values(request, "collect[]"),
            exclude: query::values(request, "exclude[]"),
            format,
            gzip,
            timeout: header("X-Prometheus-Scrape-Timeout-Seconds").map(str::to_owned),
            peer: request.remote(),
        })
    }
}

/// The body of an exposition.
pub(super) struct Exposition {
    format: Format,
    gzip: bool,
    body: Body,
}

impl<'r> Responder<'r, 'static> for Exposition {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let mut answer = Response::build();
        answer.header(Header::new("Content-Type", self.format.content_type()));
        answer.header(Header::new("Cache-Control", "no-store"));
        answer.header(Header::new("Vary", "Accept, Accept-Encoding"));
        if self.gzip {
            answer.header(Header::new("Content-Encoding", "gzip"));
        }
        Ready::answer(request, &mut answer, self.body);
        answer.ok()
    }
}

/// All samples of now, for Prometheus.
///
/// `Accept` decides between the Prometheus text format 0.0.4 and OpenMetrics 1.0, `Accept-Encoding` whether the answer
/// is compressed with gzip. What does not answer in time is left out, and marked in `node_scrape_collector_success`.
#[utoipa::path(
    params(
        ("collect[]" = Option<Vec<String>>, Query, explode, description = "Only these collectors, or all of a plugin's; repeatable."),
        ("exclude[]" = Option<Vec<String>>, Query, explode, description = "All but these; repeatable."),
        ("X-Prometheus-Scrape-Timeout-Seconds" = Option<String>, Header, description = "In how many seconds the answer has to be there."),
    ),
    responses(
        (status = 200, description = "The exposition.", content(
            (String = "text/plain"),
            (String = "application/openmetrics-text"),
        )),
        (status = 400, description = "No collector or plugin of that name runs; the hint lists those that do.", body = ErrorBody),
    )
)]
#[get("/metrics")]
pub(super) async fn metrics(scrape: Scrape, site: &State<Site>) -> Result<Exposition, Refusal> {
    exposition(scrape, site).await
}

/// The same at `telemetry_path`.
#[get("/")]
pub(super) async fn metrics_elsewhere(scrape: Scrape, site: &State<Site>) -> Result<Exposition, Refusal> {
    exposition(scrape, site).await
}

async fn exposition(scrape: Scrape, site: &Site) -> Result<Exposition, Refusal> {
    let collect: Vec<_> = scrape.collect.iter().map(String::as_str).collect();
    let exclude: Vec<_> = scrape.exclude.iter().map(String::as_str).collect();
    let began = Instant::now();
    let selection = site.agent.scheduler.select(&collect, &exclude)?;
    let allowed = deadline::allowed(scrape.timeout.as_deref(), *site.agent.config.collect.timeout);
    let snapshot = site.agent.scheduler.collect(&selection, Instant::now() + allowed).await;
    if collect.is_empty() && exclude.is_empty() {
        site.agent.was_scraped(Arc::clone(&snapshot));
    }
    let body = expose::body(&snapshot, scrape.format, scrape.gzip.then_some(&site.agent.packer));
    tracing::debug!(
        peer = scrape.peer.map(tracing::field::display),
        series = snapshot.series(),
        bytes = body.len(),
        seconds = began.elapsed().as_secs_f64(),
        "scrape"
    );
    Ok(Exposition { format: scrape.format, gzip: scrape.gzip, body })
}
