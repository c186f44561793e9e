//! The reference of all keys, as Markdown: the declared keys, put as tables.

use std::fmt::Write;

use crate::config::keys::{Form, Key, Map, Text};
use crate::config::schema::Document;

/// The reference of both files.
#[must_use]
pub fn reference() -> String {
    let mut page = Page::default();
    for document in Document::ALL {
        page.map(document.keys(), document.keys().title, 2);
    }
    page.out.push_str("## Kinds of values\n\n| kind | what it is | example |\n|---|---|---|\n");
    page.out.push_str(
        "| duration | a number and a unit, several if needed: `500ms`, `30s`, `1h30m`, `1 week` | `5m` |\n",
    );
    page.out.push_str(
        "| secret | the value itself, `{ env: NAME }` or `{ file: PATH }` | `{ env: WARROOM_SECRET }` |\n",
    );
    page.out.push_str("| template | a text, or `{ file: PATH }` | `\"{{ token }} {{ title }}\"` |\n");
    page.texts.sort_by_key(|text| text.name);
    for Text { name, says, example, .. } in &page.texts {
        _ = writeln!(page.out, "| {name} | {says} | `{example}` |");
    }
    page.out
}

#[derive(Default)]
struct Page {
    out: String,
    done: Vec<&'static str>,
    texts: Vec<&'static Text>,
}

impl Page {
    /// A table of the keys of `map`, then the maps within it.
    fn map(&mut self, map: &'static Map, path: &str, level: usize) {
        if self.done.contains(&map.title) {
            return;
        }
        self.done.push(map.title);
        let heading = if level == 2 { format!("## {path}") } else { format!("### {} `{path}`", map.title) };
        _ = writeln!(
            self.out,
            "{heading}\n\n{}\n\n| key | value | default | example | |\n|---|---|---|---|---|",
            map.says()
        );
        let mut within = Vec::new();
        for key in map.keys() {
            let path = if level == 2 { key.name.to_owned() } else { format!("{path}.{}", key.name) };
            let value = self.words(&key.form, &path, &mut within);
            let usual = match (key.usual, key.is_needed) {
                (Some(usual), _) => format!("`{usual}`"),
                (None, true) => "must be there".to_owned(),
                (None, false) => String::new(),
            };
            _ = writeln!(
                self.out,
                "| `{}` | {value} | {} | {} | {} |",
                key.name,
                escaped(&usual),
                escaped(&example(key)),
                escaped(&key.says())
            );
        }
        self.out.push('\n');
        for (map, path) in within {
            self.map(map, &path, 3);
        }
    }

    /// What a value looks like, in words; maps in it are put into `within`.
    fn words(&mut self, form: &'static Form, path: &str, within: &mut Vec<(&'static Map, String)>) -> String {
        match form {
            Form::Bool => "true or false".to_owned(),
            Form::Number(least, most) => format!("number, {least} to {most}"),
            Form::Duration(least, most) => format!("duration, {least} to {most}"),
            Form::Size(least, most) => format!("size, {least} to {most}"),
            Form::Word(words) => {
                words().iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
            }
            Form::Text(text) => {
                if self.texts.iter().all(|known| known.name != text.name) {
                    self.texts.push(text);
                }
                text.name.to_owned()
            }
            Form::Secret => "secret".to_owned(),
            Form::Secrets => "secret, or a list of them".to_owned(),
            Form::Hidden(form) => self.words(form, path, within),
            Form::Map(map) => {
                within.push((map, path.to_owned()));
                format!("*{}*", map.title)
            }
            Form::Named(named) => {
                let of = self.words(&named.of, &format!("{path}.NAME"), within);
                format!("by name: {of}")
            }
            Form::List(of, _) => format!("list of {}", self.words(of, &format!("{path}[]"), within)),
            Form::Some(of, _) => {
                format!("{}, or a list of them", self.words(of, &format!("{path}[]"), within))
            }
            Form::Template => "template".to_owned(),
            Form::Any(forms) => {
                let forms: Vec<String> = forms.iter().map(|form| self.words(form, path, within)).collect();
                forms.join(" or ")
            }
        }
    }
}

/// An example, unless it says no more than the kind of value does.
fn example(key: &Key) -> String {
    match (&key.form, key.example()) {
        (Form::Bool | Form::Word(_) | Form::Number(..) | Form::Duration(..) | Form::Size(..), _)
            if key.own_example().is_none() =>
        {
            String::new()
        }
        (Form::Map(_) | Form::Secret | Form::Secrets, _) if key.own_example().is_none() => String::new(),
        (_, Some(example)) if key.usual.is_none() => format!("`{example}`"),
        _ => String::new(),
    }
}

/// Fit for a cell of a table.
fn escaped(text: &str) -> String {
    text.replace('|', "\\|")
}
