//! `cargo xtask reload`: asks the running agent for a reload and shows how it goes.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::args::ReloadRequest;
use crate::failure::{Doing, Failure, Result};
use crate::http::{Answer, Connection, Url};
use crate::journal::Journal;
use crate::progress::Progress;

/// How often the agent is asked for its steps while the answer is on its way.
const GLANCE: Duration = Duration::from_millis(100);

/// Ends with one line on stdout; what went on stands on stderr.
pub(crate) fn perform(request: &ReloadRequest) -> Result<()> {
    let url = Url::parse(&request.url)?;
    let headers = headers(request)?;
    let mut connection = Connection::open(&url, None).map_err(|failure| {
        Failure::new(format!("{}; is there an agent? start one: cargo xtask run", failure.message()))
    })?;
    let (sender, answer) = mpsc::channel();
    let path = path(request);
    let asked = headers.clone();
    let start = Instant::now();
    std::thread::spawn(move || {
        // Nobody is left to be told when the receiver is gone.
        let _ = sender.send(connection.request("PUT", &path, &asked));
    });
    let progress = Progress::new();
    let answer = watch(&answer, &url, &headers, &progress);
    progress.finish();
    told(&answer?, start.elapsed())
}

fn path(request: &ReloadRequest) -> String {
    let mut query = Vec::new();
    if let Some(plugins) = &request.plugins {
        let escaped: Vec<String> = plugins.iter().map(|name| escaped(name)).collect();
        query.push(format!("plugins={}", escaped.join(",")));
    }
    if request.force {
        query.push("force=true".to_owned());
    }
    let question = if query.is_empty() { "" } else { "?" };
    format!("/plugins/reload{question}{}", query.join("&"))
}

/// The agent tells which names it knows, so that a strange one must reach it as it is.
fn escaped(name: &str) -> String {
    name.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

fn headers(request: &ReloadRequest) -> Result<String> {
    let mut headers = "Content-Type: application/json\r\nContent-Length: 0\r\n".to_owned();
    if let Some(file) = &request.token_file {
        let token = std::fs::read_to_string(file).doing(format_args!("reading {}", file.display()))?;
        let token = token.trim();
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Failure::new(format!("{} holds no token, expected one line", file.display())));
        }
        headers.push_str(&format!("Authorization: Bearer {token}\r\n"));
    }
    Ok(headers)
}

/// Waits for the answer and shows the steps until it is there.
fn watch(answer: &Receiver<Result<Answer>>, url: &Url, headers: &str, progress: &Progress) -> Result<Answer> {
    let mut glance = None;
    let mut shown = 0;
    loop {
        match answer.recv_timeout(GLANCE) {
            Ok(answer) => {
                let answer = answer?;
                if let Ok(journal) = serde_json::from_slice(&answer.body) {
                    show(&Journal(journal), &mut shown, progress);
                }
                return Ok(answer);
            }
            Err(RecvTimeoutError::Timeout) => {
                // Around the exec the agent may be silent; the next glance connects anew.
                if glance.is_none() {
                    glance = Connection::open(url, Some(GLANCE * 5)).ok();
                }
                match glance.as_mut().and_then(|connection| running(connection, headers)) {
                    Some(journal) => show(&journal, &mut shown, progress),
                    None => glance = None,
                }
            }
            Err(RecvTimeoutError::Disconnected) => return Err(Failure::new("the request was given up")),
        }
    }
}

/// The reload that runs at the moment: the newest, unless it is over.
fn running(connection: &mut Connection, headers: &str) -> Option<Journal> {
    let answer = connection.request("GET", "/reloads", headers).ok()?;
    let reloads: Value = serde_json::from_slice(&answer.body).ok()?;
    let newest = Journal(reloads["reloads"].get(0).cloned().unwrap_or(Value::Null));
    Some(if newest.is_over() { Journal(Value::Null) } else { newest })
}

/// Prints the steps that are over; the one that runs is the bar's message.
fn show(journal: &Journal, shown: &mut usize, progress: &Progress) {
    let steps = journal.steps();
    let over = if journal.is_over() { steps.len() } else { steps.len().saturating_sub(1) };
    for step in steps.iter().take(over).skip(*shown) {
        progress.line(&format!("  {step}"));
    }
    *shown = over.max(*shown);
    progress.busy(steps.get(over).map_or("waiting for the agent", String::as_str));
}

/// Turns the answer into the last line and the exit code.
fn told(answer: &Answer, took: Duration) -> Result<()> {
    let Ok(body) = serde_json::from_slice::<Value>(&answer.body) else {
        return Err(Failure::new(format!("the agent answered {} without JSON", answer.status)));
    };
    let journal = Journal(body);
    if !journal.is_over() {
        return Err(Failure::new(refusal(answer.status, &journal.0)));
    }
    for refused in journal.refused() {
        eprintln!("refused: {refused}");
    }
    if let Some(error) = journal.error() {
        eprintln!("{}", error.trim_end());
    }
    println!("{}", journal.summary(took));
    if journal.succeeded() { Ok(()) } else { Err(Failure::told()) }
}

/// An answer of the agent that is no journal: `{"error", "hint"}`.
fn refusal(status: u16, body: &Value) -> String {
    let mut message = format!("the agent answered {status}");
    for key in ["error", "hint"] {
        if let Some(text) = body[key].as_str() {
            let separator = if key == "error" { ": " } else { "; " };
            message.push_str(separator);
            message.push_str(text);
        }
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::io::{Read, Write};
    use std::net::TcpListener;

    fn answer(status: u16, body: &Value) -> Answer {
        Answer { status, body: body.to_string().into_bytes() }
    }

    #[test]
    fn the_request_carries_what_was_asked() {
        let mut request = ReloadRequest::default();
        assert_eq!(path(&request), "/plugins/reload");
        request.plugins = Some(vec!["cpu".into(), "a&b".into()]);
        request.force = true;
        assert_eq!(path(&request), "/plugins/reload?plugins=cpu,a%26b&force=true");
        request.token_file = Some("/no/such/token".into());
        assert!(headers(&request).unwrap_err().message().contains("/no/such/token"));
    }

    #[test]
    fn the_exit_code_is_the_outcome() {
        let told = |status, body: Value| super::told(&answer(status, &body), Duration::ZERO);
        assert_eq!(told(200, json!({"outcome": "committed", "generation": 2})), Ok(()));
        assert_eq!(told(422, json!({"outcome": "failed", "error": "error[E0308]"})), Err(Failure::told()));
        assert_eq!(
            told(409, json!({"error": "a reload is running", "hint": "wait for it"})).unwrap_err().message(),
            "the agent answered 409: a reload is running; wait for it"
        );
        let garbage = Answer { status: 502, body: b"<html>".to_vec() };
        assert!(super::told(&garbage, Duration::ZERO).unwrap_err().message().contains("502 without JSON"));
    }

    /// An agent that answers the reload only once it was asked for the steps, on a second connection.
    fn agent(listener: TcpListener) -> Vec<String> {
        let mut asked = Vec::new();
        let mut read_head = |stream: &mut std::net::TcpStream| {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                head.push(byte[0]);
            }
            asked.push(String::from_utf8(head).unwrap());
        };
        let reply = |stream: &mut std::net::TcpStream, body: Value| {
            let body = body.to_string();
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        };
        let (mut put, _) = listener.accept().unwrap();
        read_head(&mut put);
        let (mut get, _) = listener.accept().unwrap();
        read_head(&mut get);
        reply(&mut get, json!({"reloads": [{"outcome": null, "steps": [{"step": "build", "ms": null}]}]}));
        reply(
            &mut put,
            json!({"outcome": "unchanged", "generation": 3, "steps": [{"step": "build", "ms": 9}]}),
        );
        asked
    }

    #[test]
    fn steps_are_asked_for_while_the_answer_is_on_its_way() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let agent = std::thread::spawn(move || agent(listener));
        perform(&ReloadRequest { url, ..ReloadRequest::default() }).unwrap();
        let asked = agent.join().unwrap();
        assert!(asked[0].starts_with("PUT /plugins/reload HTTP/1.1\r\nHost: 127.0.0.1:"), "{asked:?}");
        assert!(asked[0].contains("Content-Type: application/json\r\n"));
        assert!(asked[1].starts_with("GET /reloads HTTP/1.1\r\n"));
    }

    #[test]
    fn without_an_agent_the_way_to_start_one_is_told() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let request = ReloadRequest { url: format!("http://{free}"), ..ReloadRequest::default() };
        assert!(perform(&request).unwrap_err().message().ends_with("start one: cargo xtask run"));
    }
}
