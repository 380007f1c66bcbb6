//! The contract of relink plugins: all that a plugin author sees.
//!
//! A complete plugin:
//!
//! ```
//! //! Load averages of the machine.
//! use relink_core::{Collector, Error, Family, Options, Samples, Source, register};
//!
//! const LOAD1: Family = Family::gauge("node_load1", "1-minute load average.");
//!
//! struct Load(Source);
//!
//! impl Collector for Load {
//!     fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
//!         let text = self.0.read()?;
//!         let first = text.split(' ').next().unwrap_or_default();
//!         out.push(&LOAD1, [], first.parse()?);
//!         Ok(())
//!     }
//! }
//!
//! register! {
//!     name: "load",
//!     help: "Load averages",
//!     families: [LOAD1],
//!     new: |options: &Options| Ok(Load(Source::new(options.procfs("loadavg")))),
//! }
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
mod source;
mod unread;

pub use collector::{Collector, Facts};
pub use descriptor::{Descriptor, Factory};
pub use error::{Context, Error};
pub use metric::{Family, Kind};
pub use options::{Options, Paths};
#[doc(hidden)]
pub use register::made as __made;
pub use samples::Samples;
#[doc(hidden)]
pub use samples::{Judge, SeriesSet};
#[doc(hidden)]
pub use source::give_back_descriptors;
pub use source::{Kept, Source, utf8};
pub use unread::Unread;
