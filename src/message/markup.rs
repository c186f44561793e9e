//! Makes foreign text harmless before it is shown: it cannot format, cannot start a line of its own, and
//! cannot pass for another incident.
//!
//! `WhatsApp` has no escape character. An invisible joiner beside a marker is no defence, because clients
//! disagree on which neighbours keep a marker from acting (a letter does everywhere, other characters only
//! in some), so markers are replaced by characters that look alike and act nowhere. Two exceptions keep
//! text fit for copying: an underscore between two letters or digits stays, as it acts in no client and
//! names such as `http_5xx_total` are full of it; and what acts only as the first character of a line
//! (quotes, lists) gets an invisible word joiner in front, after which it is not the first any more.

/// Invisible and without width; not white space, so clients do not trim it away.
const WORD_JOINER: char = '\u{2060}';

/// What an incident's id begins with. In a foreign text its hyphen is replaced by one that does not break,
/// because groups are found again by this word in their name.
const TOKEN_STEM: &str = "INCIDENT-";

/// `text` on one line and without power over what surrounds it. Applying it twice changes nothing more.
pub(super) fn escape(text: &str) -> String {
    let plain: Vec<char> = text
        .chars()
        .filter(|c| !is_invisible(*c))
        .map(|c| if c.is_whitespace() || c.is_control() { ' ' } else { c })
        .collect();
    let mut safe = String::with_capacity(text.len());
    if acts_as_first(&plain) {
        safe.push(WORD_JOINER);
    }
    let mut before = None;
    for (at, c) in plain.iter().copied().enumerate() {
        let after = plain.get(at + 1).copied();
        safe.push(match c {
            '*' => '∗',
            '~' => '∼',
            '`' => 'ˋ',
            '_' if !(joins_words(before) && joins_words(after)) => 'ˍ',
            other => other,
        });
        before = Some(c);
    }
    without_tokens(&safe)
}

/// [`escape`] for each line of `text`, the line breaks kept.
pub(super) fn escape_lines(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(escape).collect();
    lines.join("\n")
}

/// An address as it is, so that it stays clickable; only backticks, which no address needs, are encoded.
pub(super) fn escape_address(url: &str) -> String {
    url.replace('`', "%60")
}

fn joins_words(c: Option<char>) -> bool {
    c.is_some_and(|c| c.is_ascii_alphanumeric())
}

/// Whether a line that begins like this becomes a quote or a list item.
fn acts_as_first(line: &[char]) -> bool {
    let indent = line.iter().take_while(|c| **c == ' ').count();
    let line = line.get(indent..).unwrap_or_default();
    let ends = |c: Option<&char>| c.is_none_or(|c| *c == ' ');
    let digits = line.iter().take_while(|c| c.is_ascii_digit()).count();
    match line.first() {
        Some('>') => true,
        Some('-' | '•') => ends(line.get(1)),
        Some(_) if digits > 0 => matches!(line.get(digits), Some('.' | ')')) && ends(line.get(digits + 1)),
        _ => false,
    }
}

/// Control marks, joiners and direction marks that could hide or turn round what people read. The joiners
/// that emoji and some scripts need (U+200C, U+200D) stay.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
    )
}

fn without_tokens(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let stem = TOKEN_STEM.to_ascii_lowercase();
    let mut safe = String::with_capacity(text.len());
    let mut from = 0;
    for (at, _) in lower.match_indices(&stem) {
        let hyphen = at + stem.len() - 1;
        safe.push_str(text.get(from..hyphen).unwrap_or_default());
        safe.push('\u{2011}');
        from = hyphen + 1;
    }
    safe.push_str(text.get(from..).unwrap_or_default());
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn markers_at_the_edge_of_words_become_look_alikes() {
        assert_eq!(escape("*now* _new_ ~old~ `x` ```y```"), "∗now∗ ˍnewˍ ∼old∼ ˋxˋ ˋˋˋyˋˋˋ");
    }

    #[test]
    fn an_underscore_inside_a_name_stays_so_that_the_name_can_be_copied() {
        assert_eq!(escape("http_5xx_total _x_ é_a"), "http_5xx_total ˍxˍ éˍa");
    }

    #[test]
    fn nothing_begins_a_quote_or_a_list() {
        for line in ["> quoted", ">x", "- item", "-", "1. first", "23) x", "1."] {
            assert_eq!(escape(line), format!("\u{2060}{line}"));
        }
        for line in ["10.2.3.4 is down", "-5 degrees", "3 pods", ".1 x", "a > b"] {
            assert_eq!(escape(line), line);
        }
        assert_eq!(escape("* item"), "∗ item");
    }

    #[test]
    fn a_value_stays_on_its_line_and_lines_stay_lines_where_wanted() {
        assert_eq!(escape("a\r\nb\u{2028}c\u{202e}d\u{b}e"), "a  bcd e");
        assert_eq!(escape_lines("a\n> b\n*c*"), "a\n\u{2060}> b\n∗c∗");
    }

    #[test]
    fn a_value_does_not_pass_for_another_incident() {
        assert_eq!(escape("like INCIDENT-7, incident-8"), "like INCIDENT\u{2011}7, incident\u{2011}8");
    }

    #[test]
    fn an_address_keeps_all_but_backticks() {
        let url = "https://x.example/_a_*b*?q=~1~#`";
        assert_eq!(escape_address(url), "https://x.example/_a_*b*?q=~1~#%60");
    }

    proptest! {
        #[test]
        fn escaping_twice_changes_nothing_more(text in r"(?s)([*_~`>\-1.a \n]|INCIDENT-|.){0,80}") {
            let once = escape(&text);
            prop_assert_eq!(escape(&once), once.clone());
            prop_assert!(!once.contains(['*', '~', '`', '\n', '\r']));
            prop_assert!(!once.to_ascii_lowercase().contains("incident-"));
        }
    }
}
