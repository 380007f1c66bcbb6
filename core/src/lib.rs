//! The contract of relink plugins: all that a plugin author sees.
//!
//! A complete plugin:
//!
//! ```
//! //! Load averages of the machine.
//! use relink_core::{Collector, Error, Family, Paths, Samples, Source, register};
//!
//! const LOAD1: Family = Family::gauge("node_load1", "1-minute load average (/proc/loadavg).");
//!
//! struct Load(Source);
//!
//! impl Load {
//!     fn new(paths: &Paths) -> Result<Self, Error> {
//!         Ok(Load(Source::new(paths.procfs("loadavg"))))
//!     }
//! }
//!
//! impl Collector for Load {
//!     fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
//!         // Nothing on a machine without the file; an error names the file.
//!         let load = self.0.parse(|text| text.split(' ').next().unwrap_or_default().parse())?;
//!         load.into_iter().for_each(|load: f64| out.push(&LOAD1, [], load));
//!         Ok(())
//!     }
//! }
//!
//! register! { plugin: "load", collector: "loadavg", help: "Load averages", families: [LOAD1], new: Load::new }
//! # fn main() { assert_eq!(relink_core::registry::plugins()[0].name, "load"); }
//! ```
//!
//! An executable that says `use metrics_load as _;` has the plugin linked in. [`Collector`] tells the life of a
//! collector and what the host promises.

/// The guide for authors, so that its code is compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../docs/guide.md")]
pub struct Guide;

pub mod abi;
mod collector;
mod descriptor;
mod error;
#[doc(hidden)]
pub mod guard;
mod metric;
mod options;
mod register;
pub mod registry;
mod samples;
mod series;
mod source;
mod unread;

pub use collector::{Collector, Facts};
pub use error::{Context, Error};
pub use metric::{Family, Kind};
pub use options::Paths;
pub use samples::Samples;
pub use source::{Kept, Source, utf8};
pub use unread::Unread;
#[doc(hidden)]
pub use {register::made as __made, samples::Judge, series::SeriesSet, source::give_back_descriptors};
