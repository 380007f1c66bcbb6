//! `GET /history` and `GET /plot/…` of the executable, over a socket.

mod support;

use relink_testkit::{Agent, until};
use serde_json::{Value, json};
use support::Folder;

const QUICK: &str =
    "print = \"none\"\n[history]\ninterval = 0.1\n[plugins]\nenabled = [\"cpu\", \"disk\", \"load\"]\n";

/// The answer to a query, once there are so many snapshots.
fn past(agent: &Agent, query: &str, snapshots: u64) -> Value {
    until("enough snapshots", || {
        let answer = agent.get(&format!("/history?{query}"));
        assert_eq!(answer.status, 200, "{query}: {}", answer.text());
        let json = answer.json();
        (json["last_id"].as_u64()? >= snapshots).then_some(json)
    })
}

fn points(series: &Value) -> &Vec<Value> {
    series["points"].as_array().unwrap_or_else(|| panic!("{series}"))
}

#[test]
fn the_past_of_some_families() {
    let folder = Folder::new(QUICK);
    let agent = folder.start(&[]);
    let all = past(&agent, "family=node_cpu_seconds_total&family=node_load1&family=node_load1", 3);
    assert_eq!((&all["interval"], &all["step"]), (&json!(0.1), &json!(0.0)), "{all}");
    let families = all["families"].as_array().unwrap();
    assert_eq!(families.len(), 2, "{all}");
    for (key, value) in [("family", "node_cpu_seconds_total"), ("type", "counter"), ("unit", "seconds")] {
        assert_eq!(families[0][key], value, "{all}");
    }
    assert!(families[0]["help"].as_str().unwrap().ends_with('.'), "{all}");
    assert_eq!((&families[1]["family"], &families[1]["type"]), (&json!("node_load1"), &json!("gauge")));
    let now = all["time"].as_f64().unwrap();
    let series = families[0]["series"].as_array().unwrap();
    assert!(series.len() > 1, "{all}");
    for one in series {
        let points = points(one);
        assert!(points.len() >= 3 && one["labels"]["mode"].is_string(), "{one}");
        let times: Vec<_> = points.iter().map(|point| point[0].as_f64().unwrap()).collect();
        assert!(times.is_sorted() && times.iter().all(|time| *time <= now), "{times:?} until {now}");
        assert!(points.iter().all(|point| point[1].is_number()), "{points:?}");
    }
    let idle = |more: &str| {
        let query = format!("family=node_cpu_seconds_total&label=cpu=0&label=mode=idle{more}");
        let answer = past(&agent, &query, 3);
        assert_eq!(answer["families"][0]["series"].as_array().unwrap().len(), 1, "{answer}");
        answer["families"][0]["series"][0].clone()
    };
    assert_eq!(idle("")["labels"], json!({"cpu": "0", "mode": "idle"}));
    let none = past(&agent, "family=node_cpu_seconds_total&label=cpu=none", 3);
    assert_eq!(none["families"][0]["series"], json!([]));
    let late = idle("&seconds=0.15");
    assert!((1..=2).contains(&points(&late).len()) && points(&idle("")).len() > points(&late).len());
    // From one time to another, both included.
    let series = idle("");
    let time = |at: usize| points(&series)[at][0].as_f64().unwrap();
    let some = idle(&format!("&from={}&to={}", time(1), time(2)));
    assert_eq!(points(&some), &points(&series)[1..3]);
    // The agent's own families have a past too.
    let own = past(&agent, "family=node_scrape_collector_success&label=collector=cpu", 3);
    assert_eq!(own["families"][0]["series"][0]["points"][0][1], 1, "{own}");
}

#[test]
fn rows_of_several_snapshots_rates_and_tables() {
    let folder = Folder::new(QUICK);
    let agent = folder.start(&[]);
    let query = "family=node_cpu_seconds_total&family=node_load1&label=cpu=0&label=mode=idle";
    let rates = past(&agent, &format!("{query}&rate=1"), 12);
    let counts = past(&agent, query, 12);
    let [rates, counts] = [&rates, &counts].map(|one| points(&one["families"][0]["series"][0]));
    let seconds = counts[1][0].as_f64().unwrap() - counts[0][0].as_f64().unwrap();
    let step = counts[1][1].as_f64().unwrap() - counts[0][1].as_f64().unwrap();
    assert_eq!(rates[0][0], counts[1][0], "the first has none");
    assert!((rates[0][1].as_f64().unwrap() - step / seconds).abs() < 1e-6, "{rates:?} {counts:?}");
    // A counter has its last value, and what is no counter mean, lowest and highest.
    let coarse = past(&agent, "family=node_load1&family=node_cpu_seconds_total&step=3600", 12);
    assert_eq!(coarse["step"], 3600.0, "{coarse}");
    let widths = [0, 1].map(|family| {
        let series = coarse["families"][family]["series"][0].clone();
        points(&series).iter().map(|point| point.as_array().unwrap().len()).max()
    });
    assert_eq!(widths, [Some(4), Some(2)], "{coarse}");

    let table = agent.get("/history?family=node_load1&family=node_load15&format=csv");
    assert_eq!((table.status, table.header("content-type")), (200, Some("text/csv; charset=utf-8")));
    let text = table.text();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[0], "time,node_load1,node_load15");
    assert!(lines.len() > 10 && lines.iter().all(|line| line.split(',').count() == 3), "{lines:?}");
}

#[test]
fn how_far_back_it_goes_is_told() {
    let folder = Folder::new(QUICK);
    let agent = folder.start(&[]);
    let answer = past(&agent, "family=node_load1", 5);
    let kept = answer["seconds_kept"].as_f64().unwrap();
    let oldest = answer["oldest"].as_f64().unwrap();
    assert!(kept > 0.3 && (answer["time"].as_f64().unwrap() - oldest - kept).abs() < 0.01, "{answer}");
    assert_eq!(answer["gaps"], json!([oldest]), "nobody measured before the start");
    assert_eq!(answer["bytes_limit"], 2_097_152);
    assert!(answer["bytes"].as_u64().unwrap() > 1000, "{answer}");
    let tiers = answer["tiers"].as_array().unwrap();
    let steps: Vec<_> = tiers.iter().map(|tier| tier["step"].as_f64().unwrap()).collect();
    assert_eq!(steps, [0.1, 10.0, 60.0], "{answer}");
    assert!(tiers[0]["values"].as_u64() >= Some(5) && tiers[1]["oldest"] == Value::Null, "{answer}");
    assert!(agent.sample("relink_history_seconds{tier=\"snapshots\"}") > Some(0.3));
    assert_eq!(agent.sample("relink_history_seconds{tier=\"60s\"}"), Some(0.0));
    assert!(agent.sample("relink_history_bytes") > Some(1000.0));
    assert_eq!(agent.sample("relink_history_limit_bytes"), Some(2_097_152.0));
}

#[test]
fn of_a_history_that_is_cut_short_what_was_asked_for_stays_and_it_says_so_once() {
    let folder = Folder::new(&QUICK.replace("0.1\n", "0.1\nbytes = 20000\n"));
    let mut agent = folder.start(&[]);
    let asked = past(&agent, "family=node_load1", 150);
    assert!(asked["bytes"].as_u64() <= Some(20_000), "{asked}");
    let rows = |answer: &Value| points(&answer["families"][0]["series"][0]).len();
    assert!(rows(&asked) >= 100, "{asked}");
    let other = past(&agent, "family=relink_generation", 150);
    let other = other["families"][0]["series"]
        .as_array()
        .and_then(|series| series.first().map(|one| points(one).len()));
    assert!(other.is_none_or(|other| other < rows(&asked)), "{other:?}");
    agent.signal("TERM");
    agent.wait();
    let log = agent.stderr();
    assert_eq!(log.matches("raise [history] bytes").count(), 1, "{log}");
}

#[test]
fn what_the_history_can_not_answer() {
    let folder = Folder::new(QUICK);
    let agent = folder.start(&[]);
    for (query, status, word, hint) in [
        ("", 400, "no family", "family=NAME"),
        ("?family=node_load1&label=cpu", 400, "label is \"cpu\"", "name=value"),
        ("?family=node_load1&seconds=0", 400, "seconds is \"0\"", "above 0"),
        ("?family=node_load1&seconds=-1", 400, "seconds is \"-1\"", "above 0"),
        ("?family=node_load1&seconds=NaN", 400, "seconds is \"NaN\"", "above 0"),
        ("?family=node_load1&seconds=inf", 400, "seconds is \"inf\"", "above 0"),
        ("?family=node_load1&seconds=1&seconds=2", 400, "seconds is given 2 times", "once"),
        ("?family=node_load1&seconds=1&from=2", 400, "seconds is given beside from", "one of them"),
        ("?family=node_load1&from=2&to=1", 400, "from is 2, to is 1", "earlier"),
        ("?family=node_load1&from=x", 400, "from is \"x\"", "since 1970"),
        ("?family=node_load1&step=-1", 400, "step is \"-1\"", "step=60"),
        ("?family=node_load1&rate=yes", 400, "rate is \"yes\"", "0 or 1"),
        ("?family=node_load1&format=xml", 400, "format is \"xml\"", "json or csv"),
        ("?family=node_load1&second=1", 400, "unknown parameter \"second\"", "family, label, seconds"),
        (
            "?family=node_cpu_second_total",
            404,
            "no family \"node_cpu_second_total\"",
            "node_cpu_seconds_total",
        ),
        ("?family=node_load1&family=zzz", 404, "no family \"zzz\"", "/metrics"),
        ("?family=%ff%00", 404, "no family", "/metrics"),
    ] {
        let answer = agent.get(&format!("/history{query}"));
        assert_eq!(answer.status, status, "{query}: {}", answer.text());
        let json = answer.json();
        assert!(json["error"].as_str().unwrap().contains(word), "{query}: {json}");
        assert!(json["hint"].as_str().unwrap().contains(hint), "{query}: {json}");
    }
    for far in ["seconds=1e300", "from=0&to=1e300", "step=1e300"] {
        let answer = agent.get(&format!("/history?family=relink_generation&{far}"));
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    let folder = Folder::new("print = \"none\"\n[history]\ninterval = 0\n");
    let agent = folder.start(&[]);
    let off = agent.get("/history?family=node_load1");
    assert_eq!(off.status, 404);
    let text = off.text();
    assert!(text.contains("history is off") && text.contains("[history] interval"), "{text}");
    assert_eq!(agent.sample("relink_history_bytes"), None);
}

#[test]
fn families_of_text_files_have_a_past() {
    let folder =
        Folder::new("print = \"none\"\n[history]\ninterval = 0.1\n[plugins]\nenabled = [\"textfile\"]\n");
    std::fs::create_dir(folder.path("texts")).unwrap();
    let write = |value: f64| {
        folder.write("texts/jobs.prom", format!("# TYPE jobs gauge\njobs{{name=\"a\"}} {value}\n"))
    };
    write(1.0);
    let texts = folder.path("texts").display().to_string();
    let agent = folder.start(&["--collector.textfile.directory", &texts]);
    let until_it_ends_with = |value: f64| {
        until("the value of the file", || {
            let answer = agent.get("/history?family=jobs&label=name=a");
            if answer.status == 404 {
                return None;
            }
            let answer = answer.json();
            let last = points(&answer["families"][0]["series"][0]).last().cloned()?;
            (last[1] == value).then_some(answer)
        })
    };
    until_it_ends_with(1.0);
    write(2.5);
    let answer = until_it_ends_with(2.5);
    assert_eq!(answer["families"][0]["type"], "gauge");
    assert_eq!(answer["families"][0]["series"].as_array().unwrap().len(), 1, "{answer}");
    assert_eq!(points(&answer["families"][0]["series"][0])[0][1], 1.0);
}

#[test]
fn a_picture_of_a_family() {
    let folder = Folder::new(QUICK);
    let agent = folder.start(&[]);
    let svg = until("a line", || {
        let answer = agent.get("/plot/node_cpu_seconds_total.svg?seconds=60&label=mode=idle");
        assert_eq!(answer.status, 200, "{}", answer.text());
        (!answer.text().contains("no data for this time range")).then_some(answer)
    });
    assert_eq!(svg.header("content-type"), Some("image/svg+xml"));
    assert!(svg.header("content-security-policy").unwrap().starts_with("default-src 'none';"));
    let text = svg.text();
    assert!(text.contains("\n%\n") && text.contains("node_cpu_seconds_total {mode="), "{text}");
    for (path, status, hint) in [
        ("/plot/node_cpu_second_total.svg", 404, "node_cpu_seconds_total"),
        ("/plot/node_cpu_seconds_total", 404, "/plot/node_cpu_seconds_total.svg"),
        ("/plot/node_cpu_seconds_total.svg?seconds=x", 400, "above 0"),
        ("/plot/node_cpu_seconds_total.svg?family=x", 400, "label, seconds"),
        ("/plot/node_cpu_seconds_total.svg?from=2&to=1", 400, "earlier"),
        ("/plot/%3Cscript%3E.svg", 404, "/metrics"),
    ] {
        let answer = agent.get(path);
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        assert!(answer.json()["hint"].as_str().unwrap().contains(hint), "{path}: {}", answer.text());
    }
}

#[test]
fn before_and_after_a_moment() {
    let folder = Folder::new(
        "print = \"none\"\n[history]\ninterval = 0.1\n[plugins]\nenabled = [\"load\"]\n[path]\nprocfs = \"proc\"\n",
    );
    std::fs::create_dir(folder.path("proc")).unwrap();
    let load = |one: &str| folder.write("proc/loadavg", format!("{one} 1.00 1.00 2/345 6789\n"));
    load("1.00");
    let agent = folder.start(&[]);
    past(&agent, "family=node_load1", 8);
    let border = past(&agent, "family=node_load1", 8)["time"].as_f64().unwrap();
    load("7.00");
    let told = until("enough of both sides", || {
        let told = agent.get(&format!("/compare?at={border}&seconds=30"));
        assert_eq!(told.status, 200, "{}", told.text());
        Some(told.json()).filter(|told| {
            told["most"][0]["after"]["p95"] == 7 && told["most"][0]["after"]["mean"].as_f64() > Some(6.0)
        })
    });
    let first = &told["most"][0];
    assert_eq!(
        (
            &first["family"],
            &first["type"],
            &first["labels"],
            &first["before"]["mean"],
            &first["before"]["p95"]
        ),
        (&json!("node_load1"), &json!("gauge"), &json!({}), &json!(1), &json!(1)),
        "{told}"
    );
    assert!(told["changed"].as_u64() <= told["series"].as_u64() && told["seconds"] == 30.0, "{told}");
    let cost: Vec<_> =
        told["cost"].as_array().unwrap().iter().map(|one| one["family"].as_str().unwrap()).collect();
    assert_eq!(
        cost,
        [
            "node_scrape_collector_duration_seconds",
            "process_cpu_seconds_total",
            "process_resident_memory_bytes"
        ]
    );
    for (query, said) in [
        ("", "no time is given"),
        ("?at=x", "at is"),
        ("?at=1&seconds=0", "seconds is"),
        ("?at=1&by=2", "by"),
    ] {
        let answer = agent.get(&format!("/compare{query}"));
        assert!(answer.status == 400 && answer.text().contains(said), "{query}: {}", answer.text());
    }
    let long_ago = agent.get("/compare?at=1").json();
    assert_eq!((&long_ago["series"], &long_ago["most"]), (&json!(0), &json!([])));
}
