//! Command lines, as they are typed.

use super::*;

fn parsed(line: &str) -> Result<Task> {
    parse(line.split_whitespace().map(OsString::from))
}

fn refused(line: &str) -> String {
    let failure = parsed(line).unwrap_err();
    assert_eq!(failure.code(), 2, "{line}: {failure:?}");
    failure.message().to_owned()
}

#[test]
fn help_lists_every_command() {
    for line in ["", "--help", "-h", "help", "run --help", "plugin -h", "plugin new x --help"] {
        assert_eq!(parsed(line).unwrap(), Task::Help, "{line}");
    }
    for (command, takes) in COMMANDS {
        assert!(HELP.contains(&format!("\n  {command}")), "{command} is not in the help");
        for flag in takes.iter().filter(|takes| takes.starts_with('-')) {
            assert!(HELP.contains(flag.trim_end_matches('=')), "{flag} is not in the help");
        }
    }
}

#[test]
fn run_takes_a_selection_and_leaves_the_rest_to_the_agent() {
    assert_eq!(
        parsed("run --plugins disk,cpu,disk --release --registry linkme -- --listen 127.0.0.1:0 -- x")
            .unwrap(),
        Task::Run {
            selection: Selection {
                plugins: Some(vec!["cpu".into(), "disk".into()]),
                release: true,
                registry: Registry::Linkme
            },
            dylib: false,
            agent_args: ["--listen", "127.0.0.1:0", "--", "x"].map(OsString::from).to_vec(),
        }
    );
    assert_eq!(
        parsed("run --plugins=disk --dylib --plugins=cpu").unwrap(),
        Task::Run {
            selection: Selection { plugins: Some(vec!["cpu".into()]), ..Selection::default() },
            dylib: true,
            agent_args: vec![],
        }
    );
}

#[test]
fn what_is_unknown_is_refused_with_what_is_known() {
    assert_eq!(
        refused("rum"),
        "unknown command \"rum\"; known: run, build, plugin list, plugin new, plugin collector, plugin build, \
         plugin add, plugin remove, reload, watch, test, fuzz, miri, soak, tidy, ci, bench"
    );
    assert_eq!(
        refused("run --dylip"),
        "unknown argument \"--dylip\"; known: --plugins, --release, --registry, --dylib, -- relink arguments"
    );
    assert_eq!(
        refused("run --registry ctor"),
        "unknown value of --registry \"ctor\"; known: inventory, linkme"
    );
    assert!(refused("build --force").contains("unknown argument \"--force\""));
    assert!(refused("run --plugins ,").contains("names no plugin"));
    assert!(refused("run --plugins").contains("--plugins"));
    assert!(refused("build -- --release").contains("unknown argument"));
    assert!(refused("bench everything").contains("known: scrape, reload, large, interfaces"));
    assert!(refused("ci now").contains("\"now\""));
    assert!(refused("--quiet").contains("--help"));
}

#[test]
fn what_belongs_to_another_program_is_handed_on() {
    let words = |words: &[&str]| words.iter().map(OsString::from).collect();
    let args = words(&["--plugins", "cpu", "--help", "--", "x"]);
    assert_eq!(parsed("reload --plugins cpu --help -- x").unwrap(), Task::Reload { args });
    assert_eq!(parsed("watch --force").unwrap(), Task::Watch { args: words(&["--force"]) });
    let filter = words(&["metric", "--", "--ignored"]);
    assert_eq!(parsed("test metric -- --ignored").unwrap(), Task::Test { filter });
    let fuzz = |targets: &[&str], seconds| Task::Fuzz {
        targets: targets.iter().map(ToString::to_string).collect(),
        seconds,
    };
    assert_eq!(parsed("fuzz").unwrap(), fuzz(&[], 60));
    assert_eq!(parsed("fuzz host accept --time 5").unwrap(), fuzz(&["host", "accept"], 5));
    assert!(parsed("fuzz --time 0").unwrap_err().message().contains("expected seconds from 1"));
    assert_eq!(parsed("bench reload").unwrap(), Task::Bench(vec![Section::Reload]));
    assert_eq!(parsed("bench").unwrap(), Task::Bench(vec![Section::Scrape, Section::Reload, Section::Large]));
}

#[test]
fn each_plugin_command_takes_its_arguments() {
    let parsed = |line: &str| parsed(line).unwrap();
    assert_eq!(parsed("plugin list"), Task::PluginList);
    let new = |collectors| Task::PluginNew { name: "swap".into(), collectors };
    assert_eq!(parsed("plugin new swap"), new(None));
    let collectors = ["swap", "swappages"].map(String::from).to_vec();
    assert_eq!(parsed("plugin new swap --collectors swappages,swap"), new(Some(collectors)));
    assert_eq!(
        parsed("plugin collector disk nvme"),
        Task::PluginCollector { plugin: "disk".into(), collector: "nvme".into() }
    );
    let names = Some(vec!["cpu".into(), "disk".into()]);
    assert_eq!(parsed("plugin build cpu --release disk"), Task::PluginBuild { names, release: true });
    assert_eq!(parsed("plugin build --all"), Task::PluginBuild { names: None, release: false });
    let remove = |force| Task::PluginRemove { name: "swap".into(), force };
    assert_eq!(parsed("plugin remove swap"), remove(false));
    assert_eq!(parsed("plugin remove --force swap"), remove(true));
    let add = |origin| Task::PluginAdd { package: "metrics-gpu".into(), origin };
    assert_eq!(parsed("plugin add metrics-gpu"), add(Origin::Registry(None)));
    assert_eq!(parsed("plugin add metrics-gpu --version 1.2"), add(Origin::Registry(Some("1.2".into()))));
    assert_eq!(parsed("plugin add --path ../gpu metrics-gpu"), add(Origin::Path("../gpu".into())));
    assert_eq!(parsed("plugin add metrics-gpu --git=file:///x"), add(Origin::Git("file:///x".into())));
}

#[test]
fn what_does_not_fit_a_plugin_command_is_refused() {
    assert_eq!(
        refused("plugin shift"),
        "unknown plugin command \"shift\"; known: list, new, collector, build, add, remove"
    );
    assert!(refused("plugin").contains("list, new, collector, build"));
    assert!(refused("plugin new").starts_with("NAME is missing"));
    assert!(refused("plugin new a b").contains("unknown argument \"b\""));
    assert!(refused("plugin new a --collectors ,").starts_with("--collectors names no collector;"));
    assert!(refused("plugin collector disk").starts_with("COLLECTOR is missing"));
    assert!(refused("plugin list all").contains("unknown argument \"all\""));
    assert!(refused("plugin build").contains("or --all"));
    assert!(refused("plugin build cpu --all").contains("or --all"));
    assert!(refused("plugin remove x --froce").contains("known: NAME, --force"));
    assert!(refused("tidy now").ends_with("known: none"));
    assert!(refused("plugin add x --path a --git b").contains("only one"));
    assert!(refused("plugin add x --path").contains("--path"));
}

#[test]
fn a_soak_has_its_hours() {
    let soak = |hours, reloads| Ok(Task::Soak { hours, reloads });
    assert_eq!(parsed("soak --hours 0.05"), soak(0.05, 50));
    assert_eq!(parsed("soak --hours 1 --reloads 7"), soak(1.0, 7));
    assert!(refused("soak").contains("--hours 1"));
    for hours in ["0", "-1", "NaN", "inf", "long"] {
        assert!(refused(&format!("soak --hours {hours}")).contains("expected hours above 0"), "{hours}");
    }
    assert!(refused("soak --hours 1 --reloads 0").contains("--reloads is \"0\""));
}
