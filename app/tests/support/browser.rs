//! A headless Chromium, driven over its DevTools protocol: JSON with a zero byte behind each message, through the
//! pipes that it expects at its descriptors 3 and 4.

#![allow(dead_code, unreachable_pub, reason = "as in the other files of this folder")]

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use relink_testkit::{PATIENCE, installed, until};
use serde_json::{Value, json};
use tempfile::TempDir;

/// One page in a browser of its own. Both end when this is dropped.
pub struct Page {
    child: Child,
    input: File,
    messages: Receiver<Value>,
    session: Option<String>,
    calls: u64,
    /// What the page has told on its own, in order.
    pub events: Vec<Value>,
    _profile: TempDir,
}

const FLAGS: [&str; 12] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--remote-debugging-pipe",
    "about:blank",
];

impl Page {
    /// An empty page, where Chromium is installed.
    pub fn open() -> Option<Page> {
        let program = installed("chromium")?;
        let profile = tempfile::tempdir().unwrap();
        let [to, from] = ["to", "from"].map(|name| fifo(&profile.path().join(name)));
        // A shell opens the descriptors, as std has no way to give a child more than three.
        let mut command = Command::new("sh");
        command.args(["-c", r#"exec "$0" "$@" 3<"$TO" 4>"$FROM""#]).arg(program).args(FLAGS);
        command.arg(format!("--user-data-dir={}", profile.path().join("profile").display()));
        command.env("TO", &to).env("FROM", &from).env("HOME", profile.path());
        // For both ways, so that opening waits for nobody.
        let open = |path: &Path| OpenOptions::new().read(true).write(true).open(path).unwrap();
        let (input, output) = (open(&to), open(&from));
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            let mut output = BufReader::new(output);
            let mut message = Vec::new();
            while output.read_until(0, &mut message).is_ok_and(|read| read > 0) {
                let json = serde_json::from_slice(message.strip_suffix(&[0]).unwrap_or(&message));
                message.clear();
                // Without a receiver the page is gone.
                if json.ok().and_then(|json| sender.send(json).ok()).is_none() {
                    return;
                }
            }
        });
        let mut page =
            Page { child, input, messages, session: None, calls: 0, events: Vec::new(), _profile: profile };
        page.attach();
        Some(page)
    }

    fn attach(&mut self) {
        let targets = self.call("Target.getTargets", json!({}));
        let page =
            targets["targetInfos"].as_array().unwrap().iter().find(|one| one["type"] == "page").unwrap();
        let attach = json!({ "targetId": page["targetId"], "flatten": true });
        self.session = self.call("Target.attachToTarget", attach)["sessionId"].as_str().map(str::to_owned);
        for domain in ["Runtime", "Log", "Network", "Page"] {
            self.call(&format!("{domain}.enable"), json!({}));
        }
    }

    /// One call of the protocol. What else the page tells meanwhile is kept.
    pub fn call(&mut self, method: &str, params: Value) -> Value {
        self.calls += 1;
        let mut message = json!({ "id": self.calls, "method": method, "params": params });
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        self.input.write_all(format!("{message}\0").as_bytes()).unwrap();
        loop {
            let answer = self.messages.recv_timeout(PATIENCE);
            let answer = answer.unwrap_or_else(|_| panic!("{method}: the browser does not answer"));
            if answer["id"] == self.calls {
                assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
                return answer["result"].clone();
            }
            self.events.push(answer);
        }
    }

    /// Goes to an address and waits until it is loaded.
    pub fn go(&mut self, address: &str) {
        let gone = self.call("Page.navigate", json!({ "url": address }));
        assert!(gone["errorText"].is_null(), "{address}: {gone}");
        self.wait(
            "the page is loaded",
            "document.readyState === 'complete' && location.protocol === 'http:'",
        );
    }

    /// The value of an expression; of a promise, what it becomes.
    pub fn eval(&mut self, expression: &str) -> Value {
        let params = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let answer = self.call("Runtime.evaluate", params);
        assert!(answer["exceptionDetails"].is_null(), "{expression:.200}: {}", answer["exceptionDetails"]);
        answer["result"]["value"].clone()
    }

    /// Waits until an expression is true.
    pub fn wait(&mut self, what: &str, expression: &str) {
        until(what, || self.eval(&format!("Boolean({expression})")).as_bool().filter(|is| *is));
    }

    /// The text of the first element that a selector finds.
    pub fn text(&mut self, selector: &str) -> String {
        let found = self.eval(&format!("document.querySelector({selector:?})?.innerText ?? null"));
        found.as_str().unwrap_or_else(|| panic!("there is no {selector}")).to_owned()
    }

    /// Presses a key, where the focus is.
    pub fn press(&mut self, key: &str) {
        for kind in ["keyDown", "keyUp"] {
            self.call("Input.dispatchKeyEvent", json!({ "type": kind, "key": key, "code": key }));
        }
    }

    /// Sets the size of the window, and which theme the system is said to have.
    pub fn looks(&mut self, width: u32, height: u32, theme: &str) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.call("Emulation.setDeviceMetricsOverride", size);
        let theme = json!({ "features": [{ "name": "prefers-color-scheme", "value": theme }] });
        self.call("Emulation.setEmulatedMedia", theme);
    }

    /// A picture of the whole page, as PNG.
    pub fn picture(&mut self) -> Vec<u8> {
        self.capture(true)
    }

    /// A picture of what is in the window.
    pub fn view(&mut self) -> Vec<u8> {
        self.capture(false)
    }

    fn capture(&mut self, whole: bool) -> Vec<u8> {
        let params = json!({ "format": "png", "captureBeyondViewport": whole });
        let answer = self.call("Page.captureScreenshot", params);
        base64(&["-d"], answer["data"].as_str().unwrap().as_bytes())
    }

    /// The addresses that the page has asked for so far.
    pub fn requests(&self) -> Vec<String> {
        let asked = self.events.iter().filter(|event| event["method"] == "Network.requestWillBeSent");
        asked.map(|event| event["params"]["request"]["url"].as_str().unwrap().to_owned()).collect()
    }

    /// What went wrong in the page so far: exceptions, errors on the console, and what the browser itself complains of.
    pub fn complaints(&self) -> Vec<String> {
        let complaint = |event: &Value| {
            let params = &event["params"];
            match event["method"].as_str()? {
                "Runtime.exceptionThrown" => Some(params["exceptionDetails"].to_string()),
                "Runtime.consoleAPICalled" => Some(params["args"].to_string()),
                "Log.entryAdded" if params["entry"]["level"] != "verbose" => {
                    Some(format!("{} {}", params["entry"]["text"], params["entry"]["url"]))
                }
                _ => None,
            }
        };
        self.events.iter().filter_map(complaint).collect()
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        let close = json!({ "id": 0, "method": "Browser.close" });
        let _ = self.input.write_all(format!("{close}\0").as_bytes());
        // It ends its own children; killed at once it would leave them.
        let began = std::time::Instant::now();
        while began.elapsed().as_secs() < 10 {
            if self.child.try_wait().is_ok_and(|ended| ended.is_some()) {
                return;
            }
            // sleep: between two looks at a process that has no way to tell us.
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Base64, by the tool that every system has.
pub fn base64(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut command = Command::new("base64");
    let mut child = command
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("base64 is installed");
    let mut stdin = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(input));
        child.wait_with_output().unwrap().stdout
    })
}

fn fifo(path: &Path) -> PathBuf {
    let made = Command::new("mkfifo").arg(path).status();
    assert!(made.is_ok_and(|status| status.success()), "mkfifo {}", path.display());
    path.to_owned()
}
