//! `GET /events`: samples, states of collectors and reload steps as they happen.

use std::time::Duration;

use bytes::Bytes;
use rocket::futures::Stream;
use rocket::http::{ContentType, Header, Status};
use rocket::response::stream::{ByteStream, stream};
use rocket::response::{self, Responder, Response};
use rocket::{Request, State, get};
use tokio::sync::broadcast::error::RecvError;

use super::Site;
use super::answer::{ErrorBody, Refusal, takes_gzip};
use super::plugins::List;
use super::query::{self, FromQuery, Query};
use crate::agent::events::{Subscriber, Wanted, event};
use crate::expose::gzip::{Flow, Text};
use crate::journal::Journal;

/// How long a stream is silent before it says that it is still there, so that what stands in between keeps it open.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// What a browser that lost the connection waits before it comes back, in milliseconds. A page that counts its failures
/// comes sooner.
const COMES_BACK: &[u8] = b"retry:5000\n\n";
/// The same before a hand-over, after which the agent serves at once.
const COMES_BACK_AT_ONCE: &[u8] = b"retry:100\n\n";

/// What a subscriber asks for.
pub(super) struct Question {
    wanted: Wanted,
    gzip: bool,
}

impl FromQuery for Question {
    fn from_query(request: &Request<'_>) -> Result<Self, Refusal> {
        query::only(request, &["family", "last_event_id", "span"])?;
        // A browser that comes back sends the header, to the address that the page gave it once.
        let header = request.headers().get_one("Last-Event-ID").map(str::to_owned);
        let last = header.or_else(|| query::values(request, "last_event_id").pop());
        let last = last.and_then(|last| last.trim().parse().ok());
        let families = query::values(request, "family");
        let span = query::seconds(request, "span")?;
        Ok(Question { wanted: Wanted { families, last, span }, gzip: takes_gzip(request) })
    }
}

/// An endless answer.
pub(super) struct Sse<S> {
    gzip: bool,
    events: S,
}

impl<'r, S: Stream<Item = Bytes> + Send + 'r> Responder<'r, 'r> for Sse<S> {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'r> {
        let mut answer = Response::build_from(ByteStream(self.events).respond_to(request)?);
        answer
            .header(ContentType::EventStream)
            .header(Header::new("Cache-Control", "no-store"))
            .header(Header::new("Vary", "Accept-Encoding"))
            // nginx would hold events back until it has some KiB of them.
            .header(Header::new("X-Accel-Buffering", "no"));
        if self.gzip {
            answer.header(Header::new("Content-Encoding", "gzip"));
        }
        answer.ok()
    }
}

/// Samples, states of collectors and reloads as they happen: a stream of server-sent events.
///
/// * `plugins`, at the beginning and whenever a collector's state, error or warnings change, or a plugin's generation, or
///   which there are: as `GET /plugins`.
/// * `series`, whenever there are new ones: `{"families":[{"name","type","unit","series":[[7,{"cpu":"0"}],…]}]}` gives each a
///   number, which is its own for as long as this connection lasts.
/// * `samples`, a snapshot, with its number as the event's id: `{"time":ms,"values":[7,0.5,…]}` has the number and the value
///   of each series that is not as it was in the one before, and of all in the first. Others stand still. `"gone":[7,…]` are
///   those that are no more; `"gap":true`: nobody measured for a while before. Snapshots' numbers have no gap, also across a
///   re-exec. A subscriber that says which one it saw last gets first what it missed; if some of that is forgotten, it begins
///   as one that has seen nothing.
/// * `past`, before the first `samples`, where `span` is given: a few families each, in the order in which they are asked
///   for: `{"step":1,"times":[ms,…],"gaps":[…],"series":[[7,[0.5,null,…]],[8,1],[9,[…],[…],[…]]]}`. A series has a value a
///   time, null where it was not there; one value that it always had; or the last, the least and the most of several
///   snapshots. `gaps` are places in `times` before which nobody measured. `step` is seconds between two times: as few as
///   keep all of it below some 110,000 values.
/// * `reload`, at each step of a reload and at its end: as `GET /reloads/<id>`.
///
/// The stream ends when the agent is about to hand over, and tells the browser to come back at once.
#[utoipa::path(
    params(
        ("family" = Option<Vec<String>>, Query, explode, description = "Only samples of these families; repeatable."),
        ("span" = Option<f64>, Query, exclusive_minimum = 0.0, description = "How many seconds of the past are told first, as far as there are; not to one that names a snapshot from which it can go on."),
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
    question: Query<Question>,
    site: &State<Site>,
) -> Result<Sse<impl Stream<Item = Bytes> + use<'_>>, Refusal> {
    let Question { wanted, gzip } = question.0?;
    let max = site.agent.config.limits.max_streams;
    let last = wanted.last;
    let Some(mut subscriber) = Subscriber::new(&site.agent, wanted) else {
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
    let (mut flow, packer) = (Flow::new(gzip), &site.agent.packer);
    let events = stream! {
        yield flow.put(&Text::new(COMES_BACK), packer);
        yield flow.put(&event("plugins", &List::of(site)), packer);
        if let Some(journal) = unseen_reload(site, last) {
            yield flow.put(&event("reload", &journal), packer);
        }
        while !*quiesce.borrow() {
            if let Some(text) = subscriber.next() {
                yield flow.put(&text, packer);
                // Others get their turn between two of a long past.
                tokio::task::yield_now().await;
                continue;
            }
            if subscriber.is_over() {
                break;
            }
            let said = tokio::select! {
                _ = quiesce.wait_for(|near| *near) => break,
                () = subscriber.wait() => None,
                _ = plugins.changed() => Some(event("plugins", &List::of(site))),
                journal = reloads.recv() => match journal {
                    Ok(journal) => Some(journal),
                    Err(RecvError::Lagged(_)) => None,
                    Err(RecvError::Closed) => break,
                },
                // sleep: as long as nothing happens.
                () = tokio::time::sleep(HEARTBEAT) => Some(Text::new(&b":\n\n"[..])),
            };
            if let Some(said) = said {
                yield flow.put(&said, packer);
            }
        }
        yield flow.end(&Text::new(COMES_BACK_AT_ONCE), packer);
    };
    Ok(Sse { gzip, events })
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
