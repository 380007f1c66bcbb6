//! Which alerts, rules and panels would miss node_exporter's page.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Serialize;

use crate::page::Page;
use crate::promql::{Answered, Met, World};
use crate::questions::{Kind, Question};

/// What becomes of everything that is asked.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Verdict {
    /// How many expressions were looked at, by who asks.
    pub(crate) asked: BTreeMap<Kind, usize>,
    /// Those that have an answer from node_exporter's page, and none from relink's.
    pub(crate) silent: Vec<Loss>,
    /// Those that ask for absence, and would find it.
    pub(crate) reversed: Vec<Loss>,
    /// Those whose expression can't be understood, with the parser's words.
    pub(crate) faults: Vec<Loss>,
    /// Those that keep an answer, but lose one of its parts. They do not count.
    pub(crate) in_part: Vec<Loss>,
    /// What is asked for that neither page has.
    pub(crate) nowhere: BTreeSet<String>,
}

/// One that loses something.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Loss {
    pub(crate) kind: Kind,
    pub(crate) name: String,
    /// Its file, or its dashboard.
    pub(crate) place: String,
    /// What it asks for in vain, or why it can't ask.
    pub(crate) why: BTreeSet<String>,
}

impl Verdict {
    /// Puts every question to both pages.
    pub(crate) fn of(questions: &[Question], theirs: &Page, ours: &Page) -> Self {
        let judge = Judge::new(questions, theirs, ours);
        let mut verdict = Verdict::default();
        let mut losses: [BTreeMap<_, BTreeSet<String>>; 4] = Default::default();
        for question in questions {
            *verdict.asked.entry(question.kind).or_default() += 1;
            let key = (question.kind, question.name.clone(), question.place.clone());
            let Judged { met, is_silent, fault } = judge.question(question);
            let [silent, reversed, faults, in_part] = &mut losses;
            let put = |into: &mut BTreeMap<_, BTreeSet<String>>, why: BTreeSet<String>| {
                if !why.is_empty() {
                    into.entry(key.clone()).or_default().extend(why);
                }
            };
            put(faults, fault.into_iter().collect());
            put(if is_silent { silent } else { in_part }, met.lost);
            put(reversed, met.reversed);
            verdict.nowhere.extend(met.nowhere);
        }
        let [silent, reversed, faults, in_part] = losses.map(|all| {
            all.into_iter().map(|((kind, name, place), why)| Loss { kind, name, place, why }).collect()
        });
        Verdict { silent, reversed, faults, in_part, ..verdict }
    }

    /// How many losses count.
    pub(crate) fn count(&self) -> usize {
        self.silent.len() + self.reversed.len() + self.faults.len()
    }
}

struct Judged {
    met: Met,
    is_silent: bool,
    fault: Option<String>,
}

struct Judge<'a> {
    world: World<'a>,
    /// The variables that ask something, by dashboard and name.
    variables: HashMap<(&'a str, &'a str), &'a Question>,
    /// Whether they have values; one that is being looked at does not need itself.
    have_values: RefCell<HashMap<(&'a str, &'a str), Answered>>,
}

impl<'a> Judge<'a> {
    fn new(questions: &'a [Question], theirs: &'a Page, ours: &'a Page) -> Self {
        let of_kind = |kind| questions.iter().filter(move |question| question.kind == kind);
        let expressions = |question: &'a Question| question.expressions.iter().flatten();
        let records = of_kind(Kind::Rule).flat_map(|question| {
            expressions(question).map(|expression| (question.name.as_str(), expression))
        });
        let world = World::new(theirs, ours, records);
        let variables = of_kind(Kind::Variable).map(|question| (question.key(), question)).collect();
        Judge { world, variables, have_values: RefCell::default() }
    }

    fn question(&self, question: &Question) -> Judged {
        let mut met = Met::default();
        let expressions = match &question.expressions {
            Ok(expressions) => expressions,
            Err(why) => return Judged { met, is_silent: false, fault: Some(why.clone()) },
        };
        let mut is_silent = false;
        for expression in expressions {
            is_silent |= self.world.answers(expression, &mut met).is_lost();
        }
        for name in &question.variables {
            if self.variable(&question.place, name).is_lost() {
                is_silent = true;
                met.lost.insert(format!("the variable {name}, which has no value"));
            }
        }
        Judged { met, is_silent, fault: None }
    }

    /// Whether the variable of a dashboard would have values.
    fn variable(&self, place: &str, name: &str) -> Answered {
        let Some(&question) = self.variables.get(&(place, name)) else { return Answered::ALWAYS };
        let key = question.key();
        if let Some(known) = self.have_values.borrow().get(&key) {
            return *known;
        }
        self.have_values.borrow_mut().insert(key, Answered::ALWAYS);
        let own = question.expressions.iter().flatten();
        let own = own.map(|expression| self.world.answers(expression, &mut Met::default()));
        let others = question.variables.iter().map(|name| self.variable(place, name));
        let answered = own.chain(others).fold(Answered::ALWAYS, Answered::and);
        self.have_values.borrow_mut().insert(key, answered);
        answered
    }
}

impl Question {
    fn key(&self) -> (&str, &str) {
        (&self.place, &self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::questions::Asked;

    fn verdict(rules: &str, dashboard: &str) -> Verdict {
        let page = |text: &str| Page::parse("a page", text.as_bytes()).unwrap();
        let (theirs, ours) = (page("a{x=\"1\"} 1\nb 1\nc 1\n"), page("a{x=\"1\"} 1\nc 1\n"));
        Verdict::of(&Asked::of(rules, dashboard).unwrap().questions, &theirs, &ours)
    }

    fn names(losses: &[Loss]) -> Vec<String> {
        let why = |loss: &Loss| loss.why.iter().cloned().collect::<Vec<_>>().join(", ");
        losses.iter().map(|loss| format!("{} {}: {}", loss.kind, loss.name, why(loss))).collect()
    }

    #[test]
    fn a_rule_takes_those_along_that_use_it() {
        let found = verdict(
            "groups: [{rules: [{record: 'r:one', expr: b}, {record: 'r:two', expr: 'r:one * a'},
            {alert: Two, expr: 'r:two > 0'}, {alert: Gone, expr: absent(b)}, {alert: Fine, expr: a}, {alert: Odd, expr: 'sum('},
            {alert: Part, expr: a or b}, {alert: Else, expr: d}]}]",
            "",
        );
        assert_eq!(names(&found.silent), ["alert Two: r:two", "rule r:one: b", "rule r:two: r:one"]);
        assert_eq!(names(&found.reversed), ["alert Gone: b"]);
        assert_eq!(names(&found.in_part), ["alert Part: b"]);
        assert_eq!(found.faults.len(), 1);
        assert_eq!(found.nowhere.iter().collect::<Vec<_>>(), ["d"]);
        assert_eq!((found.count(), &found.asked[&Kind::Alert]), (5, &6));
    }

    #[test]
    fn a_variable_without_values_empties_its_panels() {
        let found = verdict(
            "",
            r#"{"title":"Board","templating":{"list":[
                {"name":"job","type":"query","query":"label_values(b, job)"},
                {"name":"node","type":"query","query":"label_values(a{job=\"$job\"}, instance)"},
                {"name":"all","type":"query","allValue":".*","query":"label_values(b, x)"},
                {"name":"fine","type":"query","query":"label_values(a, x)"}]},
            "panels":[{"title":"One","targets":[{"expr":"a{instance=\"$node\"}"},{"expr":"b"}]},
                {"title":"Two","targets":[{"expr":"a{x=~\"$all\",y=\"$fine\"}"}]}]}"#,
        );
        assert_eq!(
            names(&found.silent),
            [
                "panel One: b, the variable node, which has no value",
                "variable job: b{job!=\"\"}",
                "variable node: the variable job, which has no value"
            ]
        );
    }

    #[test]
    fn rules_and_variables_in_a_circle_end() {
        let found = verdict(
            "groups: [{rules: [{record: 'r:one', expr: 'r:two'}, {record: 'r:two', expr: 'r:one'}]}]",
            r#"{"templating":{"list":[{"name":"v","type":"query","query":"label_values(a{x=\"$w\"}, x)"},
                {"name":"w","type":"query","query":"label_values(a{x=\"$v\"}, x)"}]},"panels":[]}"#,
        );
        assert_eq!(found.count(), 0, "{found:?}");
    }
}
