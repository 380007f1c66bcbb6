//! `relink run`: from a start, or from a hand-over, to serving; and to the end.

use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use relink_core::{Context, Error};
use rocket::local::asynchronous::Client;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::agent::{Agent, Past};
use crate::arrival::{Arrival, Start};
use crate::config::{Config, Print};
use crate::counters::Counters;
use crate::http::Site;
use crate::http::caller::Token;
use crate::plugins::linked::Built;
use crate::push::Push;
use crate::reload::exec;
use crate::reload::transaction::{self, Reloader, Request};
use crate::serve::{self, HostPolicy, Quiesce, Server};
use crate::store::history::History;
use crate::{Failed, commands, systemd};

/// How long requests in flight may take to end when the agent does.
const GRACE: Duration = Duration::from_millis(500);

/// Serves until SIGTERM or SIGINT.
pub(crate) fn run(built: Option<Built>, config: Config, start: &mut Start) -> Result<ExitCode, Failed> {
    crate::memory::give_back();
    let carry = start.arrival.as_ref().map(|arrival| arrival.carry.clone()).unwrap_or_default();
    let counters = Arc::new(Counters::starting_from(&carry.counted));
    let history = match &start.arrival {
        Some(arrival) => arrival.history(&config, &counters),
        None => History::new(Duration::from_secs_f64(config.history.seconds), config.history.bytes),
    };
    if let Some(push) = Push::new(&config.push, start.arrival.as_ref().and_then(Arrival::push))? {
        counters.set_push(push);
    }
    let past =
        Past { counters, history, chosen: carry.chosen, library_generations: carry.library_generations };
    let agent = Arc::new(Agent::with_past(built, config, past)?);
    let reloader = Reloader::new(Arc::clone(&agent), start.boot, carry.journals, carry.hash);
    let runtime = crate::runtime()?;
    let code = runtime.block_on(async {
        let mut signals = Signals::new()?;
        let quiesce = Quiesce::new();
        let site = Site {
            agent: Arc::clone(&agent),
            reloader: Arc::clone(&reloader),
            quiesce: quiesce.clone(),
            token: agent.config.reload.token_file.as_deref().map(Token::read).transpose()?,
        };
        let rocket = Client::untracked(crate::http::rocket(site));
        let client = rocket.await.map_err(|error| Error::new(format!("Rocket does not start: {error}")))?;
        let listeners = match &mut start.arrival {
            Some(arrival) => arrival.listeners()?,
            None => listeners(&agent.config)?,
        };
        let hosts = HostPolicy::new(&agent.config.hosts);
        let web = agent.config.web.clone();
        if let Some(web) = &web {
            web.remember(carry.passwords);
        }
        agent.counters.set_web(web.clone());
        let server = Server::new(listeners, client, agent.config.limits.clone(), hosts, web, quiesce)?;
        reloader.attach(Arc::clone(&server));
        let finished = start.arrival.take().and_then(|arrival| arrival.complete(&server, &reloader));
        start.boot.unblock_signals();
        tokio::spawn(Arc::clone(&server).run());
        for listener in server.listeners() {
            let (scheme, address) = (agent.config.scheme(), listener.local_addr()?);
            crate::telemetry::tell(format_args!("listening on {scheme}://{address}"));
        }
        systemd::ready();
        if let Some(journal) = finished {
            agent.events.reload(&journal);
            transaction::answer(&server, &journal).await;
        }
        if let Some(push) = agent.counters.push() {
            push.start(&agent)?;
        }
        tokio::spawn(keep_history(Arc::clone(&agent)));
        tokio::spawn(print_figures(Arc::clone(&agent)));
        crate::memory::forget_startup();
        signals.serve(&reloader).await;
        systemd::stopping();
        reloader.stop();
        tokio::join!(server.shutdown(GRACE), async {
            if let Some(push) = agent.counters.push() {
                push.finish().await;
            }
        });
        Ok(ExitCode::SUCCESS)
    });
    // A plugin that never returns, or a stdout that nobody reads, must not keep the process.
    runtime.shutdown_background();
    code
}

/// The sockets that systemd holds for us, or some of our own.
fn listeners(config: &Config) -> Result<Vec<TcpListener>, Error> {
    let passed = systemd::listeners()?;
    if !passed.is_empty() {
        return Ok(passed);
    }
    let addresses = config.listen.addresses().iter();
    addresses
        .map(|&address| serve::bind(address).map_err(|error| not_bound(config, address, error)))
        .collect()
}

fn not_bound(config: &Config, address: SocketAddr, error: std::io::Error) -> Error {
    let in_use = error.kind() == std::io::ErrorKind::AddrInUse;
    let error = Error::from(error).context(format_args!("listening on {address}"));
    match config.listen.in_the_way_of(address) {
        _ if !in_use => error,
        Some(other) => {
            error.hint(format!("{other} is set as well, and has that port: leave one of them out"))
        }
        None => error.hint("is another relink running there? --listen takes another address"),
    }
}

/// One snapshot at each tick, for the history and for those who listen to `/events`: a collection of its own, unless a
/// scrape comes when the next snapshot is nearly due. An agent that is scraped as often as it keeps history collects once
/// and not twice: the tick waits a moment longer for the next scrape than the interval, whichever of the two is a little
/// late, and also where the scrape came just after the tick.
async fn keep_history(agent: Arc<Agent>) {
    if agent.config.history.interval == 0.0 {
        return;
    }
    let interval = Duration::from_secs_f64(agent.config.history.interval);
    let longer = interval + interval / 4;
    let mut ticks =
        tokio::time::interval_at((Instant::now() + agent.until_next_tick(interval)).into(), interval);
    // A tick that came late is followed by the next one in time, not by a burst.
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut scraped = None;
    loop {
        tokio::select! {
            _ = ticks.tick() => agent.collect_and_record(interval).await,
            snapshot = agent.next_scrape() => {
                let before = scraped.replace(Instant::now());
                if agent.until_next_tick(interval) < interval / 2 {
                    agent.record(snapshot);
                    ticks.reset_after(longer);
                } else if before.is_some_and(|before| before.elapsed() < longer) {
                    ticks.reset_after(longer);
                }
            }
        }
    }
}

/// Prints the figures once. Stdout may be a pipe that nobody reads, so a thread of its own writes there.
pub(crate) async fn print_figures(agent: Arc<Agent>) {
    if agent.config.print == Print::None {
        return;
    }
    let text = agent.figures(agent.config.print).await;
    let written = tokio::task::spawn_blocking(move || commands::say(&text)).await;
    if let Ok(Err(error)) = written {
        tracing::warn!("the figures could not be printed: {error}");
    }
}

/// The signals that the agent acts on.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn new() -> Result<Self, Error> {
        exec::note_the_end();
        let on = |kind| signal(kind).context("installing signal handlers");
        Ok(Signals {
            terminate: on(SignalKind::terminate())?,
            interrupt: on(SignalKind::interrupt())?,
            hang_up: on(SignalKind::hangup())?,
        })
    }

    /// Returns when the agent has to end. SIGHUP asks for a reload, as `PUT /plugins/reload` does.
    async fn serve(&mut self, reloader: &Arc<Reloader>) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hang_up.recv() => {
                    if let Err(busy) = reloader.start(Request::default()) {
                        tracing::info!("SIGHUP: reload {} runs already, at step {}", busy.id, busy.step);
                    }
                }
            }
        }
    }
}
