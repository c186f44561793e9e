//! What is in force: the files as they are, with everything beside it that counts because it is absent. Secrets are
//! hidden, and numbers but for their last digits.

use regex::Regex;

use crate::config::keys::{Form, Map};
use crate::config::messages::FILE;
use crate::config::source_text::without_numbers;
use crate::config::yaml::{Entry, Node, Value};

/// What stands for a secret.
const SECRET: &str = "<secret>";

/// The map that `node` is, or an absent one, as YAML: every declared key that is written or has a value otherwise.
pub(super) fn map(keys: &'static Map, node: Option<&Node>, depth: usize, out: &mut String) {
    let entries: &[Entry] = match node.map(|node| &node.value) {
        Some(Value::Map(entries)) => entries,
        _ => &[],
    };
    for key in keys.keys() {
        let written = entries.iter().find(|entry| entry.key == key.name).map(|entry| &entry.value);
        match (written, &key.form) {
            (Some(node), form) => entry(key.name, form, node, depth, out),
            (None, Form::Map(inner)) if inner.keys().any(|key| key.usual.is_some()) && is_optional(inner) => {
                line(depth, &format!("{}:", key.name), out);
                map(inner, None, depth + 1, out);
            }
            (None, _) => {
                if let Some(usual) = key.usual {
                    line(depth, &format!("{}: {usual}", key.name), out);
                }
            }
        }
    }
}

/// Whether the map counts as it is while it is absent.
fn is_optional(map: &Map) -> bool {
    map.rules.is_empty() && map.keys().all(|key| !key.is_needed)
}

fn entry(name: &str, form: &'static Form, node: &Node, depth: usize, out: &mut String) {
    match (chosen(form, node), &node.value) {
        (Form::Map(keys), Value::Map(_) | Value::Null) => {
            line(depth, &format!("{name}:"), out);
            map(keys, Some(node), depth + 1, out);
        }
        (Form::Named(named), Value::Map(entries)) if !entries.is_empty() => {
            line(depth, &format!("{name}:"), out);
            for inner in entries {
                entry(&scalar(&inner.key), &named.of, &inner.value, depth + 1, out);
            }
        }
        (Form::List(of, _) | Form::Some(of, _), Value::List(items)) if !items.is_empty() => {
            line(depth, &format!("{name}:"), out);
            for item in items {
                list_item(of, item, depth + 1, out);
            }
        }
        (form, _) => line(depth, &format!("{name}: {}", inline(form, node)), out),
    }
}

fn list_item(form: &'static Form, node: &Node, depth: usize, out: &mut String) {
    let Form::Map(keys) = chosen(form, node) else {
        line(depth, &format!("- {}", inline(chosen(form, node), node)), out);
        return;
    };
    let mut inner = String::new();
    map(keys, Some(node), depth + 1, &mut inner);
    let indent = "  ".repeat(depth);
    // The first key stands behind the dash, where two blanks would be.
    out.push_str(&inner.replacen(&format!("{indent}  "), &format!("{indent}- "), 1));
}

/// The one of several forms that `node` has.
fn chosen(form: &'static Form, node: &Node) -> &'static Form {
    match form {
        Form::Some(of, _) if !matches!(node.value, Value::List(_)) => chosen(of, node),
        Form::Any(forms) => {
            forms.iter().find(|form| fits(form, node)).map_or(form, |form| chosen(form, node))
        }
        Form::Hidden(_) => &Form::Secret,
        Form::Template if matches!(node.value, Value::Map(_)) => const { &Form::Map(&FILE) },
        Form::Secrets if !matches!(node.value, Value::List(_)) => &Form::Secret,
        Form::Secrets => &Form::Some(&Form::Secret, 1),
        form => form,
    }
}

fn fits(form: &Form, node: &Node) -> bool {
    match (form, &node.value) {
        (Form::Map(map), Value::Map(entries)) => entries.iter().all(|entry| map.key(&entry.key).is_some()),
        (Form::Secret | Form::Secrets, Value::Map(entries)) => is_elsewhere(entries),
        (Form::Secret | Form::Secrets, _) => true,
        (Form::Map(_), _) | (_, Value::Map(_)) => false,
        (Form::Text(text), Value::Text(value)) => {
            Regex::new(&format!("^(?:{})$", text.pattern)).is_ok_and(|kind| kind.is_match(value.trim()))
        }
        _ => true,
    }
}

fn is_elsewhere(entries: &[Entry]) -> bool {
    entries.iter().any(|entry| entry.key == "env" || entry.key == "file")
}

/// A value on one line.
fn inline(form: &Form, node: &Node) -> String {
    match &node.value {
        Value::Map(entries) if matches!(form, Form::Secret) && is_elsewhere(entries) => written(node),
        Value::Null => "null".to_owned(),
        _ if matches!(form, Form::Secret) => SECRET.to_owned(),
        _ => written(node),
    }
}

fn written(node: &Node) -> String {
    match &node.value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(text) => without_numbers(text),
        Value::Text(text) => scalar(&without_numbers(text)),
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(written).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Map(entries) => {
            let entries =
                entries.iter().map(|entry| format!("{}: {}", scalar(&entry.key), written(&entry.value)));
            format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
        }
    }
}

/// A text as YAML takes it, in quotes where it might be taken for something else.
fn scalar(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || " _-./:@+*".contains(c);
    let is_plain = text.starts_with(|c: char| c.is_alphanumeric() || c == '/')
        && text.chars().all(plain)
        && !text.contains(": ")
        && !text.ends_with([':', ' '])
        && !matches!(text, "true" | "false" | "null");
    if is_plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

fn line(depth: usize, text: &str, out: &mut String) {
    out.push_str(&"  ".repeat(depth));
    out.push_str(text);
    out.push('\n');
}
