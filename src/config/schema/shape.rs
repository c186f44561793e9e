//! What the values of keys look like, as the reader takes them.
//!
//! A text may be written without quotes, so numbers, `true` and `false` are texts too; a number may stand in
//! quotes. Where one value may stand instead of a list, both are allowed.

use serde_json::{Map, Value, json};

use crate::alert::Severity;

/// A key of a map with what it says.
pub(super) type Key = (&'static str, Value);

/// A key: its name, what it says, and the form of its value.
pub(super) fn key(name: &'static str, says: &str, form: Value) -> Key {
    (name, with(form, "description", says))
}

/// The same form with one more keyword.
pub(super) fn with(mut form: Value, keyword: &str, value: impl Into<Value>) -> Value {
    if let Some(form) = form.as_object_mut() {
        form.insert(keyword.to_owned(), value.into());
    }
    form
}

/// The form with the value that counts while the key is absent.
pub(super) fn usual(form: Value, value: impl Into<Value>) -> Value {
    with(form, "default", value)
}

/// The form with a value as one might write it.
pub(super) fn such_as(form: Value, value: impl Into<Value>) -> Value {
    with(form, "examples", vec![value.into()])
}

/// A form from `$defs`.
pub(super) fn def(name: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{name}") })
}

/// A map with these keys and no others. It may be left empty.
pub(super) fn map(keys: impl IntoIterator<Item = Key>) -> Value {
    let keys: Map<String, Value> = keys.into_iter().map(|(name, form)| (name.to_owned(), form)).collect();
    json!({ "type": ["object", "null"], "properties": keys, "additionalProperties": false })
}

/// A map with these keys and no others, some of which must be there.
pub(super) fn map_with(needed: &[&str], keys: impl IntoIterator<Item = Key>) -> Value {
    with(with(map(keys), "type", "object"), "required", needed)
}

/// A map whose keys are names of the user's own choice.
pub(super) fn named(form: Value) -> Value {
    with(json!({ "type": "object" }), "additionalProperties", form)
}

/// A list of these.
pub(super) fn list(form: Value) -> Value {
    with(json!({ "type": "array" }), "items", form)
}

/// A list of these, or one alone.
pub(super) fn some(form: Value) -> Value {
    json!({ "anyOf": [form.clone(), list(form)] })
}

/// A list of at least one of these, or one alone.
pub(super) fn one_or_more(form: Value) -> Value {
    json!({ "anyOf": [form.clone(), with(list(form), "minItems", 1)] })
}

/// Any text that is not blank.
pub(super) fn text() -> Value {
    matching("\\S")
}

/// A text of this form.
pub(super) fn matching(pattern: &str) -> Value {
    json!({ "type": ["string", "number", "boolean"], "pattern": pattern })
}

/// A text of this form, which no number has.
pub(super) fn words(pattern: &str) -> Value {
    json!({ "type": "string", "pattern": pattern })
}

/// One of these words.
/// The tag of a language.
pub(super) fn language() -> Value {
    such_as(words("^\\s*[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*\\s*$"), "pt-BR")
}

pub(super) fn one_of(words: impl IntoIterator<Item = &'static str>) -> Value {
    json!({ "enum": words.into_iter().collect::<Vec<_>>() })
}

/// A whole number within a range.
pub(super) fn number(from: u32, to: u32) -> Value {
    json!({ "type": ["integer", "string"], "minimum": from, "maximum": to, "pattern": "^\\s*\\+?[0-9]+\\s*$" })
}

/// `true` or `false`.
pub(super) fn truth() -> Value {
    json!({ "type": "boolean" })
}

/// A length of time.
pub(super) fn duration() -> Value {
    def("duration")
}

/// A severity.
pub(super) fn severity() -> Value {
    def("severity")
}

/// A secret or another value that may stand elsewhere.
pub(super) fn secret() -> Value {
    def("secret")
}

/// One secret, or several of which any is taken.
pub(super) fn secrets() -> Value {
    def("secrets")
}

/// What a template says, or the file that it stands in.
pub(super) fn wording(such: &str, file: &str) -> Value {
    let path = such_as(text(), file);
    let form = map_with(&["file"], [key("file", "A path relative to warroom.yaml.", path)]);
    json!({ "anyOf": [such_as(text(), such), such_as(form, json!({ "file": file }))] })
}

/// The document of which these are the keys, with the named forms of `$defs` that it uses.
pub(super) fn document(
    file: &str,
    title: &str,
    says: &str,
    root: Value,
    defs: impl IntoIterator<Item = Key>,
) -> Value {
    let defs: Map<String, Value> = defs.into_iter().map(|(name, form)| (name.to_owned(), form)).collect();
    let root = with(root, "$schema", "https://json-schema.org/draft/2020-12/schema");
    let root = with(root, "$id", format!("urn:warroom:schema:{file}"));
    with(with(with(root, "title", title), "description", says), "$defs", defs)
}

/// The form of a length of time.
pub(super) fn duration_def() -> Key {
    let unit = "(ms|milliseconds?|s|sec|seconds?|m|min|minutes?|h|hours?|d|days?|w|weeks?)";
    key(
        "duration",
        "A length of time: `500ms`, `30s`, `5m`, `1h30m`, `1 week`.",
        json!({ "type": "string", "pattern": format!("^\\s*([0-9]+\\s*{unit}\\s*)+$") }),
    )
}

/// Where a value stands that is not in the file itself.
pub(super) fn elsewhere(variable: &str, file: &str) -> Value {
    let keys = [
        key(
            "env",
            "The environment variable that holds it.",
            such_as(matching("^\\s*[A-Za-z_][A-Za-z0-9_]*\\s*$"), variable),
        ),
        key("file", "The file that holds it; one line break at its end is ignored.", such_as(text(), file)),
    ];
    let form = with(with(with(map(keys), "type", "object"), "minProperties", 1), "maxProperties", 1);
    with(form, "examples", vec![json!({ "env": variable }), json!({ "file": file })])
}

/// The form of a secret.
pub(super) fn secret_def() -> Key {
    let plain = json!({ "type": ["string", "number", "boolean"], "minLength": 1 });
    key(
        "secret",
        "`{ env: NAME }`, `{ file: PATH }`, or the value itself; then keep this file to yourself.",
        json!({ "anyOf": [elsewhere("WARROOM_SECRET", "secret.txt"), such_as(plain, SECRET)] }),
    )
}

/// No secret at all: the bytes from 0 to 31, in a form that everything that wants a secret takes.
const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// The form of one or several secrets.
pub(super) fn secrets_def() -> Key {
    key(
        "secrets",
        "A secret, or a list of them while you change them: any is accepted.",
        one_or_more(secret()),
    )
}

/// The form of a severity.
pub(super) fn severity_def() -> Key {
    key("severity", "sev1 (worst) to sev5.", one_of(Severity::ALL.map(Severity::as_str)))
}

/// The form of label matchers.
pub(super) fn matchers_def() -> Key {
    let matcher = such_as(words("(=|!~)"), "environment =~ \"prod.*\"");
    key(
        "matchers",
        "Alertmanager's matchers, all of which must hold: =, !=, =~ and !~; patterns cover the whole value.",
        some(matcher),
    )
}

/// The form of a phone number. Without quotes it is a number to YAML, which the reader takes if there is a `+`;
/// an editor does not see the `+`.
pub(super) fn phone_def() -> Key {
    let between = "[\\s().-]*";
    key(
        "phone",
        "A phone number with + and country code, in quotes.",
        json!({
            "type": ["string", "integer"],
            "pattern": format!("^{between}\\+{between}[1-9]({between}[0-9]){{6,14}}{between}$"),
        }),
    )
}

/// The form of a web address.
pub(super) fn web_address(such: &str) -> Value {
    such_as(words("^\\s*https?://[^/\\s]\\S*\\s*$"), such)
}

/// The form of names that become parts of addresses and metric labels.
pub(super) const NAME: &str = "^\\s*[a-z0-9][a-z0-9-]{0,63}\\s*$";
