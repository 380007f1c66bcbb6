//! What is true of all routes, and the description that they make together.

use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Content, ContentBuilder, Ref, ResponseBuilder};
use utoipa::{Modify, OpenApi};

use crate::expose::json::Number;
use crate::http::answer::ErrorBody;
use crate::http::openapi::{self, Label};
use crate::http::{compare, events, history, page, plot, plugins, reload, scrape, status};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "relink",
        description = "A system-metrics agent made of plugins that can be reloaded while it runs.\n\n\
            Every route takes `HEAD` where it takes `GET`. Every error is `{\"error\", \"hint\"}`: what happened, and \
            what to do about it. Answers are of this moment and never cached.",
    ),
    paths(
        scrape::metrics,
        plugins::list,
        plugins::one,
        reload::reload,
        reload::list,
        reload::one,
        events::events,
        history::history,
        compare::compare,
        plot::picture,
        status::healthy,
        status::ready,
        page::page,
        page::file,
        openapi::openapi,
    ),
    components(schemas(ErrorBody, Label, Number)),
    modifiers(&OfAll),
)]
pub(super) struct Api;

/// What any route may answer before, or in place of, what it answers by itself.
struct OfAll;

const OF_ALL: [(&str, &str); 9] = [
    ("400", "The request is malformed: its target, its Host header, a parameter or its body."),
    ("401", "`basic_auth_users` in the web configuration has no such user, or not with this password."),
    ("405", "The path does not take this method; `Allow` lists those that it takes."),
    ("408", "The request did not come in whole in time (`[limits] header_timeout`, `body_timeout`)."),
    ("413", "The body is longer than `[limits] max_body`."),
    (
        "421",
        "The Host is not one under which the agent may be asked (`hosts` in relink.toml). Where others can reach it, any will do to read.",
    ),
    ("429", "More requests than `rate_limit` in the web configuration has room for."),
    ("431", "The head is longer than `[limits] max_head`; this one answer has no body."),
    ("503", "No connection is free (`[limits] max_connections`)."),
];

impl Modify for OfAll {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        for item in api.paths.paths.values_mut() {
            for operation in
                [&mut item.get, &mut item.put, &mut item.post, &mut item.delete].into_iter().flatten()
            {
                for (status, description) in OF_ALL {
                    operation.responses.responses.entry(status.to_owned()).or_insert_with(|| {
                        let answer = ResponseBuilder::new().description(description);
                        // A head that is too long is answered by hyper, in its own way.
                        let answer = if status == "431" {
                            answer
                        } else {
                            answer.content("application/json", error())
                        };
                        answer.build().into()
                    });
                }
            }
        }
        if let Some(components) = &mut api.components {
            let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(
                "The content of `[reload] token_file`. The agent's own user on the same machine needs none.",
            ));
            components.add_security_scheme("token", SecurityScheme::Http(bearer.build()));
        }
    }
}

fn error() -> Content {
    ContentBuilder::new().schema(Some(Ref::from_schema_name("Error"))).build()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use serde::Serialize;

    use super::*;

    /// The text is made of the description, with a line break after each part and nothing to set lines in: for whoever
    /// compares two of them.
    #[test]
    fn the_text_says_what_the_routes_say() {
        let mut made = Vec::new();
        let lines = serde_json::ser::PrettyFormatter::with_indent(b"");
        Api::openapi().serialize(&mut serde_json::Serializer::with_formatter(&mut made, lines)).unwrap();
        let made = String::from_utf8(made).unwrap();
        if std::env::var("RELINK_BLESS").as_deref() == Ok("1") {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http/openapi/openapi.json");
            return std::fs::write(path, made).unwrap();
        }
        let differs = made.lines().zip(openapi::TEXT.lines()).position(|(made, kept)| made != kept);
        assert!(
            made == openapi::TEXT,
            "openapi.json differs from line {}: RELINK_BLESS=1 cargo test -p relink-host --lib openapi",
            differs.unwrap_or_default() + 1
        );
    }

    /// A path with all its parameters called the same.
    fn plain(path: &str) -> String {
        let segments =
            path.split('/').map(|segment| if segment.starts_with(['<', '{']) { "{}" } else { segment });
        segments.collect::<Vec<_>>().join("/")
    }

    #[test]
    fn every_route_is_described_and_nothing_else() {
        let routes = crate::http::routes().into_iter();
        let routes: BTreeSet<_> =
            routes.map(|route| format!("{} {}", route.method, plain(&route.uri.to_string()))).collect();
        let api = serde_json::to_value(Api::openapi()).unwrap();
        let described: BTreeSet<_> = api["paths"]
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(path, item)| {
                let methods = item.as_object().unwrap().keys();
                methods.map(move |method| format!("{} {}", method.to_uppercase(), plain(path)))
            })
            .collect();
        assert_eq!(routes, described);
    }

    #[test]
    fn everything_has_words() {
        let api = serde_json::to_value(Api::openapi()).unwrap();
        assert_eq!(api["openapi"].as_str().map(|version| version.starts_with("3.1")), Some(true));
        for (path, item) in api["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                assert!(operation["summary"].is_string(), "{method} {path}");
                for parameter in operation["parameters"].as_array().into_iter().flatten() {
                    assert!(parameter["description"].is_string(), "{method} {path}: {parameter}");
                }
                for (code, answer) in operation["responses"].as_object().unwrap() {
                    assert!(
                        answer["description"].as_str().is_some_and(|said| !said.is_empty()),
                        "{path} {code}"
                    );
                    // "You have it already" is all that a 304 says, and hyper is as brief with a 431.
                    assert!(code == "304" || code == "431" || answer["content"].is_object(), "{path} {code}");
                }
            }
        }
        for (name, schema) in api["components"]["schemas"].as_object().unwrap() {
            for (field, property) in schema["properties"].as_object().into_iter().flatten() {
                let words = property.get("description").is_some() || property.get("$ref").is_some();
                assert!(words || property.get("oneOf").is_some(), "{name}.{field}: {property}");
            }
        }
    }
}
