//! What the commands that ask others are told.

use std::path::PathBuf;

use clap::Args;

/// Which agent to ask, and what opens its doors.
#[derive(Args, Clone, Debug)]
pub(crate) struct Whom {
    /// The agent, as URL or HOST:PORT [default: where the configuration has it listen]
    #[arg(long, value_name = "URL")]
    pub(crate) address: Option<String>,
    /// A file with the token of its [reload] token_file
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// A file with the certificate of who has signed the agent's [default: the machine's authorities]
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    /// The user's name where the agent wants a password
    #[arg(long, value_name = "NAME", requires = "password_file")]
    pub(crate) user: Option<String>,
    /// A file with the user's password
    #[arg(long, value_name = "FILE", requires = "user")]
    pub(crate) password_file: Option<PathBuf>,
}

/// What `relink-verify` is asked.
#[derive(Args, Clone, Debug)]
pub(crate) struct Verify {
    /// node_exporter's page
    #[arg(long, value_name = "URL|FILE")]
    pub(crate) against: String,
    /// relink's page [default: that of the agent at --listen]
    #[arg(long, value_name = "URL|FILE")]
    pub(crate) page: Option<String>,
    /// Alerts and recording rules, as Prometheus reads them
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub(crate) rules: Vec<String>,
    /// Dashboards of Grafana, as JSON
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub(crate) dashboard: Vec<String>,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}
