//! A reader of JSON that takes what can be understood in one way only.

use serde_json::{Map, Number, Value};

use super::{NotJson, Oddity, Reading, What};

/// As deep as `serde_json` goes; it bounds the stack.
const DEEPEST: usize = 127;

type Read<T> = Result<T, What>;

struct Reader<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
    oddities: Vec<Oddity>,
}

/// The documents in a text.
pub(super) fn documents(text: &str) -> Result<Reading, NotJson> {
    let mut reader = Reader { text, at: 0, depth: 0, oddities: Vec::new() };
    let mut documents = Vec::new();
    loop {
        reader.skip_blanks();
        let (start, before) = (reader.at, reader.oddities.len());
        if start == text.len() && !documents.is_empty() {
            break;
        }
        match reader.value() {
            Ok(value) => documents.push(value),
            Err(_)
                if documents.iter().any(is_whole) && takes_nothing(text.get(start..).unwrap_or_default()) =>
            {
                reader.oddities.truncate(before);
                reader.note(Oddity::Rest);
                break;
            }
            Err(what) => return Err(place(text, reader.at, what)),
        }
    }
    // A word and a number are no documents beside one another, they are a text.
    if documents.len() > 1 {
        documents.retain(is_whole);
        if documents.is_empty() {
            return Err(place(text, 0, What::Syntax));
        }
        reader.note(Oddity::Several);
    }
    Ok(Reading { documents, oddities: reader.oddities })
}

fn is_whole(document: &Value) -> bool {
    document.is_object() || document.is_array()
}

/// Whether what follows a document takes nothing from it: one more that broke off, or brackets too many. Anything
/// else may mean that the document ended at a quote and a bracket inside one of its own strings.
fn takes_nothing(rest: &str) -> bool {
    rest.starts_with(['{', '[']) || rest.chars().all(|c| matches!(c, '}' | ']' | ',' | ';') || c <= ' ')
}

fn place(text: &str, at: usize, what: What) -> NotJson {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    // An end that comes too early is named by the last character before it.
    let after = usize::from(what != What::End);
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + after;
    NotJson { what, line, column }
}

impl<'t> Reader<'t> {
    fn note(&mut self, oddity: Oddity) {
        if !self.oddities.contains(&oddity) {
            self.oddities.push(oddity);
        }
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn next(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Whether `byte` (ASCII) is next; then it is behind us.
    fn take(&mut self, byte: u8) -> bool {
        let is_next = self.next() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn skip_blanks(&mut self) {
        while let Some(c) = self.rest().chars().next() {
            if !matches!(c, ' ' | '\n' | '\r' | '\t') {
                if !(c.is_control() || c.is_whitespace() || c == '\u{feff}') {
                    break;
                }
                self.note(Oddity::Stray);
            }
            self.at += c.len_utf8();
        }
    }

    /// What is wrong where nothing fits.
    fn wrong(&self) -> What {
        if self.at >= self.text.len() { What::End } else { What::Syntax }
    }

    fn value(&mut self) -> Read<Value> {
        self.skip_blanks();
        match self.next() {
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::list),
            Some(b'"') => self.string().map(Value::String),
            _ => self.word(),
        }
    }

    fn nested(&mut self, inner: fn(&mut Self) -> Read<Value>) -> Read<Value> {
        if self.depth == DEEPEST {
            return Err(What::Depth);
        }
        self.depth += 1;
        self.at += 1;
        let value = inner(self);
        self.depth -= 1;
        value
    }

    fn object(&mut self) -> Read<Value> {
        let mut members = Map::new();
        loop {
            self.skip_blanks();
            if self.take(b'}') {
                return Ok(Value::Object(members));
            }
            if !members.is_empty() && !self.take(b',') {
                return Err(self.wrong());
            }
            self.skip_blanks();
            if self.take(b'}') {
                self.note(Oddity::Gap);
                return Ok(Value::Object(members));
            }
            if self.next() != Some(b'"') {
                return Err(self.wrong());
            }
            let name = self.string()?;
            self.skip_blanks();
            if !self.take(b':') {
                return Err(self.wrong());
            }
            self.skip_blanks();
            let value = if matches!(self.next(), Some(b',' | b'}')) {
                self.note(Oddity::Gap);
                Value::Null
            } else {
                self.value()?
            };
            // Of one name twice, the last one counts.
            members.insert(name, value);
        }
    }

    fn list(&mut self) -> Read<Value> {
        let mut items = Vec::new();
        loop {
            self.skip_blanks();
            if self.take(b']') {
                return Ok(Value::Array(items));
            }
            if !items.is_empty() && !self.take(b',') {
                return Err(self.wrong());
            }
            self.skip_blanks();
            if self.take(b']') {
                self.note(Oddity::Gap);
                return Ok(Value::Array(items));
            }
            items.push(self.value()?);
        }
    }

    fn string(&mut self) -> Read<String> {
        let mut text = String::new();
        self.at += 1;
        loop {
            let rest = self.rest();
            let plain = rest.find(|c| matches!(c, '"' | '\\') || c < ' ').ok_or(What::End);
            let plain = plain.inspect_err(|_| self.at = self.text.len())?;
            text.push_str(rest.get(..plain).unwrap_or_default());
            self.at += plain;
            match self.next() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(text);
                }
                Some(b'\\') => text.push(self.escape()),
                control => {
                    self.note(Oddity::RawControl);
                    text.extend(control.map(char::from));
                    self.at += 1;
                }
            }
        }
    }

    /// The character that an escape stands for. Where it stands for none, the backslash is one of its own.
    fn escape(&mut self) -> char {
        self.at += 1;
        let meant = match self.next() {
            Some(sign @ (b'"' | b'\\' | b'/')) => char::from(sign),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'\'') => {
                self.note(Oddity::WrongEscape);
                '\''
            }
            Some(b'u') => match self.unit(self.at) {
                Some(unit) => return self.character(unit),
                None => return self.wrong_escape(),
            },
            _ => return self.wrong_escape(),
        };
        self.at += 1;
        meant
    }

    fn wrong_escape(&mut self) -> char {
        self.note(Oddity::WrongEscape);
        '\\'
    }

    /// The code unit of `uXXXX` there.
    fn unit(&self, at: usize) -> Option<u32> {
        let digits = self.text.get(at..at + 5)?.strip_prefix('u')?;
        digits.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, 16).ok()).flatten()
    }

    /// The character of one code unit, or of two that are a pair.
    fn character(&mut self, unit: u32) -> char {
        self.at += 5;
        if let Some(c) = char::from_u32(unit) {
            return c;
        }
        let low = self.rest().starts_with('\\').then(|| self.unit(self.at + 1)).flatten();
        match low {
            Some(low @ 0xdc00..0xe000) if unit < 0xdc00 => {
                self.at += 6;
                char::from_u32(0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00))
                    .unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            _ => {
                self.note(Oddity::LoneSurrogate);
                char::REPLACEMENT_CHARACTER
            }
        }
    }

    /// A number, or a word that stands for something.
    fn word(&mut self) -> Read<Value> {
        let rest = self.rest();
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.')));
        let word = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
        let value = match word {
            "null" => Value::Null,
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            "NaN" | "Infinity" | "-Infinity" | "+Infinity" | "-NaN" => {
                self.note(Oddity::NoNumber);
                Value::String(word.to_owned())
            }
            _ if is_number(word) => number(word),
            _ if word.strip_prefix('+').is_some_and(is_number) => {
                self.note(Oddity::NoNumber);
                number(word.trim_start_matches('+'))
            }
            _ => {
                if word.len() == rest.len() && ["null", "true", "false"].iter().any(|w| w.starts_with(word)) {
                    self.at = self.text.len();
                }
                return Err(self.wrong());
            }
        };
        self.at += word.len();
        Ok(value)
    }
}

/// Whether a text is a number by JSON's grammar.
fn is_number(text: &str) -> bool {
    let text = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (text, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    are_digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(are_digits)
        && exponent.is_none_or(are_digits)
}

/// A number with all its digits: as text where no number type holds them.
fn number(text: &str) -> Value {
    if !text.contains(['.', 'e', 'E']) && text != "-0" {
        return match (text.parse::<u64>(), text.parse::<i64>()) {
            (Ok(number), _) => number.into(),
            (_, Ok(number)) => number.into(),
            _ => Value::String(text.to_owned()),
        };
    }
    // As it will be written out again: of two shortest ways to write a number, the other one has other digits.
    let keeps_digits =
        |number: &Number| digits(text).count() <= 15 || digits(text).eq(digits(&number.to_string()));
    let number = text.parse().ok().and_then(Number::from_f64).filter(keeps_digits);
    number.map_or_else(|| Value::String(text.to_owned()), Value::Number)
}

/// The digits of a number that count, without the zeros at either end.
fn digits(text: &str) -> impl Iterator<Item = u8> + '_ {
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    let is_idle = |c: char| matches!(c, '0' | '.' | '-');
    let trimmed = if mantissa.contains('.') {
        mantissa.trim_matches(is_idle)
    } else {
        mantissa.trim_start_matches(is_idle).trim_end_matches('0')
    };
    trimmed.bytes().filter(u8::is_ascii_digit)
}
