//! What must not be shown even to an operator: full phone numbers and invite links.
//!
//! Actor: [`Redaction`], which knows the numbers and links of the rooms on a page and goes over everything
//! that leaves, whatever field it came from. Words of monitoring tools and of the chat provider pass through
//! it too, so whatever looks like a phone number in international form, a person's id or an invite is cut.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::jid::Jid;
use crate::room::Room;

/// What stands for an invite.
const LINK: &str = "(invite link)";
/// Where all invites of the network live.
const INVITES: &str = "chat.whatsapp.com/";
/// As many digits as the shortest phone number has.
const SHORTEST_PHONE: usize = 7;
/// As many digits as the shortest person's id has; less is what was masked before.
const SHORTEST_ID: usize = 5;
/// As many digits as the longest one has (E.164).
const LONGEST_PHONE: usize = 15;

/// Knows what to hide.
#[derive(Debug, Default)]
pub(super) struct Redaction {
    numbers: BTreeSet<String>,
    links: BTreeSet<String>,
}

impl Redaction {
    /// The numbers and links of these rooms.
    pub(super) fn of<'a>(rooms: impl IntoIterator<Item = &'a Room>) -> Self {
        let mut redaction = Self::default();
        for room in rooms {
            redaction.numbers.extend(room.seats.iter().map(|s| s.who.jid.digits().to_owned()));
            redaction.links.extend(room.link.iter().map(|l| l.0.clone()).filter(|l| !l.is_empty()));
        }
        redaction
    }

    /// The text without them. Idempotent.
    pub(super) fn text(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for link in &self.links {
            text = text.replace(link.as_str(), LINK);
        }
        self.without_numbers(&without_invites(&text))
    }

    /// The value with every text in it cleaned, names of fields included.
    pub(super) fn json(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(&text)),
            Value::Array(items) => items.into_iter().map(|item| self.json(item)).collect(),
            Value::Object(fields) => {
                fields.into_iter().map(|(name, value)| (self.text(&name), self.json(value))).collect()
            }
            plain @ (Value::Null | Value::Bool(_) | Value::Number(_)) => plain,
        }
    }

    fn without_numbers(&self, text: &str) -> String {
        let mut kept = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let before = kept.chars().next_back();
            let length = match c {
                '+' if !before.is_some_and(joins_address) => international(rest),
                '0'..='9' => {
                    let run = leading_digits(rest);
                    let (digits, after) = rest.split_at(run);
                    let hide = self.numbers.contains(digits) || is_followed_as_id(digits, after);
                    if !hide {
                        kept.push_str(digits);
                        rest = after;
                        continue;
                    }
                    run
                }
                _ => 0,
            };
            if length == 0 {
                kept.push(c);
                rest = rest.get(c.len_utf8()..).unwrap_or_default();
            } else {
                let (number, after) = rest.split_at(length);
                kept.push_str(&masked(number));
                rest = after;
            }
        }
        kept
    }
}

/// `+` inside a web address or an expression is no beginning of a phone number.
fn joins_address(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '/' | '=' | '&' | '%' | '?' | '#')
}

fn leading_digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

/// How long the phone number is that begins with the `+` at the start of `text`; 0 if it is none.
fn international(text: &str) -> usize {
    let (mut digits, mut end, mut joined) = (0, 0, false);
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '0'..='9' => {
                digits += 1;
                end = at + 1;
                joined = false;
            }
            ' ' | '-' | '.' | '(' | ')' | '\u{a0}' if digits < LONGEST_PHONE && !(joined && c == '.') => {
                joined = true;
            }
            _ => break,
        }
        if digits == LONGEST_PHONE {
            break;
        }
    }
    if digits >= SHORTEST_PHONE { end } else { 0 }
}

/// Whether `after` makes the digits before it a person's id, or the maker's number in an old group id.
fn is_followed_as_id(digits: &str, after: &str) -> bool {
    let server = ["@c.us", "@s.whatsapp.net", "@lid"].iter().any(|server| after.starts_with(server));
    let old_group = after.strip_prefix('-').is_some_and(|rest| {
        let made = leading_digits(rest);
        made > 0 && rest.get(made..).is_some_and(|rest| rest.starts_with("@g.us"))
    });
    (server && digits.len() >= SHORTEST_ID) || (old_group && digits.len() >= SHORTEST_PHONE)
}

/// As [`Jid::masked`] shows it.
fn masked(number: &str) -> String {
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    let jid = format!("{digits}@c.us").parse::<Jid>();
    jid.map_or_else(|_too_short| "…".to_owned(), |jid| jid.masked())
}

fn without_invites(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(INVITES) {
        let (before, link) = rest.split_at(at);
        let before =
            before.strip_suffix("https://").or_else(|| before.strip_suffix("http://")).unwrap_or(before);
        kept.push_str(before);
        kept.push_str(LINK);
        let code = link.get(INVITES.len()..).unwrap_or_default();
        let end = code
            .find(|c: char| !(c.is_alphanumeric() || matches!(c, '-' | '_' | '/' | '?' | '=' | '%')))
            .unwrap_or(code.len());
        rest = code.get(end..).unwrap_or_default();
    }
    kept.push_str(rest);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn knowing() -> Redaction {
        Redaction {
            numbers: ["15550100101".to_owned()].into(),
            links: ["http://127.0.0.1:7000/join/Zx9".to_owned()].into(),
        }
    }

    #[test]
    fn numbers_keep_two_digits() {
        for (said, shown) in [
            ("call 15550100101 now", "call …01 now"),
            ("15550100101@c.us left", "…01@c.us left"),
            ("447700900123@s.whatsapp.net", "…23@s.whatsapp.net"),
            ("from +1 (555) 010-0177.", "from …77."),
            ("tel:+15550100177", "tel:…77"),
            ("15550100199-1600000000@g.us", "…99-1600000000@g.us"),
        ] {
            assert_eq!(knowing().text(said), shown);
        }
    }

    #[test]
    fn what_is_no_phone_number_stays() {
        for said in [
            "120363000000000001@g.us",
            "155501001011 requests, +5 % in 2026-03-01T10:00:00Z",
            "https://grafana.example/d/1?from=1772000000000&q=a+15550100177",
            "9 + 155501 = 155510",
        ] {
            assert_eq!(knowing().text(said), said);
        }
    }

    #[test]
    fn invites_are_never_shown() {
        for (said, shown) in [
            ("join https://chat.whatsapp.com/AbC-123_x?mode=a, please", "join (invite link), please"),
            ("chat.whatsapp.com/AbC", "(invite link)"),
            ("join http://127.0.0.1:7000/join/Zx9.", "join (invite link)."),
        ] {
            assert_eq!(knowing().text(said), shown);
        }
    }

    #[test]
    fn every_text_of_a_value_is_cleaned() {
        let value = json!({ "15550100101": ["+15550100177", { "n": 15_550_100_101_u64, "x": null }] });
        let shown = json!({ "…01": ["…77", { "n": 15_550_100_101_u64, "x": null }] });
        assert_eq!(knowing().json(value), shown);
    }

    proptest! {
        #[test]
        fn a_known_number_never_passes_alone(before in "[a-z <>\":]{0,20}", after in "[a-z <>\":@]{0,20}") {
            let shown = knowing().text(&format!("{before}15550100101{after}"));
            prop_assert!(!shown.contains("15550100101"), "{}", shown);
        }

        #[test]
        fn cleaning_twice_changes_nothing(text in "(.|[0-9+@. ()-]|chat\\.whatsapp\\.com/){0,60}") {
            let once = knowing().text(&text);
            prop_assert_eq!(knowing().text(&once), once.clone());
        }
    }
}
