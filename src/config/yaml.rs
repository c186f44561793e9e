//! YAML text into a tree that remembers where everything stands.
//!
//! The one module that knows the YAML library. It takes the text literally: numbers keep their spelling,
//! `no` and `on` are texts, repeated keys are all kept for the reader to complain about. A tight budget
//! stops alias bombs and deep nesting before they cost anything.

use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::options::{DuplicateKeyPolicy, NonFiniteFloatPolicy};
use serde_saphyr::{Location, Spanned};

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// Bytes of the text: of the scalar, or where a list or map begins.
    pub(super) span: Range<usize>,
    /// The same for what an alias stands for; equal to `span` otherwise.
    pub(super) defined: Range<usize>,
    pub(super) value: Value,
}

/// What stands there.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Null,
    Bool(bool),
    /// Spelled as in the text.
    Number(String),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// One key of a map with its value.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_span: Range<usize>,
    pub(super) value: Node,
}

/// Why a text is no YAML that we take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NotYaml {
    /// Byte offset, if one is known.
    pub(super) at: Option<usize>,
    pub(super) why: String,
}

/// Larger than any real config; 5000 people fit.
pub(super) const LARGEST_TEXT: usize = 2 * 1024 * 1024;

/// Reads one document, whose text begins at `begins` among all that is read together.
pub(super) fn parse(text: &str, begins: usize) -> Result<Node, NotYaml> {
    if text.len() > LARGEST_TEXT {
        return Err(NotYaml { at: None, why: format!("the file is larger than {LARGEST_TEXT} bytes") });
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            // 5,000 people with everything that can be said of one, 500 routes and 200 rotations are some
            // 300,000 of them. The size of the text bounds them too.
            max_events: 1_000_000,
            max_nodes: 500_000,
            max_depth: 24,
            flow_nesting_limit: 24,
            max_aliases: 1_000,
            max_anchors: 1_000,
            max_recorded_anchor_events: 20_000,
            max_merge_keys: 1_000,
            max_documents: 1,
            max_total_scalar_bytes: LARGEST_TEXT,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 20_000,
            max_replay_stack_depth: 8,
        },
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
        strict_booleans: true,
        with_snippet: false,
    };
    let tree: Tree = serde_saphyr::from_str_with_options(text, options).map_err(|e| {
        let plain = e.without_snippet();
        let at = plain.location().map(|l| begins + position(&l, text));
        NotYaml { at, why: without_position(&plain.to_string()) }
    })?;
    Ok(tree.place(text, begins))
}

/// A text of our own as JSON; nothing if it is no YAML.
pub(super) fn to_json(text: &str) -> serde_json::Value {
    serde_saphyr::from_str(text).unwrap_or_default()
}

/// The library's message without the position that it puts at the end, which the finding says better.
fn without_position(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    let line = line.split(" at line ").next().unwrap_or_default();
    line.trim_start_matches("error: ").trim_end_matches(['.', ':', ',']).to_owned()
}

/// A value as the library hands it over, with its position outside.
struct Tree(Spanned<Branch>);

enum Branch {
    Null,
    Bool(bool),
    Number,
    Text(String),
    List(Vec<Tree>),
    Map(Vec<(Spanned<String>, Tree)>),
}

impl Tree {
    fn place(self, text: &str, begins: usize) -> Node {
        let range = |location: &Location| {
            let range = range(location, text);
            begins + range.start..begins + range.end
        };
        let own = self::range(&self.0.defined, text);
        let (span, defined) = (range(&self.0.referenced), range(&self.0.defined));
        let value = match self.0.value {
            Branch::Null => Value::Null,
            Branch::Bool(b) => Value::Bool(b),
            Branch::Number => Value::Number(text.get(own).unwrap_or_default().trim().to_owned()),
            Branch::Text(t) => Value::Text(t),
            Branch::List(items) => {
                Value::List(items.into_iter().map(|item| item.place(text, begins)).collect())
            }
            Branch::Map(entries) => Value::Map(
                entries
                    .into_iter()
                    .map(|(key, value)| Entry {
                        key_span: range(&key.referenced),
                        key: key.value,
                        value: value.place(text, begins),
                    })
                    .collect(),
            ),
        };
        Node { span, defined, value }
    }
}

/// Where an error stands; the scanner tells its own by line and column only.
fn position(location: &Location, text: &str) -> usize {
    if let Some(at) = location.span().byte_offset() {
        return usize::try_from(at).unwrap_or(0).min(text.len());
    }
    let line = usize::try_from(location.line()).unwrap_or(1).max(1);
    let column = usize::try_from(location.column()).unwrap_or(1).max(1);
    let before: usize = text.split_inclusive('\n').take(line - 1).map(str::len).sum();
    let line = text.get(before..).unwrap_or_default().lines().next().unwrap_or_default();
    before + line.char_indices().nth(column - 1).map_or(line.len(), |(at, _)| at)
}

/// Bytes of `text` that a position covers, without white space at its end.
fn range(location: &Location, text: &str) -> Range<usize> {
    let span = location.span();
    let to_index = |n: Option<u64>| usize::try_from(n.unwrap_or(0)).unwrap_or(0);
    let start = to_index(span.byte_offset()).min(text.len());
    let end = start.saturating_add(to_index(span.byte_len())).min(text.len());
    let covered = text.get(start..end).unwrap_or_default();
    start..start + covered.trim_end().len()
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Spanned::deserialize(deserializer).map(Tree)
    }
}

impl<'de> Deserialize<'de> for Branch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(BranchVisitor)
    }
}

struct BranchVisitor;

impl<'de> Visitor<'de> for BranchVisitor {
    type Value = Branch;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Branch, E> {
        Ok(Branch::Null)
    }

    fn visit_none<E>(self) -> Result<Branch, E> {
        Ok(Branch::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Branch, E> {
        Ok(Branch::Bool(value))
    }

    fn visit_u64<E>(self, _value: u64) -> Result<Branch, E> {
        Ok(Branch::Number)
    }

    fn visit_i64<E>(self, _value: i64) -> Result<Branch, E> {
        Ok(Branch::Number)
    }

    fn visit_f64<E>(self, _value: f64) -> Result<Branch, E> {
        Ok(Branch::Number)
    }

    fn visit_str<E>(self, value: &str) -> Result<Branch, E> {
        Ok(Branch::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Branch, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Branch::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Branch, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Branch::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shape(node: &Node, text: &str, out: &mut Vec<String>) {
        let at = text.get(node.span.clone()).unwrap();
        match &node.value {
            Value::List(items) => {
                out.push(format!("list {at:?}"));
                for item in items {
                    shape(item, text, out);
                }
            }
            Value::Map(entries) => {
                out.push(format!("map {at:?}"));
                for e in entries {
                    out.push(format!("{} {:?}", e.key, &text[e.key_span.clone()]));
                    shape(&e.value, text, out);
                }
            }
            other => out.push(format!("{other:?} {at:?}")),
        }
    }

    fn shapes(text: &str) -> Vec<String> {
        let mut out = Vec::new();
        shape(&parse(text, 0).unwrap(), text, &mut out);
        out
    }

    #[test]
    fn everything_knows_where_it_stands() {
        let text = "ä: &x secret word # why\nb: [ 1.50, \"q\", no, true, ~ ]\nc: { d: +4917012, e: *x }\n7: |\n  line\n  more\n\nz: 1 week\n";
        assert_eq!(
            shapes(text),
            [
                "map \"\"",
                "ä \"ä\"",
                "Text(\"secret word\") \"secret word\"",
                "b \"b\"",
                "list \"[\"",
                "Number(\"1.50\") \"1.50\"",
                "Text(\"q\") \"\\\"q\\\"\"",
                "Text(\"no\") \"no\"",
                "Bool(true) \"true\"",
                "Null \"~\"",
                "c \"c\"",
                "map \"{\"",
                "d \"d\"",
                "Number(\"+4917012\") \"+4917012\"",
                "e \"e\"",
                "Text(\"secret word\") \"*x\"",
                "7 \"7\"",
                "Text(\"line\\nmore\\n\") \"line\\n  more\"",
                "z \"z\"",
                "Text(\"1 week\") \"1 week\"",
            ]
        );
    }

    #[test]
    fn an_alias_also_knows_what_it_stands_for() {
        let text = "a: &x word\nb: *x\n";
        let Value::Map(entries) = parse(text, 0).unwrap().value else { panic!("a map") };
        assert_eq!(&text[entries[1].value.span.clone()], "*x");
        assert_eq!(&text[entries[1].value.defined.clone()], "word");
    }

    #[test]
    fn repeated_keys_are_kept() {
        let found = shapes("a: 1\nb: 2\na: 3\n");
        assert_eq!(found.iter().filter(|s| s.starts_with("a ")).count(), 2);
    }

    #[test]
    fn bombs_are_refused_early() {
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
        for n in 1..9 {
            let list = vec![format!("*a{}", n - 1); 9].join(", ");
            bomb.extend([format!("a{n}: &a{n} [{list}]\n")]);
        }
        for text in [bomb, "[".repeat(5000), "- ".repeat(5000), "a".repeat(LARGEST_TEXT + 1)] {
            assert!(parse(&text, 0).is_err());
        }
    }

    #[test]
    fn what_is_not_well_formed_says_where_and_why() {
        let cases = [
            ("a: [1\nb: 2\n", "illegal placement of ':' indicator", Some(2)),
            ("a: \"x\nb: 2\n", "unclosed quote", None),
            ("a:\n\tb: 2\n", "tabs disallowed within this context (block indentation)", Some(2)),
            ("x: 1\na: *nope\n", "alias references unknown anchor", Some(2)),
            ("a: b: c\n", "mapping values are not allowed in this context", Some(1)),
        ];
        for (text, why, line) in cases {
            let e = parse(text, 0).unwrap_err();
            assert_eq!(e.why, why);
            let at = e.at.unwrap();
            if let Some(line) = line {
                assert_eq!(text[..at].matches('\n').count() + 1, line, "{text:?}");
            }
        }
        assert!(parse("a: 1\n---\nb: 2\n", 0).is_err(), "one document only");
    }

    proptest! {
        #[test]
        fn any_text_is_a_tree_or_says_why(text in "([ \\-a-c:\\[\\]{}\"'&*!|>#\n~0-9+.,é]|  |: |- |\n){0,60}") {
            match parse(&text, 0) {
                Ok(node) => shape(&node, &text, &mut Vec::new()),
                Err(e) => prop_assert!(!e.why.is_empty() && e.at.is_none_or(|at| at <= text.len())),
            }
        }
    }
}
