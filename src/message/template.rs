//! The template engine, shut in: no files, no includes, few filters, a bound on work and on output, and
//! every value escaped on its way out.

use std::sync::LazyLock;

use minijinja::value::StringInput;
use minijinja::{
    AutoEscape, Environment, Error, ErrorKind, Output, State, Template, UndefinedBehavior, Value, filters,
    tests,
};

use super::TemplateProblem;
use super::catalog::{Catalog, LANGUAGE};
use super::labels::items;
use super::length::fit;
use super::markup::escape;
use super::phrase::Phrase;
use super::scene::Words;
use super::wording::Wording;

/// Work one text may take; also bounds its memory to about 64 bytes for each.
const FUEL: u64 = 20_000;
/// The longest output in bytes, far above what any gateway takes.
const LONGEST_OUTPUT: usize = 64 * 1024;

/// All templates, the built-in ones and those of the config.
#[derive(Debug)]
pub(super) struct Templates {
    engine: Environment<'static>,
}

/// Whose template of a kind to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Author<'t> {
    /// This text, which belongs to one room or one language.
    Own(&'t str),
    /// The config's, if it has one.
    Config,
    /// Ours, in the language with this tag.
    BuiltIn(&'t str),
}

fn config_key(wording: Wording) -> String {
    format!("config {}", wording.as_str())
}

fn built_in_key(tag: &str, wording: Wording) -> String {
    format!("{tag} {}", wording.as_str())
}

/// The engine with the built-in templates of every language.
static BUILT_IN: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut engine = Environment::empty();
    engine.set_undefined_behavior(UndefinedBehavior::Strict);
    engine.set_auto_escape_callback(|_| AutoEscape::Custom("whatsapp".into()));
    engine.set_formatter(insert);
    engine.set_fuel(Some(FUEL));
    if let Ok(syntax) =
        minijinja::syntax::SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()
    {
        engine.set_syntax(syntax);
    }
    engine.add_filter("upper", filters::upper);
    engine.add_filter("lower", filters::lower);
    engine.add_filter("trim", filters::trim);
    engine.add_filter("join", filters::join);
    engine.add_filter("items", items);
    engine.add_filter("length", filters::length);
    engine.add_filter("first", filters::first);
    engine.add_filter("last", filters::last);
    engine.add_filter("default", filters::default);
    engine.add_filter("short", short);
    engine.add_filter("quoted", quoted);
    engine.add_test("defined", tests::is_defined);
    engine.add_test("none", tests::is_none);
    engine.add_test("in", tests::is_in);
    for catalog in Catalog::all() {
        for wording in Wording::every() {
            // A test renders every one of them; a wording that is missing all the same gets the bare text.
            let text = catalog.template(wording).to_owned();
            let _ = engine.add_template_owned(built_in_key(catalog.tag, wording), text);
        }
    }
    engine
});

impl Templates {
    /// The built-in ones.
    pub(super) fn built_in() -> Self {
        Self { engine: BUILT_IN.clone() }
    }

    /// Takes `source` for `wording`. `known` are the names it may use.
    pub(super) fn replace(&mut self, wording: Wording, source: &str, known: &Words) -> Vec<TemplateProblem> {
        if let Err(error) = self.engine.add_template_owned(config_key(wording), source.to_owned()) {
            return vec![problem(wording, &error)];
        }
        let Ok(template) = self.engine.get_template(&config_key(wording)) else {
            return Vec::new();
        };
        let mut unknown: Vec<String> = template
            .undeclared_variables(false)
            .into_iter()
            .filter(|name| !known.contains_key(name.as_str()))
            .collect();
        unknown.sort();
        unknown
            .into_iter()
            .map(|name| TemplateProblem {
                template: wording.as_str().to_owned(),
                line: line_of(source, &name),
                why: unknown_name(&name, known),
                hint: VARIABLES,
            })
            .collect()
    }

    /// Whether the config has its own.
    pub(super) fn has_own(&self, wording: Wording) -> bool {
        self.engine.get_template(&config_key(wording)).is_ok()
    }

    /// The template of `author`.
    pub(super) fn template<'t>(
        &'t self,
        author: Author<'t>,
        wording: Wording,
    ) -> Result<Ready<'t>, TemplateProblem> {
        let template = match author {
            // Small, and told seldom: read again each time, so that no memory of them has to be bounded.
            Author::Own(source) => self.engine.template_from_named_str(wording.as_str(), source),
            Author::Config => self.engine.get_template(&config_key(wording)),
            Author::BuiltIn(tag) => self.engine.get_template(&built_in_key(tag, wording)),
        };
        template.map(|template| Ready { template, wording }).map_err(|error| problem(wording, &error))
    }
}

/// A template that can be filled.
pub(super) struct Ready<'t> {
    template: Template<'t, 't>,
    wording: Wording,
}

impl Ready<'_> {
    /// The filled template.
    pub(super) fn render(&self, words: Words) -> Result<String, TemplateProblem> {
        let wording = self.wording;
        let text = self.template.render(words).map_err(|error| problem(wording, &error))?;
        if text.len() > LONGEST_OUTPUT {
            return Err(TemplateProblem::of(
                wording,
                format!("it makes more than {LONGEST_OUTPUT} bytes of text"),
                "write less, or repeat less",
            ));
        }
        if text.trim().is_empty() {
            let hint = "write something that stands there whatever is known, or remove the text";
            return Err(TemplateProblem::of(wording, "it says nothing".to_owned(), hint));
        }
        Ok(text)
    }
}

/// Inserts a value: escaped, unless it was made safe when the words were gathered.
fn insert(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    if let Some(safe) = value.as_str().filter(|_| value.is_safe()) {
        return out.write_str(safe).map_err(Error::from);
    }
    let tag = state.lookup(LANGUAGE);
    let catalog = tag.as_ref().and_then(Value::as_str).and_then(Catalog::tagged);
    let catalog = catalog.unwrap_or_else(Catalog::english);
    let text = if value.is_none() || value.is_undefined() {
        catalog.raw(Phrase::Unknown).to_owned()
    } else {
        let text = value.as_str().map_or_else(|| escape(&value.to_string()), escape);
        catalog.isolated(text)
    };
    out.write_str(&text).map_err(Error::from)
}

/// The beginning of a text, at most so many UTF-16 units.
#[expect(clippy::needless_pass_by_value, reason = "the engine hands arguments over by value")]
fn short(text: StringInput<'_>, longest: usize) -> Value {
    text.preserve_safety(fit(text.as_str(), longest))
}

/// Each line that says something as a quote, which sets foreign lines apart from ours.
#[expect(clippy::needless_pass_by_value, reason = "the engine hands arguments over by value")]
fn quoted(state: &mut State<'_, '_>, text: StringInput<'_>) -> Result<Value, Error> {
    let lines: Vec<String> = text
        .format(state)?
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| format!("> {line}"))
        .collect();
    Ok(Value::from_safe_string(lines.join("\n")))
}

fn problem(wording: Wording, error: &Error) -> TemplateProblem {
    let kind = error.kind();
    let why = match (kind, error.detail()) {
        (ErrorKind::OutOfFuel, _) => "it does too much work for one text".to_owned(),
        (_, Some(detail)) => format!("{kind}: {detail}"),
        (_, None) => kind.to_string(),
    };
    let hint = match kind {
        ErrorKind::OutOfFuel => "repeat less",
        ErrorKind::UnknownFilter => {
            "there are `upper`, `lower`, `trim`, `join`, `items`, `length`, `first`, `last`, `default`, `short(units)` \
             and `quoted`"
        }
        ErrorKind::UndefinedError => "look at the name behind the dot: nothing has it",
        _ => VARIABLES,
    };
    TemplateProblem { template: wording.as_str().to_owned(), line: error.line(), why, hint }
}

/// How a template is written.
const VARIABLES: &str = "variables are written `{{ title }}`, conditions `{% if runbook %} … {% endif %}`";

fn unknown_name(name: &str, known: &Words) -> String {
    let nearest =
        known.keys().map(|k| (strsim::jaro_winkler(k, name), *k)).max_by(|(a, _), (b, _)| a.total_cmp(b));
    match nearest {
        Some((likeness, near)) if likeness > 0.8 => {
            format!("`{name}` is not known here; did you mean `{near}`?")
        }
        _ => {
            let names: Vec<&str> = known.keys().copied().collect();
            format!("`{name}` is not known here; there is {}", names.join(", "))
        }
    }
}

/// The first line that holds `name` as a whole word.
fn line_of(source: &str, name: &str) -> Option<usize> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let at = source.lines().position(|line| line.split(|c| !is_word(c)).any(|word| word == name))?;
    Some(at + 1)
}
