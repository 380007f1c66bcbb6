//! The reload: one owner, one at a time, each step with a way back, and those that wait for somebody else with a deadline.
//!
//! build → stage → load, or preflight → quiesce → exec → ready. Up to the quiesce nothing has changed and serving goes on;
//! a quiesce that fails is undone; after the exec a new image that fails before it is
//! [ready](relink_handover::Boot::ready) is replaced by this one again. The answer to whoever asked is written by the image that survives.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use hyper::StatusCode;
use relink_core::{Context, Error};
use tokio::sync::watch;

use super::build::{self, Artifact};
use super::choice;
use super::preflight::{self, Report, Verdict};
use super::run::{Account, Run};
use crate::agent::Agent;
use crate::journal::{Asked, Journal, Journals, Outcome, RefusedPlugin, Step};
use crate::serve::Server;
use crate::settings::Choice;
use crate::systemd;
use relink_handover::{Boot, Executable, Image, Staged, stage};

/// Another reload runs; this is its step.
#[derive(Debug)]
pub(crate) struct Busy {
    pub(crate) id: String,
    pub(crate) step: Step,
}

/// Carries reloads out.
pub(crate) struct Reloader {
    pub(super) agent: Arc<Agent>,
    pub(super) boot: &'static Boot,
    pub(super) server: OnceLock<Arc<Server>>,
    state: Mutex<State>,
    /// The content hash of the running image.
    pub(super) hash: OnceLock<String>,
    pub(super) stop: watch::Sender<bool>,
}

pub(super) struct State {
    pub(super) ended: Journals,
    pub(super) running: Option<Arc<Account>>,
}

/// Why a reload ends without a new image.
pub(super) struct Stop {
    pub(super) outcome: Outcome,
    pub(super) error: Option<Error>,
    pub(super) refused: Vec<RefusedPlugin>,
}

impl Stop {
    pub(super) fn with(outcome: Outcome, error: Error) -> Self {
        Stop { outcome, error: Some(error), refused: Vec::new() }
    }
}

/// An image that could take over: a staged artifact, or the running one once more.
pub(super) struct Candidate {
    pub(super) image: OwnedFd,
    pub(super) hash: String,
    pub(super) source: Option<Executable>,
}

impl Candidate {
    pub(super) fn image(&self) -> Image<'_> {
        Image { fd: self.image.as_fd(), executable: self.source.as_ref() }
    }
}

impl Reloader {
    pub(crate) fn new(agent: Arc<Agent>, boot: &'static Boot, journals: Journals, hash: String) -> Arc<Self> {
        let known = OnceLock::new();
        if !hash.is_empty() {
            let _ = known.set(hash);
        }
        Arc::new(Reloader {
            agent,
            boot,
            server: OnceLock::new(),
            state: Mutex::new(State { ended: journals, running: None }),
            hash: known,
            stop: watch::Sender::new(false),
        })
    }

    /// The server needs Rocket, and Rocket's routes need the reloader, so the server comes last.
    pub(crate) fn attach(&self, server: Arc<Server>) {
        let _ = self.server.set(server);
    }

    /// Ends what a running reload waits for, a build above all, and waits until it has let go: the agent ends.
    pub(crate) async fn stop(&self, patience: Duration) {
        self.stop.send_replace(true);
        // Whoever runs a child holds a receiver until the child is killed.
        let _ = tokio::time::timeout(patience, self.stop.closed()).await;
    }

    /// Begins a reload and returns its id. Its answer goes to the connections that are owed it.
    pub(crate) fn start(self: &Arc<Self>, by: &str, asked: Asked) -> Result<String, Busy> {
        let account = {
            let mut state = self.lock();
            if let Some(running) = &state.running {
                return Err(Busy { id: running.id.clone(), step: running.at() });
            }
            // With its first step, so that whoever is told that a reload runs is told its step.
            let journal = state.ended.begin(self.agent.counters.generation(), by, asked.clone(), Step::Build);
            Arc::clone(state.running.insert(Arc::new(Account::new(journal))))
        };
        let id = account.id.clone();
        tracing::info!(
            reload = id,
            by,
            plugins = ?asked.plugins,
            on = ?asked.on,
            off = ?asked.off,
            force = asked.force,
            "reload begins"
        );
        let reloader = Arc::clone(self);
        tokio::spawn(async move {
            systemd::reloading();
            let run = Run { reloader: &reloader, account: &account };
            // On success this process is another image by now.
            let stop = match run.attempt(&asked).await {
                Ok(outcome) => Stop { outcome, error: None, refused: Vec::new() },
                Err(stop) => stop,
            };
            run.end(stop).await;
        });
        Ok(id)
    }

    async fn staged(&self, artifact: Artifact) -> Result<Candidate, Error> {
        let staged = tokio::task::spawn_blocking(move || Staged::new(&artifact.executable)).await??;
        let image = staged.image().fd.try_clone_to_owned().context("keeping the staged executable open")?;
        Ok(Candidate { image, hash: staged.hash().to_owned(), source: Some(staged.source().clone()) })
    }

    pub(super) async fn running_image(&self) -> Result<Candidate, Error> {
        let image = self.boot.image().fd.try_clone_to_owned().context("opening the running image again")?;
        Ok(Candidate { image, hash: self.own_hash().await?, source: self.boot.executable().cloned() })
    }

    async fn own_hash(&self) -> Result<String, Error> {
        if let Some(hash) = self.hash.get() {
            return Ok(hash.clone());
        }
        let image = self.boot.image().fd.try_clone_to_owned()?;
        let hash = tokio::task::spawn_blocking(move || stage::hash(image.as_fd())).await??;
        Ok(self.hash.get_or_init(|| hash).clone())
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Run<'_> {
    /// Returns how it ended in this image; after a commit by exec this process is another image.
    async fn attempt(&self, asked: &Asked) -> Result<Outcome, Stop> {
        let agent = &self.reloader.agent;
        let chosen = choice::next(&agent.chosen, asked, &agent.scheduler.statuses(), &self.account.id);
        let restart = asked.force
            || chosen != self.reloader.agent.chosen
            || self.reloader.agent.config.changed_on_disk();
        let refused = |error| Stop::with(Outcome::Refused, error);

        if self.reloader.agent.config.reload.builder.is_some() {
            // It will be wanted after the build, which leaves a core idle at its end.
            let early = Arc::clone(self.reloader);
            tokio::spawn(async move { early.own_hash().await });
        }
        let artifact = self.built(&chosen).await.map_err(refused)?;
        let said = match &artifact {
            Some(Artifact { fresh: true, .. }) => "nothing to compile",
            Some(_) => "built",
            None => "no builder, and the executable on disk is the running one",
        };
        self.detail(said);

        if let Some(artifact) = artifact {
            self.step(Step::Stage);
            let candidate = self.reloader.staged(artifact).await.map_err(refused)?;
            let same_code = candidate.hash == self.reloader.own_hash().await.map_err(refused)?;
            self.detail(format!("sha256 {}", &candidate.hash[..12.min(candidate.hash.len())]));
            if restart || !same_code {
                return self.replace_image(candidate, chosen).await;
            }
        } else if restart {
            let candidate = self.reloader.running_image().await.map_err(refused)?;
            return self.replace_image(candidate, chosen).await;
        }
        self.replace_libraries(chosen).await
    }

    /// Another image, or this one anew: it proves itself and takes over.
    async fn replace_image(&self, candidate: Candidate, chosen: Choice) -> Result<Outcome, Stop> {
        self.step(Step::Preflight);
        let now = Report::of(&self.reloader.agent);
        let argv: Vec<_> = std::env::args_os().collect();
        let verdict = preflight::preflight(
            candidate.image.as_fd(),
            &argv,
            self.reloader.boot.origin(),
            &chosen,
            &now,
            *self.reloader.agent.config.reload.preflight_timeout,
            self.reloader.stop.subscribe(),
        );
        let report = match verdict.await.map_err(|error| Stop::with(Outcome::Refused, error))? {
            Verdict::Proven(report) => report,
            Verdict::Refused(plugins) => {
                let reasons: Vec<_> =
                    plugins.iter().map(|(name, why)| format!("plugin {name}: {why}")).collect();
                let plugins =
                    plugins.into_iter().map(|(name, reason)| RefusedPlugin { name, reason }).collect();
                let error = Some(Error::new(reasons.join("; ")));
                return Err(Stop { outcome: Outcome::Refused, error, refused: plugins });
            }
        };
        let preflight::Changes { plugins, collectors, families } = now.changes_to(&report);
        self.note(|journal| {
            (journal.plugins, journal.collectors, journal.families) = (plugins, collectors, families);
        });
        self.detail(format!("{} plugins proven", report.plugins.len()));
        Err(self.take_the_leap(candidate, chosen).await)
    }

    /// The artifact of the builder, or the executable on disk if it is another; nothing when the running image is
    /// the newest there is.
    async fn built(&self, chosen: &Choice) -> Result<Option<Artifact>, Error> {
        let config = &self.reloader.agent.config;
        let Some(builder) = &config.reload.builder else {
            let on_disk = self.reloader.boot.executable();
            // A file that is gone is a package upgrade half done, or a build that is linking.
            let changed = on_disk.map(Executable::changed).transpose().map_err(|error| {
                let path = on_disk.map(Executable::path).unwrap_or_default();
                Error::from(error).context(format_args!("looking at {}", path.display()))
            })?;
            let path = on_disk.filter(|_| changed == Some(true)).map(Executable::path);
            return Ok(path.map(|executable| Artifact { executable, fresh: false }));
        };
        let enabled = chosen.plugins.as_deref().or(config.plugins.enabled.as_deref());
        let plugins = enabled
            .map(|enabled| choice::to_build(enabled, chosen, &self.reloader.agent.scheduler.statuses()));
        let limit = *config.reload.build_timeout;
        let progress = |words: String| self.detail(words);
        build::build(
            builder,
            plugins.as_deref(),
            self.reloader.boot.origin(),
            limit,
            self.reloader.stop.subscribe(),
            progress,
        )
        .await
        .map(Some)
    }

    async fn end(&self, stop: Stop) {
        let Run { reloader, account } = *self;
        reloader.agent.counters.reload_ended(stop.outcome);
        let mut journal = account.journal();
        journal.outcome = Some(stop.outcome);
        journal.generation = reloader.agent.counters.generation();
        journal.error = stop.error.as_ref().map(ToString::to_string);
        if !stop.refused.is_empty() {
            journal.plugins.refused = stop.refused;
        }
        {
            let mut state = reloader.lock();
            state.ended.keep(journal.clone());
            state.running = None;
        }
        super::run::log(&journal);
        systemd::ready();
        reloader.agent.events.reload(&journal);
        if let Some(server) = reloader.server.get() {
            answer(server, &journal).await;
        }
    }
}

/// Sends a journal to the connections that are owed it.
pub(crate) async fn answer(server: &Server, journal: &Journal) {
    let status = journal.outcome.map_or(500, Outcome::http_status);
    let body = serde_json::to_string(journal).unwrap_or_default() + "\n";
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    server.answer(&journal.id, status, Bytes::from(body)).await;
}

/// Milliseconds with a resolution of a microsecond, as people like to read them.
pub(crate) fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
