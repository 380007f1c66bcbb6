//! What the service manager is told, where there is one (`Type=notify-reload`).

use std::net::TcpListener;

use relink_core::{Context, Error};
use sd_notify::NotifyState;

/// The agent serves; also the end of a reload.
pub(crate) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// A reload begins. systemd wants the time in the same message.
pub(crate) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => tracing::warn!("the clock for RELOADING=1 can't be read: {error}"),
    }
}

/// The agent ends.
pub(crate) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

fn tell(state: &[NotifyState<'_>]) {
    // Without a manager there is nobody to tell, and that is no error.
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!("the service manager could not be told: {error}");
    }
}

/// The socket of `relink.socket`, where systemd started us for it.
pub(crate) fn listener() -> Result<Option<TcpListener>, Error> {
    listenfd::ListenFd::from_env().take_tcp_listener(0).context("taking the socket that systemd passed")
}
