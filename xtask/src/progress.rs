//! What a person sees while something takes its time: a bar on a terminal, plain lines elsewhere.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cargo::Event;
use crate::failure::Result;

/// Shows a build, or a reload, on stderr.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    /// A bar if stderr is a terminal.
    pub(crate) fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            bar.set_style(style("{spinner} {wide_msg}"));
            bar
        });
        Progress { bar }
    }

    /// Whether colours can be seen.
    pub(crate) fn coloured(&self) -> bool {
        self.bar.is_some()
            && std::env::var_os("TERM").is_none_or(|terminal| terminal != "dumb")
            && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
    }

    /// Shows what cargo says.
    pub(crate) fn on(&self, event: Event) -> Result<()> {
        match event {
            Event::Progress { done, total, unit } => self.at(done, total, &unit),
            Event::Diagnostic(diagnostic) => self.line(diagnostic.rendered.trim_end()),
            Event::Words(line) => self.line(&line),
        }
        Ok(())
    }

    /// `done` of `total`, at `what`. Lines that come and go are of no use in a log, so only a terminal shows them.
    pub(crate) fn at(&self, done: u64, total: u64, what: &str) {
        if let Some(bar) = &self.bar {
            if bar.length() != Some(total) {
                bar.set_length(total);
                bar.set_style(style("{bar:40} {pos}/{len} {wide_msg}"));
            }
            bar.set_position(done);
            bar.set_message(what.to_owned());
        }
    }

    /// Something is going on, of unknown length.
    pub(crate) fn busy(&self, what: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(what.to_owned());
            bar.tick();
        }
    }

    /// A line that stays.
    pub(crate) fn line(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| eprintln!("{line}")),
            None => eprintln!("{line}"),
        }
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the template is well formed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_templates_are_well_formed() {
        style("{spinner} {wide_msg}");
        style("{bar:40} {pos}/{len} {wide_msg}");
    }
}
