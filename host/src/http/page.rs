//! `GET /` and `GET /ui/<file>`: the dashboard. Its files are part of the executable.

use std::io::Cursor;
use std::sync::OnceLock;

use rocket::http::{ContentType, Header, Status};
use rocket::response::{self, Responder, Response};
use rocket::{Request, get};

use super::answer::{ErrorBody, SHORT, takes_gzip};
use crate::expose::gzip::packed_well;

/// A file of the dashboard.
pub(super) struct File {
    name: &'static str,
    kind: ContentType,
    content: &'static [u8],
    /// The content compressed, made for the first who takes it so.
    packed: OnceLock<Vec<u8>>,
    /// Differs when the content does.
    tag: u64,
}

/// Reads a file of `host/ui` when this crate is compiled.
macro_rules! file {
    ($name:literal, $kind:expr) => {{
        const CONTENT: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/ui/", $name));
        const TAG: u64 = fingerprint(CONTENT);
        File { name: $name, kind: $kind, content: CONTENT, packed: OnceLock::new(), tag: TAG }
    }};
}

static PAGE: File = file!("index.html", ContentType::HTML);
static FILES: [File; 9] = [
    file!("catalogue.js", ContentType::JavaScript),
    file!("chart.js", ContentType::JavaScript),
    file!("format.js", ContentType::JavaScript),
    file!("icon.svg", ContentType::SVG),
    file!("main.js", ContentType::JavaScript),
    file!("plugins.js", ContentType::JavaScript),
    file!("reload.js", ContentType::JavaScript),
    file!("stream.js", ContentType::JavaScript),
    file!("style.css", ContentType::CSS),
];

/// FNV-1a: enough to tell one build's file from another's, and known when the crate is compiled.
const fn fingerprint(content: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut at = 0;
    while at < content.len() {
        hash = (hash ^ content[at] as u64).wrapping_mul(0x0100_0000_01b3);
        at += 1;
    }
    hash
}

/// What the page may do: run its own files, ask its own agent, and nothing else. What a collector's label says can
/// then not become code, wherever it ends up.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

impl<'r> Responder<'r, 'static> for &'static File {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let gzip = self.content.len() >= SHORT && takes_gzip(request);
        // Each of the two forms has a tag of its own: to a cache in between they are different bytes.
        let tag = format!("\"{:016x}{}\"", self.tag, if gzip { "-gzip" } else { "" });
        let mut answer = Response::build();
        // Kept by the browser, and asked about each time: an agent that was reloaded may have another page.
        for (name, value) in [
            ("Cache-Control", "no-cache"),
            ("Content-Security-Policy", POLICY),
            ("Cross-Origin-Resource-Policy", "same-origin"),
            ("Referrer-Policy", "no-referrer"),
            ("X-Content-Type-Options", "nosniff"),
            ("Vary", "Accept-Encoding"),
        ] {
            answer.header(Header::new(name, value));
        }
        let known = request.headers().get("If-None-Match").any(|tags| is_among(&tag, tags));
        answer.header(Header::new("ETag", tag));
        if known {
            return answer.status(Status::NotModified).ok();
        }
        let body = if gzip {
            answer.header(Header::new("Content-Encoding", "gzip"));
            self.packed.get_or_init(|| packed_well(self.content))
        } else {
            self.content
        };
        answer.header(self.kind.clone()).sized_body(body.len(), Cursor::new(body)).ok()
    }
}

/// Whether a list of tags, as a browser sends it, has this one. A proxy may have made it a weak one.
fn is_among(tag: &str, tags: &str) -> bool {
    let mut tags = tags.split(',').map(|one| one.trim().trim_start_matches("W/"));
    tags.any(|one| one == tag || one == "*")
}

/// The dashboard.
#[utoipa::path(
    responses(
        (status = 200, description = "The page.", body = String, content_type = "text/html"),
        (status = 304, description = "The browser has it: `If-None-Match` named its `ETag`."),
    )
)]
#[get("/")]
pub(super) fn page() -> &'static File {
    &PAGE
}

/// A file of the dashboard.
#[utoipa::path(
    params(("name" = String, Path, example = "main.js", description = "The file's name.")),
    responses(
        (status = 200, description = "The file.", content(
            (String = "text/javascript"), (String = "text/css"), (String = "image/svg+xml"),
        )),
        (status = 304, description = "The browser has it: `If-None-Match` named its `ETag`."),
        (status = 404, description = "There is no such file.", body = ErrorBody),
    )
)]
#[get("/ui/<name>")]
pub(super) fn file(name: &str) -> Option<&'static File> {
    FILES.iter().find(|file| file.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_found_as_browsers_send_it() {
        for tags in ["\"a\"", "W/\"a\"", "\"b\", \"a\"", "*"] {
            assert!(is_among("\"a\"", tags), "{tags}");
        }
        for tags in ["", "a", "\"b\"", "\"aa\""] {
            assert!(!is_among("\"a\"", tags), "{tags}");
        }
    }

    #[test]
    fn each_file_of_the_folder_is_served_and_all_are_small() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/ui");
        let mut found: Vec<_> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap()).collect();
        found.sort_by_key(std::fs::DirEntry::file_name);
        let mut served: Vec<_> = FILES.iter().chain([&PAGE]).collect();
        served.sort_by_key(|file| file.name);
        assert_eq!(found.len(), served.len());
        for (found, served) in found.iter().zip(&served) {
            assert_eq!(found.file_name().to_str(), Some(served.name));
        }
        let bytes: usize = served.iter().map(|file| file.content.len()).sum();
        assert!(bytes < 48_000, "the dashboard is {bytes} bytes; it is part of every agent");
    }

    #[test]
    fn no_file_asks_for_anything_elsewhere_or_makes_markup_of_text() {
        for file in FILES.iter().chain([&PAGE]) {
            let text = std::str::from_utf8(file.content).unwrap();
            let without_namespace = text.replace("http://www.w3.org/2000/svg", "");
            for word in
                ["http:", "https:", "innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval("]
            {
                assert!(!without_namespace.contains(word), "{word} in {}", file.name);
            }
        }
    }
}
