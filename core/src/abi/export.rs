//! A library's side: a plugin behind the functions of the interface.

#![allow(unsafe_code)]

use std::ffi::c_void;

use super::*;
use crate::guard::{Failure, guarded};
use crate::registry::{CollectorDescriptor, Descriptor, OptionDescriptor, OptionKind, Options};
use crate::{Collector, Context, Error, Facts, Family, Kind, Paths, Samples};

/// More labels than any family has. One that declares more can't be loaded.
pub const MOST_LABELS: usize = 32;

/// A collector's table with what its functions need behind it.
#[repr(C)]
struct Exported {
    table: CollectorTable,
    collector: &'static CollectorDescriptor,
}

/// An instance as a library holds it.
struct Instance {
    collector: Box<dyn Collector>,
    samples: Samples,
}

/// The table of a plugin; made afresh by each call, and never freed. Called by what `register!` exports.
#[doc(hidden)]
pub fn export(plugin: &'static Descriptor) -> *const PluginTable {
    let collectors = leaked(plugin.collectors.iter().map(exported));
    Box::leak(Box::new(PluginTable {
        magic: MAGIC,
        major: MAJOR,
        minor: MINOR,
        size: size_of::<PluginTable>(),
        name: Text::of(plugin.name),
        version: Text::of(plugin.version),
        help: Text::of(plugin.help),
        package: Text::of(plugin.package),
        collectors: collectors.as_ptr().cast(),
        collector_count: collectors.len(),
        collector_size: size_of::<Exported>(),
    }))
}

fn exported(collector: &'static CollectorDescriptor) -> Exported {
    let families = leaked(collector.families.iter().map(family));
    let options = leaked(collector.options.iter().map(option));
    let table = CollectorTable {
        name: Text::of(collector.name),
        help: Text::of(collector.help),
        families: families.as_ptr(),
        family_count: families.len(),
        family_size: size_of::<FamilyTable>(),
        options: options.as_ptr(),
        option_count: options.len(),
        option_size: size_of::<OptionTable>(),
        flags: if collector.on { 0 } else { OFF_BY_DEFAULT },
        create,
        collect,
        facts: Some(facts),
        destroy,
    };
    Exported { table, collector }
}

fn family(family: &'static Family) -> FamilyTable {
    let labels = leaked(family.label_names().iter().map(|label| Text::of(label)));
    FamilyTable {
        name: Text::of(family.name()),
        help: Text::of(family.help()),
        labels: labels.as_ptr(),
        label_count: labels.len(),
        kind: family.kind() as u32,
    }
}

fn option(option: &'static OptionDescriptor) -> OptionTable {
    OptionTable { name: Text::of(option.name), help: Text::of(option.help), kind: option.kind as u32 }
}

// Both enums count as the interface does.
const _: () = {
    assert!(Kind::Counter as u32 == KIND_COUNTER && Kind::Gauge as u32 == KIND_GAUGE);
    assert!(Kind::Unknown as u32 == KIND_UNKNOWN && OptionKind::Switch as u32 == OPTION_SWITCH);
    assert!(OptionKind::Text as u32 == OPTION_TEXT && OptionKind::Number as u32 == OPTION_NUMBER);
    assert!(OptionKind::Seconds as u32 == OPTION_SECONDS && OptionKind::List as u32 == OPTION_LIST);
};

fn leaked<T>(rows: impl Iterator<Item = T>) -> &'static [T] {
    rows.collect::<Vec<_>>().leak()
}

impl Sink {
    /// Reports an outcome in the words of the interface.
    fn status(&self, outcome: Result<(), Failure>) -> i32 {
        let (error, status) = match outcome {
            Ok(()) => return OK,
            Err(Failure::Said(error)) => (error, FAILED),
            Err(Failure::Panicked(error)) => (error, BROKEN),
        };
        let (message, hint) = (Text::of(error.message()), Text::of(error.advice().unwrap_or_default()));
        // SAFETY: the sink is valid for this call, and so are the texts.
        unsafe { (self.error)(self.context, message, hint) }
        status
    }
}

/// Passes on to the agent what a collector pushes, at once: only there is known what is too much, and which names the
/// other plugins have.
pub(crate) struct Relay(*const Sink);

// SAFETY: it is set and taken away within one call of `collect`, on that thread; between the calls there is none.
unsafe impl Send for Relay {}

impl Relay {
    fn sink(&self) -> &Sink {
        // SAFETY: the sink is valid for the call in which there is a relay.
        unsafe { &*self.0 }
    }

    pub(crate) fn sample(&self, family: usize, labels: &[&str], value: f64) {
        // One that has more is refused when the library is loaded, so what is cut here was never declared.
        let mut texts = [const { Text::of("") }; MOST_LABELS];
        texts.iter_mut().zip(labels).for_each(|(text, label)| *text = Text::of(label));
        let (sink, count) = (self.sink(), labels.len().min(MOST_LABELS));
        // SAFETY: the sink and the texts are valid for this call.
        unsafe { (sink.sample)(sink.context, family, texts.as_ptr(), count, value) }
    }

    pub(crate) fn warning(&self, message: &str) {
        let sink = self.sink();
        // SAFETY: the sink and the text are valid for this call.
        unsafe { (sink.warning)(sink.context, Text::of(message)) }
    }

    pub(crate) fn lines(&self, begin: bool) {
        let sink = self.sink();
        // SAFETY: the sink is valid for this call.
        unsafe { (sink.lines)(sink.context, begin.into()) }
    }

    pub(crate) fn series(&self) -> usize {
        self.sink().series
    }

    pub(crate) fn text(&self, source: &str, text: &str) -> Result<Option<Error>, Error> {
        let sink = self.sink();
        let (source, text) = (Text::of(source), Text::of(text));
        let mut reason = Text::of("");
        // SAFETY: the sink is valid for this call, and so are the texts; the reason is copied before the sink is used
        // again.
        let (status, reason) = unsafe {
            let status = (sink.exposition)(sink.context, source, text, &mut reason);
            (status, reason.lossy())
        };
        match status {
            OK => Ok((!reason.is_empty()).then(|| Error::new(reason))),
            _ => Err(Error::new(reason)),
        }
    }
}

unsafe extern "C" fn create(
    table: *const CollectorTable,
    settings: *const Settings,
    sink: *const Sink,
    instance: *mut *mut c_void,
) -> i32 {
    // SAFETY: the agent passes the table that `export` made, and settings and a sink that are valid for the call.
    let (collector, settings, sink) = unsafe { ((*table.cast::<Exported>()).collector, &*settings, &*sink) };
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
        let made = (collector.new)(&Options::new(collector.name, paths, options))?;
        Ok(Instance { collector: made, samples: Samples::new(collector.families, 0) })
    });
    let made = made.map(|made| {
        // SAFETY: the agent passes a place for the pointer.
        unsafe { instance.write(Box::into_raw(Box::new(made)).cast()) }
    });
    sink.status(made)
}

unsafe extern "C" fn collect(instance: *mut c_void, sink: *const Sink) -> i32 {
    // SAFETY: `instance` came from `create` and is in no other call; the sink is valid for this one.
    let (instance, agent) = unsafe { (&mut *instance.cast::<Instance>(), &*sink) };
    let samples = &mut instance.samples;
    samples.clear();
    // The sink is valid for this call, at whose end the relay is taken away.
    samples.set_relay(Some(Relay(sink)));
    let outcome = guarded(|| {
        instance.collector.collect(samples)?;
        samples.fault().map_or(Ok(()), |fault| Err(fault.clone()))
    });
    samples.set_relay(None);
    agent.status(outcome)
}

unsafe extern "C" fn facts(instance: *mut c_void, sink: *const Sink) -> i32 {
    // SAFETY: as in `collect`.
    let (instance, sink) = unsafe { (&mut *instance.cast::<Instance>(), &*sink) };
    let mut told = Facts::default();
    let outcome = guarded(|| instance.collector.facts(&mut told));
    for (name, value) in told.rows() {
        // SAFETY: the sink and the texts are valid for this call.
        unsafe { (sink.fact)(sink.context, Text::of(name), Text::of(value)) }
    }
    sink.status(outcome)
}

unsafe extern "C" fn destroy(instance: *mut c_void) {
    // SAFETY: `instance` came from `create`, and the agent uses it no more.
    let instance = unsafe { Box::from_raw(instance.cast::<Instance>()) };
    // A panic in the collector's drop harms nobody any more.
    let _ = guarded(|| {
        drop(instance);
        Ok(())
    });
}
