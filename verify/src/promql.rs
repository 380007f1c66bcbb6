//! Which of the two pages would answer an expression.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::panic;
use std::sync::Once;

use promql_parser::label::Matcher;
use promql_parser::parser::token::{T_EQL_REGEX, T_LOR, T_LUNLESS};
use promql_parser::parser::{BinaryExpr, Call, Expr, VectorSelector};

use crate::page::{Labels, Page};

/// How long an expression may be. The parser's tree is at most as deep as the text is long, and a stack of
/// [`crate::STACK`] is deep enough for that.
pub(crate) const LONGEST: usize = 8 << 10;

/// How many patterns an expression may have: each is compiled, and one that multiplies costs a while.
const PATTERNS: usize = 50;

/// Stands for what a dashboard's variable may be: a part of a name, or of a label's value.
pub(crate) const ANY: &str = "__any__";

/// Labels that Prometheus gives to what it scrapes, so that no page shows them.
const OF_TARGETS: [&str; 2] = ["instance", "job"];

/// What Prometheus says of each target by itself, and of its alerts.
const OF_PROMETHEUS: [&str; 9] = [
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
    "scrape_timeout_seconds",
    "scrape_sample_limit",
    "scrape_body_size_bytes",
    "ALERTS",
];

/// Parses an expression.
pub(crate) fn parse(text: &str) -> Result<Expr, String> {
    if text.len() > LONGEST {
        return Err(format!("an expression of {} bytes, expected {LONGEST} at most", text.len()));
    }
    let patterns = text.matches("=~").count() + text.matches("!~").count();
    if patterns > PATTERNS {
        return Err(format!("an expression with {patterns} patterns, expected {PATTERNS} at most"));
    }
    // It panics for some texts that are no expressions, such as a range of 1e999 seconds. Such a one is understood as
    // little as any other.
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let loud = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !IS_PARSING.get() {
                loud(info)
            }
        }));
    });
    IS_PARSING.set(true);
    let parsed = panic::catch_unwind(|| promql_parser::parser::parse(text));
    IS_PARSING.set(false);
    parsed.unwrap_or_else(|_| Err("the parser of PromQL can't cope with this expression".to_owned()))
}

thread_local! {
    /// Whether this thread is in the parser, whose panics are nobody's concern.
    static IS_PARSING: Cell<bool> = const { Cell::new(false) };
}

/// Whether there is an answer from node_exporter's page, and from relink's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answered {
    pub(crate) theirs: bool,
    pub(crate) ours: bool,
}

impl Answered {
    pub(crate) const ALWAYS: Self = Answered { theirs: true, ours: true };
    pub(crate) const NEVER: Self = Answered { theirs: false, ours: false };

    /// Whether the answer goes away with node_exporter.
    pub(crate) fn is_lost(self) -> bool {
        self.theirs && !self.ours
    }

    pub(crate) fn and(self, other: Self) -> Self {
        Answered { theirs: self.theirs && other.theirs, ours: self.ours && other.ours }
    }

    pub(crate) fn or(self, other: Self) -> Self {
        Answered { theirs: self.theirs || other.theirs, ours: self.ours || other.ours }
    }
}

/// What was met in an expression.
#[derive(Debug, Default)]
pub(crate) struct Met {
    /// Selectors that node_exporter's page answers, and relink's does not.
    pub(crate) lost: BTreeSet<String>,
    /// Those whose absence is what the expression asks about, so that it speaks where it was silent.
    pub(crate) reversed: BTreeSet<String>,
    /// Selectors that neither page answers.
    pub(crate) nowhere: BTreeSet<String>,
}

/// The two pages, and the expressions of the recording rules that are there.
pub(crate) struct World<'a> {
    theirs: &'a Page,
    ours: &'a Page,
    /// The labels that a sample of this name has on either page.
    labels: HashMap<&'a str, HashSet<&'a str>>,
    /// By the recorded name.
    records: BTreeMap<&'a str, Vec<&'a Expr>>,
    /// What is known of recorded names; of one that is being looked at, that it never answers itself.
    answers: RefCell<HashMap<&'a str, Answered>>,
}

impl<'a> World<'a> {
    pub(crate) fn new(
        theirs: &'a Page,
        ours: &'a Page,
        records: impl Iterator<Item = (&'a str, &'a Expr)>,
    ) -> Self {
        let mut labels: HashMap<_, HashSet<_>> = HashMap::new();
        for page in [theirs, ours] {
            for name in page.names() {
                let series = page.series_of(name).flat_map(|labels| labels.keys());
                labels.entry(name).or_default().extend(series.map(String::as_str));
            }
        }
        let mut by_name: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (name, expression) in records {
            by_name.entry(name).or_default().push(expression);
        }
        World { theirs, ours, labels, records: by_name, answers: RefCell::default() }
    }

    /// Whether the expression would be answered. Values are not looked at: what could be there is there.
    pub(crate) fn answers(&self, expression: &Expr, met: &mut Met) -> Answered {
        match expression {
            Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => Answered::ALWAYS,
            Expr::Paren(inner) => self.answers(&inner.expr, met),
            Expr::Unary(inner) => self.answers(&inner.expr, met),
            Expr::Subquery(inner) => self.answers(&inner.expr, met),
            Expr::MatrixSelector(range) => self.selector(&range.vs, met),
            Expr::VectorSelector(selector) => self.selector(selector, met),
            Expr::Aggregate(aggregate) => {
                let parameter = aggregate.param.as_ref().map_or(Answered::ALWAYS, |it| self.answers(it, met));
                self.answers(&aggregate.expr, met).and(parameter)
            }
            Expr::Call(call) => self.call(call, met),
            Expr::Binary(binary) => self.binary(binary, met),
        }
    }

    fn call(&self, call: &Call, met: &mut Met) -> Answered {
        if matches!(call.func.name, "absent" | "absent_over_time") {
            call.args.args.iter().for_each(|argument| self.reversed(argument, met));
            return Answered::ALWAYS;
        }
        let answers = call.args.args.iter().map(|argument| self.answers(argument, met));
        answers.fold(Answered::ALWAYS, Answered::and)
    }

    fn binary(&self, binary: &BinaryExpr, met: &mut Met) -> Answered {
        let left = self.answers(&binary.lhs, met);
        if binary.op.id() == T_LUNLESS {
            self.reversed(&binary.rhs, met);
            return left;
        }
        let right = self.answers(&binary.rhs, met);
        if binary.op.id() == T_LOR {
            // `x or vector(0)` is no answer about x.
            return match (asks(&binary.lhs), asks(&binary.rhs)) {
                (true, false) => left,
                (false, true) => right,
                _ => left.or(right),
            };
        }
        let fill = binary.modifier.as_ref().map(|modifier| &modifier.fill_values);
        match fill.map(|fill| (fill.lhs.is_some(), fill.rhs.is_some())) {
            Some((true, true)) => left.or(right),
            Some((true, false)) => right,
            Some((false, true)) => left,
            _ => left.and(right),
        }
    }

    /// An expression of which it is asked that there is no answer.
    fn reversed(&self, expression: &Expr, met: &mut Met) {
        let mut inner = Met::default();
        if self.answers(expression, &mut inner).is_lost() {
            met.reversed.extend(inner.lost);
        }
        met.reversed.extend(inner.reversed);
        met.nowhere.extend(inner.nowhere);
    }

    fn selector(&self, selector: &VectorSelector, met: &mut Met) -> Answered {
        let wanted = Wanted::new(selector);
        let name = selector.name.as_deref().unwrap_or_default();
        if name == ANY || OF_PROMETHEUS.contains(&name) {
            return Answered::ALWAYS;
        }
        let page = |page: &Page| {
            if wanted.name.is_some() || name.is_empty() {
                page.names().any(|name| self.any(&wanted, page, name))
            } else {
                self.any(&wanted, page, name)
            }
        };
        let answered = Answered { theirs: page(self.theirs), ours: page(self.ours) }.or(self.record(name));
        if answered.is_lost() {
            met.lost.insert(shown(selector));
        } else if answered == Answered::NEVER {
            met.nowhere.insert(shown(selector));
        }
        answered
    }

    /// What a recording rule of this name answers.
    fn record(&self, name: &str) -> Answered {
        let Some((name, expressions)) = self.records.get_key_value(name) else { return Answered::NEVER };
        if let Some(known) = self.answers.borrow().get(name) {
            return *known;
        }
        self.answers.borrow_mut().insert(name, Answered::NEVER);
        let all = expressions.iter().map(|expression| self.answers(expression, &mut Met::default()));
        let answered = all.fold(Answered::NEVER, Answered::or);
        self.answers.borrow_mut().insert(name, answered);
        answered
    }

    fn any(&self, wanted: &Wanted<'_>, page: &Page, name: &str) -> bool {
        if wanted.name.as_ref().is_some_and(|pattern| !pattern.is_match(name)) {
            return false;
        }
        let known = self.labels.get(name);
        let matches = |labels: &Labels, matcher: &Matcher| match matcher.name.as_str() {
            "__name__" => matcher.is_match(name),
            label if OF_TARGETS.contains(&label) || matcher.value.contains(ANY) => true,
            // A label that the family has on neither page is given by Prometheus, or a rule.
            label if known.is_none_or(|known| !known.contains(label)) => true,
            label => matcher.is_match(labels.get(label).map_or("", String::as_str)),
        };
        page.series_of(name).any(|labels| {
            let all = |group: &[Matcher]| group.iter().all(|matcher| matches(labels, matcher));
            wanted.groups.iter().any(|group| all(group))
        })
    }
}

/// What a selector asks for.
struct Wanted<'a> {
    /// What the name has to match, where a variable stands in it.
    name: Option<Matcher>,
    /// One of them has to match whole.
    groups: Vec<&'a [Matcher]>,
}

impl<'a> Wanted<'a> {
    fn new(selector: &'a VectorSelector) -> Self {
        let name = selector.name.as_deref().filter(|name| name.contains(ANY));
        let name = name.map(|name| name.replace(ANY, ".*"));
        let name = name.and_then(|it| Matcher::new_matcher(T_EQL_REGEX, "__name__".to_owned(), it).ok());
        let matchers = &selector.matchers;
        let groups = match matchers.or_matchers.as_slice() {
            [] => vec![matchers.matchers.as_slice()],
            alternatives => alternatives.iter().map(Vec::as_slice).collect(),
        };
        Wanted { name, groups }
    }
}

/// The selector as its author may have written it, less what a variable chooses.
fn shown(selector: &VectorSelector) -> String {
    let name = selector.name.as_deref().unwrap_or_default().replace(ANY, "*");
    let matchers = &selector.matchers;
    let all = matchers.matchers.iter().chain(matchers.or_matchers.iter().flatten());
    let labels: Vec<_> = all.filter(|it| !it.value.contains(ANY)).map(ToString::to_string).collect();
    if labels.is_empty() { name } else { format!("{name}{{{}}}", labels.join(",")) }
}

/// Whether there is a selector in the expression: without one it is a constant.
fn asks(expression: &Expr) -> bool {
    match expression {
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => false,
        Expr::VectorSelector(_) | Expr::MatrixSelector(_) => true,
        Expr::Paren(inner) => asks(&inner.expr),
        Expr::Unary(inner) => asks(&inner.expr),
        Expr::Subquery(inner) => asks(&inner.expr),
        Expr::Aggregate(aggregate) => asks(&aggregate.expr),
        Expr::Call(call) => call.args.args.iter().any(|argument| asks(argument)),
        Expr::Binary(binary) => asks(&binary.lhs) || asks(&binary.rhs),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THEIRS: &str = "# TYPE a gauge\na{m=\"/\",f=\"ext4\"} 1\na{m=\"/tmp\",f=\"tmpfs\"} 1\n# TYPE b gauge\nb 1\n# TYPE c gauge\nc 1\n";
    const OURS: &str = "# TYPE a gauge\na{m=\"/\",f=\"ext4\",e=\"1\"} 1\n# TYPE c gauge\nc 1\n";

    fn both(text: &str) -> (Answered, Met) {
        let page = |text: &str| Page::parse("a page", text.as_bytes()).unwrap();
        let (theirs, ours) = (page(THEIRS), page(OURS));
        let records =
            [("r:b", "sum(b)"), ("r:c", "sum(c)"), ("r:rr", "r:b * 2"), ("r:self", "r:self or r:b")];
        let records = records.map(|(name, text)| (name, parse(text).unwrap()));
        let world = World::new(&theirs, &ours, records.iter().map(|(name, expression)| (*name, expression)));
        let mut met = Met::default();
        let expression = parse(text).unwrap_or_else(|why| panic!("{text}: {why}"));
        (world.answers(&expression, &mut met), met)
    }

    #[test]
    fn an_expression_is_lost_with_what_it_can_not_do_without() {
        for (text, lost) in [
            ("c", false),
            ("b", true),
            ("rate(b[5m]) > 0", true),
            ("sum by (x) (b) / c", true),
            ("b + on() group_left c", true),
            ("b and c", true),
            ("c or b", false),
            ("c unless b", false),
            ("b unless c", true),
            ("b or vector(0)", true),
            ("vector(0) or b", true),
            ("topk(3, b)", true),
            ("max_over_time(sum(b)[1h:5m])", true),
            ("-(b)", true),
            ("c + fill(0) b", false),
            ("c + fill_left(0) b", true),
            ("time() - 1", false),
            ("absent(b)", false),
            ("up == 0", false),
            ("r:b", true),
            ("r:rr", true),
            ("r:c", false),
            ("r:self", true),
            ("{__name__=~\"b|d\"}", true),
            ("{__name__=~\"[bc]\"}", false),
            ("nowhere", false),
        ] {
            assert_eq!(both(text).0.is_lost(), lost, "{text}");
        }
    }

    #[test]
    fn matchers_are_looked_up_where_a_page_has_the_label() {
        for (text, lost) in [
            ("a{m=\"/tmp\"}", true),
            ("a{m=\"/\"}", false),
            ("a{m=\"/nowhere\"}", false),
            ("a{f!=\"ext4\"}", true),
            ("a{f=~\"tmp.*\"}", true),
            ("a{f=~\"tmp.*|ext4\"}", false),
            ("a{m=\"/tmp\",job=\"node\",instance=~\".*\",cluster=\"x\"}", true),
            ("a{m=\"/tmp\" or m=\"/\"}", false),
            ("a{m=\"__any__\"}", false),
            ("a{m=\"/tmp\",f=~\"__any__\"}", true),
            // Only relink has it; the label that is not there is empty there.
            ("a{e=\"\"}", true),
            ("a{e=\"1\"}", false),
        ] {
            assert_eq!(both(text).0.is_lost(), lost, "{text}");
        }
        assert_eq!(
            both("a{m=\"/tmp\",f=~\"__any__\"}").1.lost.into_iter().collect::<Vec<_>>(),
            ["a{m=\"/tmp\"}"]
        );
    }

    #[test]
    fn a_variable_in_a_name_stands_for_anything() {
        assert_eq!(both("__any__").0, Answered::ALWAYS);
        assert!(!both("__any__a").0.is_lost());
        assert!(both("b__any__").0.is_lost());
        assert_eq!(both("d__any__").0, Answered::NEVER);
    }

    #[test]
    fn what_asks_for_absence_speaks_where_it_was_silent() {
        for (text, reversed) in
            [("absent(b)", true), ("c unless b", true), ("absent(c)", false), ("absent(d)", false)]
        {
            assert_eq!(!both(text).1.reversed.is_empty(), reversed, "{text}");
        }
        let met = both("b + d").1;
        assert_eq!(
            (met.lost.into_iter().collect::<Vec<_>>(), met.nowhere.into_iter().collect::<Vec<_>>()),
            (vec!["b".to_owned()], vec!["d".to_owned()])
        );
    }

    #[test]
    fn what_the_parser_fails_on_is_no_expression() {
        assert!(parse("a[1h:51e999]").unwrap_err().contains("can't cope"));
        assert!(parse("a[1h:5m]").is_ok());
    }

    #[test]
    fn long_expressions_are_refused() {
        assert!(parse(&format!("a{}", " + a".repeat(LONGEST / 4))).unwrap_err().contains("bytes"));
        assert!(parse(&"a{b=~\"c\"} + ".repeat(PATTERNS + 1)).unwrap_err().contains("patterns"));
    }
}
