//! What can be set: the configuration file, the environment, the command line, and another agent's flags.

pub(crate) mod cli;
mod config;
mod default;
pub(crate) mod environment;
mod explain;
pub mod flags;
mod limits;
mod plugins;
pub(crate) mod push;

pub(crate) use config::{Config, METRICS, Plugins, Prefer, Print};
pub(crate) use default::DEFAULT_TOML;
pub(crate) use environment::check_environment;
pub(crate) use explain::{Origin, Setting, explain};
pub(crate) use limits::Limits;
