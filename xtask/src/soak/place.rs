//! Where a soak takes place: a folder, and what runs in it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::guard::Guard;
use super::moody::Moody;
use super::proxy::Proxy;
use super::receiver::Receiver;
use crate::failure::{Doing, Failure, Result};
use crate::server::{Server, free_address};

/// All that was started, and is ended with this.
pub(super) struct Place {
    pub agent: Server,
    pub receiver: Receiver,
    pub proxy: Proxy,
    pub moody: Moody,
    /// The small file system, where there is one.
    pub small: Option<PathBuf>,
    /// The file that has the plugin crash.
    pub crash: PathBuf,
    /// What the agent says on stderr.
    pub log: PathBuf,
    guard: Guard,
}

/// An empty folder; what was in it is removed.
pub(super) fn fresh(folder: &Path) -> Result<PathBuf> {
    if folder.exists() {
        fs::remove_dir_all(folder).doing(format_args!("removing {}", folder.display()))?;
    }
    fs::create_dir_all(folder).doing(format_args!("making {}", folder.display()))?;
    Ok(folder.to_owned())
}

impl Place {
    pub(super) fn new(
        folder: &Path,
        executable: &Path,
        library: Vec<u8>,
        small: Option<PathBuf>,
    ) -> Result<Self> {
        let folder = fresh(folder)?;
        let mut guard = Guard::start()?;
        let receiver = Receiver::start(&folder)?;
        guard.watch(receiver.server.id())?;
        let proxy = Proxy::start(&receiver.server.address)?;
        let moody = Moody::new(library, &fresh(&folder.join("plugins"))?)?;
        let queue = small.clone().unwrap_or_else(|| folder.clone()).join("queue");
        let settings = folder.join("relink.toml");
        fs::write(&settings, configuration(&folder.join("plugins"), &queue, &proxy.address))
            .doing(format_args!("writing {}", settings.display()))?;
        // A copy, or the next build would be what a reload takes.
        let copy = folder.join("relink");
        fs::copy(executable, &copy).doing(format_args!("copying {}", executable.display()))?;
        let (crash, log) = (folder.join("crash"), folder.join("relink.log"));
        let address = free_address()?;
        let mut command = Command::new(copy);
        command.args(["run", "--listen", &address, "--config"]).arg(settings).current_dir(&folder);
        command.env("SOAK_CRASH", &crash);
        command.stderr(File::create(&log).doing(format_args!("making {}", log.display()))?);
        let agent = Server::of(command, address, "/metrics")
            .map_err(|failure| Failure::new(format!("{}; see {}", failure.message(), log.display())))?;
        guard.watch(agent.id())?;
        Ok(Place { agent, receiver, proxy, moody, small, crash, log, guard })
    }

    /// Ends all of it.
    pub(super) fn over(self) -> Result<()> {
        let Place { agent, receiver, guard, .. } = self;
        drop((agent, receiver));
        guard.over()
    }
}

/// A history that is soon full, a push each second, and a deadline that the plugin misses when it is slow. Connections of which
/// one request a minute comes are not idle.
fn configuration(plugins: &Path, queue: &Path, push: &str) -> String {
    format!(
        "print = \"none\"\n\
         [collect]\ntimeout = 0.5\n\
         [history]\nbytes = 524288\n\
         [limits]\nidle_timeout = 600\n\
         [plugins]\ndir = [{plugins:?}]\n\
         [push]\ninterval = 1\ndir = {queue:?}\nlabels = {{ instance = \"soak\" }}\n\
         [[push.target]]\nkind = \"remote_write\"\nurl = \"http://{push}/api/v1/write\"\n\
         timeout = 2\nmin_backoff = 0.1\nmax_backoff = 1\n"
    )
}
