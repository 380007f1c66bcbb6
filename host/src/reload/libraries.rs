//! The part of a reload that changes libraries only: no build, no new image, unless the budget is spent.

use std::sync::Arc;

use relink_core::Error;

use super::preflight::Report;
use super::run::Run;
use super::transaction::Stop;
use crate::journal::{Outcome, Step};
use crate::settings::Choice;

impl Run<'_> {
    /// The executable is the same: only libraries may have changed.
    pub(super) async fn replace_libraries(&self, chosen: Choice) -> Result<Outcome, Stop> {
        let linked_and_loaded = self.reloader.agent.running_plugins();
        if self.reloader.agent.config.plugins.dir.is_empty() {
            self.note(|journal| journal.plugins.unchanged = linked_and_loaded);
            return Ok(Outcome::Unchanged);
        }
        self.step(Step::Load);
        let before = Report::of(&self.reloader.agent);
        let agent = Arc::clone(&self.reloader.agent);
        let done = tokio::task::spawn_blocking(move || agent.refresh_libraries()).await;
        let mut changes = done.map_err(|error| Stop::with(Outcome::Failed, error.into()))?;
        let refused = changes.refused.clone();
        let is_new = !(changes.added.is_empty() && changes.replaced.is_empty() && changes.removed.is_empty());
        let touched = |name: &String| changes.added.contains(name) || changes.replaced.contains(name);
        changes.unchanged =
            self.reloader.agent.running_plugins().into_iter().filter(|name| !touched(name)).collect();
        let all = before.changes_to(&Report::of(&self.reloader.agent));
        self.note(|journal| {
            (journal.plugins, journal.collectors, journal.families) = (changes, all.collectors, all.families);
        });
        if is_new {
            self.reloader.agent.counters.committed();
            self.reloader.agent.scheduler.news().send_replace(());
            self.print_anew();
            self.shed_retired(chosen).await;
            return Ok(Outcome::Committed);
        }
        if refused.is_empty() {
            return Ok(Outcome::Unchanged);
        }
        let reasons: Vec<_> = refused.iter().map(|one| format!("{}: {}", one.name, one.reason)).collect();
        Err(Stop { outcome: Outcome::Refused, error: Some(Error::new(reasons.join("; "))), refused })
    }

    /// Re-exec is the garbage collector: past the budget, this image is replaced by itself. The libraries serve
    /// already, so what goes wrong here is only noted, and tried again after the next reload.
    async fn shed_retired(&self, chosen: Choice) {
        let (retired, budget) =
            (self.reloader.agent.counters.retired_bytes(), self.reloader.agent.config.reload.retired_budget);
        if retired <= budget {
            return;
        }
        let kept = {
            let libraries = self.reloader.agent.libraries();
            libraries.irreplaceable().map(|(plugin, path)| {
                format!("plugin {plugin} would be lost: {} has other content now", path.display())
            })
        };
        if let Some(why) = kept {
            tracing::warn!(
                "{retired} bytes of replaced libraries stay mapped, above the budget of {budget}: {why}"
            );
            self.detail(format!("a re-exec is due, and not carried out: {why}"));
            return;
        }
        let image = self.reloader.running_image().await.map_err(|error| Stop::with(Outcome::Failed, error));
        let stop = match image {
            Ok(image) => self.take_the_leap(image, chosen).await,
            Err(stop) => stop,
        };
        let why = stop.error.map(|error| error.to_string()).unwrap_or_default();
        tracing::warn!(
            "{retired} bytes of replaced libraries stay mapped, above the budget of {budget}: {why}"
        );
        self.detail(format!("not carried out: {why}"));
    }

    /// The figures once more, now that there is new code.
    fn print_anew(&self) {
        tokio::spawn(crate::agent::print_figures(Arc::clone(&self.reloader.agent)));
    }
}
