//! Small pieces of plain English: lists, counts, lengths of time, and foreign words of bounded length.

use super::length::fit;
use crate::alert::one_line;
use crate::clock::Timestamp;

/// `text` on one line, at most `longest` UTF-16 units.
pub(super) fn one(text: &str, longest: usize) -> String {
    fit(&one_line(beginning(text, longest), usize::MAX), longest)
}

/// As much of `text` as can matter for `longest` units of it, so that a huge value costs no more than a
/// long one.
pub(super) fn beginning(text: &str, longest: usize) -> &str {
    let most = longest.saturating_mul(4).saturating_add(64);
    text.char_indices().nth(most).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

/// "a, b and 2 more".
pub(super) fn some_of(each: &[String], most: usize, between: &str) -> String {
    let shown: Vec<&str> = each.iter().take(most).map(String::as_str).collect();
    match each.len().saturating_sub(shown.len()) {
        0 => shown.join(between),
        left => format!("{} and {left} more", shown.join(between)),
    }
}

/// How many alerts fire. `truncated`: the source may have left some out.
pub(super) fn alerts(firing: u32, truncated: bool) -> String {
    match (firing, truncated) {
        (0, true) => "some alerts, how many is not known".to_owned(),
        (1, false) => "1 alert".to_owned(),
        (n, false) => format!("{n} alerts"),
        (n, true) => format!("at least {n}, the source cut its list"),
    }
}

/// The length of time between two moments.
pub(super) fn span(from: Timestamp, until: Timestamp) -> String {
    length(until.as_second().saturating_sub(from.as_second()))
}

/// A length of time as people say it, in its two largest units.
pub(super) fn length(seconds: i64) -> String {
    let minutes = seconds.max(0) / 60;
    let (days, hours, minutes) = (minutes / 1440, minutes / 60 % 24, minutes % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => "less than a minute".to_owned(),
        (0, 0, m) => format!("{m} min"),
        (0, h, 0) => format!("{h} h"),
        (0, h, m) => format!("{h} h {m} min"),
        (d, 0, _) => format!("{d} d"),
        (d, h, _) => format!("{d} d {h} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_said_in_two_units() {
        let said: Vec<String> = [-5, 59, 60, 3600, 5400, 86_400, 93_600].into_iter().map(length).collect();
        assert_eq!(
            said,
            ["less than a minute", "less than a minute", "1 min", "1 h", "1 h 30 min", "1 d", "1 d 2 h"]
        );
    }

    #[test]
    fn a_list_says_how_many_it_leaves_out() {
        let each: Vec<String> = ["a", "b", "c"].map(str::to_owned).into();
        assert_eq!(some_of(&each, 3, ", "), "a, b, c");
        assert_eq!(some_of(&each, 1, ", "), "a and 2 more");
    }
}
