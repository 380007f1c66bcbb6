//! Each route of the executable, over a socket.

mod support;

use std::io::Read;
use std::process::{Command, Stdio};

use relink_testkit::{Agent, Answer, promtool};
use support::Folder;

/// These tests look at two plugins, however many are linked in.
const QUIET: &str = "print = \"none\"\n[history]\ninterval = 0\n[plugins]\nenabled = [\"cpu\", \"disk\"]\n";
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
const OPEN: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores";

fn agent() -> (Folder, Agent) {
    let folder = Folder::new(QUIET);
    let agent = folder.start(&[]);
    (folder, agent)
}

/// The collectors that an exposition tells of.
fn collectors(answer: &Answer) -> Vec<String> {
    let text = answer.text();
    let lines =
        text.lines().filter_map(|line| line.strip_prefix("node_scrape_collector_success{collector=\""));
    lines.map(|line| line.split('"').next().unwrap().to_owned()).collect()
}

/// An error has a status, words and, where there is one, what to do about it.
fn is_error(answer: &Answer, status: u16, words: &str) {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let json = answer.json();
    assert!(json["error"].as_str().is_some_and(|error| error.contains(words)), "{words:?} in {json}");
    assert!(json["hint"].is_string(), "{json}");
}

#[test]
fn metrics_in_each_format() {
    let (_folder, agent) = agent();
    let accept = |accept: &str| agent.get_with("/metrics", &[("Accept", accept)]);
    for answer in [agent.get("/metrics"), accept("*/*"), accept("text/plain"), accept("text/html, image/png")]
    {
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(TEXT)));
        assert!(!answer.text().contains("# EOF"));
        promtool(&answer.text());
    }
    let prometheus =
        "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1";
    for accept_header in ["application/openmetrics-text;version=1.0.0", prometheus] {
        let answer = accept(accept_header);
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(OPEN)), "{accept_header}");
        let text = answer.text();
        assert!(text.ends_with("\n# EOF\n") && text.matches("# EOF").count() == 1, "{text}");
        assert!(text.contains("# TYPE node_cpu_seconds counter\n"), "the family of a counter has no _total");
        assert!(text.contains("\nnode_cpu_seconds_total{"), "its samples have");
    }
    let vary = agent.get("/metrics").header("vary").unwrap_or_default().to_ascii_lowercase();
    assert!(vary.contains("accept") && vary.contains("accept-encoding"), "{vary}");
}

#[test]
fn metrics_are_compressed_for_those_who_ask() {
    let (_folder, agent) = agent();
    let packed = agent.get_with("/metrics", &[("Accept-Encoding", "gzip")]);
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert_eq!(packed.header("content-length"), Some(packed.body.len().to_string().as_str()));
    let mut gzip =
        Command::new("gzip").arg("-dc").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = gzip.stdin.take().unwrap();
    let writer = std::thread::spawn(move || std::io::Write::write_all(&mut stdin, &packed.body));
    let mut text = String::new();
    gzip.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    writer.join().unwrap().unwrap();
    assert!(gzip.wait().unwrap().success());
    promtool(&text);
    assert!(text.contains("\nnode_cpu_seconds_total{"), "{text}");
    for refusing in ["gzip;q=0", "identity", "br"] {
        let plain = agent.get_with("/metrics", &[("Accept-Encoding", refusing)]);
        assert_eq!(plain.header("content-encoding"), None, "{refusing}");
    }
}

#[test]
fn metrics_of_some_collectors() {
    let (_folder, agent) = agent();
    let all = ["cpu", "cpufreq", "diskstats", "filesystem"];
    assert_eq!(collectors(&agent.get("/metrics")), all);
    for (query, expected) in [
        ("collect[]=cpu", &["cpu"][..]),
        // A plugin's name stands for all its collectors, unless a collector has it.
        ("collect%5B%5D=disk", &["diskstats", "filesystem"]),
        ("collect[]=filesystem", &["filesystem"]),
        ("collect[]=disk&collect%5b%5d=cpu", &["cpu", "diskstats", "filesystem"]),
        ("collect[]=disk&exclude[]=diskstats", &["filesystem"]),
        ("exclude[]=cpu", &["cpufreq", "diskstats", "filesystem"]),
        ("exclude%5B%5D=d%69sk", &["cpu", "cpufreq"]),
        ("collect[]=cpu&exclude[]=cpu", &[]),
        ("other=1", &all),
    ] {
        let answer = agent.get(&format!("/metrics?{query}"));
        assert_eq!(answer.status, 200, "{query}");
        assert_eq!(collectors(&answer), expected, "{query}");
        promtool(&answer.text());
    }
    assert!(!agent.get("/metrics?exclude[]=cpu").text().contains("node_cpu_"));
    // Where a collector that is off has a plugin's name, that name is the collector's.
    let folder = Folder::new("print = \"none\"\n[plugins]\nenabled = [\"processes\"]\n");
    let refused = folder.start(&[]).get("/metrics?collect[]=processes");
    is_error(&refused, 400, "collector \"processes\" does not run (off by default)");
    for query in ["collect[]=gpu", "exclude[]=gpu", "collect[]=", "collect[]=CPU", "collect[]=%ff"] {
        let answer = agent.get(&format!("/metrics?{query}"));
        is_error(&answer, 400, "unknown collector");
        let known = "cpu, cpufreq, diskstats, filesystem; and all of a plugin's: cpu, disk";
        assert!(answer.text().contains(known), "{}", answer.text());
    }
}

#[test]
fn heads_have_the_headers_of_the_answer_and_no_body() {
    let (_folder, agent) = agent();
    let mut connection = agent.connect();
    for path in ["/", "/metrics", "/plugins", "/plugins/cpu", "/reloads", "/-/healthy", "/-/ready"] {
        let head = connection.request("HEAD", path, &[], &[]).unwrap();
        let get = connection.get(path).unwrap();
        assert_eq!((head.status, get.status), (200, 200), "{path}");
        assert_eq!(head.header("content-type"), get.header("content-type"), "{path}");
        assert!(get.header("content-length").is_some() && head.header("content-length").is_some(), "{path}");
    }
}

#[test]
fn plugins_tell_how_they_fare() {
    let (_folder, agent) = agent();
    assert_eq!(agent.get("/metrics").status, 200);
    let list = agent.get("/plugins");
    assert_eq!(list.header("content-type"), Some("application/json"));
    assert_eq!(list.header("cache-control"), Some("no-store"));
    let list = list.json();
    assert_eq!(list["generation"], 1);
    let running = list["plugins"].as_array().unwrap().iter().filter(|plugin| plugin["state"] == "active");
    assert_eq!(running.map(|plugin| plugin["name"].clone()).collect::<Vec<_>>(), ["cpu", "disk"]);

    let answer = agent.get("/plugins/cpu");
    assert_eq!(answer.text().matches("\"collectors\"").count(), 1, "a key stands once: {}", answer.text());
    let cpu = answer.json();
    for (key, value) in [("name", "cpu"), ("placement", "linked"), ("state", "active"), ("version", "0.1.0")]
    {
        assert_eq!(cpu[key], value, "{cpu}");
    }
    assert!(cpu["samples"].as_u64().unwrap() > 0 && cpu["last_collect_seconds"].as_f64().unwrap() > 0.0);
    assert!(cpu["error"].is_null() && cpu["path"].is_null(), "{cpu}");
    let [one, _] = &cpu["collectors"].as_array().unwrap()[..] else { panic!("it has two collectors: {cpu}") };
    assert_eq!(
        (&one["name"], &one["state"], &one["warnings"]),
        (&"cpu".into(), &"active".into(), &serde_json::json!([]))
    );
    assert!(one["facts"].is_object() && one["since"].as_f64().unwrap() > 0.0, "{one}");
    let seconds = &one["families"].as_array().unwrap()[0];
    assert_eq!(
        (&seconds["name"], &seconds["unit"]),
        (&"node_cpu_seconds_total".into(), &"seconds".into()),
        "{seconds}"
    );
    for path in ["/plugins/gpu", "/plugins/CPU", "/plugins/%2e%2e", "/plugins/%ff"] {
        let missing = agent.get(path);
        is_error(&missing, 404, "there is no plugin");
        assert!(missing.text().contains("cpu, disk"), "{}", missing.text());
    }
}

#[test]
fn the_other_routes() {
    let (_folder, agent) = agent();
    let reloads = agent.get("/reloads").json();
    assert!(reloads["reloads"] == serde_json::json!([]) && reloads["started"].is_number(), "{reloads}");
    is_error(&agent.get("/reloads/1"), 404, "no reload");
    assert_eq!((agent.get("/-/healthy").status, agent.get("/-/ready").status), (200, 200));
}

#[test]
fn the_dashboard_is_part_of_the_executable() {
    let (_folder, agent) = agent();
    let page = agent.get("/");
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    let text = page.text();
    for link in ["/metrics", "/plugins", "/reloads", "/openapi.json"] {
        assert!(text.contains(&format!("<a href=\"{link}\">")), "also without JavaScript: {link} in {text}");
    }
    let attributes = text.split(['"', ' ']).filter_map(|word| word.strip_prefix("/ui/"));
    let mut files: Vec<_> = attributes.map(str::to_owned).collect();
    assert!(files.len() >= 3, "{text}");
    let script = agent.get("/ui/main.js").text();
    files.extend(
        script.lines().filter_map(|line| Some(line.split_once("from './")?.1.strip_suffix("';")?.to_owned())),
    );
    for file in files.iter().map(|file| format!("/ui/{file}")).chain(["/".to_owned()]) {
        let answer = agent.get(&file);
        assert_eq!(answer.status, 200, "{file}");
        for (name, value) in [
            ("cache-control", "no-cache"),
            ("x-content-type-options", "nosniff"),
            ("cross-origin-resource-policy", "same-origin"),
            ("referrer-policy", "no-referrer"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{file}");
        }
        let policy = answer.header("content-security-policy").unwrap();
        assert!(
            policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
        assert!(!policy.contains("unsafe"), "{policy}");
        let tag = answer.header("etag").unwrap();
        let known = agent.get_with(&file, &[("If-None-Match", tag)]);
        assert_eq!((known.status, known.body.len(), known.header("etag")), (304, 0, Some(tag)), "{file}");
        let other = agent.get_with(&file, &[("If-None-Match", "\"0\"")]);
        assert_eq!((other.status, &other.body), (200, &answer.body), "{file}");
    }
    for missing in ["/ui/", "/ui/nothing.js", "/ui/index.html/x", "/ui/..%2Fsrc%2Flib.rs"] {
        is_error(&agent.get(missing), 404, "");
    }
    is_error(&agent.put("/ui/main.js"), 405, "/ui/main.js");
}

#[test]
fn texts_are_compressed_for_those_who_take_them_so() {
    let folder = Folder::new(QUIET);
    let agent = folder.start(&[]);
    let gzip = ("Accept-Encoding", "gzip, br");
    for (path, is_constant) in [
        ("/", true),
        ("/ui/main.js", true),
        ("/ui/style.css", true),
        ("/openapi.json", true),
        ("/plugins", false),
    ] {
        let (plain, packed) = (agent.get(path), agent.get_with(path, &[gzip]));
        assert_eq!((plain.status, packed.status), (200, 200), "{path}");
        assert_eq!(plain.header("content-encoding"), None, "{path}");
        assert_eq!(packed.header("content-encoding"), Some("gzip"), "{path}");
        assert_eq!(packed.header("content-type"), plain.header("content-type"), "{path}");
        for answer in [&plain, &packed] {
            assert_eq!(answer.header("vary"), Some("Accept-Encoding"), "{path}");
        }
        assert!(packed.body.len() < plain.body.len() / 2 + 100, "{path}: {}", packed.body.len());
        assert!(!is_constant || packed.unpacked() == plain.body, "{path}");
        let Some(tag) = packed.header("etag") else { continue };
        assert_ne!(plain.header("etag"), Some(tag), "{path}: other bytes");
        let known = agent.get_with(path, &[gzip, ("If-None-Match", tag)]);
        assert_eq!((known.status, known.header("etag")), (304, Some(tag)), "{path}");
        assert_eq!(agent.get_with(path, &[("If-None-Match", tag)]).status, 200, "{path}: it has other bytes");
    }
    for short in ["/-/healthy", "/ui/icon.svg", "/reloads", "/nothing"] {
        assert_eq!(agent.get_with(short, &[gzip]).header("content-encoding"), None, "{short}");
    }
}

#[test]
fn not_ready_says_why() {
    let folder = Folder::new(QUIET);
    for file in ["garbage/stat", "garbage/diskstats", "garbage/1/mountinfo"] {
        std::fs::create_dir_all(folder.path(file).parent().unwrap()).unwrap();
        folder.write(file, "garbage\n");
    }
    let garbage = folder.path("garbage").display().to_string();
    let agent = folder.start(&["--path.procfs", &garbage, "--no-collector.cpufreq"]);
    assert_eq!(agent.get("/metrics").status, 200);
    is_error(&agent.get("/-/ready"), 503, "collector cpu: ");
    assert_eq!(agent.get("/-/healthy").status, 200, "it is alive, and a restart would not help");
}

#[test]
fn paths_and_methods_that_do_not_exist() {
    let (_folder, agent) = agent();
    for path in ["/metric", "/metrics/x", "/plugins/cpu/x", "/-/", "/favicon.ico", "/..", "/%00"] {
        let missing = agent.get(path);
        is_error(&missing, 404, "");
        assert!(missing.text().contains("/metrics"), "the routes are listed: {}", missing.text());
    }
    for (method, path, allow) in [
        ("POST", "/metrics", "GET, HEAD"),
        ("DELETE", "/plugins/cpu", "GET, HEAD"),
        ("GET", "/plugins/reload", "PUT"),
        ("POST", "/plugins/reload", "PUT"),
        ("PUT", "/-/ready", "GET, HEAD"),
        ("PATCH", "/", "GET, HEAD"),
        ("OPTIONS", "/metrics", "GET, HEAD"),
    ] {
        let answer = agent.request(method, path, &[], &[]);
        is_error(&answer, 405, path);
        assert_eq!(answer.header("allow"), Some(allow), "{method} {path}");
    }
    for method in ["TRACE", "CONNECT", "BREW"] {
        let answer = agent.request(method, "/metrics", &[], &[]);
        assert!([400, 405].contains(&answer.status), "{method}: {}", answer.status);
    }
}

#[test]
fn a_plugin_tells_the_options_of_its_collectors() {
    let folder = Folder::new("[plugins]\nenabled = [\"disk\"]\n[collectors.filesystem]\nmount_timeout = 3\n");
    let agent = folder.start(&["--collector.diskstats.device-exclude=^ram", "--no-collector.arp"]);
    let collectors = agent.get("/plugins/disk").json()["collectors"].clone();
    let options = |name: &str| {
        let mut all = collectors.as_array().unwrap().iter();
        all.find(|one| one["name"] == name).unwrap()["options"].clone()
    };
    assert_eq!(options("diskstats"), serde_json::json!({"device_exclude": "^ram"}));
    assert_eq!(options("filesystem"), serde_json::json!({"mount_timeout": 3}));
}
