//! What the service manager is told, where there is one (`Type=notify-reload`).

use std::net::TcpListener;

use relink_core::{Context, Error};
use sd_notify::NotifyState;
use socket2::SockRef;

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

/// The sockets of `relink.socket`, where systemd started us for them. Each is served, so one that can't be is an error:
/// who connects to it would wait for ever.
pub(crate) fn listeners() -> Result<Vec<TcpListener>, Error> {
    let mut passed = listenfd::ListenFd::from_env();
    let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
    let (mut listeners, count) = (Vec::new(), passed.len());
    for number in 0..count {
        let name = names.split(':').nth(number).unwrap_or_default();
        let doing = format!("taking {name:?}, socket {} of {count} that systemd passed", number + 1);
        let Some(listener) = passed.take_tcp_listener(number).context(&doing)? else { continue };
        if !SockRef::from(&listener).is_listener().context(&doing)? {
            let error = Error::new(format!("{doing}: it is a connection, expected a listening socket"));
            return Err(error.hint("leave Accept=yes out of the socket unit"));
        }
        listeners.push(listener);
    }
    Ok(listeners)
}
