//! What keys there are: each is declared once, beside its reader, by `keys!`.
//!
//! The reader takes from it which keys are known, needed and usual, and within which bounds; the JSON Schema, the
//! reference page and `warroom check --effective` are made of nothing else.

/// A map with known keys.
pub(super) struct Map {
    /// What the schema and the reference page call it.
    pub(super) title: &'static str,
    pub(super) says: &'static str,
    /// Its own keys, then those that it shares with others.
    pub(super) groups: &'static [&'static [Key]],
    /// JSON Schema for what its keys need of one another.
    pub(super) rules: &'static str,
    /// The map as one might write it, where its needed keys alone do not make one.
    pub(super) examples: &'static [&'static str],
}

/// One key of a map.
pub(super) struct Key {
    pub(super) name: &'static str,
    says: &'static str,
    pub(super) form: Form,
    pub(super) is_needed: bool,
    /// What counts if it is absent, as YAML.
    pub(super) usual: Option<&'static str>,
    /// A value as one might write it, as YAML.
    example: Option<&'static str>,
}

/// What a value looks like.
#[derive(Clone, Copy)]
pub(super) enum Form {
    Bool,
    /// A whole number within bounds.
    Number(u32, u32),
    /// A length of time within bounds.
    Duration(&'static str, &'static str),
    /// A number of bytes within bounds.
    Size(&'static str, &'static str),
    /// One of a few words.
    Word(fn() -> Vec<&'static str>),
    Text(&'static Text),
    /// A value that must not be shown, or where it stands.
    Secret,
    /// One secret or several.
    Secrets,
    /// What is not shown either, because it may hold a secret.
    Hidden(&'static Self),
    /// A text with variables, or the file that holds it.
    Template,
    Map(&'static Map),
    /// A map whose keys are names of the user's own choice.
    Named(&'static Named),
    /// A list of at least so many.
    List(&'static Self, usize),
    /// A list of at least so many, or one alone.
    Some(&'static Self, usize),
    /// Any of these.
    Any(&'static [Self]),
}

/// A kind of text.
pub(super) struct Text {
    /// What the schema and the reference page call it.
    pub(super) name: &'static str,
    pub(super) says: &'static str,
    /// The regular expression of the schema, around which blanks are taken.
    pub(super) pattern: &'static str,
    /// What YAML may take it for, as JSON Schema's names of types.
    pub(super) types: &'static [&'static str],
    pub(super) example: &'static str,
}

/// A map whose keys are names of the user's own choice.
pub(super) struct Named {
    pub(super) of: Form,
    /// JSON Schema of the names.
    pub(super) names: &'static str,
    /// A name as one might write it.
    pub(super) example: &'static str,
    pub(super) least: usize,
}

impl Key {
    pub(super) const fn new(name: &'static str, says: &'static str, form: Form) -> Self {
        Self { name, says, form, is_needed: false, usual: None, example: None }
    }

    pub(super) const fn needed(mut self) -> Self {
        self.is_needed = true;
        self
    }

    pub(super) const fn usual(mut self, value: &'static str) -> Self {
        self.usual = Some(value);
        self
    }

    pub(super) const fn such_as(mut self, value: &'static str) -> Self {
        self.example = Some(value);
        self
    }

    /// Its sentence.
    pub(super) fn says(&self) -> String {
        plain(self.says)
    }

    /// Its sentence, with the bounds that JSON Schema cannot say.
    pub(super) fn says_with_bounds(&self) -> String {
        match self.form {
            Form::Duration(least, most) => format!("{} From {least} to {most}.", self.says()),
            _ => self.says(),
        }
    }

    /// The example of this key, rather than of its form.
    pub(super) fn own_example(&self) -> Option<&'static str> {
        self.example
    }

    /// A value as one might write it, as YAML.
    pub(super) fn example(&self) -> Option<String> {
        self.example.map(str::to_owned).or_else(|| self.form.example())
    }
}

impl Map {
    /// Every key, in the order in which they are declared.
    pub(super) fn keys(&self) -> impl Iterator<Item = &'static Key> {
        self.groups.iter().flat_map(|group| group.iter())
    }

    pub(super) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys().find(|key| key.name == name)
    }

    pub(super) fn says(&self) -> String {
        plain(self.says)
    }

    /// The map as one might write it, as YAML.
    pub(super) fn examples(&self) -> Vec<String> {
        if !self.examples.is_empty() {
            return self.examples.iter().map(|example| (*example).to_owned()).collect();
        }
        let needed = self.keys().filter(|key| key.is_needed);
        let needed: Vec<String> =
            needed.filter_map(|key| Some(format!("{}: {}", key.name, key.example()?))).collect();
        if needed.is_empty() { Vec::new() } else { vec![format!("{{ {} }}", needed.join(", "))] }
    }
}

impl Form {
    /// A value as one might write it, as YAML.
    pub(super) fn example(&self) -> Option<String> {
        match self {
            Self::Bool => Some("true".to_owned()),
            Self::Number(least, _) => Some(least.to_string()),
            Self::Duration(least, _) | Self::Size(least, _) => Some((*least).to_owned()),
            Self::Word(words) => words().first().map(|word| (*word).to_owned()),
            Self::Text(text) => Some(text.example.to_owned()),
            Self::Secret | Self::Secrets => Some("{ env: WARROOM_SECRET }".to_owned()),
            Self::Hidden(form) => form.example(),
            Self::Template => Some("{ file: welcome.txt }".to_owned()),
            Self::Map(map) => map.examples().into_iter().next(),
            Self::Named(named) => Some(format!("{{ {}: {} }}", named.example, named.of.example()?)),
            Self::List(of, _) | Self::Some(of, _) => Some(format!("[ {} ]", of.example()?)),
            Self::Any(forms) => forms.iter().find_map(Self::example),
        }
    }
}

/// What keys were called before, with the names of today, which resemble them too little to be guessed.
pub(super) const RENAMED: &[(&str, &str)] = &[
    ("second_way", "fallback_webhook"),
    ("strangers", "not_opted_in"),
    ("fold", "share_when_over_budget"),
    ("introduced", "opted_in"),
    ("introduce_gap", "ask_gap"),
    ("introduction", "opt_in_request"),
    ("starts", "start"),
    ("shift", "shift_length"),
];

/// A sentence that stands on several lines of the code, on one.
fn plain(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Declares maps and groups of keys. The sentence of a map or a key is the comment above it; behind the form of a
/// key stands `needed`, `usual "…"` and `such_as "…"` as far as it applies.
macro_rules! keys {
    ($(
        $(#[doc = $says:literal])+
        $vis:vis $name:ident $(= $title:literal)? $(rules $rules:literal)? $(such_as [ $($example:literal),+ ])?
        {
            $( $(#[doc = $doc:literal])+ $key:ident : $form:expr $(, $with:ident $($value:literal)?)* ; )*
            $( .. $more:expr ; )*
        }
    )+) => { $(
        $crate::config::keys::keys!(@one $vis $name [$($title)?]
            concat!($($says),+), concat!("", $($rules)?), &[$($($example),+)?],
            &[ $( $crate::config::keys::Key::new(stringify!($key), concat!($($doc),+), $form)
                $(.$with($($value)?))* ),* ], [ $($more),* ]);
    )+ };
    (@one $vis:vis $name:ident [$title:literal] $says:expr, $rules:expr, $examples:expr, $keys:expr, [$($more:expr),*]) => {
        $vis static $name: $crate::config::keys::Map = $crate::config::keys::Map {
            title: $title, says: $says, rules: $rules, examples: $examples, groups: &[$keys, $($more),*],
        };
    };
    (@one $vis:vis $name:ident [] $says:expr, $rules:expr, $examples:expr, $keys:expr, []) => {
        $vis const $name: &[$crate::config::keys::Key] = $keys;
    };
}
pub(super) use keys;

/// Any text that is not blank.
pub(super) const TEXT: Form = Form::Text(&ANY_TEXT);
static ANY_TEXT: Text = Text {
    name: "text",
    says: "A text that is not empty; quotes are needed only around what YAML would take for something else.",
    pattern: "[\\s\\S]*\\S[\\s\\S]*",
    types: SCALAR,
    example: "x1",
};

/// What a text without quotes may be to YAML.
pub(super) const SCALAR: &[&str] = &["string", "number", "boolean"];
/// What only a text can be.
pub(super) const STRING: &[&str] = &["string"];
