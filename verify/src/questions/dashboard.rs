//! Grafana's dashboards.

use relink_core::Error;
use serde_json::{Map, Value};

use super::variables::{Listed, expressions};
use super::{Asked, Kind, Question};

/// Adds what a dashboard asks: its panels, variables and annotations. Expressions are looked for wherever they stand,
/// because rows, collapsed rows, library panels and versions of the format each have a place of their own.
pub(super) fn read(file: &str, text: &str, asked: &mut Asked) -> Result<(), Error> {
    let root: Value = serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|error| {
        Error::new(format!("{file}: {error}")).hint("expected a dashboard of Grafana, as JSON")
    })?;
    let at = ["dashboard", "spec"].iter().find_map(|key| root.get(key)).unwrap_or(&root);
    let place = at.get("title").and_then(Value::as_str).filter(|title| !title.is_empty()).unwrap_or(file);
    let variables = variables(at);
    let listed =
        variables.iter().filter_map(|variable| Some((variable.name?.to_owned(), variable.listed()?)));
    let listed: Listed = listed.collect();
    let before = asked.questions.len();
    let mut reader = Reader { place, listed: &listed, asked };
    variables.iter().for_each(|variable| reader.variable(variable));
    reader.walk(&root, Kind::Panel, place);
    if asked.questions.len() == before {
        return Err(Error::new(format!("{file} asks nothing")).hint(
            "expected a dashboard of Grafana, as JSON, with panels that have expressions for Prometheus",
        ));
    }
    Ok(())
}

/// One entry of `templating`, or of `variables` in the second version of the format.
struct Variable<'a> {
    name: Option<&'a str>,
    kind: String,
    fields: &'a Value,
}

fn variables(root: &Value) -> Vec<Variable<'_>> {
    let first =
        root["templating"]["list"].as_array().into_iter().flatten().map(|fields| (&fields["type"], fields));
    let second = root["variables"].as_array().into_iter().flatten().map(|it| (&it["kind"], &it["spec"]));
    let all = first.chain(second);
    all.map(|(kind, fields)| Variable {
        name: fields["name"].as_str(),
        kind: kind.as_str().unwrap_or_default().to_lowercase().trim_end_matches("variable").to_owned(),
        fields,
    })
    .collect()
}

impl Variable<'_> {
    /// The values that stand in the dashboard itself.
    fn listed(&self) -> Option<Vec<String>> {
        let text = self.fields["query"].as_str().unwrap_or_default();
        let values: Vec<String> = match self.kind.as_str() {
            "custom" => text
                .split(',')
                .map(|value| value.rsplit(" : ").next().unwrap_or(value).trim().to_owned())
                .collect(),
            "constant" | "textbox" => vec![text.to_owned()],
            _ => return None,
        };
        let values: Vec<String> = values.into_iter().filter(|value| !value.is_empty()).collect();
        (!values.is_empty()).then_some(values)
    }

    /// What it asks Prometheus for, as an expression that has an answer if the variable has a value.
    fn expression(&self) -> Option<String> {
        let query = query_text(&self.fields["query"])?;
        let (function, rest) = query.trim().split_once('(')?;
        let inner = rest.trim_end().strip_suffix(')')?.trim();
        match function.trim() {
            "query_result" => Some(inner.to_owned()),
            "metrics" => Some(format!("{{__name__=~{:?}}}", format!(".*({inner}).*"))),
            "label_values" => {
                let (selector, label) = inner.rsplit_once(',')?;
                let (selector, label) = (selector.trim(), label.trim());
                if label.contains(['}', '"', '\'', ')']) {
                    return None;
                }
                let wanted = format!("{label}!=\"\"");
                Some(match selector.strip_suffix('}') {
                    Some(open) if open.trim_end().ends_with('{') => format!("{open}{wanted}}}"),
                    Some(open) => format!("{},{wanted}}}", open.trim_end().trim_end_matches(',')),
                    None => format!("{selector}{{{wanted}}}"),
                })
            }
            _ => None,
        }
    }

    /// Whether its panels have an answer also when it has no value.
    fn has_all(&self) -> bool {
        self.fields["allValue"].as_str().is_some_and(|value| !value.is_empty())
    }
}

/// A query is a text, or an object that holds one.
fn query_text(query: &Value) -> Option<&str> {
    match query {
        Value::String(text) => Some(text),
        Value::Object(fields) => {
            ["query", "__legacyStringValue", "spec"].iter().find_map(|key| query_text(fields.get(*key)?))
        }
        _ => None,
    }
}

struct Reader<'a> {
    place: &'a str,
    listed: &'a Listed,
    asked: &'a mut Asked,
}

impl Reader<'_> {
    fn variable(&mut self, variable: &Variable<'_>) {
        let (Some(name), "query") = (variable.name, variable.kind.as_str()) else { return };
        if !is_prometheus(variable.fields).unwrap_or(true) || variable.has_all() {
            return;
        }
        if let Some(expression) = variable.expression() {
            self.ask(Kind::Variable, name, &expression);
        }
    }

    /// Looks for expressions in `value`, which is part of what is called `name`.
    fn walk(&mut self, value: &Value, kind: Kind, name: &str) {
        match value {
            Value::Array(all) => all.iter().for_each(|value| self.walk(value, kind, name)),
            Value::Object(fields) if is_prometheus(value) != Some(false) => self.object(fields, kind, name),
            _ => {}
        }
    }

    fn object(&mut self, fields: &Map<String, Value>, kind: Kind, name: &str) {
        let text = |key: &str| fields.get(key).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
        let unnamed = fields.get("id").map(|id| format!("panel {id}")).unwrap_or_default();
        let is_panel =
            fields.contains_key("targets") || fields.contains_key("data") && fields.contains_key("title");
        let name = match kind {
            Kind::Annotation => text("name").unwrap_or(name),
            _ if is_panel => text("title").unwrap_or(if unnamed.is_empty() { name } else { &unnamed }),
            _ => name,
        };
        if let Some(expression) = text("expr") {
            self.ask(kind, name, expression);
        }
        if let (Some(library), false) = (fields.get("libraryPanel"), fields.contains_key("targets")) {
            let library = library["name"].as_str().unwrap_or(name);
            self.asked
                .notes
                .push(format!("{}: the library panel {library:?} is not in the file", self.place));
        }
        for (key, value) in fields {
            match key.as_str() {
                "templating" | "variables" => {}
                "annotations" => self.walk(value, Kind::Annotation, name),
                _ => self.walk(value, kind, name),
            }
        }
    }

    fn ask(&mut self, kind: Kind, name: &str, text: &str) {
        let (expressions, variables) = expressions(text, self.listed);
        let question =
            Question { kind, name: name.to_owned(), place: self.place.to_owned(), expressions, variables };
        self.asked.questions.push(question);
    }
}

/// Whether what this object asks is for Prometheus, where it says so.
fn is_prometheus(value: &Value) -> Option<bool> {
    let source = value.get("datasource")?;
    let kind = source["type"].as_str().or_else(|| source.as_str().filter(|name| !name.starts_with('$')))?;
    let kind = kind.to_lowercase();
    // Other words are Grafana's for panels that mix sources, or a name that an operator chose.
    let others = [
        "loki",
        "elasticsearch",
        "influx",
        "graphite",
        "tempo",
        "jaeger",
        "mysql",
        "postgres",
        "mssql",
        "cloudwatch",
    ];
    if kind.contains("prometheus") {
        Some(true)
    } else {
        others.iter().any(|other| kind.contains(other)).then_some(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(text: &str) -> Vec<String> {
        let asked = Asked::of("", text).unwrap();
        let shown = |all: &Result<Vec<promql_parser::parser::Expr>, String>| match all {
            Ok(all) => all.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | "),
            Err(why) => why.clone(),
        };
        asked
            .questions
            .iter()
            .map(|it| format!("{} {}: {}", it.kind, it.name, shown(&it.expressions)))
            .collect()
    }

    #[test]
    fn panels_are_found_in_rows_and_under_their_names() {
        let text = r#"{"title":"Board","panels":[
            {"title":"One","targets":[{"expr":"a"},{"expr":""},{"expr":"b"}]},
            {"type":"row","title":"Row","collapsed":true,"panels":[{"id":7,"title":"","targets":[{"expr":"c"}]}]},
            {"title":"Logs","datasource":{"type":"loki"},"targets":[{"expr":"{job=\"x\"} |= \"y\""}]},
            {"title":"Mixed","datasource":{"type":"datasource","uid":"-- Mixed --"},"targets":[
                {"datasource":{"type":"prometheus"},"expr":"d"},{"datasource":{"type":"loki"},"expr":"{"}]}],
            "rows":[{"title":"Old","panels":[{"title":"Two","targets":[{"expr":"e"}]}]}],
            "annotations":{"list":[{"name":"Restarts","enable":true,"expr":"f > 0"}]}}"#;
        let mut found = asked(text);
        found.sort();
        let all = [
            "annotation Restarts: f > 0",
            "panel Mixed: d",
            "panel One: a",
            "panel One: b",
            "panel Two: e",
            "panel panel 7: c",
        ];
        assert_eq!(found, all);
        let wrapped = format!("{{\"meta\":{{}},\"dashboard\":{text}}}");
        assert_eq!(Asked::of("", &wrapped).unwrap().questions[0].place, "Board");
        assert_eq!(asked(&wrapped).len(), all.len());
    }

    #[test]
    fn the_second_version_of_the_format_is_read() {
        let text = r#"{"kind":"Dashboard","spec":{"title":"Board","elements":{"panel-1":{"kind":"Panel","spec":{"id":1,"title":"One",
            "data":{"kind":"QueryGroup","spec":{"queries":[{"spec":{"query":{"kind":"DataQuery","group":"prometheus","spec":{"expr":"a"}}}}]}}}}},
            "variables":[{"kind":"QueryVariable","spec":{"name":"job","query":{"kind":"DataQuery","spec":{"query":"label_values(b, job)"}}}}]}}"#;
        assert_eq!(asked(text), ["variable job: b{job!=\"\"}", "panel One: a"]);
    }

    #[test]
    fn variables_ask_too() {
        let of = |query: &str| {
            let query = serde_json::to_string(query).unwrap();
            let list = format!(r#"{{"name":"v","type":"query","query":{query}}}"#);
            asked(&format!(
                r#"{{"templating":{{"list":[{list}]}},"panels":[{{"title":"p","targets":[{{"expr":"z"}}]}}]}}"#
            ))
        };
        for (query, expression) in [
            ("label_values(a, b)", "a{b!=\"\"}"),
            ("label_values(a{c=\"$d\"}, b)", "a{b!=\"\",c=\"__any__\"}"),
            ("label_values(a{c=\"1\",}, b)", "a{b!=\"\",c=\"1\"}"),
            ("label_values({c=\"1\"}, b)", "{b!=\"\",c=\"1\"}"),
            ("label_values(a{}, b)", "a{b!=\"\"}"),
            ("query_result(sum(a))", "sum(a)"),
            ("metrics(node_.*)", "{__name__=~\".*(node_.*).*\"}"),
        ] {
            assert_eq!(of(query), [format!("variable v: {expression}"), "panel p: z".to_owned()], "{query}");
        }
        for query in ["label_values(b)", "label_names()", "a", "1,2,3", "label_values(a, b"] {
            assert_eq!(of(query), ["panel p: z"], "{query}");
        }
    }

    #[test]
    fn listed_values_come_from_the_dashboard() {
        let text = r#"{"templating":{"list":[{"name":"n","type":"custom","query":"one : 1,5"},{"name":"c","type":"constant","query":"x"}]},
            "panels":[{"title":"p","targets":[{"expr":"load$n + $c"}]}]}"#;
        assert_eq!(asked(text), ["panel p: load1 + x | load5 + x"]);
    }

    #[test]
    fn what_is_no_dashboard_is_refused() {
        for (text, why) in [
            ("", "dashboard.json: "),
            ("[]", "asks nothing"),
            ("{\"panels\":[{\"targets\":[]}]}", "asks nothing"),
            (&"[".repeat(100_000), "dashboard.json: "),
            ("\u{0}", "dashboard.json: "),
        ] {
            let mut asked = Asked::default();
            let error = read("dashboard.json", text, &mut asked).unwrap_err().to_string();
            assert!(error.contains(why), "{text:.40}: {error}");
        }
    }

    #[test]
    fn a_library_panel_without_its_model_is_noted() {
        let text = r#"{"panels":[{"title":"p","targets":[{"expr":"z"}]},{"id":2,"libraryPanel":{"name":"Shared","uid":"x"}}]}"#;
        assert!(Asked::of("", text).unwrap().notes[0].contains("\"Shared\""));
    }
}
