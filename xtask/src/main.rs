//! The project's own commands, as `cargo xtask <command>`. A file a command; nothing here is part of the agent, and
//! nothing of the workspace is imported, so that these commands build when the rest does not.

mod args;
mod bench;
mod build;
mod cargo;
mod ci;
mod failure;
mod fuzz;
mod http;
mod miri;
mod plugin;
mod reload;
mod run;
mod server;
mod shell;
mod soak;
mod test;
mod tidy;
mod workspace;

use std::process::ExitCode;

use args::Task;
use failure::Result;

fn main() -> ExitCode {
    match args::parse(std::env::args_os().skip(1)).and_then(perform) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.report();
            ExitCode::from(failure.code())
        }
    }
}

fn perform(task: Task) -> Result<()> {
    match task {
        Task::Help => {
            print!("{}", args::HELP);
            Ok(())
        }
        Task::Run { selection, dylib: false, agent_args } => run::perform(&selection, &agent_args),
        Task::Run { selection, dylib: true, agent_args } => run::perform_loaded(&selection, &agent_args),
        Task::Build { selection, format } => build::perform(&selection, format),
        Task::PluginList => plugin::list(),
        Task::PluginNew { name, collectors } => plugin::scaffold::perform(&name, collectors),
        Task::PluginCollector { plugin, collector } => plugin::collector::perform(&plugin, &collector),
        Task::PluginBuild { names, release } => plugin::library::perform(names.as_deref(), release),
        Task::PluginAdd { package, origin } => plugin::add::perform(&package, &origin),
        Task::PluginRemove { name, force } => plugin::remove::perform(&name, force),
        Task::Reload { args } => reload::perform(&args),
        Task::Watch { args } => reload::watch(&args),
        Task::Test { filter } => test::perform(&filter),
        Task::Fuzz { targets, seconds } => fuzz::perform(&targets, seconds),
        Task::Miri => miri::perform(),
        Task::Soak { hours, reloads } => soak::perform(hours, reloads),
        Task::Tidy => tidy::perform(),
        Task::Ci => ci::perform(),
        Task::Bench(sections) => bench::perform(&sections),
    }
}
