//! What a web configuration file asks for: TLS, passwords, headers, a limit of the rate. The format and the meaning are
//! those of Prometheus' exporter-toolkit.
//!
//! The file, and the certificates that it names, are read again when one of them has changed: at each handshake and at
//! each request there is a look at their inodes and times, so no thread watches them. What can't be read leaves in
//! force what was.

mod client;
mod file;
mod identity;
mod passwords;
mod rate;
#[cfg(test)]
mod tests;
mod tls;
mod yaml;

use std::fmt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use hyper::header::{HeaderName, HeaderValue};
use relink_core::Error;
use rustls::ServerConfig;

pub(crate) use passwords::Remembered;

use file::{File, Rate};
use passwords::{Checked, Passwords, Users};
use rate::Bucket;
use tls::Tls;

use crate::lock::lock;

/// A web configuration file in force.
pub(crate) struct Web {
    path: PathBuf,
    /// Whether it must keep strangers out, because the listener lets them in and nobody has said that they may.
    must_guard: bool,
    state: Mutex<State>,
    passwords: Passwords,
    bucket: Bucket,
}

struct State {
    reading: Arc<Reading>,
    /// The files as they were when they were last read, for better or worse.
    seen: Vec<Seen>,
    /// Why what is in the files now is not in force.
    trouble: Option<String>,
    /// Whether that is because it turns TLS on or off, which only the next image can do.
    takes_reload: bool,
}

/// What a file asks for.
pub(crate) struct Reading {
    tls: Option<Tls>,
    users: Users,
    headers: Vec<(HeaderName, HeaderValue)>,
    rate: Option<Rate>,
}

/// Why a request is not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// There is a limit of the rate, and it is reached.
    TooMany,
    /// The password is wrong, or missing.
    Unauthorised,
    /// Too many passwords are being checked.
    Busy,
}

/// A file, by what changes when it does. `None`: it could not be looked at.
#[derive(PartialEq)]
struct Seen {
    path: PathBuf,
    identity: Option<[i64; 7]>,
}

impl Seen {
    fn now(path: &Path) -> Seen {
        // Follows links, as Kubernetes and certbot have them.
        let identity = std::fs::metadata(path).ok().map(|data| {
            let (device, inode) = (data.dev() as i64, data.ino() as i64);
            let (written, changed) = ((data.mtime(), data.mtime_nsec()), (data.ctime(), data.ctime_nsec()));
            [device, inode, data.size() as i64, written.0, written.1, changed.0, changed.1]
        });
        Seen { path: path.to_owned(), identity }
    }

    fn is_current(&self) -> bool {
        Self::now(&self.path) == *self
    }
}

impl Reading {
    /// Reads the file at `path` and all that it names. `seen` are the files looked at, before they were read.
    fn new(path: &Path, seen: &mut Vec<Seen>) -> Result<Reading, Error> {
        seen.push(Seen::now(path));
        let file = File::read(path)?;
        seen.extend(file.named_files().map(|path| Seen::now(path)));
        Self::of(&file).map_err(|error| error.context(path.display()))
    }

    fn of(file: &File) -> Result<Reading, Error> {
        let tls = file.tls().map(Tls::new).transpose()?;
        for what in tls.iter().flat_map(|tls| &tls.left_out) {
            tracing::warn!("web configuration: {what}; it is left out");
        }
        if file.wants_http2() {
            tracing::info!("web configuration: http2 is true, and relink speaks HTTP/1.1 only");
        }
        Ok(Reading { tls, users: file.users()?, headers: file.headers()?, rate: file.rate()? })
    }

    /// What a handshake needs, where TLS is on.
    pub(crate) fn tls(&self) -> Option<&Arc<ServerConfig>> {
        self.tls.as_ref().map(|tls| &tls.config)
    }

    /// The headers that each response gets.
    pub(crate) fn headers(&self) -> &[(HeaderName, HeaderValue)] {
        &self.headers
    }

    /// Whether it keeps strangers out, and what passes from being read on the way.
    fn guards(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.identifies_clients || !self.users.is_empty())
    }
}

impl Web {
    /// Reads the file at `path`. `must_guard`: it must turn on TLS, and passwords or client certificates.
    pub(crate) fn open(path: &Path, must_guard: bool) -> Result<Web, Error> {
        let mut seen = Vec::new();
        let reading = Arc::new(Reading::new(path, &mut seen)?);
        let mut key = [0; 32];
        tls::provider()
            .secure_random
            .fill(&mut key)
            .map_err(|_| Error::new("the system gives no random numbers"))?;
        let state = State { reading, seen, trouble: None, takes_reload: false };
        let (passwords, bucket) = (Passwords::new(key), Bucket::default());
        Ok(Web { path: path.to_owned(), must_guard, state: Mutex::new(state), passwords, bucket })
    }

    /// Whether it keeps strangers out: TLS, and passwords or verified client certificates.
    pub(crate) fn guards(&self) -> bool {
        self.state().reading.guards()
    }

    /// Whether TLS is on. That does not change while an image runs.
    pub(crate) fn has_tls(&self) -> bool {
        self.state().reading.tls.is_some()
    }

    /// When the certificate in use is no longer valid, in seconds since 1970.
    pub(crate) fn not_after(&self) -> Option<f64> {
        self.state().reading.tls.as_ref()?.not_after
    }

    /// Whether what is in the files is in force.
    pub(crate) fn is_current(&self) -> bool {
        self.state().trouble.is_none()
    }

    /// Whether the file now turns TLS on or off.
    pub(crate) fn takes_reload(&self) -> bool {
        let mut state = self.state();
        self.refresh(&mut state);
        state.takes_reload
    }

    /// What is in force now: reads the files again if one has changed.
    pub(crate) fn current(&self) -> Arc<Reading> {
        let mut state = self.state();
        self.refresh(&mut state);
        Arc::clone(&state.reading)
    }

    fn refresh(&self, state: &mut State) {
        if state.seen.iter().all(Seen::is_current) {
            return;
        }
        let mut seen = Vec::new();
        let fresh = Reading::new(&self.path, &mut seen);
        state.seen = seen;
        state.takes_reload =
            fresh.as_ref().is_ok_and(|fresh| fresh.tls.is_some() != state.reading.tls.is_some());
        match fresh.and_then(|fresh| self.accepted(fresh, state)) {
            Ok(fresh) => {
                tracing::info!("web configuration read again");
                (state.reading, state.trouble) = (Arc::new(fresh), None);
            }
            Err(error) => {
                // Once: the next look finds the files as they are now.
                tracing::warn!("the web configuration has changed, and what was stays in force: {error}");
                state.trouble = Some(error.to_string());
            }
        }
    }

    fn accepted(&self, fresh: Reading, state: &State) -> Result<Reading, Error> {
        if state.takes_reload {
            let path = self.path.display();
            return Err(Error::new(format!("{path}: TLS goes on or off only with a reload"))
                .hint("curl -X PUT …/plugins/reload"));
        }
        if self.must_guard && !fresh.guards() {
            return Err(Error::new(format!("{}: it would let strangers in", self.path.display()))
                .hint("basic_auth_users, or client_auth_type: RequireAndVerifyClientCert"));
        }
        Ok(fresh)
    }

    /// The passwords that were right, for the next image.
    pub(crate) fn remembered(&self) -> Remembered {
        self.passwords.remembered()
    }

    /// Goes on with those of the image before.
    pub(crate) fn remember(&self, remembered: Remembered) {
        self.passwords.remember(remembered);
    }

    /// Judges a request by its `Authorization` headers. `true`: a password was asked for and was right.
    pub(crate) async fn admit(
        &self,
        reading: &Reading,
        mut authorization: impl Iterator<Item = &HeaderValue>,
    ) -> Result<bool, Denied> {
        if reading.rate.is_some_and(|rate| !self.bucket.take(rate, Instant::now())) {
            return Err(Denied::TooMany);
        }
        if reading.users.is_empty() {
            return Ok(false);
        }
        let (Some(one), None) = (authorization.next(), authorization.next()) else {
            return Err(Denied::Unauthorised);
        };
        match self.passwords.check(&reading.users, one.as_bytes()).await {
            Checked::Right => Ok(true),
            Checked::Wrong => Err(Denied::Unauthorised),
            Checked::Busy => Err(Denied::Busy),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl fmt::Debug for Web {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Secrets are left out.
        f.debug_struct("Web").field("path", &self.path).finish_non_exhaustive()
    }
}
