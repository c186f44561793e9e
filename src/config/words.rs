//! How findings put things: names and lists in messages, and what was probably meant.

/// The path of a key below another one.
pub(super) fn join(parent: &str, key: &str) -> String {
    let key = shortened(key);
    if parent.is_empty() { key } else { format!("{parent}.{key}") }
}

/// A word of the user's as it is repeated in a message.
pub(super) fn shortened(text: &str) -> String {
    let plain: String = text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).take(61).collect();
    if plain.chars().count() > 60 {
        format!("{}…", plain.chars().take(60).collect::<String>())
    } else {
        plain
    }
}

/// "`a`, `b` or `c`".
pub(super) fn one_of(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|w| format!("`{w}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => "nothing".to_owned(),
    }
}

/// The first of many names, and how many more there are.
pub(super) fn some_of<T: AsRef<str>>(names: &[T]) -> String {
    const SHOWN: usize = 10;
    let shown: Vec<&str> = names.iter().take(SHOWN).map(AsRef::as_ref).collect();
    match names.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// The word that was probably meant: the one that is a few slips of the finger away, if it is only one.
pub(super) fn closest<'w>(text: &str, words: &[&'w str]) -> Option<&'w str> {
    let plain = |text: &str| text.to_lowercase().replace('-', "_");
    let text: String = plain(text).chars().take(100).collect();
    let length = text.chars().count();
    let limit = (length / 3).max(1);
    let mut nearest: Option<(usize, Option<&'w str>)> = None;
    for word in words {
        // Each letter more or less is a slip at least.
        if word.chars().count().abs_diff(length) > limit {
            continue;
        }
        let slips = strsim::osa_distance(&text, &plain(word));
        match &mut nearest {
            Some((least, _)) if *least < slips => {}
            Some((least, only)) if *least == slips => *only = None,
            _ => nearest = Some((slips, Some(word))),
        }
    }
    nearest.filter(|(slips, _)| *slips <= limit).and_then(|(_, word)| word)
}

/// Why a file cannot be read, in words.
pub(super) fn reason(e: &std::io::Error) -> String {
    match e.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        kind => kind.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_meant_is_near_and_the_only_one() {
        let zones = ["Asia/Dubai", "Asia/Dhaka", "Europe/Berlin"];
        assert_eq!(closest("Asia/Duabi", &zones), Some("Asia/Dubai"));
        assert_eq!(closest("europe/berlin", &zones), Some("Europe/Berlin"));
        assert_eq!(closest("rooster", &["roster", "rooms"]), Some("roster"));
        assert_eq!(closest("max-body", &["max_body"]), Some("max_body"));
        assert_eq!(closest("sev0", &["sev1", "sev2"]), None, "either may be meant");
        assert_eq!(closest("critical", &["sev1", "sev2"]), None);
    }

    #[test]
    fn long_and_odd_words_are_not_repeated_in_full() {
        assert_eq!(shortened("a\u{1b}b"), "a\u{fffd}b");
        assert_eq!(shortened(&"x".repeat(90)).chars().count(), 61);
    }
}
