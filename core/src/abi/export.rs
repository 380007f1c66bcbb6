//! A library's side: a plugin behind the functions of the interface.

#![allow(unsafe_code)]

use std::ffi::c_void;
use std::marker::PhantomData;

use super::*;
use crate::guard::{Failure, guarded};
use crate::{Collector, Context, Descriptor, Facts, Judge, Kind, Options, Paths, Samples};

/// A table with what its functions need behind it.
#[repr(C)]
struct Exported {
    table: PluginTable,
    plugin: &'static Descriptor,
}

/// An instance as a library holds it.
struct Instance {
    collector: Box<dyn Collector>,
    samples: Samples,
}

/// The table of a plugin; made anew by each call, and never freed. Called by what `register!` exports.
#[doc(hidden)]
pub fn export(plugin: &'static Descriptor) -> *const PluginTable {
    let families: Vec<FamilyTable> = plugin
        .families
        .iter()
        .map(|family| {
            let labels: &[Text] =
                family.label_names().iter().map(|label| Text::of(label)).collect::<Vec<_>>().leak();
            FamilyTable {
                name: Text::of(family.name()),
                help: Text::of(family.help()),
                labels: labels.as_ptr(),
                label_count: labels.len(),
                kind: match family.kind() {
                    Kind::Counter => KIND_COUNTER,
                    Kind::Gauge => KIND_GAUGE,
                    Kind::Unknown => KIND_UNKNOWN,
                },
            }
        })
        .collect();
    let families: &[FamilyTable] = families.leak();
    let table = PluginTable {
        magic: MAGIC,
        major: MAJOR,
        minor: MINOR,
        size: size_of::<PluginTable>(),
        name: Text::of(plugin.name),
        version: Text::of(plugin.version),
        help: Text::of(plugin.help),
        package: Text::of(plugin.package),
        families: families.as_ptr(),
        family_count: families.len(),
        family_size: size_of::<FamilyTable>(),
        create,
        collect,
        facts: Some(facts),
        destroy,
    };
    let exported: &Exported = Box::leak(Box::new(Exported { table, plugin }));
    std::ptr::from_ref(exported).cast()
}

/// The agent's sink, for the time of a call. An older agent's is shorter, so there is no reference to all of it.
#[derive(Clone, Copy)]
struct Out<'a>(*const Sink, PhantomData<&'a ()>);

/// A field of a sink, or nothing where the agent is too old to have it.
macro_rules! newer {
    ($out:expr, $field:ident) => {{
        let end = std::mem::offset_of!(Sink, $field) + size_of::<usize>();
        // SAFETY: the sink is valid, and each has its size; the field is read only within that.
        unsafe { ((*$out.0).size >= end).then(|| (*$out.0).$field) }
    }};
}

impl Out<'_> {
    fn error(&self, error: &Error) {
        let (message, hint) = (Text::of(error.message()), Text::of(error.advice().unwrap_or_default()));
        // SAFETY: the sink is valid for this call, and so are the texts.
        unsafe { ((*self.0).error)((*self.0).context, message, hint) }
    }

    /// An agent of 1.0 is told nothing.
    fn warnings(&self, warnings: &[String]) {
        let Some(warning) = newer!(self, warning) else { return };
        for message in warnings {
            // SAFETY: the sink is valid for this call, and so is the text.
            unsafe { warning((*self.0).context, Text::of(message)) }
        }
    }

    fn exposition(&self, source: &str, text: &str) -> Result<(), Error> {
        let Some(exposition) = newer!(self, exposition) else {
            return Err(Error::new("this agent takes no families at run time")
                .hint("it speaks the plugin interface 1.0; 1.1 is needed, so use a newer relink"));
        };
        let (source, text) = (Text::of(source), Text::of(text));
        let mut reason = Text::of("");
        // SAFETY: the sink is valid for this call, and so are the texts; the reason is copied before the sink is used
        // again.
        unsafe {
            match exposition((*self.0).context, source, text, &mut reason) {
                OK => Ok(()),
                _ => Err(Error::new(reason.lossy())),
            }
        }
    }

    /// Reports an outcome in the words of the interface.
    fn status(&self, outcome: Result<(), Failure>) -> i32 {
        match outcome {
            Ok(()) => OK,
            Err(Failure::Said(error)) => {
                self.error(&error);
                FAILED
            }
            Err(Failure::Panicked(error)) => {
                self.error(&error);
                BROKEN
            }
        }
    }
}

/// # Safety
///
/// `sink` is valid for `'a`.
unsafe fn out<'a>(sink: *const Sink) -> Out<'a> {
    Out(sink, PhantomData)
}

/// Passes the texts that a collector pushes on to the agent while `collect` runs: only there is known what the other
/// plugins have.
struct Relay(Out<'static>);

// SAFETY: it is set and taken away within one call of `collect`, on that thread; between the calls there is none.
unsafe impl Send for Relay {}

impl Judge for Relay {
    fn clear(&mut self) {}

    /// How many series it has is the agent's to know, as is how much room there is.
    fn text(&mut self, source: &str, text: &str, _: usize) -> Result<usize, Error> {
        self.0.exposition(source, text).map(|()| 0)
    }
}

unsafe extern "C" fn create(
    table: *const PluginTable,
    settings: *const Settings,
    sink: *const Sink,
    instance: *mut *mut c_void,
) -> i32 {
    // SAFETY: the agent passes the table that `export` made, and settings and a sink that are valid for the call.
    let (plugin, settings, out) = unsafe { ((*table.cast::<Exported>()).plugin, &*settings, out(sink)) };
    // SAFETY: the texts of the settings are valid for the call.
    let text = |text: Text| unsafe { text.lossy() };
    let made = guarded(|| {
        let options = serde_json::from_str(&text(settings.options))
            .context("the agent's options are no JSON object")?;
        let paths = Paths {
            procfs: text(settings.procfs).as_ref().into(),
            sysfs: text(settings.sysfs).as_ref().into(),
            rootfs: text(settings.rootfs).as_ref().into(),
        };
        let options = Options::new(plugin.name, paths, options).with_series(settings.series);
        let collector = (plugin.new)(&options)?;
        Ok(Instance { collector, samples: Samples::new(plugin.families, settings.series) })
    });
    let made = made.map(|made| {
        // SAFETY: the agent passes a place for the pointer.
        unsafe { instance.write(Box::into_raw(Box::new(made)).cast()) }
    });
    out.status(made)
}

unsafe extern "C" fn collect(instance: *mut c_void, sink: *const Sink) -> i32 {
    // SAFETY: `instance` came from `create` and is in no other call; the sink is valid for this one.
    let (instance, out) = unsafe { (&mut *instance.cast::<Instance>(), out(sink)) };
    let samples = &mut instance.samples;
    samples.clear();
    // SAFETY: the sink is valid for this call, at whose end the relay is taken away.
    samples.set_judge(Some(Box::new(Relay(unsafe { self::out(sink) }))));
    let outcome = guarded(|| {
        instance.collector.collect(samples)?;
        samples.fault().map_or(Ok(()), |fault| Err(fault.clone()))
    });
    samples.set_judge(None);
    if outcome.is_ok() {
        out.warnings(samples.warnings());
        let mut labels = Vec::new();
        samples.each(|family, values, value| {
            labels.clear();
            labels.extend(values.map(Text::of));
            // SAFETY: the sink and the texts are valid for this call.
            unsafe { ((*out.0).sample)((*out.0).context, family, labels.as_ptr(), labels.len(), value) }
        });
    }
    out.status(outcome)
}

unsafe extern "C" fn facts(instance: *mut c_void, sink: *const Sink) -> i32 {
    // SAFETY: as in `collect`.
    let (instance, out) = unsafe { (&mut *instance.cast::<Instance>(), out(sink)) };
    let mut told = Facts::default();
    let outcome = guarded(|| instance.collector.facts(&mut told));
    for (name, value) in told.rows() {
        // SAFETY: the sink and the texts are valid for this call.
        unsafe { ((*out.0).fact)((*out.0).context, Text::of(name), Text::of(value)) }
    }
    out.status(outcome)
}

unsafe extern "C" fn destroy(instance: *mut c_void) {
    // SAFETY: `instance` came from `create`, and the agent uses it no more.
    let instance = unsafe { Box::from_raw(instance.cast::<Instance>()) };
    // A panic in the plugin's drop harms nobody any more.
    let _ = guarded(|| {
        drop(instance);
        Ok(())
    });
}
