//! Loaded plugins: found in folders, judged before their code runs, copied, loaded, and never unloaded.

pub(crate) mod find;
mod inspect;
mod library;
mod trust;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use relink_core::Error;

use super::set::{Idle, Plugin};
use super::status::{Placement, State};
use crate::settings::Config;
use find::Seen;
use relink_handover::Staged;

/// The libraries of an agent: what each file was when it was last looked at, and which plugin came of it.
pub(crate) struct Libraries {
    dirs: Vec<PathBuf>,
    files: BTreeMap<PathBuf, Known>,
    /// How often the code of each plugin has changed, by its name, and the hash of the latest.
    generations: Generations,
    retired_bytes: u64,
    /// Linked plugins in whose place a library runs.
    displaced: BTreeMap<&'static str, Arc<Plugin>>,
}

/// The generation of each plugin's code, and its hash: a re-exec that loads the same code again is no new generation.
pub(crate) type Generations = BTreeMap<String, (u64, String)>;

/// A file that was looked at.
struct Known {
    seen: Seen,
    /// The code that serves, if some does.
    loaded: Option<Active>,
    /// Why what is in the file now does not; other code may, from before the file changed.
    refused: Option<Objection>,
    /// The file is gone; its plugin leaves once those that have come have proven themselves.
    leaves: bool,
}

#[derive(Clone)]
struct Active {
    hash: String,
    plugin: String,
    bytes: u64,
}

/// What a look at the folders found to do. Nothing of it is done yet.
#[derive(Default)]
pub(crate) struct Plan {
    /// New or changed files, in the order of their names; then those that waited for another to change.
    pub(crate) look_at: Vec<(PathBuf, Seen)>,
    /// Files that are gone.
    pub(crate) gone: Vec<PathBuf>,
    /// Folders that can't be read or trusted.
    pub(crate) refused: Vec<(PathBuf, Error)>,
}

/// A library that was loaded and has yet to prove itself.
pub(crate) struct Unproven {
    pub(crate) plugin: Arc<Plugin>,
    path: PathBuf,
    seen: Seen,
    active: Active,
}

/// Why a library's plugin does not run.
pub(crate) struct Objection {
    pub(crate) error: Error,
    pub(crate) cause: Cause,
}

/// What would have to change for a library's plugin to run.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Cause {
    /// The file.
    File,
    /// Another plugin, which may leave.
    Another,
    /// The operator's choice, which leaves the plugin of this name out.
    Choice(&'static str),
}

impl From<Error> for Objection {
    fn from(error: Error) -> Self {
        Objection { error, cause: Cause::File }
    }
}

/// What came of one file of a plan.
pub(crate) enum Judged {
    Unproven(Box<Unproven>),
    /// Other times or another inode, but the same content as is loaded.
    Same,
    Refused(Idle),
}

impl Libraries {
    /// No library yet. `generations` are those of the image before.
    pub(crate) fn new(dirs: Vec<PathBuf>, generations: Generations) -> Self {
        Libraries { dirs, files: BTreeMap::new(), generations, retired_bytes: 0, displaced: BTreeMap::new() }
    }

    /// Looks whether files have come, changed or gone: a `stat` a file.
    pub(crate) fn plan(&self) -> Plan {
        let mut plan = Plan::default();
        let mut present = Vec::new();
        for dir in &self.dirs {
            match find::libraries(dir) {
                Ok(found) => present.extend(found),
                Err(error) => plan.refused.push((dir.clone(), error)),
            }
        }
        // What came of a folder that can't be read now, or can't be trusted now, serves on.
        let is_gone = |path: &&PathBuf| {
            !present.iter().any(|(there, _)| there == *path)
                && !plan.refused.iter().any(|(dir, _)| path.parent() == Some(dir))
        };
        plan.gone.extend(self.files.keys().filter(is_gone).cloned());
        let (same, other): (Vec<_>, Vec<_>) = present
            .into_iter()
            .partition(|(path, seen)| self.files.get(path).is_some_and(|known| known.seen == *seen));
        plan.look_at = other;
        if !plan.gone.is_empty() || !plan.look_at.is_empty() {
            // What stood in their way may leave.
            plan.look_at.extend(same.into_iter().filter(|(path, _)| self.waits(path)));
        }
        plan
    }

    /// Judges a file, and loads its code if it may run. The plugin that runs now is not touched.
    pub(crate) fn look(&mut self, path: &Path, seen: &Seen, config: &Config) -> Judged {
        match self.try_look(path, seen, config) {
            Ok(look) => look,
            Err(Objection { error, cause }) => {
                let advice = error.advice().is_some();
                let advise = || {
                    format!("rebuild it: cargo xtask plugin build NAME; or remove it: rm {}", path.display())
                };
                let error = if advice { error } else { error.hint(advise()) };
                Judged::Refused(self.refuse(path.to_owned(), seen.clone(), Objection { error, cause }))
            }
        }
    }

    fn try_look(&mut self, path: &Path, seen: &Seen, config: &Config) -> Result<Judged, Objection> {
        let source = trust::open(path)?;
        let staged = Staged::of(path, source).map_err(Error::from)?;
        if let Some(known) = self.files.get_mut(path)
            && known.loaded.as_ref().is_some_and(|active| active.hash == staged.hash())
        {
            (known.seen, known.refused) = (seen.clone(), None);
            return Ok(Judged::Same);
        }
        let entry = inspect::entry(&staged)?;
        let copy = self.active().find(|(other, active)| active.hash == staged.hash() && *other != path);
        if let Some((other, _)) = copy {
            let error = Error::new(format!("is a copy of {}, which is loaded", other.display()));
            return Err(Objection {
                error: error.hint(format!("rm {}", path.display())),
                cause: Cause::Another,
            });
        }
        let unproven = self.loaded(&staged, &entry, path, seen, config);
        if unproven.is_err() {
            // Its code is mapped for good.
            self.retired_bytes += staged.size();
        }
        Ok(Judged::Unproven(Box::new(unproven?)))
    }

    fn loaded(
        &self,
        staged: &Staged,
        entry: &str,
        path: &Path,
        seen: &Seen,
        config: &Config,
    ) -> Result<Unproven, Objection> {
        let library = library::Library::load(staged, entry, path)?;
        let name = library.name().to_owned();
        let mut others = self.active().filter(|(other, _)| *other != path);
        if let Some((other, _)) = others.find(|(_, active)| active.plugin == name) {
            let error =
                Error::new(format!("has plugin {name}, as {} does, which is loaded", other.display()));
            let hint =
                format!("remove one of the two files, or rename one of the plugins: rm {}", path.display());
            return Err(Objection { error: error.hint(hint), cause: Cause::Another });
        }
        let generation = match self.generations.get(&name) {
            Some((generation, hash)) if hash == staged.hash() => *generation,
            Some((generation, _)) => generation + 1,
            None => 1,
        };
        let active = Active { hash: staged.hash().to_owned(), plugin: name.clone(), bytes: staged.size() };
        let plugin = Arc::new(library.into_plugin(path, generation, config)?);
        Ok(Unproven { plugin, path: path.to_owned(), seen: seen.clone(), active })
    }

    /// The library has proven itself and serves: its predecessor, if it has one, is retired.
    pub(crate) fn accept(&mut self, unproven: Unproven) -> Arc<Plugin> {
        let Unproven { plugin, path, seen, active } = unproven;
        self.generations.insert(active.plugin.clone(), (plugin.generation, active.hash.clone()));
        let before =
            self.files.insert(path, Known { seen, loaded: Some(active), refused: None, leaves: false });
        self.retire(before);
        plugin
    }

    /// The library has failed: what runs now stays, and the same content is not tried again.
    pub(crate) fn reject(&mut self, unproven: Unproven, why: Objection) -> Idle {
        let Unproven { path, seen, active, .. } = unproven;
        // Its code is mapped for good.
        self.retired_bytes += active.bytes;
        self.refuse(path, seen, why)
    }

    /// What runs now stays; only that this content was refused is new.
    fn refuse(&mut self, path: PathBuf, seen: Seen, why: Objection) -> Idle {
        let refused = refused(&path, &why);
        let loaded = self.files.remove(&path).and_then(|known| known.loaded);
        let known = Known { seen, loaded, refused: Some(why), leaves: false };
        self.files.insert(path, known);
        refused
    }

    /// The plugin that came of a file, if one did.
    pub(crate) fn plugin_of(&self, path: &Path) -> Option<&str> {
        Some(self.files.get(path)?.loaded.as_ref()?.plugin.as_str())
    }

    /// These files are gone. Their plugins serve until [`Libraries::forget`], and stand in nobody's way.
    pub(crate) fn leave(&mut self, gone: &[PathBuf]) {
        self.files
            .iter_mut()
            .filter(|(path, _)| gone.contains(path))
            .for_each(|(_, known)| known.leaves = true);
    }

    /// A file is gone, and so is its plugin.
    pub(crate) fn forget(&mut self, path: &Path) {
        let known = self.files.remove(path);
        self.retire(known);
    }

    fn retire(&mut self, known: Option<Known>) {
        self.retired_bytes += known.and_then(|known| known.loaded).map_or(0, |active| active.bytes);
    }

    /// The files whose content does not run, and why.
    pub(crate) fn refused(&self) -> Vec<Idle> {
        let refused = self.files.iter().filter_map(|(path, known)| Some((path, known.refused.as_ref()?)));
        refused.map(|(path, why)| self::refused(path, why)).collect()
    }

    /// A plugin that another image could not load again, as its file is not what was loaded; and that file.
    pub(crate) fn irreplaceable(&self) -> Option<(&str, &Path)> {
        let is_other = |(path, known): &(&PathBuf, &Known)| {
            known.refused.is_some() || !Seen::of(path).is_ok_and(|seen| seen == known.seen)
        };
        let mut others = self.files.iter().filter(is_other);
        others.find_map(|(path, known)| Some((known.loaded.as_ref()?.plugin.as_str(), path.as_path())))
    }

    /// The content hash of a plugin's library.
    pub(crate) fn hash_of(&self, plugin: &str) -> Option<&str> {
        self.active().find(|(_, active)| active.plugin == plugin).map(|(_, active)| active.hash.as_str())
    }

    /// The plugins that are loaded, and stay.
    pub(crate) fn plugins(&self) -> Vec<String> {
        self.active().map(|(_, active)| active.plugin.clone()).collect()
    }

    fn active(&self) -> impl Iterator<Item = (&Path, &Active)> {
        let staying = self.files.iter().filter(|(_, known)| !known.leaves);
        staying.filter_map(|(path, known)| Some((path.as_path(), known.loaded.as_ref()?)))
    }

    /// The bytes of libraries that are mapped and called no more.
    pub(crate) fn retired_bytes(&self) -> u64 {
        self.retired_bytes
    }

    fn waits(&self, path: &Path) -> bool {
        let refused = self.files.get(path).and_then(|known| known.refused.as_ref());
        refused.is_some_and(|why| why.cause == Cause::Another)
    }

    /// A library takes the place of a linked plugin.
    pub(crate) fn displace(&mut self, linked: Option<Arc<Plugin>>) {
        self.displaced.extend(linked.map(|linked| (linked.name, linked)));
    }

    /// The linked plugin whose place a library took, now that the library goes.
    pub(crate) fn displaced(&mut self, name: &str) -> Option<Arc<Plugin>> {
        self.displaced.remove(name)
    }

    /// For the next image.
    pub(crate) fn generations(&self) -> Generations {
        self.generations.clone()
    }
}

impl Plan {
    /// Whether there is nothing to do.
    pub(crate) fn is_empty(&self) -> bool {
        self.look_at.is_empty() && self.gone.is_empty() && self.refused.is_empty()
    }
}

/// A file that is no plugin has the name of the file; one that only nobody has chosen, its plugin's.
pub(crate) fn refused(path: &Path, why: &Objection) -> Idle {
    let file = || path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let (name, state) = match why.cause {
        Cause::Choice(plugin) => (plugin.to_owned(), State::Off),
        Cause::File | Cause::Another => (file(), State::Refused),
    };
    Idle {
        name,
        version: String::new(),
        help: String::new(),
        placement: Placement::Loaded,
        path: Some(path.to_owned()),
        state,
        error: why.error.clone(),
        off: Vec::new(),
    }
}
