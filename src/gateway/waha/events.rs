//! Wawp's own webhooks → notices.
//!
//! Two descriptions of the group events contradict each other: WAHA's, the server behind Wawp
//! (`group.v2.join` and `group.v2.leave` are about the linked number itself, `group.v2.participants` about
//! the others), and the one on Wawp's pages (join and leave name the people, by index). They are told apart
//! by whether people are named. Ids come as texts or as objects with `_serialized`; moments as seconds or
//! milliseconds, whole or not; `me` may be missing. What is not understood is passed over: a provider that is
//! not answered 200 sends for ever.

use serde_json::Value;

use super::messages::has_failed;
use super::people;
use super::reply::{at, flag_at, id_text, number, person_at, text_at};
use crate::clock::Timestamp;
use crate::consent::Verdict;
use crate::gateway::Session;
use crate::gateway::notice::{Notice, NoticeKind, Unread, Whom};
use crate::jid::{ChatId, GroupId, Jid};
use crate::json;

/// Events read from one body.
const MOST: usize = 1000;
/// People read from one event; a group has at most 1024.
const PEOPLE: usize = 1100;
/// Longest id of an event that is kept; WAHA's have 30 characters.
const LONGEST_ID: usize = 128;
/// Longest subject kept, in characters.
const LONGEST_SUBJECT: usize = 256;
/// Where the engines put the words of a message.
const WORDS: [&str; 4] =
    ["body", "text", "_data.Message.conversation", "_data.Message.extendedTextMessage.text"];
/// Longest own text kept, in characters; Wawp takes 4096.
const LONGEST_TEXT: usize = 5000;

/// The notices in a body: one event, or a list of them. Unknown events give none.
pub fn notices(body: &[u8]) -> Result<Vec<Notice>, Unread> {
    let value = json::value(body).map_err(|e| Unread(format!("no JSON: {e}")))?;
    match &value {
        Value::Array(events) => Ok(events.iter().take(MOST).flat_map(of_event).collect()),
        Value::Object(_) => Ok(of_event(&value)),
        _ => Err(Unread("neither an event nor a list of them".to_owned())),
    }
}

/// One event; some mean two things (the linked number joined together with others).
fn of_event(event: &Value) -> Vec<Notice> {
    let payload = event.get("payload").filter(|p| p.is_object()).unwrap_or(event);
    let id = text_at(event, &["id"]).filter(|id| id.len() <= LONGEST_ID);
    let at = ["timestamp", "ts"].iter().find_map(|name| moment(event.get(*name)?));
    let at = at.or_else(|| moment(payload.get("timestamp")?));
    let ours = Ours::of(event);
    let kinds = match text_at(event, &["event"]) {
        Some("session.status") => session(payload).into_iter().collect(),
        Some("message" | "message.any") => message(payload, &ours).into_iter().collect(),
        Some("message.ack") => undelivered(payload, &ours).into_iter().collect(),
        Some("group.v2.join" | "group.join") => came_or_went(payload, &ours, Some(Way::In)),
        Some("group.v2.leave" | "group.leave") => came_or_went(payload, &ours, Some(Way::Out)),
        Some("group.v2.participants") => changed(payload, &ours),
        Some("group.v2.update") => renamed(payload).into_iter().collect(),
        Some(_) => Vec::new(),
        // An older page of Wawp shows the session's state without any envelope.
        None => session(event).into_iter().collect(),
    };
    // An answer that waited while the number was offline is as old as it was written, not as it is told.
    let written_at = payload.get("timestamp").and_then(moment).or(at);
    let at_of = |what: &NoticeKind| match what {
        NoticeKind::Message { verdict: Some(_), .. } => written_at,
        _ => at,
    };
    kinds
        .into_iter()
        .enumerate()
        .map(|(n, what)| Notice {
            id: id.map(|id| if n == 0 { id.to_owned() } else { format!("{id}#{n}") }),
            at: at_of(&what),
            what,
        })
        .collect()
}

/// The linked number's own ids, as far as the event names them.
struct Ours {
    phone: Option<Jid>,
    hidden: Option<Jid>,
}

impl Ours {
    fn of(event: &Value) -> Self {
        let me = event.get("me").unwrap_or(&Value::Null);
        Self {
            phone: person_at(me, &["id", "jid", "wid"], false),
            hidden: person_at(me, &["lid", "id"], true),
        }
    }

    fn is(&self, whom: &Whom) -> bool {
        (self.phone.is_some() && self.phone == whom.phone)
            || (self.hidden.is_some() && self.hidden == whom.hidden)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    In,
    Out,
}

fn session(payload: &Value) -> Option<NoticeKind> {
    let word = text_at(payload, &["status"])?;
    let word_like = word.len() <= 40 && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let session = match word.to_ascii_uppercase().as_str() {
        _ if !word_like => return None,
        "WORKING" => Session::Working { own: None },
        // It passes by itself within seconds, one way or the other.
        "STARTING" => return None,
        word => Session::Down(word.to_owned()),
    };
    Some(NoticeKind::Session { session })
}

fn changed(payload: &Value, ours: &Ours) -> Vec<NoticeKind> {
    let way = match text_at(payload, &["type", "action"]) {
        Some("join" | "add" | "invite" | "linked_group_join") => Some(Way::In),
        Some("leave" | "remove" | "kick") => Some(Way::Out),
        // Ranks are read with the members.
        Some("promote" | "demote") => return Vec::new(),
        Some(_) | None => None,
    };
    match (way, group_of(payload)) {
        (_, None) => Vec::new(),
        (Some(_), Some(_)) if !people_of(payload).is_empty() => came_or_went(payload, ours, way),
        // Unlike the events of its own, this one never speaks of the linked number by saying nothing.
        (_, Some(group)) => vec![NoticeKind::Changed { group }],
    }
}

fn came_or_went(payload: &Value, ours: &Ours, way: Option<Way>) -> Vec<NoticeKind> {
    let (Some(group), Some(way)) = (group_of(payload), way) else { return Vec::new() };
    let people = people_of(payload);
    let names_people = !people.is_empty();
    let (us, others): (Vec<Whom>, Vec<Whom>) = people.into_iter().partition(|whom| ours.is(whom));
    // Nobody named: WAHA speaks of the linked number itself, but then it describes the group.
    let about_us = !us.is_empty() || (!names_people && payload.get("group").is_some_and(Value::is_object));
    let mut kinds = Vec::new();
    if about_us {
        kinds.push(match way {
            Way::In => NoticeKind::WeJoined { group: group.clone(), subject: subject_of(payload) },
            Way::Out => NoticeKind::WeLeft { group: group.clone() },
        });
    }
    if !others.is_empty() {
        kinds.push(match way {
            Way::In => NoticeKind::Joined { group: group.clone(), who: others },
            Way::Out => NoticeKind::Left { group: group.clone(), who: others },
        });
    }
    if kinds.is_empty() {
        kinds.push(NoticeKind::Changed { group });
    }
    kinds
}

fn renamed(payload: &Value) -> Option<NoticeKind> {
    Some(NoticeKind::Renamed { group: group_of(payload)?, subject: subject_of(payload)? })
}

fn group_of(payload: &Value) -> Option<GroupId> {
    let paths = ["group.id", "group.JID", "group", "chatId", "groupId", "gid", "id"];
    paths.iter().find_map(|path| id_text(at(payload, path)?)?.parse().ok())
}

fn subject_of(payload: &Value) -> Option<String> {
    let subject = text_at(payload, &["group.subject", "group.Name", "group.name", "subject"])?;
    Some(subject.chars().take(LONGEST_SUBJECT).collect())
}

/// The people that an event names by itself; those inside its group are everybody who is in it.
fn people_of(payload: &Value) -> Vec<Whom> {
    let rows: Vec<&Value> = match payload.get("participants") {
        Some(Value::Array(rows)) => rows.iter().collect(),
        Some(Value::Object(rows)) => rows.values().collect(),
        _ => Vec::new(),
    };
    rows.into_iter().take(PEOPLE).filter_map(whom).collect()
}

fn whom(row: &Value) -> Option<Whom> {
    let (mut phone, mut hidden) = people::identity_of(None, row);
    // The row may be the id itself, as an object.
    if let Some(jid) = id_text(row).and_then(|text| text.parse::<Jid>().ok()) {
        let place = if jid.is_hidden() { &mut hidden } else { &mut phone };
        place.get_or_insert(jid);
    }
    (phone.is_some() || hidden.is_some()).then_some(Whom { phone, hidden })
}

fn message(payload: &Value, ours: &Ours) -> Option<NoticeKind> {
    let full_id =
        payload.get("id").and_then(|id| id_text(id).or_else(|| text_at(id, &["id"]).map(str::to_owned)));
    // `{true|false}_{chat}_{ID}[_{author}]`
    let parts: Vec<&str> = full_id.as_deref().unwrap_or_default().split('_').collect();
    let (said_by_us, chat_part, bare) = match parts.as_slice() {
        [mine @ ("true" | "false"), chat, bare, ..] => (Some(*mine == "true"), Some(*chat), Some(*bare)),
        [bare] if !bare.is_empty() => (None, None, Some(*bare)),
        _ => (None, None, None),
    };
    let from_me = flag_at(payload, &["fromMe", "key.fromMe", "_data.Info.IsFromMe"]).or(said_by_us)?;
    let named = if from_me { ["to", "from"] } else { ["from", "to"] };
    let mut chats = chat_part.map(str::to_owned).into_iter().collect::<Vec<_>>();
    chats.extend(named.iter().filter_map(|name| id_text(payload.get(*name)?)));
    chats.extend(["_data.Info.Chat", "key.remoteJid"].iter().filter_map(|path| id_text(at(payload, path)?)));
    let group = chats.iter().find_map(|chat| chat.parse::<GroupId>().ok());
    let person = || chats.iter().find_map(|chat| chat.parse::<Jid>().ok());
    // What somebody shows to everybody is written to nobody.
    let is_broadcast = chats.iter().any(|chat| chat.ends_with("@broadcast") || chat.ends_with("@newsletter"));
    let chat = group.map(ChatId::Group).or_else(|| person().map(ChatId::Person))?;
    let authors = match chat {
        ChatId::Group(_) => ["participant", "author", "_data.Info.Sender", "_data.Info.SenderAlt"],
        ChatId::Person(_) => ["from", "_data.Info.Chat", "_data.Info.Sender", "_data.Info.SenderAlt"],
    };
    let author = Whom {
        phone: person_at(payload, &authors, false).filter(|jid| ours.phone.as_ref() != Some(jid)),
        hidden: person_at(payload, &authors, true).filter(|jid| ours.hidden.as_ref() != Some(jid)),
    };
    let author = Some(author).filter(|a| !from_me && (a.phone.is_some() || a.hidden.is_some()));
    let words = text_at(payload, &WORDS);
    // Only the verdict on being called is taken from what other people write, and only 1:1.
    let theirs = !from_me && matches!(chat, ChatId::Person(_)) && !is_of_the_system(payload) && !is_broadcast;
    // Without words it counts only if there is something else to it, such as a voice message.
    let is_something = words.is_some_and(|words| !words.trim().is_empty())
        || flag_at(payload, &["hasMedia", "_data.hasMedia"]) == Some(true);
    let verdict = (theirs && is_something).then(|| Verdict::of(words.unwrap_or_default()));
    // One that failed is no proof of having said it.
    let text = words.filter(|_| from_me && !has_failed(payload));
    Some(NoticeKind::Message {
        chat,
        from: author,
        from_me,
        message_id: bare.map(|id| id.chars().take(LONGEST_ID).collect()),
        text: text.map(|text| text.chars().take(LONGEST_TEXT).collect()),
        verdict,
    })
}

/// An own message that could not be sent after all. Every other state of one is told by what comes of it.
fn undelivered(payload: &Value, ours: &Ours) -> Option<NoticeKind> {
    // Of an acknowledgement the number alone says it, unless a name beside it says something else.
    let is_error =
        payload.get("ack").and_then(number) == Some(-1.0) && text_at(payload, &["ackName"]).is_none();
    if !has_failed(payload) && !is_error {
        return None;
    }
    match message(payload, ours)? {
        NoticeKind::Message { chat, from_me: true, message_id: Some(message_id), .. } => {
            Some(NoticeKind::Undelivered { chat, message_id })
        }
        _ => None,
    }
}

/// Lines that the network puts into a chat look like messages of the other side, but nobody wrote them.
fn is_of_the_system(payload: &Value) -> bool {
    const KINDS: [&str; 8] = [
        "e2e_notification",
        "notification",
        "notification_template",
        "gp2",
        "call_log",
        "protocol",
        "ciphertext",
        "revoked",
    ];
    text_at(payload, &["_data.type", "type"]).is_some_and(|kind| KINDS.contains(&kind))
}

/// Seconds or milliseconds, whole or not, as a number or as text; or a moment written out.
fn moment(value: &Value) -> Option<Timestamp> {
    /// Seconds beyond this are milliseconds: it is the year 5138.
    const FAR: f64 = 1e11;
    if let Some(written) = value.as_str().and_then(|text| text.trim().parse::<Timestamp>().ok()) {
        return Some(written);
    }
    let number = number(value).filter(|n| *n > 0.0)?;
    let millis = if number > FAR { number } else { number * 1000.0 };
    #[expect(clippy::cast_possible_truncation, reason = "what does not fit is refused right after")]
    Timestamp::from_millisecond(millis.round() as i64).ok()
}

#[cfg(test)]
mod tests;
