//! Keeps a plugin's panic from becoming the agent's: used by the host around linked plugins, and inside a library around
//! its own, where a panic must not cross the C interface.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use crate::Error;

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Why a guarded call has no value: the plugin said so, or it panicked.
pub enum Failure {
    /// The plugin's own error. Its state is sound.
    Said(Error),
    /// A panic. What the plugin holds may be half changed, so it is thrown away and made anew.
    Panicked(Error),
}

/// A payload of an unwind that is no panic of its own: a library has said that its instance is broken.
pub struct Broken(pub Error);

/// Runs a call into a plugin.
pub fn guarded<T>(call: impl FnOnce() -> Result<T, Error>) -> Result<T, Failure> {
    keep_quiet();
    GUARDED.set(true);
    // The caller throws away what the call could have left half changed.
    let outcome = catch_unwind(AssertUnwindSafe(call));
    GUARDED.set(false);
    match outcome {
        Ok(result) => result.map_err(Failure::Said),
        Err(payload) => {
            let payload = match payload.downcast::<Broken>() {
                Ok(broken) => return Err(Failure::Panicked(broken.0)),
                Err(other) => other,
            };
            let place = PLACE.take().map(|place| format!(" at {place}")).unwrap_or_default();
            let error = Error::new(format!("panicked{place}: {}", words(payload.as_ref())));
            // The payload is the plugin's own type, and its drop may panic as well.
            let _ = catch_unwind(AssertUnwindSafe(|| drop(payload)));
            Err(Failure::Panicked(error))
        }
    }
}

fn words(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("(no message)")
}

/// A plugin that panics at every scrape would fill the log with the same words. Its state shows them, so the hook
/// prints nothing for a guarded call and only keeps the place.
fn keep_quiet() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if GUARDED.get() {
                PLACE.set(panic.location().map(ToString::to_string));
            } else {
                usual(panic);
            }
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error_that_names_its_place() {
        let Err(Failure::Panicked(error)) = guarded(|| -> Result<(), Error> { panic!("no {}", "disk") })
        else {
            panic!("the guard let a panic pass");
        };
        assert!(error.message().starts_with("panicked at core/src/guard.rs:"), "{error}");
        assert!(error.message().ends_with(": no disk"), "{error}");
        assert!(matches!(guarded(|| Err::<(), _>(Error::new("said"))), Err(Failure::Said(_))));
        assert!(matches!(guarded(|| Ok(1)), Ok(1)));
    }
}
