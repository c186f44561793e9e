//! JSON Schema of `warroom.yaml` and `roster.yaml`, for editors that complete and check: the declared keys, put as
//! a schema. It lets some mistakes pass, such as a person who does not exist; `warroom check` finds those.

use std::collections::BTreeSet;

use serde_json::{Map as Object, Value, json};

use crate::config::config_file::CONFIG;
use crate::config::keys::{Form, Key, Map, Text};
use crate::config::quantity;
use crate::config::roster_file::ROSTER;
use crate::config::secret::ELSEWHERE;
use crate::config::yaml::to_json;

/// One of the two files that users write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Document {
    /// `warroom.yaml`.
    Config,
    /// `roster.yaml`.
    Roster,
}

impl Document {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Config, Self::Roster];

    /// Its keys.
    pub(super) fn keys(self) -> &'static Map {
        match self {
            Self::Config => &CONFIG,
            Self::Roster => &ROSTER,
        }
    }

    /// Its JSON Schema.
    #[must_use]
    pub fn schema(self) -> Value {
        let keys = self.keys();
        let mut defs = Defs::default();
        let mut root = defs.map(keys);
        root.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        root.insert("$id".to_owned(), json!(format!("urn:warroom:schema:{}", keys.title)));
        root.insert("title".to_owned(), json!(keys.title));
        root.insert("$defs".to_owned(), Value::Object(defs.forms));
        Value::Object(root)
    }
}

/// The forms that have names.
#[derive(Default)]
struct Defs {
    forms: Object<String, Value>,
    known: BTreeSet<&'static str>,
}

impl Defs {
    /// A reference to the form called `name`, which `make` makes once.
    fn named(&mut self, name: &'static str, make: impl FnOnce(&mut Self) -> Value) -> Value {
        if self.known.insert(name) {
            let form = make(self);
            self.forms.insert(name.replace(' ', "_"), form);
        }
        json!({ "$ref": format!("#/$defs/{}", name.replace(' ', "_")) })
    }

    fn map(&mut self, map: &'static Map) -> Object<String, Value> {
        let needed: Vec<&str> = map.keys().filter(|key| key.is_needed).map(|key| key.name).collect();
        let keys: Object<String, Value> =
            map.keys().map(|key| (key.name.to_owned(), self.key(key))).collect();
        let mut form = object(json!({
            "type": ["object", "null"],
            "description": map.says(),
            "properties": keys,
            "additionalProperties": false,
        }));
        if !needed.is_empty() {
            form.insert("type".to_owned(), json!("object"));
            form.insert("required".to_owned(), json!(needed));
        }
        let examples: Vec<Value> = map.examples().iter().map(|example| to_json(example)).collect();
        if !examples.is_empty() {
            form.insert("examples".to_owned(), Value::Array(examples));
        }
        form.extend(object(serde_json::from_str(map.rules).unwrap_or_default()));
        form
    }

    fn key(&mut self, key: &'static Key) -> Value {
        let mut form = object(match key.form {
            Form::Template => template(key),
            _ => self.form(&key.form),
        });
        form.insert("description".to_owned(), json!(key.says_with_bounds()));
        if let Some(usual) = key.usual {
            form.insert("default".to_owned(), to_json(usual));
        } else if let Some(example) = key.own_example().filter(|_| !matches!(key.form, Form::Template)) {
            form.insert("examples".to_owned(), json!([to_json(example)]));
        }
        Value::Object(form)
    }

    fn form(&mut self, form: &'static Form) -> Value {
        match form {
            Form::Bool => json!({ "type": "boolean" }),
            Form::Number(least, most) => json!({
                "type": ["integer", "string"], "minimum": least, "maximum": most, "pattern": "^\\s*\\+?[0-9]+\\s*$",
            }),
            Form::Duration(..) => self.named("duration", |_| duration()),
            Form::Size(least, most) => json!({
                "type": ["string", "integer"], "minimum": quantity::size(least), "maximum": quantity::size(most),
                "pattern": "^\\s*[0-9]+\\s*(B|KB|kB|KiB|MB|MiB)?\\s*$",
            }),
            Form::Word(words) => json!({ "enum": words() }),
            Form::Text(text) => self.named(text.name, |_| text_form(text)),
            Form::Secret => self.named("secret", |defs| {
                let elsewhere = defs.form(const { &Form::Map(&ELSEWHERE) });
                let plain = json!({
                    "type": ["string", "number", "boolean"], "minLength": 1, "examples": [NO_SECRET],
                });
                json!({ "anyOf": [elsewhere, plain] })
            }),
            Form::Hidden(form) => self.form(form),
            Form::Template => json!({}),
            Form::Secrets => self.named("secrets", |defs| defs.form(&Form::Some(&Form::Secret, 1))),
            Form::Map(map) => self.named(map.title, |defs| Value::Object(defs.map(map))),
            Form::Named(named) => {
                let names: Value = serde_json::from_str(named.names).unwrap_or_default();
                let of = self.form(&named.of);
                json!({
                    "type": "object", "additionalProperties": of, "propertyNames": names,
                    "minProperties": named.least,
                })
            }
            Form::List(of, least) => json!({ "type": "array", "items": self.form(of), "minItems": least }),
            Form::Some(of, least) => {
                let one = self.form(of);
                json!({ "anyOf": [one, { "type": "array", "items": one, "minItems": least }] })
            }
            Form::Any(forms) => {
                let forms: Vec<Value> = forms.iter().map(|form| self.form(form)).collect();
                json!({ "anyOf": forms })
            }
        }
    }
}

/// A text, or the file that holds it, with an example of each that fits this very template.
fn template(key: &Key) -> Value {
    let file = format!("{}.txt", key.name);
    json!({ "anyOf": [
        {
            "type": ["string", "number", "boolean"], "pattern": "\\S",
            "examples": [to_json(key.own_example().unwrap_or_default())],
        },
        {
            "type": "object", "additionalProperties": false, "required": ["file"],
            "properties": { "file": {
                "type": "string", "pattern": "\\S", "examples": [file],
                "description": "A path relative to the file in which it is written.",
            } },
            "examples": [{ "file": file }],
        },
    ] })
}

fn text_form(text: &Text) -> Value {
    json!({
        "type": text.types,
        "pattern": format!("^\\s*(?:{})\\s*$", text.pattern),
        "description": text.says,
        "examples": [to_json(text.example)],
    })
}

fn duration() -> Value {
    let unit = "(ms|milliseconds?|s|sec|seconds?|m|min|minutes?|h|hours?|d|days?|w|weeks?)";
    json!({
        "type": "string",
        "pattern": format!("^\\s*([0-9]+\\s*{unit}\\s*)+$"),
        "description": "A length of time: `500ms`, `30s`, `5m`, `1h30m`, `1 week`.",
    })
}

/// The bytes from 0 to 31, in a form that everything that wants a secret takes.
const NO_SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

fn object(value: Value) -> Object<String, Value> {
    if let Value::Object(object) = value { object } else { Object::new() }
}
