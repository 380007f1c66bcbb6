//! `relink run`: from a start, or from a hand-over, to serving; and to the end.

use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use relink_core::{Context, Error};
use rocket::local::asynchronous::Client;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::agent::push::{self, Push};
use crate::agent::{self, Agent, Inherited};
use crate::commands::arrival::{Arrival, Start};
use crate::failure::{Failed, runtime};
use crate::http::Site;
use crate::http::caller::Token;
use crate::journal::Asked;
use crate::own::counters::Counters;
use crate::plugins::linked::Built;
use crate::reload::transaction::{self, Reloader};
use crate::serve::{self, HostPolicy, Quiesce, Server};
use crate::settings::Config;
use crate::store::history::History;
use crate::systemd;
use relink_handover::Boot;

/// How long requests in flight may take to end when the agent does.
const GRACE: Duration = Duration::from_millis(500);

/// How long the figures may hold up the line that says where the agent listens: a plugin hangs, or nobody reads stdout.
const FIGURES: Duration = Duration::from_secs(2);

/// Serves until a signal ends it.
pub(crate) fn run(built: Option<Built>, config: Config, start: &mut Start) -> Result<ExitCode, Failed> {
    crate::memory::give_back();
    let carry = start.arrival.as_ref().map(|arrival| arrival.carry.clone()).unwrap_or_default();
    let counters = Arc::new(Counters::starting_from(&carry.counted));
    let history = match &start.arrival {
        Some(arrival) => arrival.history(&config, &counters),
        None => History::new(*config.history.seconds, config.history.bytes),
    };
    if start.arrival.is_none() {
        // Else the preflight has done so.
        push::check(&config.push)?;
    }
    let push = Push::new(&config.push, start.arrival.as_ref().and_then(Arrival::push))?;
    let (chosen, library_generations) = (carry.chosen, carry.library_generations);
    let inherited = Inherited { counters, history, push, chosen, library_generations };
    let agent = Arc::new(Agent::inheriting(built, config, inherited)?);
    let reloader = Reloader::new(Arc::clone(&agent), start.boot, carry.journals, carry.hash);
    let runtime = runtime()?;
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
        let own = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let hosts = HostPolicy::new(&agent.config.hosts).for_readers(&own, agent.config.is_drop_in());
        let web = agent.config.web.clone();
        if let Some(web) = &web {
            web.remember(carry.passwords);
        }
        agent.counters.set_web(web.clone());
        let server = Server::new(listeners, client, agent.config.limits.clone(), hosts, web, quiesce)?;
        reloader.attach(Arc::clone(&server));
        let finished = match start.arrival.take() {
            Some(arrival) => arrival.complete(start.boot, &server, &reloader),
            None => {
                start.boot.ready(relink_handover::Start::Fresh);
                None
            }
        };
        tokio::spawn(Arc::clone(&server).run());
        let addresses = server.listeners().map(|one| one.local_addr()).collect::<Result<Vec<_>, _>>()?;
        log_start(&agent, &addresses);
        systemd::ready();
        if let Some(journal) = finished {
            agent.events.reload(&journal);
            transaction::answer(&server, &journal).await;
        }
        if let Some(push) = &agent.push {
            push.start(&agent)?;
        }
        tokio::spawn(keep_history(Arc::clone(&agent)));
        tokio::spawn(announce(Arc::clone(&agent), addresses));
        crate::memory::forget_startup();
        let why = signals.serve(&reloader, start.boot).await;
        tracing::info!("relink ends: {why}");
        systemd::stopping();
        tokio::join!(server.shutdown(GRACE), reloader.stop(GRACE), async {
            if let Some(push) = &agent.push {
                push.finish().await;
            }
        });
        tracing::info!("relink has ended");
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
    use std::io::ErrorKind::{AddrInUse, AddrNotAvailable, PermissionDenied};
    let kind = error.kind();
    let error = Error::from(error).context(format_args!("listening on {address}"));
    match (kind, config.listen.in_the_way_of(address)) {
        (AddrInUse, Some(other)) => {
            error.hint(format!("{other} is set as well, and has that port: leave one of them out"))
        }
        (AddrInUse, None) => error
            .hint("is another relink running there? relink status tells; --listen takes another address"),
        (AddrNotAvailable, _) => {
            error.hint("this machine has no such address; --listen takes another one")
        }
        (PermissionDenied, _) => error.hint(
            "ports below 1024 need the right CAP_NET_BIND_SERVICE (AmbientCapabilities= in a unit), or the socket of \
             packaging/relink.socket; --listen takes another port",
        ),
        _ => error,
    }
}

/// Logs what serves, and under which limits.
fn log_start(agent: &Agent, addresses: &[SocketAddr]) {
    let config = &agent.config;
    let file = config.file().map_or_else(|| "none".to_owned(), |file| file.display().to_string());
    let names = agent.running_plugins();
    let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        generation = agent.counters.generation(),
        configuration = file,
        plugins = names.join(","),
        count = names.len(),
        collect_timeout = config.collect.timeout.as_secs_f64(),
        collect_series = config.collect.series,
        max_connections = config.limits.max_connections,
        max_streams = config.limits.max_streams,
        listen = addresses.join(","),
        "relink serves"
    );
}

/// Prints the figures, and below them where the agent listens, so that a terminal shows this last.
async fn announce(agent: Arc<Agent>, addresses: Vec<SocketAddr>) {
    // Those that take longer are printed as well.
    let _ = tokio::time::timeout(FIGURES, tokio::spawn(agent::print_figures(Arc::clone(&agent)))).await;
    for address in addresses {
        let line = format!("listening on {}://{address}", agent.config.scheme());
        crate::telemetry::tell_as(agent.config.log.format, crate::telemetry::Level::Info, &line);
    }
}

/// Snapshots for the history and for those who listen to `/events`, each a collection of its own, unless scrapes come as
/// often: an agent that is scraped as often as it keeps history collects once and not twice.
async fn keep_history(agent: Arc<Agent>) {
    if agent.config.history.interval.is_zero() {
        return;
    }
    loop {
        let wait = agent.until_next_collection();
        if wait.is_zero() {
            agent.collect_and_record().await;
            continue;
        }
        tokio::select! {
            // sleep: until the next snapshot is due.
            () = tokio::time::sleep(wait) => {}
            // Snapshots are closer together from then on.
            () = agent.next_look() => {}
        }
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
        relink_handover::note_the_end();
        let on = |kind| signal(kind).context("installing signal handlers");
        Ok(Signals {
            terminate: on(SignalKind::terminate())?,
            interrupt: on(SignalKind::interrupt())?,
            hang_up: on(SignalKind::hangup())?,
        })
    }

    /// Returns when the agent has to end, and why. SIGHUP asks for a reload, as `PUT /plugins/reload` does, unless it
    /// comes of a terminal that is gone.
    async fn serve(&mut self, reloader: &Arc<Reloader>, boot: &'static Boot) -> &'static str {
        const HUNG_UP: &str = "its terminal is gone";
        // Its SIGHUP may have come to the image before, in the last moment. One that `nohup` started has no use for it.
        if boot.terminal().is_gone() && !boot.was_ignored(SignalKind::hangup().as_raw_value()) {
            return HUNG_UP;
        }
        boot.terminal().watch();
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return "SIGTERM",
                _ = self.interrupt.recv() => return "SIGINT",
                _ = self.hang_up.recv() => {
                    if boot.terminal().binds() && !boot.terminal().is_gone() {
                        // sleep: there is no event for the taking away of a terminal that others still have.
                        tokio::time::sleep(relink_handover::terminal::MOMENT).await;
                    }
                    if boot.terminal().is_gone() {
                        return HUNG_UP;
                    }
                    if let Err(busy) = reloader.start("SIGHUP", Asked::default()) {
                        tracing::info!("SIGHUP: reload {} runs already, at step {}", busy.id, busy.step);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::ErrorKind;

    #[test]
    fn an_address_that_can_not_be_had_comes_with_what_to_do() {
        let listen = SocketAddr::from(([127, 0, 0, 1], 81));
        for (kind, word) in [
            (ErrorKind::PermissionDenied, "CAP_NET_BIND_SERVICE"),
            (ErrorKind::AddrInUse, "relink status"),
            (ErrorKind::AddrNotAvailable, "no such address"),
        ] {
            let error = not_bound(&Config::default(), listen, kind.into());
            assert!(error.message().starts_with("listening on 127.0.0.1:81: "), "{error}");
            assert!(
                error.advice().is_some_and(|hint| hint.contains(word) && hint.contains("--listen")),
                "{error}"
            );
        }
    }
}
