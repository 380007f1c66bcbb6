//! `GET /plot/<family>.svg`: the recent past of one family as a picture.

use rocket::http::{ContentType, Header, Status};
use rocket::response::{self, Responder};
use rocket::{Request, State, get};

use super::Site;
use super::answer::{ErrorBody, Refusal, text};
use super::history::{Question, look_up};
use super::openapi::Label;
use super::query::{FromQuery, Query};
use crate::expose::plot::{self, Picture};

/// How many seconds are drawn where the request does not say.
const SECONDS: f64 = 600.0;

/// Lets the picture's own style in and nothing else, should it be opened as a page: the hash is that of
/// [`plot::STYLE`].
const POLICY: &str = "default-src 'none'; style-src 'sha256-qHkwea89CObtLW3Vc7JockKan1rmYllUJiNxXSQpsLc='; frame-ancestors 'self'; sandbox";

impl FromQuery for Question {
    fn from_query(request: &Request<'_>) -> Result<Self, Refusal> {
        Question::of(request, &["label", "seconds", "from", "to", "step"])
    }
}

/// An SVG file.
pub(super) struct Svg(String);

impl<'r> Responder<'r, 'static> for Svg {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let mut answer = text(request, self.0.into_bytes());
        answer.set_header(ContentType::SVG);
        answer.set_header(Header::new("Cache-Control", "no-store"));
        answer.set_header(Header::new("Content-Security-Policy", POLICY));
        Ok(answer)
    }
}

/// The recent past of one family as a picture.
///
/// Counters are drawn as their rates per second. Of more than twelve series the largest are drawn, and the picture
/// says so.
#[utoipa::path(
    params(
        ("file" = String, Path, pattern = r"^[^/]+\.svg$", example = "relink_generation.svg", description = "The family's name and `.svg`."),
        ("label" = Option<Vec<Label>>, Query, explode, description = "Only series that have this label, as `name=value`; repeatable, and all have to match."),
        ("seconds" = Option<f64>, Query, exclusive_minimum = 0.0, description = "How far back; 600 when absent."),
        ("from" = Option<f64>, Query, minimum = 0.0, description = "From when, in seconds since 1970, in place of `seconds`."),
        ("to" = Option<f64>, Query, minimum = 0.0, description = "Until when, in seconds since 1970; now when absent."),
        ("step" = Option<f64>, Query, minimum = 0.0, description = "How many seconds a point stands for at least; 0 and when absent: the finest there is."),
    ),
    responses(
        (status = 200, description = "The picture.", body = String, content_type = "image/svg+xml"),
        (status = 400, description = "A parameter is unknown, or not what it can be; or these are more than 1048576 points.", body = ErrorBody),
        (status = 404, description = "There is no such family, or the history is off.", body = ErrorBody),
        (status = 500, description = "The picture could not be drawn.", body = ErrorBody),
    )
)]
#[get("/plot/<file>")]
pub(super) fn picture(file: &str, wanted: Query<Question>, site: &State<Site>) -> Result<Svg, Refusal> {
    let Some(family) = file.strip_suffix(".svg") else {
        let hint = format!("say /plot/{file}.svg");
        return Err(Refusal::new(Status::NotFound, format!("{file:?} is not a picture"), hint));
    };
    let question = wanted.0?.or_seconds(SECONDS);
    let answer = look_up(&site.agent, &[family.to_owned()], &question)?;
    let (after_ms, to_ms) = question.span_ms(answer.now_ms);
    let until_ms = to_ms.unwrap_or(answer.now_ms).min(answer.now_ms);
    // As wide as asked for, but for what lies before all that there can be.
    let longest = site.agent.history().longest_ms();
    let svg = plot::draw(Picture {
        family,
        help: answer.families[0].map_or("", |family| family.help()),
        unit: answer.families[0].map_or("", |family| family.unit()),
        kind: answer.kind(0, family),
        from_ms: after_ms.unwrap_or(0).max(answer.now_ms.saturating_sub(longest)).min(until_ms),
        until_ms,
        columns: answer.columns,
    });
    let failed = |error: relink_core::Error| {
        Refusal::new(Status::InternalServerError, format!("drawing {family}: {error}"), "please report this")
    };
    svg.map(Svg).map_err(failed)
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn the_policy_lets_the_style_in() {
        let hash = STANDARD.encode(Sha256::digest(plot::STYLE));
        assert!(POLICY.contains(&format!("'sha256-{hash}'")), "{hash}");
    }
}
