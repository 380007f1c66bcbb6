//! The preflight: the new artifact proves itself in a child process, before anything changes.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::File;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::time::Duration;

use relink_core::{Context, Error};
use relink_order::gathered;
use serde::{Deserialize, Serialize};
use tokio::process::Command;
use tokio::sync::watch;

use super::child;
use crate::agent::Agent;
use crate::journal::{CollectorChanges, FamilyChanges, PluginChanges};
use crate::plugins::status::State;
use crate::settings::{Choice, environment};
use relink_handover::Origin;

/// What an image says of itself: the preflight's answer on stdout, and what the running image compares it with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) plugins: BTreeMap<String, ReportedPlugin>,
    /// The files whose plugin does not run, and why.
    #[serde(default)]
    pub(crate) refused_files: BTreeMap<String, String>,
    /// Its answer to `GET /metrics`.
    #[serde(default)]
    pub(crate) metrics: String,
    /// Its answer to `GET /-/ready`.
    #[serde(default)]
    pub(crate) ready: u16,
}

/// One plugin of a report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ReportedPlugin {
    pub(crate) version: String,
    /// The hash of its sources, where the executable knows it; of a library, its own.
    pub(crate) source: Option<String>,
    /// A library's file.
    #[serde(default)]
    pub(crate) path: Option<String>,
    /// Its collectors, and why one fails.
    pub(crate) collectors: BTreeMap<String, Option<String>>,
    /// Type and label names, by family.
    pub(crate) families: BTreeMap<String, String>,
}

/// What changes from one image, or set of libraries, to the next.
pub(crate) struct Changes {
    pub(crate) plugins: PluginChanges,
    pub(crate) collectors: CollectorChanges,
    pub(crate) families: FamilyChanges,
}

impl ReportedPlugin {
    /// Whether some of it does.
    fn works(&self) -> bool {
        self.collectors.values().any(Option::is_none)
    }
}

impl Report {
    /// What this image is, for comparison. The plugins' errors are those of their last collection.
    pub(crate) fn of(agent: &Agent) -> Self {
        let (running, idle): (Vec<_>, Vec<_>) =
            agent.scheduler.statuses().into_iter().partition(|status| status.state.runs());
        // What is off is missed by nobody.
        let refused = idle.into_iter().filter(|status| status.state == State::Refused);
        let (libraries, plugins) = (agent.libraries(), agent.scheduler.running());
        let plugins = running.into_iter().map(|status| {
            let plugin = plugins.iter().find(|plugin| plugin.name == status.name);
            let families = plugin.into_iter().flat_map(|plugin| plugin.families()).map(|family| {
                let labels = family.label_names().join(",");
                (family.name().to_owned(), format!("{:?} {{{labels}}}", family.kind()).to_lowercase())
            });
            let running = status.collectors.into_iter().filter(|collector| collector.state.runs());
            let plugin = ReportedPlugin {
                version: status.version,
                source: match status.path {
                    Some(_) => libraries.hash_of(&status.name).map(str::to_owned),
                    None => agent.source_of(&status.name).map(str::to_owned),
                },
                path: status.path,
                collectors: gathered(running.map(|collector| (collector.name, collector.error))),
                families: gathered(families),
            };
            (status.name, plugin)
        });
        let refused_files = refused.filter_map(|status| Some((status.path?, status.error?)));
        let (plugins, refused_files) = (gathered(plugins), gathered(refused_files));
        Report { plugins, refused_files, metrics: String::new(), ready: 0 }
    }

    /// What changes from `self` to `next`. A plugin whose sources are not known counts as replaced.
    pub(crate) fn changes_to(&self, next: &Report) -> Changes {
        let mut plugins = PluginChanges::default();
        for (name, new) in &next.plugins {
            match self.plugins.get(name) {
                None => plugins.added.push(name.clone()),
                Some(old) if old.source.is_some() && old.source == new.source => {
                    plugins.unchanged.push(name.clone())
                }
                Some(_) => plugins.replaced.push(name.clone()),
            }
        }
        plugins.removed.extend(self.plugins.keys().filter(|name| !next.plugins.contains_key(*name)).cloned());
        let (old, new) = (self.families(), next.families());
        let mut families = FamilyChanges::default();
        for (name, shape) in &new {
            match old.get(name) {
                None => families.added.push((*name).to_owned()),
                Some(before) if before != shape => families.changed.push((*name).to_owned()),
                Some(_) => {}
            }
        }
        families
            .removed
            .extend(old.keys().filter(|name| !new.contains_key(*name)).map(|name| (*name).to_owned()));
        let (old, new) = (self.collectors(), next.collectors());
        let not_in = |these: &BTreeSet<&str>, those: &BTreeSet<&str>| {
            those.difference(these).map(|name| (*name).to_owned()).collect()
        };
        let collectors = CollectorChanges { added: not_in(&old, &new), removed: not_in(&new, &old) };
        Changes { plugins, collectors, families }
    }

    fn collectors(&self) -> BTreeSet<&str> {
        gathered(self.plugins.values().flat_map(|plugin| plugin.collectors.keys().map(String::as_str)))
    }

    fn families(&self) -> BTreeMap<&str, &str> {
        let all = self.plugins.values().flat_map(|plugin| &plugin.families);
        gathered(all.map(|(name, shape)| (name.as_str(), shape.as_str())))
    }

    /// Why the image of this report must not take over from that of `now`, as pairs of plugin and reason; an error
    /// where the reason is the image's and not a plugin's.
    fn judge(&self, now: &Report) -> Result<Vec<(String, String)>, Error> {
        let mut refused = Vec::new();
        for (name, plugin) in &self.plugins {
            let before = now.plugins.get(name);
            // One that fails now as well depends on the machine, not on the image.
            let failed_before = |collector: &String| {
                before.and_then(|plugin| plugin.collectors.get(collector)).is_some_and(Option::is_some)
            };
            let errors = plugin.collectors.iter().filter(|(collector, _)| !failed_before(collector));
            let mut errors = errors.filter_map(|(collector, error)| Some((collector, error.as_ref()?)));
            refused.extend(
                errors.next().map(|(collector, error)| (name.clone(), format!("{collector}: {error}"))),
            );
        }
        // What serves now, from a file that has had other content since, would be lost.
        let lost = now.plugins.iter().filter(|(name, _)| !self.plugins.contains_key(*name));
        refused.extend(lost.filter_map(|(name, plugin)| {
            Some((name.clone(), self.refused_files.get(plugin.path.as_ref()?)?.clone()))
        }));
        if !refused.is_empty() {
            return Ok(refused);
        }
        if self.ready != 200 && now.plugins.values().any(ReportedPlugin::works) {
            return Err(Error::new(format!("the new image answers {} to GET /-/ready", self.ready)));
        }
        relink_exposition::check_page(&self.metrics).context("the new image's /metrics is broken")?;
        Ok(refused)
    }
}

/// What the running image hears from a preflight.
pub(crate) enum Verdict {
    Proven(Report),
    /// These plugins did not prove themselves.
    Refused(Vec<(String, String)>),
}

/// What the kernel can't execute, the C library would hand to a shell as a script: the words would be the shell's.
fn is_for_this_machine(image: BorrowedFd<'_>) -> Result<(), Error> {
    // The magic number, the class, the order of bytes; and at 18 for which machine it is.
    let kind = |file: &File| -> std::io::Result<([u8; 6], [u8; 2])> {
        let (mut head, mut machine) = ([0; 6], [0; 2]);
        file.read_exact_at(&mut head, 0)?;
        file.read_exact_at(&mut machine, 18)?;
        Ok((head, machine))
    };
    let (own, new) = (kind(&File::open("/proc/self/exe")?)?, kind(&File::from(image.try_clone_to_owned()?))?);
    if own == new {
        return Ok(());
    }
    let machine = |(_, bytes): ([u8; 6], [u8; 2])| u16::from_ne_bytes(bytes);
    Err(Error::new(format!(
        "Exec format error: it is for another machine (ELF machine {}, expected {})",
        machine(new),
        machine(own)
    )))
}

/// The running image's side: runs the staged image as a child and judges its report.
pub(crate) async fn preflight(
    image: BorrowedFd<'_>,
    argv: &[OsString],
    origin: Origin<'_>,
    chosen: &Choice,
    now: &Report,
    limit: Duration,
    stop: watch::Receiver<bool>,
) -> Result<Verdict, Error> {
    is_for_this_machine(image).context("starting the preflight of the new image")?;
    // The child opens the descriptor's file through /proc before its close-on-exec takes effect.
    let mut command = Command::new(format!("/proc/self/fd/{}", image.as_raw_fd()));
    // Also under its name, on which defaults may depend.
    command.arg0(argv.first().map_or("relink".as_ref(), OsString::as_os_str)).args(argv.iter().skip(1));
    origin.apply(command.as_std_mut(), |_| false);
    command.env(environment::PREFLIGHT, serde_json::to_string(chosen)?);
    let mut lines = Vec::new();
    let ended =
        child::run(command, "the preflight of the new image", limit, stop, |line| lines.push(line)).await?;
    if !ended.status.success() {
        let words = ended.stderr.trim_end();
        return Err(Error::new(format!("the new image failed its preflight ({})\n{words}", ended.status)));
    }
    let report: Report =
        lines.iter().rev().find_map(|line| serde_json::from_slice(line.as_bytes()).ok()).ok_or_else(
            || Error::new("the new image ended its preflight without a report; is it a relink agent?"),
        )?;
    let refused = report.judge(now)?;
    Ok(if refused.is_empty() { Verdict::Proven(report) } else { Verdict::Refused(refused) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(plugins: &[(&str, Option<&str>, Option<&str>)]) -> Report {
        let plugins = plugins.iter().map(|(name, source, error)| {
            let families = BTreeMap::from([(format!("{name}_info"), "gauge {}".to_owned())]);
            let plugin = ReportedPlugin {
                version: "1".into(),
                source: source.map(str::to_owned),
                path: None,
                collectors: BTreeMap::from([((*name).to_owned(), error.map(str::to_owned))]),
                families,
            };
            ((*name).to_owned(), plugin)
        });
        let refused_files = BTreeMap::new();
        Report { plugins: plugins.collect(), refused_files, metrics: "up 1\n".into(), ready: 200 }
    }

    #[test]
    fn changes_are_told_plugin_by_plugin_and_family_by_family() {
        let old = report(&[
            ("a", Some("1"), None),
            ("b", Some("1"), None),
            ("c", None, None),
            ("d", Some("1"), None),
        ]);
        let mut new = report(&[
            ("a", Some("1"), None),
            ("b", Some("2"), None),
            ("c", None, None),
            ("e", Some("1"), None),
        ]);
        if let Some(b) = new.plugins.get_mut("b") {
            b.families = BTreeMap::from([("b_info".into(), "counter {}".into())]);
        }
        let Changes { plugins, collectors, families } = old.changes_to(&new);
        assert_eq!(plugins.added, ["e"]);
        assert_eq!(plugins.replaced, ["b", "c"]);
        assert_eq!(plugins.removed, ["d"]);
        assert_eq!(plugins.unchanged, ["a"]);
        assert_eq!((collectors.added, collectors.removed), (vec!["e".to_owned()], vec!["d".to_owned()]));
        assert_eq!(families.added, ["e_info"]);
        assert_eq!(families.removed, ["d_info"]);
        assert_eq!(families.changed, ["b_info"]);
    }

    #[test]
    fn an_image_is_judged_by_what_works_now() {
        let now = report(&[("a", None, None), ("b", None, Some("broken"))]);
        assert!(report(&[("a", None, None), ("b", None, Some("still"))]).judge(&now).unwrap().is_empty());
        let refused = report(&[("a", None, Some("oh"))]).judge(&now).unwrap();
        assert_eq!(refused, [("a".to_owned(), "a: oh".to_owned())]);
        assert_eq!(report(&[("new", None, Some("oh"))]).judge(&now).unwrap().len(), 1);
        let mut broken = report(&[("a", None, None)]);
        broken.metrics = "up{ 1\n".into();
        assert!(broken.judge(&now).unwrap_err().message().contains("/metrics is broken"));
    }
}
