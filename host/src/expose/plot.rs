//! The recent past of a family as a picture: SVG, for pages, chats and documents that show an address as an image.

mod axis;
mod lines;
mod scale;

use plotters::chart::ChartBuilder;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use relink_core::{Error, Kind};

use self::axis::Axis;
use self::lines::{Line, Span};
use self::scale::Scale;
use crate::store::history::Columns;

/// What to draw.
pub(crate) struct Picture<'a> {
    pub(crate) family: &'a str,
    pub(crate) help: &'a str,
    pub(crate) unit: &'a str,
    pub(crate) kind: Kind,
    pub(crate) columns: Columns,
    /// From when to when, in milliseconds since 1970.
    pub(crate) from_ms: u64,
    pub(crate) until_ms: u64,
}

/// More lines than this nobody can tell apart.
const MOST_LINES: usize = 12;

const WIDTH: u32 = 860;
const HEADER: u32 = 56;
const CHART: u32 = 300;
const LEGEND_ROW: u32 = 20;
const LEGEND_COLUMNS: usize = 2;
const LEFT: u32 = 72;
const RIGHT: u32 = 24;

const PAPER: RGBColor = RGBColor(0xff, 0xff, 0xff);
const INK: RGBColor = RGBColor(0x1f, 0x23, 0x28);
const FAINT: RGBColor = RGBColor(0x59, 0x63, 0x6e);
const GRID: RGBColor = RGBColor(0xd1, 0xd9, 0xe0);

/// Readable on both papers.
const COLOURS: [RGBColor; MOST_LINES] = [
    RGBColor(0x3b, 0x82, 0xf6),
    RGBColor(0xef, 0x44, 0x44),
    RGBColor(0x10, 0xb9, 0x81),
    RGBColor(0xf5, 0x9e, 0x0b),
    RGBColor(0x8b, 0x5c, 0xf6),
    RGBColor(0xec, 0x48, 0x99),
    RGBColor(0x06, 0xb6, 0xd4),
    RGBColor(0x84, 0xcc, 0x16),
    RGBColor(0xa1, 0x62, 0x07),
    RGBColor(0x63, 0x66, 0xf1),
    RGBColor(0x0f, 0x76, 0x6e),
    RGBColor(0x94, 0xa3, 0xb8),
];

/// Turns the four colours above round where the reader prefers dark pages.
pub(crate) const STYLE: &str = "@media (prefers-color-scheme:dark){\
    [fill=\"#FFFFFF\"]{fill:#14171C}[fill=\"#1F2328\"]{fill:#E6EDF3}[fill=\"#59636E\"]{fill:#9DA7B1}\
    [stroke=\"#D1D9E0\"]{stroke:#343B44}[stroke=\"#59636E\"]{stroke:#9DA7B1}}";

/// The picture as the text of an SVG file.
pub(crate) fn draw(picture: Picture<'_>) -> Result<String, Error> {
    let Picture { family, help, unit, kind, columns, from_ms, until_ms } = picture;
    let span =
        Span { from: from_ms, until: until_ms.max(from_ms + 1), pixels: u64::from(WIDTH - LEFT - RIGHT) };
    let all = columns.series.len();
    let lines = lines::lines(&columns, kind, span, MOST_LINES);
    let common = common_labels(&lines);
    let names: Vec<_> = lines.iter().map(|line| written(&line.labels, &common)).collect();
    let rows = name_rows(&names) + usize::from(all > MOST_LINES);
    let mut svg = String::new();
    {
        let size = (WIDTH, HEADER + CHART + rows as u32 * LEGEND_ROW + 12);
        let paper = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        paper.fill(&PAPER)?;
        let (header, below) = paper.split_vertically(HEADER);
        let (chart, legend) = below.split_vertically(CHART);
        let title = match common.is_empty() {
            true => family.to_owned(),
            false => format!("{family} {{{}}}", written(&common, &[])),
        };
        header.draw_text(&short(&title, 84), &text(20, &INK), (16, 14))?;
        header.draw_text(&short(help, 120), &text(15, &FAINT), (16, 38))?;
        draw_lines(&chart, &lines, span, &Scale::of(lines.iter().flat_map(Line::values), unit, kind))?;
        if lines.is_empty() {
            let centre = text(18, &FAINT).pos(Pos::new(HPos::Center, VPos::Center));
            chart.draw_text(
                "no data for this time range",
                &centre,
                (WIDTH as i32 / 2, CHART as i32 / 2 - 20),
            )?;
        }
        draw_legend(&legend, &names, all)?;
        paper.present()?;
    }
    insert_head(&mut svg, &format!("{family}: {help}"));
    Ok(svg)
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

fn draw_lines(area: &Area<'_>, lines: &[Line], span: Span, scale: &Scale) -> Result<(), Error> {
    let x = |ms: u64| ms.saturating_sub(span.from) as f64;
    let times = scale::times(span.from, span.until).into_iter().map(x).collect();
    let mut chart = ChartBuilder::on(area)
        .margin_left(10)
        .margin_right(RIGHT)
        .margin_top(6)
        .set_label_area_size(LabelAreaPosition::Left, LEFT - 10)
        .set_label_area_size(LabelAreaPosition::Bottom, 48)
        .build_cartesian_2d(
            Axis { low: 0.0, high: x(span.until), marks: times },
            Axis { low: scale.low, high: scale.high, marks: scale.marks.clone() },
        )?;
    let until = std::time::UNIX_EPOCH + std::time::Duration::from_millis(span.until);
    chart
        .configure_mesh()
        .x_label_formatter(&|x| scale::clock(span.from + *x as u64))
        .y_label_formatter(&|y| scale.written(*y))
        .x_desc(format!("time (UTC), until {}", httpdate::fmt_http_date(until)))
        .y_desc(scale.name.clone())
        .label_style(text(14, &FAINT))
        .axis_desc_style(text(14, &FAINT))
        .axis_style(FAINT)
        .bold_line_style(GRID)
        .light_line_style(TRANSPARENT)
        .draw()?;
    // The largest last, so that it does not hide the others.
    for (line, colour) in lines.iter().zip(&COLOURS).rev() {
        for piece in &line.pieces {
            let points = piece.iter().map(|&(time, value)| (x(time), value));
            if let [(time, value)] = piece[..] {
                chart.draw_series([Circle::new((x(time), value), 2, colour.filled())])?;
            } else {
                chart.draw_series(LineSeries::new(points, colour.stroke_width(2)))?;
            }
        }
    }
    Ok(())
}

/// How many rows the names of the lines take; a single line has its name in the title.
fn name_rows(names: &[String]) -> usize {
    if names.len() > 1 { names.len().div_ceil(LEGEND_COLUMNS) } else { 0 }
}

fn draw_legend(area: &Area<'_>, names: &[String], all: usize) -> Result<(), Error> {
    let width = (WIDTH - LEFT) as usize / LEGEND_COLUMNS;
    let middle_left = Pos::new(HPos::Left, VPos::Center);
    let row_at = |row: usize| (row as u32 * LEGEND_ROW + LEGEND_ROW / 2) as i32;
    let rows = name_rows(names);
    let named = if rows > 0 { names } else { &[] };
    for (at, (name, colour)) in named.iter().zip(&COLOURS).enumerate() {
        // Column by column.
        let (column, row) = (at / rows, at % rows);
        let (x, y) = ((LEFT as usize + column * width) as i32, row_at(row));
        area.draw(&Rectangle::new([(x, y - 5), (x + 16, y + 5)], colour.filled()))?;
        area.draw_text(&short(name, 54), &text(15, &INK).pos(middle_left), (x + 24, y))?;
    }
    if all > MOST_LINES {
        let said = format!("the {} largest of {all} series; label=name=value chooses others", names.len());
        area.draw_text(&said, &text(15, &FAINT).pos(middle_left), (LEFT as i32, row_at(rows)))?;
    }
    Ok(())
}

fn text(size: u32, colour: &'static RGBColor) -> TextStyle<'static> {
    TextStyle::from(("sans-serif", size).into_font()).color(colour)
}

/// The labels that all lines have.
fn common_labels(lines: &[Line]) -> Vec<(String, String)> {
    let Some((first, others)) = lines.split_first() else { return Vec::new() };
    let is_common = |label: &&(String, String)| others.iter().all(|line| line.labels.contains(label));
    first.labels.iter().filter(is_common).cloned().collect()
}

/// Labels as text, but for those that are known anyway.
fn written(labels: &[(String, String)], known: &[(String, String)]) -> String {
    let new = labels.iter().filter(|label| !known.contains(label));
    new.map(|(name, value)| format!("{name}={value:?}")).collect::<Vec<_>>().join(" ")
}

/// Cut to so many characters; what XML can't have is replaced.
fn short(text: &str, length: usize) -> String {
    let mut kept: String =
        text.chars().take(length).map(|c| if is_xml(c) { c } else { '\u{fffd}' }).collect();
    if text.chars().nth(length).is_some() {
        kept.pop();
        kept.push('…');
    }
    kept
}

/// Whether XML 1.0 may have this character.
fn is_xml(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}')
}

/// Puts a title for those who do not see the picture, and the style, behind the opening tag.
fn insert_head(svg: &mut String, title: &str) {
    let title = short(title, 500).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    if let Some(end) = svg.find('>') {
        svg.insert_str(end + 1, &format!("\n<title>{title}</title>\n<style>{STYLE}</style>"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::history::{ColumnSeries, Values};

    fn picture(series: Vec<ColumnSeries>) -> String {
        let times = (0..60).map(|second| 1_700_000_000_000 + second * 1000).collect();
        let picture = Picture {
            family: "node_x_bytes",
            help: "A <help> & \"more\".",
            unit: "bytes",
            kind: Kind::Gauge,
            columns: Columns { times, series, ..Columns::default() },
            from_ms: 1_700_000_000_000,
            until_ms: 1_700_000_060_000,
        };
        draw(picture).unwrap()
    }

    fn series(count: usize, label: &str) -> Vec<ColumnSeries> {
        let one = |at: usize| ColumnSeries {
            family: "node_x_bytes".into(),
            kind: Kind::Gauge,
            labels: vec![("dev".into(), format!("{label}{at}")), ("host".into(), "a".into())],
            values: Values::Last((0..60).map(|second| (at * second) as f64).collect()),
        };
        (0..count).map(one).collect()
    }

    #[test]
    fn it_has_title_axes_legend_and_lines() {
        let svg = picture(series(3, "sd"));
        for part in [
            "<title>node_x_bytes: A &lt;help&gt; &amp;",
            "node_x_bytes {host=&quot;a&quot;}",
            "A &lt;help&gt; &amp; &quot;more&quot;.",
            "time (UTC), until Tue, 14 Nov 2023 22:14:20 GMT",
            "22:13:30",
            "\nB\n",
            "dev=&quot;sd2&quot;",
        ] {
            assert!(svg.contains(part), "{part:?} in {svg}");
        }
        assert!(svg.matches("<polyline").count() >= 3, "{svg}");
        assert!(!svg.contains("largest of"));
    }

    #[test]
    fn too_many_series_are_cut_and_that_is_said() {
        let svg = picture(series(40, "sd"));
        assert!(svg.contains("the 12 largest of 40 series"), "{svg}");
        assert!(svg.contains("sd39&quot;") && !svg.contains("sd10&quot;"));
    }

    #[test]
    fn no_label_can_break_out() {
        let svg = picture(series(2, "</text><script>alert(1)</script>\u{1}\u{ffff}\u{1b}"));
        assert!(!svg.contains("<script") && !svg.contains(['\u{1}', '\u{ffff}', '\u{1b}']), "{svg}");
        assert_eq!(svg.matches("<svg").count(), 1);
    }

    #[test]
    fn nothing_to_draw_is_said() {
        assert!(picture(Vec::new()).contains("no data for this time range"));
    }
}
