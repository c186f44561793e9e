//! How long a text is for the gateway, and how it is made to fit.

use unicode_segmentation::UnicodeSegmentation;

/// Length in UTF-16 units, which is what `WhatsApp` clients count.
pub(super) fn size(text: &str) -> usize {
    text.encode_utf16().count()
}

/// `text`, or as much of its beginning as fits into `longest` UTF-16 units with an ellipsis at its end. No
/// grapheme is split, and half a web address is left out, because it leads somewhere else than the whole.
pub(super) fn fit(text: &str, longest: usize) -> String {
    if size(text) <= longest {
        return text.to_owned();
    }
    let Some(mut left) = longest.checked_sub(1) else {
        return String::new();
    };
    let mut end = 0;
    for (at, grapheme) in text.grapheme_indices(true) {
        let units = size(grapheme);
        if units > left {
            break;
        }
        left -= units;
        end = at + grapheme.len();
    }
    let (kept, rest) = text.split_at(end);
    let whole_word = kept.ends_with(char::is_whitespace) || rest.starts_with(char::is_whitespace);
    let kept = kept.trim_end();
    let (before, last_word) = split_last_word(kept);
    if !last_word.contains("://") {
        return format!("{kept}…");
    }
    // A mark right behind an address would become part of it.
    if whole_word && size(kept) + 2 <= longest {
        format!("{kept} …")
    } else {
        format!("{}…", before.trim_end())
    }
}

fn split_last_word(text: &str) -> (&str, &str) {
    let start =
        text.char_indices().rev().find(|(_, c)| c.is_whitespace()).map_or(0, |(at, c)| at + c.len_utf8());
    text.split_at(start)
}

/// `text` without white space at the ends of its lines, without more than one empty line in a row, and
/// without empty lines around it, so that optional lines of a template leave no holes.
pub(super) fn tidy(text: &str) -> String {
    let mut lines: Vec<&str> = Vec::new();
    for line in text.lines().map(str::trim_end) {
        if !(line.is_empty() && lines.last().is_none_or(|l| l.is_empty())) {
            lines.push(line);
        }
    }
    lines.join("\n").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_emoji_is_kept_whole_or_left_out() {
        let family = "👨‍👩‍👧";
        assert_eq!(size(family), 8);
        assert_eq!(fit(&format!("ab{family}"), 10), format!("ab{family}"));
        assert_eq!(fit(&format!("ab{family}"), 9), "ab…");
        assert_eq!(fit("abcdef", 3), "ab…");
        assert_eq!(fit("a", 0), "");
    }

    #[test]
    fn half_an_address_is_left_out() {
        let text = "look: https://x.example/abc then";
        assert_eq!(fit(text, 20), "look:…");
        assert_eq!(fit(text, 28), "look:…");
        assert_eq!(fit(text, 29), "look: https://x.example/abc …");
    }

    #[test]
    fn optional_lines_leave_no_holes() {
        assert_eq!(tidy("\n\na  \n\n\n\nb\n\n"), "a\n\nb");
    }

    proptest! {
        #[test]
        fn what_fits_is_never_longer_than_asked(text in "(?s).{0,60}", longest in 0usize..40) {
            let fitted = fit(&text, longest);
            prop_assert!(size(&fitted) <= longest);
            prop_assert!(size(&text) > longest || fitted == text);
        }
    }
}
