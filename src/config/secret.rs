//! Values that may stand elsewhere: in the environment, in a file, or plainly in the text.
//!
//! A secret is covered in the source text before anything else happens to it, so no finding can show it.

use std::io::Read;

use secrecy::SecretString;

use crate::clock;
use crate::config::Strictness;
use crate::config::item::Item;
use crate::config::keys::{Form, SCALAR, TEXT, Text, keys};
use crate::config::source_text::Cover;
use crate::config::words::{reason, shortened};
use crate::config::yaml::Value;

/// Longest secret that is read from a file.
const LONGEST_FILE: u64 = 64 * 1024;

/// Shorter secrets can be guessed by somebody patient.
const SHORTEST: usize = 16;

/// How a value begins that is no secret and is not to be had here, where it is not needed either; what follows
/// differs from one to the next. No value that somebody has written holds such a character.
pub const UNSET: &str = "\u{1}unset-";

keys! {
    /// Where a value stands that is not in the file itself.
    pub(super) ELSEWHERE = "elsewhere"
    rules r#"{ "type": "object", "minProperties": 1, "maxProperties": 1 }"#
    such_as [ "{ env: WARROOM_SECRET }", "{ file: secret.txt }" ] {
        /// The environment variable that holds it.
        env: VARIABLE;
        /// The file that holds it; one line break at its end is ignored.
        file: TEXT, such_as "secret.txt";
    }
}

const VARIABLE: Form = Form::Text(&Text {
    name: "variable",
    says: "The name of an environment variable.",
    pattern: "[A-Za-z_][A-Za-z0-9_]*",
    types: SCALAR,
    example: "WARROOM_SECRET",
});

/// Where a value came from.
enum Origin {
    Plain,
    Elsewhere,
    /// Not set here; only tolerated by `check`.
    Missing,
}

impl Item<'_> {
    /// A secret. While checking, one whose variable is not set becomes an unguessable one, so that all the
    /// rest can be looked at.
    pub(super) fn secret(&self) -> Option<SecretString> {
        if !self.is_map() {
            self.cover(Cover::Secret);
        }
        let (text, origin) = self.find("a secret")?;
        match origin {
            Origin::Missing => return Some(SecretString::from(text)),
            Origin::Plain | Origin::Elsewhere => {}
        }
        if text.is_empty() {
            self.error_with("is empty", "write the secret, `{ env: NAME }` or `{ file: PATH }`");
            return None;
        }
        if text.chars().any(char::is_control) {
            self.error_with(
                "holds a line break or another control character",
                "a secret is one line; only one line break at the end of a file is ignored",
            );
            return None;
        }
        if text.chars().count() < SHORTEST {
            self.warning(
                format!("is shorter than {SHORTEST} characters"),
                "make one with `openssl rand -hex 32`",
            );
        }
        Some(SecretString::from(text))
    }

    /// One secret, or a list of them during a rotation; an empty list is a finding.
    pub(super) fn secrets(&self) -> Vec<SecretString> {
        let items = self.list(true);
        if items.is_empty() && matches!(self.node.value, Value::List(_)) {
            self.error_with("is an empty list", "without a secret nothing can be verified");
        }
        items.iter().filter_map(Item::secret).collect()
    }

    /// A value that is no secret but may stand elsewhere all the same.
    pub(super) fn text_from_anywhere(&self) -> Option<String> {
        let (text, origin) = self.find("a text")?;
        if matches!(origin, Origin::Missing) {
            return Some(format!("{UNSET}{text}"));
        }
        let text = text.trim();
        if text.is_empty() || text.chars().any(char::is_control) {
            let why = if text.is_empty() { "is empty" } else { "holds a control character" };
            self.error_with(why, "write it, `{ env: NAME }` or `{ file: PATH }`");
            return None;
        }
        Some(text.to_owned())
    }

    fn find(&self, what: &str) -> Option<(String, Origin)> {
        if !self.is_map() {
            let expected = format!("{what}, `{{ env: NAME }}` or `{{ file: PATH }}`");
            let text = self.scalar(&expected)?;
            return Some((text.to_owned(), Origin::Plain));
        }
        let names_a_place = matches!(&self.node.value, Value::Map(entries)
            if entries.iter().any(|e| e.key == "env" || e.key == "file"));
        if !names_a_place {
            // `{ abc }` is a map with the key `abc`, which may well be the secret itself.
            self.cover(Cover::Secret);
            self.error_with(
                format!("must be {what}, `{{ env: NAME }}` or `{{ file: PATH }}`"),
                "a value with brackets or a colon in it needs quotes",
            );
            return None;
        }
        let (env, file) = self.section(&ELSEWHERE, |s| (s.get("env"), s.get("file")));
        match (env, file) {
            (Some(env), None) => self.ask_environment(&env, env.text()?),
            (None, Some(file)) => file.read_file(file.text()?),
            (Some(_), Some(_)) => {
                self.error_with("names both `env` and `file`: one of them is enough", "remove one of them");
                None
            }
            (None, None) => None,
        }
    }

    fn ask_environment(&self, item: &Item<'_>, name: &str) -> Option<(String, Origin)> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if !name.chars().all(plain) || name.starts_with(|c: char| c.is_ascii_digit()) {
            // Somebody may have put the secret itself here.
            item.cover(Cover::Secret);
            item.error_with(
                "is not the name of an environment variable",
                "write the name, such as `WAWP_ACCESS_TOKEN`; a secret itself needs no `env:`",
            );
            return None;
        }
        if let Some(value) = (self.context.env)(name) {
            if value.is_empty() {
                let name = shortened(name);
                self.error_with(
                    format!("is empty: the environment variable {name} is set to nothing"),
                    format!("set {name}, or use `{{ file: PATH }}`"),
                );
                return None;
            }
            if value.contains('\u{fffd}') {
                let name = shortened(name);
                self.error_with(
                    format!("cannot be read: the environment variable {name} is no UTF-8"),
                    format!("set {name} to plain text, or use `{{ file: PATH }}`"),
                );
                return None;
            }
            return Some((value, Origin::Elsewhere));
        }
        let name = shortened(name);
        if self.is_needed() {
            self.context.error_with(
                item.span(),
                format!("`{}` has no value: the environment variable {name} is not set", self.path),
                format!("set {name}, or use `{{ file: PATH }}`"),
            );
            return None;
        }
        self.context.warning(
            item.span(),
            format!("`{}`: {name} is not set here", self.path),
            "`serve` will refuse to start without it",
        );
        Some(missing())
    }

    /// Whether the value is about to be used.
    fn is_needed(&self) -> bool {
        match self.context.strictness {
            Strictness::Serve => true,
            Strictness::Check => false,
            Strictness::Only(part) => {
                self.path.strip_prefix(part).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            }
        }
    }

    fn read_file(&self, path: &str) -> Option<(String, Origin)> {
        let is_of_others = matches!(self.context.strictness, Strictness::Only(_)) && !self.is_needed();
        if is_of_others && std::fs::File::open(self.context.folder.join(path)).is_err() {
            return Some(missing());
        }
        let text = self.file_text(path)?;
        let text = text.strip_suffix('\n').unwrap_or(&text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        Some((text.to_owned(), Origin::Elsewhere))
    }

    /// The text of the file that this value names, of at most 64 KiB.
    pub(super) fn file_text(&self, path: &str) -> Option<String> {
        let path = self.context.folder.join(path);
        let mut bytes = Vec::new();
        let read =
            std::fs::File::open(&path).and_then(|file| file.take(LONGEST_FILE + 1).read_to_end(&mut bytes));
        if let Err(e) = read {
            self.error_with(
                format!("cannot be read: {}", reason(&e)),
                format!("looked for {}", path.display()),
            );
            return None;
        }
        let longest = usize::try_from(LONGEST_FILE).unwrap_or(usize::MAX);
        let text = String::from_utf8(bytes).ok().filter(|t| t.len() <= longest);
        if text.is_none() {
            self.error_with(
                "must be a text of at most 64 KiB",
                "look whether this is the file that was meant",
            );
        }
        text
    }
}

/// What stands for a value that is not to be had: of a form that every verifier takes, and known to nobody.
fn missing() -> (String, Origin) {
    (format!("whsec_{}", clock::new_token()), Origin::Missing)
}
