//! Values that several parts of the files have: numbers, addresses, names, severities.

use http::HeaderName;

use crate::alert::{Severity, is_web_address};
use crate::clock::SignedDuration;
use crate::config::item::Item;
use crate::config::keys::{Form, SCALAR, STRING, Text};
use crate::config::words::shortened;
use crate::config::yaml::Value;
use crate::jid::{Jid, NotAnId};
use crate::roster::{Language, zone};

/// An HTTP header's name.
pub(super) const HEADER: Form = Form::Text(&Text {
    name: "header",
    says: "The name of an HTTP header.",
    pattern: "[!#$%&'*+.^_`|~0-9A-Za-z-]+",
    types: SCALAR,
    example: "X-Webhook-Token",
});
/// A web address that people open.
pub(super) const WEB_ADDRESS: Form = Form::Text(&Text {
    name: "web address",
    says: "It begins with `https://`.",
    pattern: "https?://[^/\\s]\\S*",
    types: STRING,
    example: "https://runbooks.example/acme",
});
/// What becomes a part of addresses and metric labels.
pub(super) const NAME: Form = Form::Text(&Text {
    name: "name",
    says: "Small letters, digits and hyphens, 64 at most.",
    pattern: "[a-z0-9][a-z0-9-]{0,63}",
    types: SCALAR,
    example: "main",
});
/// A phone number. Without quotes it is a number to YAML, which the reader takes if there is a `+`; an editor does
/// not see the `+`.
pub(super) const PHONE: Form = Form::Text(&Text {
    name: "phone number",
    says: "With `+` and the country code, in quotes.",
    pattern: "[\\s().-]*\\+[\\s().-]*[1-9]([\\s().-]*[0-9]){6,14}[\\s().-]*",
    types: &["string", "integer"],
    example: "\"+15550100123\"",
});
/// An IANA time zone.
pub(super) const ZONE: Form = Form::Text(&Text {
    name: "time zone",
    says: "Its IANA name.",
    pattern: "[A-Za-z][A-Za-z0-9_+/-]*",
    types: STRING,
    example: "Europe/Berlin",
});
/// A language by its tag.
pub(super) const LANGUAGE: Form = Form::Text(&Text {
    name: "language",
    says: "A tag: language, then script or region.",
    pattern: "[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*",
    types: STRING,
    example: "pt-BR",
});
/// A severity.
pub(super) const SEVERITY: Form = Form::Word(|| Severity::ALL.map(Severity::as_str).to_vec());
/// Alertmanager's matchers.
pub(super) const MATCHERS: Form = Form::Some(
    &Form::Text(&Text {
        name: "matcher",
        says: "A label matcher of Alertmanager: `=`, `!=`, `=~` or `!~`; patterns cover the whole value.",
        pattern: "[\\s\\S]*(=|!~)[\\s\\S]*",
        types: STRING,
        example: "'environment =~ \"prod.*\"'",
    }),
    0,
);

pub(super) const fn seconds(n: i64) -> SignedDuration {
    SignedDuration::from_secs(n)
}

/// A phone number in the international form.
pub(super) fn number(item: &Item<'_>) -> Option<Jid> {
    let text = item.scalar("a phone number in quotes, such as `\"+15550100123\"`")?;
    if matches!(item.node.value, Value::Number(_)) && !text.starts_with('+') {
        item.error_with(
            "is a plain number to YAML",
            "write it in quotes with `+` and the country code: `\"+15550100123\"`",
        );
        return None;
    }
    let tight: String = text.split_whitespace().collect();
    if tight.contains("(0)") {
        item.error_with(
            "is not a phone number: it holds `(0)`, which nobody dials from abroad",
            "leave the zero out: `+49 170 …`",
        );
        return None;
    }
    match Jid::from_phone(text) {
        Ok(jid) => assigned(item, jid, "is not a phone number"),
        Err(e) => {
            let text = text.trim();
            let hint = if text.contains('@') {
                "an id such as `15550100123@c.us` belongs under `jid`"
            } else if text.starts_with("00") {
                "write `+` instead of `00`"
            } else if text.starts_with('0') {
                "replace the leading zero by `+` and the country code"
            } else {
                "for example `\"+15550100123\"`"
            };
            item.error_with(format!("is not a phone number: {e}"), hint);
            None
        }
    }
}

pub(super) fn chat_id(item: &Item<'_>) -> Option<Jid> {
    let text = item.scalar("an id such as `\"15550100123@c.us\"`")?;
    match text.parse::<Jid>() {
        Ok(jid) => assigned(item, jid, "is not a person's id"),
        Err(e) => {
            let hint = if text.trim().starts_with('+') {
                "a phone number belongs under `phone`"
            } else {
                "for example `\"15550100123@c.us\"`"
            };
            item.error_with(format!("is not a person's id: {e}"), hint);
            None
        }
    }
}

/// `jid`, unless nobody can have it as their number.
fn assigned(item: &Item<'_>, jid: Jid, is_not: &str) -> Option<Jid> {
    let Err(e) = jid.check_number() else { return Some(jid) };
    let (why, hint) = match e {
        NotAnId::Country => {
            (e.to_string(), "look at the first digits: they are the country code, such as 49 or 971")
        }
        NotAnId::Zero => (e.to_string(), "leave the zero out: `+49 170 …`"),
        NotAnId::Phone | NotAnId::Person | NotAnId::Group => (
            "before `@c.us` stands a phone number, country code first: 7 to 15 digits, no leading zero"
                .to_owned(),
            "for example `\"15550100123@c.us\"`",
        ),
    };
    item.error_with(format!("{is_not}: {why}"), hint);
    None
}

pub(super) fn email(item: &Item<'_>) -> Option<String> {
    let text = item.line()?;
    let well_formed = text
        .split_once('@')
        .is_some_and(|(user, host)| !user.is_empty() && host.contains('.') && !host.contains('@'));
    if !well_formed || text.contains(char::is_whitespace) {
        item.error_with(
            format!("is not an e-mail address: `{}`", shortened(text)),
            "write it as a monitoring tool says whom it has assigned, such as `mei@ops.example`",
        );
        return None;
    }
    Some(text.to_owned())
}

/// Names that appear in addresses and metric labels: small letters, digits and hyphens.
pub(super) fn is_name(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

/// The web address that `item` is.
pub(super) fn web_address(item: &Item<'_>) -> Option<String> {
    let text = item.text()?;
    if is_web_address(text) {
        return Some(text.to_owned());
    }
    item.error_with(format!("is not a web address: `{}`", shortened(text)), "it begins with `https://`");
    None
}

/// The name of a time zone as the time zone database writes it.
pub(super) fn zone_name(item: &Item<'_>) -> Option<String> {
    let text = item.text()?;
    if zone(text).is_some() {
        return Some(text.to_owned());
    }
    let message = format!("is not a time zone: `{}`", shortened(text));
    match item.context.closest_zone(text) {
        Some(meant) => item.error_with(message, format!("did you mean `{meant}`?")),
        None => item.error_with(message, "write an IANA name such as `Europe/Berlin`"),
    }
    None
}

pub(super) fn header_name(item: &Item<'_>) -> Option<HeaderName> {
    let text = item.text()?;
    let name = HeaderName::from_bytes(text.as_bytes()).ok();
    if name.is_none() {
        item.error_with(
            format!("is not a header's name: `{}`", shortened(text)),
            "it has letters, digits and `-`, such as `X-Webhook-Token`",
        );
    }
    name
}

/// A person's language.
pub(super) fn language(item: &Item<'_>) -> Option<Language> {
    let text = item.text()?;
    let language = text.parse().ok();
    if language.is_none() {
        item.error_with(format!("is not the tag of a language: `{}`", shortened(text)), language_hint(text));
    }
    language
}

pub(super) fn language_hint(text: &str) -> String {
    let dashed = text.trim().replace('_', "-");
    match dashed.parse::<Language>() {
        Ok(language) => format!("write `{language}`"),
        Err(_) => "a tag such as `de`, `pt-BR` or `zh-Hant`: language, then script or region".to_owned(),
    }
}
