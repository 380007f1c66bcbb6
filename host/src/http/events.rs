//! `GET /events`: samples, states of collectors and reload steps as they happen.

use std::time::Duration;

use bytes::Bytes;
use rocket::futures::Stream;
use rocket::http::{ContentType, Header, Status};
use rocket::response::stream::{ByteStream, stream};
use rocket::response::{self, Responder, Response};
use rocket::{Request, State, get};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;

use super::Site;
use super::answer::{ErrorBody, Refusal};
use super::plugins::List;
use super::query::{self, FromQuery, Query};
use crate::agent::events::{Subscriber, frame};
use crate::journal::Journal;

/// How long a stream is silent before it says that it is still there, so that what stands in between keeps it open.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// What a subscriber asks for.
pub(super) struct Wanted {
    families: Vec<String>,
    last: Option<u64>,
}

impl FromQuery for Wanted {
    fn from_query(request: &Request<'_>) -> Result<Self, Refusal> {
        query::only(request, &["family", "last_event_id"])?;
        // A browser that comes back sends the header, to the address that the page gave it once.
        let header = request.headers().get_one("Last-Event-ID").map(str::to_owned);
        let last = header.or_else(|| query::values(request, "last_event_id").pop());
        let last = last.and_then(|last| last.trim().parse().ok());
        Ok(Wanted { families: query::values(request, "family"), last })
    }
}

/// An endless answer.
pub(super) struct Sse<S>(S);

impl<'r, S: Stream<Item = Bytes> + Send + 'r> Responder<'r, 'r> for Sse<S> {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'r> {
        Response::build_from(ByteStream(self.0).respond_to(request)?)
            .header(ContentType::EventStream)
            .header(Header::new("Cache-Control", "no-store"))
            // nginx would hold events back until it has some KiB of them.
            .header(Header::new("X-Accel-Buffering", "no"))
            .ok()
    }
}

/// Samples, states of collectors and reloads as they happen: a stream of server-sent events.
///
/// * `plugins`, at the beginning and whenever a collector's state, error or warnings change, or a plugin's generation, or
///   which there are: as `GET /plugins`.
/// * `samples`, a snapshot, with its number as the event's id: `{"id","time","families":[{"name","type","samples":
///   [{"labels","value"}]}]}`. Numbers have no gap, also across a re-exec. A subscriber that says which one it saw last
///   gets first what it missed, as far as the history has it, and the same bytes as if it had been there.
/// * `reload`, at each step of a reload and at its end: as `GET /reloads/<id>`.
///
/// The stream ends when the agent is about to hand over, and tells the browser to come back at once.
#[utoipa::path(
    params(
        ("family" = Option<Vec<String>>, Query, explode, description = "Only samples of these families; repeatable."),
        ("last_event_id" = Option<String>, Query, description = "As the header, for a page's first request. What is no number that was given is as good as none."),
        ("Last-Event-ID" = Option<String>, Header, description = "The snapshot that was seen last, as browsers send it when they come back."),
    ),
    responses(
        (status = 200, description = "The stream, which has no end.", body = String, content_type = "text/event-stream"),
        (status = 400, description = "A parameter is unknown.", body = ErrorBody),
        (status = 503, description = "As many streams as `[limits] max_streams` are open, or no connection is free.", body = ErrorBody),
    )
)]
#[get("/events")]
pub(super) fn events(
    wanted: Query<Wanted>,
    site: &State<Site>,
) -> Result<Sse<impl Stream<Item = Bytes> + use<'_>>, Refusal> {
    let Wanted { families, last } = wanted.0?;
    let max = site.agent.config.limits.max_streams;
    let Some(mut subscriber) = Subscriber::new(&site.agent, families, last) else {
        return Err(Refusal::new(
            Status::ServiceUnavailable,
            format!("{max} event streams are open already"),
            "close one, or raise `limits.max_streams` in relink.toml",
        ));
    };
    site.agent.was_looked_at();
    // From here on nothing is missed: what is told first is looked up after these began to listen.
    let mut reloads = site.agent.events.reloads();
    let mut plugins = site.agent.scheduler.news().subscribe();
    let mut quiesce = site.quiesce.subscribe();
    Ok(Sse(stream! {
        yield Bytes::from_static(b"retry:100\n\n");
        yield frame("plugins", &List::of(site));
        if let Some(journal) = unseen_reload(site, last) {
            yield frame("reload", &journal);
        }
        loop {
            while let Some(samples) = subscriber.next() {
                yield samples;
                // Others get their turn between two of a long past.
                tokio::task::yield_now().await;
                if is_near(&quiesce) {
                    return;
                }
            }
            let said = tokio::select! {
                _ = quiesce.wait_for(|near| *near) => break,
                () = subscriber.wait() => None,
                _ = plugins.changed() => Some(frame("plugins", &List::of(site))),
                journal = reloads.recv() => match journal {
                    Ok(journal) => Some(journal),
                    Err(RecvError::Lagged(_)) => None,
                    Err(RecvError::Closed) => break,
                },
                // sleep: as long as nothing happens.
                () = tokio::time::sleep(HEARTBEAT) => Some(Bytes::from_static(b":\n\n")),
            };
            if let Some(said) = said {
                yield said;
            }
        }
    }))
}

fn is_near(quiesce: &watch::Receiver<bool>) -> bool {
    *quiesce.borrow()
}

/// The newest reload, if it runs, or has ended since the snapshot that a subscriber saw last: who was away during a
/// re-exec is told how it went.
fn unseen_reload(site: &Site, last: Option<u64>) -> Option<Journal> {
    let journal = site.reloader.journals().into_iter().next()?;
    if journal.outcome.is_none() {
        return Some(journal);
    }
    let ended = journal.started + journal.steps.iter().map(|step| step.ms).sum::<f64>() / 1e3;
    let seen = site.agent.history().time_of(last?);
    seen.is_none_or(|seen| ended * 1e3 >= seen as f64).then_some(journal)
}
