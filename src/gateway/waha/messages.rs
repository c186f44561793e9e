//! Replies about messages and links → message ids, own texts, the invite link.

use serde_json::Value;

use super::envelope::Envelope;
use super::groups::moment;
use super::reply::{Reply, at, flag_at, person_at, text_at};
use crate::clock::Timestamp;
use crate::gateway::{InviteLink, OwnMessage, Sent};
use crate::jid::Jid;

/// Where a message's id can be, best first (after whatsapp-web.js, Baileys, whatsmeow, Wawp's older API).
const IDS: [&str; 8] = [
    "id._serialized",
    "id.id",
    "id",
    "key.id",
    "message_id",
    "messageId",
    "_data.id._serialized",
    "_data.id.id",
];

/// The receipt of a sent text; `None` if the reply holds no id of a message.
pub(super) fn sent(reply: &Reply) -> Option<Sent> {
    if Envelope::read(reply).failed || reply.layers().into_iter().any(has_failed) {
        return None;
    }
    let id = reply.layers().into_iter().find_map(message_id)?;
    Some(Sent { message_id: Some(id) })
}

/// The bare id: the same message is written with differing chats and suffixes around it.
fn message_id(value: &Value) -> Option<String> {
    let whole = text_at(value, &IDS)?;
    let plausible = whole.len() <= 256 && !whole.contains(char::is_whitespace);
    plausible.then(|| bare_id(whole).to_owned())
}

/// `{true|false}_{chat}_{ID}[_{participant}]` → `ID`.
fn bare_id(whole: &str) -> &str {
    let mut parts = whole.split('_');
    match (parts.next(), parts.next(), parts.next()) {
        (Some("true" | "false"), Some(chat), Some(id)) if chat.contains('@') && !id.is_empty() => id,
        _ => whole,
    }
}

/// Where a group message's author can be.
const AUTHORS: [&str; 11] = [
    "participant",
    "author",
    "id.participant",
    "key.participant",
    "key.participantAlt",
    "_data.author",
    "_data.id.participant",
    "_data.key.participant",
    "_data.key.participantAlt",
    "_data.Info.Sender",
    "_data.Info.SenderAlt",
];

/// The texts that this number or another one of `ours` wrote, newest first; `None` if the reply is no list.
/// Rows without a text or a moment prove nothing and are left out.
pub(super) fn own_messages(reply: &Reply, ours: &[Jid]) -> Option<Vec<OwnMessage>> {
    let rows = reply.rows(&["messages"])?;
    let own = rows.into_iter().filter_map(|(_, row)| own_message(row, ours));
    let mut own: Vec<OwnMessage> = own.collect();
    own.sort_by_key(|message| std::cmp::Reverse(message.sent_at));
    Some(own)
}

/// When the other side of a chat wrote; `None` if the reply is no list. A row that does not say who wrote it
/// proves nothing, and one engine says of `ours` that they are not.
pub(super) fn times_of_theirs(reply: &Reply, ours: &[Jid]) -> Option<Vec<Timestamp>> {
    let rows = reply.rows(&["messages"])?;
    let is_theirs = |row: &Value| is_own(row) == Some(false) && !is_by_one_of(row, ours, &["from"]);
    let theirs = rows.into_iter().filter(|(_, row)| is_theirs(row));
    Some(theirs.filter_map(|(_, row)| sent_at(row)).collect())
}

/// Whether this number wrote the message, if the row says.
fn is_own(row: &Value) -> Option<bool> {
    let flags =
        ["fromMe", "id.fromMe", "key.fromMe", "_data.id.fromMe", "_data.key.fromMe", "_data.Info.IsFromMe"];
    flag_at(row, &flags).or_else(|| match text_at(row, &["id._serialized", "id"])? {
        id if id.starts_with("true_") => Some(true),
        id if id.starts_with("false_") => Some(false),
        _ => None,
    })
}

fn sent_at(row: &Value) -> Option<Timestamp> {
    let moments =
        ["timestamp", "messageTimestamp", "_data.t", "_data.messageTimestamp", "_data.Info.Timestamp"];
    moments.iter().find_map(|path| moment(at(row, path)?))
}

/// Whether the row says that sending failed: then it is no proof of having said it. The number alone is
/// ambiguous, it comes before the first answer too.
pub(super) fn has_failed(row: &Value) -> bool {
    text_at(row, &["ackName", "_data.ackName"]).is_some_and(|name| name.eq_ignore_ascii_case("error"))
        || flag_at(row, &["isSendFailure", "_data.isSendFailure"]) == Some(true)
}

fn is_by_one_of(row: &Value, ours: &[Jid], places: &[&str]) -> bool {
    let author = |hidden| person_at(row, places, hidden).is_some_and(|author| ours.contains(&author));
    author(false) || author(true)
}

/// `{true|false}_{group}_{ID}_{author}`
fn is_named_in_the_id(row: &Value, ours: &[Jid]) -> bool {
    let author = text_at(row, &["id._serialized", "id"]).and_then(|id| id.split('_').nth(3)?.parse().ok());
    author.is_some_and(|author| ours.contains(&author))
}

fn own_message(row: &Value, ours: &[Jid]) -> Option<OwnMessage> {
    let is_ours = || is_by_one_of(row, ours, &AUTHORS) || is_named_in_the_id(row, ours);
    if has_failed(row) || is_own(row) != Some(true) && !is_ours() {
        return None;
    }
    let texts = [
        "body",
        "text",
        "message.conversation",
        "message.extendedTextMessage.text",
        "_data.body",
        "_data.message.conversation",
        "_data.message.extendedTextMessage.text",
        "_data.Message.conversation",
        "_data.Message.extendedTextMessage.text",
    ];
    Some(OwnMessage {
        // Untrimmed: what counts as the same text is for the caller to say.
        text: texts
            .iter()
            .filter_map(|path| at(row, path)?.as_str())
            .find(|t| !t.trim().is_empty())?
            .to_owned(),
        sent_at: sent_at(row)?,
        message_id: message_id(row),
    })
}

/// The invite link, whether it came as a bare code, quoted, as an address, or wrapped.
pub(super) fn invite_link(reply: &Reply) -> Option<InviteLink> {
    const PLACES: [&str; 9] = [
        "inviteUrl",
        "invite_url",
        "inviteLink",
        "invite_link",
        "inviteCode",
        "invite_code",
        "link",
        "url",
        "code",
    ];
    let words = match reply {
        Reply::Text(text) => Some(text.as_str()),
        Reply::Json(_) if Envelope::read(reply).failed => None,
        Reply::Json(_) => {
            reply.layers().into_iter().find_map(|layer| text_at(layer, &PLACES).or(layer.as_str()))
        }
        _ => None,
    };
    let code = invite_code(words?)?;
    Some(InviteLink(format!("https://chat.whatsapp.com/{code}")))
}

/// The code of an invite. Codes have 22 letters and digits today; other lengths are taken too, but a bare
/// word must be too long to be an error's name.
fn invite_code(words: &str) -> Option<&str> {
    let words = words.trim().trim_matches(['"', '\'']).trim();
    let (code, shortest) = match words.split_once("chat.whatsapp.com/") {
        Some((_, rest)) => {
            let rest = rest.strip_prefix("invite/").unwrap_or(rest);
            let end = rest.find(['?', '#', '/', ' ']).unwrap_or(rest.len());
            (rest.get(..end)?, 10)
        }
        None => (words, 20),
    };
    let good = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    ((shortest..=64).contains(&code.len()) && code.bytes().all(good)).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    const CODE: &str = "AbCdEfGhIjKlMnOpQrStUv";

    #[test]
    fn message_ids_of_all_engines_are_bare() {
        for body in [
            json!({"_data": {"id": {}}, "id": {"fromMe": true, "remote": "1@g.us", "id": "3EB0AA", "_serialized": "true_1@g.us_3EB0AA"}, "ack": 0}),
            json!({"key": {"remoteJid": "1@g.us", "fromMe": true, "id": "3EB0AA"}, "message": {"conversation": "x"}, "status": "PENDING"}),
            json!({"id": "true_1@g.us_3EB0AA_me", "_data": {}}),
            json!({"result": true, "message_id": "3EB0AA"}),
            json!({"success": true, "data": {"id": "3EB0AA"}}),
        ] {
            let sent = sent(&Reply::Json(body.clone())).unwrap();
            assert_eq!(sent.message_id.as_deref(), Some("3EB0AA"), "{body}");
        }
    }

    #[test]
    fn a_ticket_or_an_error_is_no_receipt() {
        for body in [
            json!({"status": "queued", "job_id": "7"}),
            json!({"success": true}),
            json!({"success": false, "id": "3EB0AA"}),
            json!({"code": "invalid_session", "message": "m", "id": "3EB0AA"}),
            json!({"id": "two words"}),
            json!(true),
        ] {
            assert_eq!(sent(&Reply::Json(body.clone())), None, "{body}");
        }
    }

    #[test]
    fn an_author_who_is_named_in_the_id_alone_is_known() {
        let ours: [Jid; 1] = ["77770000@lid".parse().unwrap()];
        let row = |id: &str| json!([{"id": id, "fromMe": false, "timestamp": 1_760_000_000, "body": "x"}]);
        let read = |id: &str| own_messages(&Reply::Json(row(id)), &ours).unwrap().len();
        assert_eq!(read("false_1@g.us_AE_77770000@lid"), 1);
        assert_eq!(read("false_1@g.us_AE_77770000:12@lid"), 1);
        assert_eq!(read("false_1@g.us_AE_77770001@lid"), 0);
        assert_eq!(read("false_1@g.us_AE"), 0);
    }

    #[test]
    fn only_own_texts_are_read_newest_first() {
        let list = json!([
            {"id": "true_1@g.us_B", "timestamp": 1_760_000_001.5, "fromMe": true, "body": "second"},
            {"id": "false_1@g.us_X_15550100001@c.us", "timestamp": 1_760_000_009, "fromMe": false, "body": "theirs"},
            {"id": "true_1@g.us_C", "timestamp": 1_760_000_002_000_i64, "body": "third"},
            {"key": {"fromMe": true, "id": "A"}, "message": {"extendedTextMessage": {"text": "first"}}, "messageTimestamp": "1760000000"},
            {"id": "true_1@g.us_D", "fromMe": true, "body": "timeless"},
            {"id": "true_1@g.us_E", "fromMe": true, "timestamp": 1_760_000_003, "body": null},
            {"fromMe": true, "_data": {"Info": {"Timestamp": "2025-10-09T08:53:10Z"}, "Message": {"conversation": "zeroth"}}}]);
        let own = own_messages(&Reply::Json(list), &[]).unwrap();
        let texts: Vec<_> = own.iter().map(|m| (m.text.as_str(), m.message_id.as_deref())).collect();
        assert_eq!(
            texts,
            [("third", Some("C")), ("second", Some("B")), ("first", Some("A")), ("zeroth", None)]
        );
    }

    #[test]
    fn what_the_other_side_wrote_is_found_and_own_texts_are_not_it() {
        let times = |list: Value| {
            let times = times_of_theirs(&Reply::Json(list), &[])?;
            Some(times.into_iter().map(Timestamp::as_second).collect::<Vec<_>>())
        };
        let list = json!([
            {"id": "false_15550100001@c.us_A", "timestamp": 1_760_000_001, "body": "theirs, by its id"},
            {"key": {"fromMe": false, "id": "B"}, "messageTimestamp": "1760000003", "message": {"conversation": "x"}},
            {"fromMe": true, "timestamp": 1_760_000_009, "body": "ours"},
            {"timestamp": 1_760_000_010, "body": "whose?"},
            {"fromMe": false, "body": "when?"}]);
        assert_eq!(times(list), Some(vec![1_760_000_001, 1_760_000_003]));
        assert_eq!(times(json!([{"fromMe": true, "timestamp": 1_760_000_009}])), Some(vec![]));
        assert_eq!(times(json!({"error": "x"})), None);
    }

    #[test]
    fn what_another_number_of_ours_wrote_counts_by_either_of_its_ids() {
        let row = |author: &str, body: &str| json!({"id": "false_1@g.us_X", "timestamp": 1_760_000_001, "fromMe": false, "participant": author, "body": body});
        let alt = json!({"id": "false_1@g.us_Y", "timestamp": 1_760_000_001, "fromMe": false, "body": "by phone beside it",
            "participant": "77000@lid", "_data": {"Info": {"SenderAlt": "15550109999:3@s.whatsapp.net"}}});
        let list = json!([
            row("15550109999@c.us", "by phone"),
            row("99990009@lid", "by hidden id"),
            alt,
            row("15550100001@c.us", "somebody's"),
            row("1@g.us", "nobody's")
        ]);
        let ours: Vec<Jid> = ["15550109999@c.us", "99990009@lid"].map(|id| id.parse().unwrap()).into();
        let own = own_messages(&Reply::Json(list), &ours).unwrap();
        let texts: Vec<_> = own.iter().map(|m| m.text.as_str()).collect();
        assert_eq!(texts, ["by phone", "by hidden id", "by phone beside it"]);
    }

    #[test]
    fn an_invite_comes_in_every_form() {
        for reply in [
            Reply::Text(CODE.to_owned()),
            Reply::Text(format!(" https://chat.whatsapp.com/{CODE} ")),
            Reply::Text(format!("https://chat.whatsapp.com/invite/{CODE}?mode=x")),
            Reply::Json(json!({"code": CODE})),
            Reply::Json(json!({"inviteCode": CODE})),
            Reply::Json(json!({"invite_code": CODE})),
            Reply::Json(json!({"inviteUrl": format!("https://chat.whatsapp.com/{CODE}")})),
            Reply::Json(json!({"success": true, "data": CODE})),
            Reply::Json(json!({"data": {"code": CODE}})),
        ] {
            let link = invite_link(&reply).unwrap();
            assert_eq!(link.0, format!("https://chat.whatsapp.com/{CODE}"), "{reply:?}");
        }
    }

    #[test]
    fn what_is_no_invite_is_refused() {
        for reply in [
            Reply::Html,
            Reply::Empty,
            Reply::Text("Unauthorized".to_owned()),
            Reply::Text("An internal error has occurred".to_owned()),
            Reply::Text(format!("https://evil.example/{CODE}")),
            Reply::Json(json!({"code": "invalid_session", "message": CODE})),
            Reply::Json(json!({"code": "rate_limit"})),
            Reply::Json(json!(false)),
        ] {
            assert_eq!(invite_link(&reply), None, "{reply:?}");
        }
    }

    proptest! {
        #[test]
        fn a_link_is_always_well_formed(words in any::<String>(), code in "[A-Za-z0-9_-]{0,70}") {
            for text in [words, code.clone(), format!("https://chat.whatsapp.com/{code}")] {
                if let Some(link) = invite_link(&Reply::Text(text)) {
                    let rest = link.0.strip_prefix("https://chat.whatsapp.com/").unwrap();
                    prop_assert!(rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
                }
            }
        }
    }
}
