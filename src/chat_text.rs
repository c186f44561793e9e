//! `WhatsApp`'s text markup, cut into styled pieces so that a page can show a message as phones do without making HTML
//! of it: views call [`runs`], and the page makes one element of each [`Run`].

use std::collections::BTreeSet;

use serde::Serialize;

/// One way in which a piece of text looks different.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Style {
    /// Between asterisks.
    Bold,
    /// Between underscores.
    Italic,
    /// Between tildes.
    Strike,
    /// Between backticks, one or three.
    Mono,
    /// A web address.
    Link,
    /// A line behind `> `.
    Quote,
}

impl Style {
    /// Its name, which pages use as a class.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bold => "bold",
            Self::Italic => "italic",
            Self::Strike => "strike",
            Self::Mono => "mono",
            Self::Link => "link",
            Self::Quote => "quote",
        }
    }
}

/// A piece of text in one combination of styles.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Run {
    /// The text without its marks.
    pub text: String,
    /// Its styles.
    pub styles: BTreeSet<Style>,
}

impl Run {
    /// The names of its styles, as a page's classes.
    #[must_use]
    pub fn classes(&self) -> String {
        self.styles.iter().map(|style| style.as_str()).collect::<Vec<_>>().join(" ")
    }
}

/// Cuts a text into styled pieces. Marks without a partner stay as they are.
#[must_use]
pub fn runs(text: &str) -> Vec<Run> {
    let mut found = Vec::new();
    let (plain, quote) = (BTreeSet::new(), BTreeSet::from([Style::Quote]));
    // A block of code goes over several lines, and nothing in it is a quote.
    if text.contains("```") {
        cut(text, &plain, &mut found);
        return found;
    }
    let mut from = 0;
    for (at, line) in line_starts(text).filter(|(_, line)| line.starts_with("> ")) {
        cut(text.get(from..at).unwrap_or_default(), &plain, &mut found);
        let end = line.find('\n').unwrap_or(line.len());
        cut(line.get(2..end).unwrap_or_default(), &quote, &mut found);
        from = at + end;
    }
    cut(text.get(from..).unwrap_or_default(), &plain, &mut found);
    found
}

/// Where each line begins, with everything from there on.
fn line_starts(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let later = text.match_indices('\n').map(|(at, _)| at + 1);
    std::iter::once(0).chain(later).filter_map(|at| Some((at, text.get(at..)?)))
}

fn cut(text: &str, style: &BTreeSet<Style>, found: &mut Vec<Run>) {
    let mut plain_from = 0;
    let mut at = 0;
    let mut before: Option<char> = None;
    while let Some(rest) = text.get(at..) {
        let Some(letter) = rest.chars().next() else {
            break;
        };
        let starts_word = before.is_none_or(|before| !before.is_alphanumeric());
        if let Some((inner, length, inner_style)) = marked(rest, style).filter(|_| starts_word) {
            plain(text.get(plain_from..at).unwrap_or_default(), style, found);
            if inner_style.contains(&Style::Mono) {
                push(inner, &inner_style, found);
            } else {
                cut(inner, &inner_style, found);
            }
            at += length;
            plain_from = at;
            before = Some(letter);
            continue;
        }
        let step = if starts_word { address_length(rest) } else { 0 };
        at += if step > 0 { step } else { letter.len_utf8() };
        before = Some(letter);
    }
    plain(text.get(plain_from..).unwrap_or_default(), style, found);
}

/// The marked part at the beginning of `rest`: what is inside, how long it is with its marks, its style.
fn marked<'t>(rest: &'t str, style: &BTreeSet<Style>) -> Option<(&'t str, usize, BTreeSet<Style>)> {
    let mut inner_style = style.clone();
    if let Some(tail) = rest.strip_prefix("```") {
        let end = tail.find("```").filter(|end| *end > 0)?;
        inner_style.insert(Style::Mono);
        return Some((tail.get(..end)?, end + 6, inner_style));
    }
    let mark = rest.chars().next()?;
    let is_new = inner_style.insert(match mark {
        '*' => Style::Bold,
        '_' => Style::Italic,
        '~' => Style::Strike,
        '`' => Style::Mono,
        _ => return None,
    });
    if !is_new {
        return None;
    }
    let tail = rest.get(1..)?;
    if tail.starts_with(char::is_whitespace) {
        return None;
    }
    let line_end = tail.find('\n').unwrap_or(tail.len());
    let line = tail.get(..line_end)?;
    let end = line.match_indices(mark).map(|(end, _)| end).find(|&end| {
        let inner = line.get(..end).unwrap_or_default();
        let after = line.get(end + 1..).and_then(|after| after.chars().next());
        !inner.is_empty()
            && !inner.ends_with(char::is_whitespace)
            && after.is_none_or(|after| !after.is_alphanumeric())
    })?;
    Some((line.get(..end)?, end + 2, inner_style))
}

fn address_length(rest: &str) -> usize {
    if rest.starts_with("https://") || rest.starts_with("http://") {
        rest.find(|letter: char| letter.is_whitespace() || letter == '*').unwrap_or(rest.len())
    } else {
        0
    }
}

/// Adds unmarked text, with the addresses in it as pieces of their own.
fn plain(text: &str, style: &BTreeSet<Style>, found: &mut Vec<Run>) {
    let mut rest = text;
    while let Some(start) = rest.find("http") {
        let (head, tail) = rest.split_at(start);
        let length = address_length(tail);
        if length == 0 {
            let (skipped, next) = tail.split_at("http".len());
            push(head, style, found);
            push(skipped, style, found);
            rest = next;
            continue;
        }
        let (address, next) = tail.split_at(length);
        push(head, style, found);
        let mut link = style.clone();
        link.insert(Style::Link);
        push(address, &link, found);
        rest = next;
    }
    push(rest, style, found);
}

fn push(text: &str, style: &BTreeSet<Style>, found: &mut Vec<Run>) {
    if text.is_empty() {
        return;
    }
    match found.last_mut() {
        Some(last) if last.styles == *style && !style.contains(&Style::Link) => last.text.push_str(text),
        _ => found.push(Run { text: text.to_owned(), styles: style.clone() }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(runs: &[Run]) -> Vec<&str> {
        runs.iter().map(|run| run.text.as_str()).collect()
    }

    #[test]
    fn marks_become_styles() {
        let found = runs("*bold* and _soft *both*_ ~gone~ ```code *x*```");
        assert_eq!(texts(&found), ["bold", " and ", "soft ", "both", " ", "gone", " ", "code *x*"]);
        assert_eq!(found[0].styles, BTreeSet::from([Style::Bold]));
        assert_eq!(found[3].styles, BTreeSet::from([Style::Bold, Style::Italic]));
        assert_eq!(found[5].styles, BTreeSet::from([Style::Strike]));
        assert_eq!(found[7].styles, BTreeSet::from([Style::Mono]));
    }

    #[test]
    fn a_line_behind_an_angle_is_a_quote() {
        let found = runs("*SEV1*\n> 94 % fail\n> since *noon*\nend > here");
        assert_eq!(texts(&found), ["SEV1", "\n", "94 % fail", "\n", "since ", "noon", "\nend > here"]);
        assert_eq!(found[2].styles, BTreeSet::from([Style::Quote]));
        assert_eq!(found[5].styles, BTreeSet::from([Style::Bold, Style::Quote]));
    }

    #[test]
    fn lonely_marks_and_marks_inside_words_stay() {
        for text in ["2 * 3 = 6", "snake_case_name", "a*b*c", "* not bold*", "*open", "**", "``````"] {
            assert_eq!(texts(&runs(text)), [text]);
        }
    }

    #[test]
    fn an_address_is_a_link_whatever_marks_it_contains() {
        let found = runs("see https://ops.example/run_book_7 now");
        assert_eq!(texts(&found), ["see ", "https://ops.example/run_book_7", " now"]);
        assert_eq!(found[1].styles, BTreeSet::from([Style::Link]));
    }

    proptest! {
        #[test]
        fn no_letter_is_lost_or_made_up(text in "[a-z*_~` \n]{0,40}|\\PC{0,40}") {
            let joined: String = runs(&text).into_iter().map(|run| run.text).collect();
            let bare = |text: &str| text.replace(['*', '_', '~', '`', '>', ' '], "");
            prop_assert_eq!(bare(&joined), bare(&text));
        }

        #[test]
        fn text_without_marks_comes_back_whole(text in "[a-zA-Z0-9 .,:;\n]{0,60}") {
            let joined: String = runs(&text).into_iter().map(|run| run.text).collect();
            prop_assert_eq!(joined, text);
        }
    }
}
