//! What rules and dashboards ask: each expression, with the name under which somebody would miss its answer.

mod dashboard;
mod rules;
mod variables;

use std::fmt;

use promql_parser::parser::Expr;
use relink_core::Error;
use serde::Serialize;

use crate::source;

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Alert,
    Rule,
    Panel,
    Variable,
    Annotation,
}

/// One expression, and who asks it.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) kind: Kind,
    pub(crate) name: String,
    /// The file, or the dashboard.
    pub(crate) place: String,
    /// The expressions that it stands for: several where a variable with a known list of values stands in one. Or why
    /// it can't be understood.
    pub(crate) expressions: Result<Vec<Expr>, String>,
    /// The variables of its dashboard that it needs.
    pub(crate) variables: Vec<String>,
}

/// Everything that was read.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    pub(crate) questions: Vec<Question>,
    /// What could not be looked into.
    pub(crate) notes: Vec<String>,
}

impl Asked {
    /// Reads files of rules and dashboards.
    pub(crate) fn read(rules: &[String], dashboards: &[String]) -> Result<Asked, Error> {
        let mut asked = Asked::default();
        for file in rules {
            rules::read(file, &source::read_text(file)?, &mut asked)?;
        }
        for file in dashboards {
            dashboard::read(file, &source::read_text(file)?, &mut asked)?;
        }
        Ok(asked)
    }

    /// The same of texts, for tests.
    #[cfg(test)]
    pub(crate) fn of(rules: &str, dashboard: &str) -> Result<Asked, Error> {
        let mut asked = Asked::default();
        if !rules.is_empty() {
            rules::read("rules.yml", rules, &mut asked)?;
        }
        if !dashboard.is_empty() {
            dashboard::read("dashboard.json", dashboard, &mut asked)?;
        }
        Ok(asked)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Kind::Alert => "alert",
            Kind::Rule => "rule",
            Kind::Panel => "panel",
            Kind::Variable => "variable",
            Kind::Annotation => "annotation",
        })
    }
}
