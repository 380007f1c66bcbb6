//! Files of alerts and recording rules: Prometheus' own, and the manifests that carry them in a Kubernetes cluster.

use relink_core::Error;
use serde_json::Value;

use super::{Asked, Kind, Question};
use crate::promql;

/// Adds the rules of a file. They are looked for wherever they stand in it: under `groups`, under `spec` of a manifest,
/// in a list of manifests, in one of several documents.
pub(super) fn read(file: &str, text: &str, asked: &mut Asked) -> Result<(), Error> {
    let documents: Vec<Value> =
        serde_saphyr::from_multiple_with_options(text, serde_saphyr::options! { with_snippet: false })
            .map_err(|error| Error::new(format!("{file}: {error}")).hint("expected YAML"))?;
    let before = asked.questions.len();
    documents.iter().for_each(|document| find(file, document, asked));
    if asked.questions.len() == before {
        return Err(Error::new(format!("{file} has no rules"))
            .hint("expected groups, each with rules that have expr and alert or record"));
    }
    Ok(())
}

fn find(file: &str, value: &Value, asked: &mut Asked) {
    match value {
        Value::Array(all) => all.iter().for_each(|value| find(file, value, asked)),
        Value::Object(fields) => match rule(file, value) {
            Some(question) => asked.questions.push(question),
            None => fields.values().for_each(|value| find(file, value, asked)),
        },
        _ => {}
    }
}

fn rule(file: &str, value: &Value) -> Option<Question> {
    let expression = scalar(value.get("expr")?)?;
    let (kind, name) = match (value.get("alert"), value.get("record")) {
        (Some(name), _) => (Kind::Alert, scalar(name)?),
        (None, Some(name)) => (Kind::Rule, scalar(name)?),
        (None, None) => return None,
    };
    let expressions = promql::parse(&expression).map(|expression| vec![expression]);
    Some(Question { kind, name, place: file.to_owned(), expressions, variables: Vec::new() })
}

/// A text; YAML takes `expr: 1` for a number.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(word) => Some(word.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        let asked = Asked::of(text, "").unwrap();
        asked
            .questions
            .iter()
            .map(|it| format!("{} {} {}", it.kind, it.name, it.expressions.is_ok()))
            .collect()
    }

    #[test]
    fn rules_are_found_in_groups_manifests_and_lists() {
        let group = "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: |\n      up == 0\n    labels: {severity: x}\n  - record: a:b\n    expr: 1\n";
        let both = ["alert A true", "rule a:b true"];
        assert_eq!(names(group), both);
        let nested = group.replace('\n', "\n    ");
        assert_eq!(names(&format!("kind: PrometheusRule\nspec:\n    {nested}\n")), both);
        assert_eq!(names(&format!("kind: List\nitems:\n- spec:\n    {nested}\n")), both);
        assert_eq!(names(&format!("---\n# nothing\n---\n{group}---\n{group}")).len(), 4);
    }

    #[test]
    fn an_expression_that_is_none_is_kept_with_the_reason() {
        let asked = Asked::of("groups: [{rules: [{alert: A, expr: 'sum('}]}]", "").unwrap();
        assert!(asked.questions[0].expressions.as_ref().unwrap_err().contains("paren"), "{asked:?}");
    }

    #[test]
    fn what_has_no_rules_is_refused() {
        for (text, why) in [
            ("", "rules.yml has no rules"),
            ("groups: []", "has no rules"),
            ("groups: [", "rules.yml: "),
            ("{{ if .Values.x }}\ngroups: []", "rules.yml: "),
            (&format!("{}1{}", "[".repeat(5000), "]".repeat(5000)), "rules.yml: "),
            (&format!("{}- 1", "- ".repeat(400)), "rules.yml: "),
        ] {
            let mut asked = Asked::default();
            let error = read("rules.yml", text, &mut asked).unwrap_err().to_string();
            assert!(error.contains(why), "{text:.40}: {error}");
        }
    }

    #[test]
    fn aliases_that_multiply_are_refused() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let alias = format!("*a{}", level - 1);
            text += &format!("a{level}: &a{level} [{}]\n", vec![alias; 10].join(", "));
        }
        assert!(Asked::of(&text, "").is_err());
    }
}
