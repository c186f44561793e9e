//! The trees of several files as one.

use crate::config::item::Item;
use crate::config::load_context::LoadContext;
use crate::config::yaml::{Entry, Node, Value};

/// What there is once only, in whichever file: a second one is a mistake, not more of the same.
const ONCE: [&str; 1] = ["fallback"];

/// One tree of all, in the order of the files: maps under the same key at the top are joined, and so are
/// lists. Whatever cannot be joined stands there twice, which the reader of the whole complains about.
/// `None` if one of them is no map.
pub(super) fn merge(context: &LoadContext<'_>, mut nodes: Vec<Node>) -> Option<Node> {
    if nodes.len() < 2 {
        return nodes.pop();
    }
    let mut sound = true;
    let mut merged: Vec<Entry> = Vec::new();
    for node in nodes {
        match node.value {
            Value::Null => {}
            Value::Map(entries) => add(&mut merged, entries),
            _ => {
                sound = false;
                let item = Item { context, path: String::new(), key_span: node.span.clone(), node: &node };
                item.expect_map();
            }
        }
    }
    sound.then_some(Node { span: 0..0, defined: 0..0, value: Value::Map(merged) })
}

/// Adds the entries of one more file.
fn add(merged: &mut Vec<Entry>, entries: Vec<Entry>) {
    // A key that one file gives twice is not joined with itself.
    let before = merged.len();
    for entry in entries {
        let known = merged.get_mut(..before).and_then(|m| m.iter_mut().find(|e| e.key == entry.key));
        let is_one = ONCE.contains(&entry.key.as_str());
        match (known.filter(|_| !is_one).map(|known| &mut known.value.value), entry.value.value) {
            (Some(Value::Map(all)), Value::Map(more)) => all.extend(more),
            (Some(Value::List(all)), Value::List(more)) => all.extend(more),
            // A key that is left empty adds nothing.
            (Some(_), Value::Null) => {}
            (Some(known @ Value::Null), value) => *known = value,
            (_, value) => merged.push(Entry { value: Node { value, ..entry.value }, ..entry }),
        }
    }
}
