//! What can be set: the configuration file, the environment, the command line, and another agent's flags.

pub(crate) mod asked;
mod choice;
pub(crate) mod cli;
mod collectors;
mod config;
mod default;
mod drop_in;
pub(crate) mod environment;
mod explain;
pub mod flags;
mod limits;
mod listen;
mod plain;
mod plugins;
pub(crate) mod push;
mod route;
mod seconds;

pub(crate) use choice::{Choice, Switch};
pub(crate) use collectors::Collectors;
pub(crate) use config::{Config, METRICS, Print};
pub(crate) use default::DEFAULT_TOML;
pub(crate) use environment::check_environment;
pub(crate) use explain::{Origin, Setting, explain};
pub(crate) use limits::Limits;
pub(crate) use listen::{Listen, address, is_host_name, is_opened};
pub(crate) use plugins::{Plugins, Prefer};
pub(crate) use seconds::Seconds;
