//! `GET /events`: samples, plugin states and reload steps as they happen.

use std::time::Duration;

use rocket::response::stream::{Event, EventStream};
use rocket::{Route, State, get, routes};
use tokio::sync::broadcast::error::RecvError;

use super::Site;

/// A stream of server-sent events. It ends when the agent is about to hand over, and tells the browser to come back
/// at once.
#[get("/events")]
fn events(site: &State<Site>) -> EventStream![] {
    let mut events = site.agent.events.listen();
    let mut quiesce = site.quiesce.subscribe();
    let stream = EventStream! {
        yield Event::empty().with_retry(Duration::from_millis(100));
        loop {
            let event = tokio::select! {
                _ = quiesce.wait_for(|near| *near) => break,
                event = events.recv() => event,
            };
            match event {
                Ok(event) => {
                    let sent = Event::data(event.data.clone()).event(event.name);
                    yield match event.id {
                        Some(id) => sent.id(id.to_string()),
                        None => sent,
                    };
                }
                // The listener was too slow; it goes on with what is new.
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => break,
            }
        }
    };
    stream.heartbeat(Duration::from_secs(15))
}

pub(super) fn routes() -> Vec<Route> {
    routes![events]
}
