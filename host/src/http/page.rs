//! `GET /` and `GET /ui/<file>`: the dashboard. Its files are part of the executable.

use std::borrow::Cow;
use std::io::Cursor;
use std::sync::{LazyLock, OnceLock};

use rocket::http::{ContentType, Header, Status};
use rocket::response::{self, Responder, Response};
use rocket::{Request, get};

use super::answer::{ErrorBody, SHORT, takes_gzip};
use super::bundle::bundle;
use crate::expose::gzip::packed_well;

/// A file of the dashboard.
pub(super) struct File {
    name: &'static str,
    kind: ContentType,
    content: Cow<'static, str>,
    /// The content compressed, made for the first who takes it so.
    packed: OnceLock<Vec<u8>>,
    /// Differs when the content does.
    tag: u64,
}

/// A file of `host/ui`, read when this crate is compiled.
macro_rules! text {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/ui/", $name))
    };
}

/// The modules of `host/ui`, with their names.
macro_rules! modules {
    ($($name:literal),+ $(,)?) => { &[$(($name, text!($name))),+] };
}

static MODULES: &[(&str, &str)] = modules![
    "catalogue.js",
    "chart.js",
    "compare.js",
    "detail.js",
    "format.js",
    "header.js",
    "health.js",
    "lines.js",
    "main.js",
    "paint.js",
    "plugins.js",
    "reload.js",
    "search.js",
    "section.js",
    "store.js",
    "stream.js",
    "sums.js",
    "table.js",
    "things.js",
    "timeline.js",
    "view.js",
];

static FILES: LazyLock<[File; 4]> = LazyLock::new(|| {
    [
        File::new("index.html", ContentType::HTML, text!("index.html").into()),
        File::new("icon.svg", ContentType::SVG, text!("icon.svg").into()),
        File::new("main.js", ContentType::JavaScript, bundle(MODULES).into()),
        File::new("style.css", ContentType::CSS, text!("style.css").into()),
    ]
});

impl File {
    fn new(name: &'static str, kind: ContentType, content: Cow<'static, str>) -> File {
        let tag = fingerprint(content.as_bytes());
        File { name, kind, content, packed: OnceLock::new(), tag }
    }
}

/// FNV-1a: enough to tell one build's file from another's.
fn fingerprint(content: &[u8]) -> u64 {
    content
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
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
            self.packed.get_or_init(|| packed_well(self.content.as_bytes()))
        } else {
            self.content.as_bytes()
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
    &FILES[0]
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
    use super::super::bundle::declared;
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

    /// What the dashboard may be in bytes: its source, and what a browser loads before it shows anything.
    const MOST_SOURCE: u64 = 104_500;
    const MOST_PACKED: usize = 28_400;

    #[test]
    fn each_file_of_the_folder_is_served_and_all_are_small() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/ui");
        let files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap()).collect();
        let mut found: Vec<_> = files.iter().map(|file| file.file_name().into_string().unwrap()).collect();
        found.sort();
        let others = FILES.iter().map(|file| file.name).filter(|name| !name.ends_with(".js"));
        let mut served: Vec<_> = MODULES.iter().map(|(name, _)| *name).chain(others).collect();
        served.sort_unstable();
        assert_eq!(found, served);
        let source: u64 = files.iter().map(|file| file.metadata().unwrap().len()).sum();
        let packed: usize = FILES.iter().map(|file| packed_well(file.content.as_bytes()).len()).sum();
        assert!(source <= MOST_SOURCE && packed <= MOST_PACKED, "{source} bytes, {packed} over the wire");
    }

    #[test]
    fn no_two_modules_declare_the_same_name() {
        let mut names: Vec<_> =
            MODULES.iter().flat_map(|(_, text)| text.lines()).flat_map(declared).collect();
        assert!(names.len() > 100, "{names:?}");
        names.sort_unstable();
        let twice: Vec<_> = names.windows(2).filter(|pair| pair[0] == pair[1]).collect();
        assert!(twice.is_empty(), "{twice:?}: rename one of each, as the modules share a scope");
    }

    #[test]
    fn no_file_asks_for_anything_elsewhere_or_makes_markup_of_text() {
        for file in FILES.iter() {
            let without_namespace = file.content.replace("http://www.w3.org/2000/svg", "");
            for word in [
                "http:",
                "https:",
                "innerHTML",
                "outerHTML",
                "insertAdjacent",
                "document.write",
                "eval(",
                "import ",
                "export ",
            ] {
                assert!(!without_namespace.contains(word), "{word} in {}", file.name);
            }
        }
    }
}
