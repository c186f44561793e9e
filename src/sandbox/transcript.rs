//! The shapes of messages and chats, engine by engine.
//! Actors: `api` asks for the shape of a message that was sent or read; nothing here changes the world.

use serde_json::{Value, json};

use super::group::{Entry, Message};
use super::person::LidKnowledge;
use super::setup::Engine;
use super::talk::Chat;
use super::world::World;
use crate::clock::{SignedDuration, Timestamp, later};

/// How long a message travels until the server's tick becomes the device's.
const TRAVEL: SignedDuration = SignedDuration::from_secs(2);

/// The id under which a chat is filed.
pub(super) fn chat_id(world: &World, chat: &Chat) -> String {
    match chat {
        Chat::Group(id) => id.clone(),
        Chat::Person { digits, by_lid: true } => {
            format!("{}@lid", world.known_lid(digits).unwrap_or_default())
        }
        Chat::Person { digits, .. } => format!("{digits}@c.us"),
    }
}

/// The answer to a send.
pub(super) fn sent(world: &World, chat: &Chat, message: &Message) -> Value {
    let chat_id = chat_id(world, chat);
    let text = text_of(message);
    let seconds = message.at.as_second();
    match world.engine {
        Engine::Webjs => {
            let id = json!({
                "fromMe": true,
                "remote": chat_id,
                "id": message.id,
                "_serialized": format!("true_{chat_id}_{}", message.id),
            });
            json!({
                "_data": {"id": id, "body": text, "type": "chat", "t": seconds},
                "id": id,
                "ack": 0,
                "hasMedia": false,
                "body": text,
                "type": "chat",
                "timestamp": seconds,
                "from": format!("{}@c.us", message.author),
                "to": chat_id,
                "fromMe": true,
            })
        }
        Engine::Noweb => json!({
            "key": {"remoteJid": chat_id.replace("@c.us", "@s.whatsapp.net"), "fromMe": true, "id": message.id},
            "message": {"extendedTextMessage": {"text": text}},
            "messageTimestamp": seconds.to_string(),
            "status": "PENDING",
        }),
        Engine::Gows => {
            let tail = if matches!(chat, Chat::Group(_)) { "_me" } else { "" };
            json!({
                "id": format!("true_{chat_id}_{}{tail}", message.id),
                "_data": {"ID": message.id, "Timestamp": message.at.to_string()},
            })
        }
    }
}

/// One message as the reading routes show it, the same on all engines.
pub(super) fn read(world: &World, bot: &str, chat: &Chat, message: &Message, now: Timestamp) -> Value {
    let chat_id = chat_id(world, chat);
    let is_disowned = world.quirks.disowns && message.author == bot;
    let is_mine = message.author == bot && !is_disowned;
    let author = match world.known_lid(bot).filter(|_| is_disowned) {
        Some(lid) => format!("{lid}@lid"),
        None => author_id(world, &message.author),
    };
    let bot_id = format!("{bot}@c.us");
    let is_group = matches!(chat, Chat::Group(_));
    let mut id = format!("{is_mine}_{chat_id}_{}", message.id);
    if is_group {
        id = format!("{id}_{author}");
    }
    let (from, to) = match (is_group, is_mine) {
        (true, false) => (chat_id.clone(), bot_id),
        (false, false) => (chat_id, bot_id),
        (_, true) => (bot_id, chat_id),
    };
    let (ack, ack_name) = if message.failed {
        (-1, "ERROR")
    } else if is_mine && message.delivered && later(message.at, TRAVEL) <= now {
        (2, "DEVICE")
    } else {
        (1, "SERVER")
    };
    let mut shape = json!({
        "id": id,
        "timestamp": message.at.as_second(),
        "from": from,
        "fromMe": is_mine,
        "source": if is_mine { "api" } else { "app" },
        "to": to,
        "body": text_of(message),
        "hasMedia": false,
        "ack": ack,
        "ackName": ack_name,
        "replyTo": null,
        "_data": if message.failed { json!({"isSendFailure": true}) } else { json!({}) },
    });
    if let (true, Some(fields)) = (is_group, shape.as_object_mut()) {
        fields.insert("participant".to_owned(), json!(author));
    }
    shape
}

/// One line of the list of chats.
pub(super) fn chat_line(world: &World, chat: &Chat, name: &str, last_at: Timestamp) -> Value {
    let id = chat_id(world, chat);
    let seconds = last_at.as_second();
    let is_group = matches!(chat, Chat::Group(_));
    match world.engine {
        Engine::Webjs => {
            let (user, server) = id.split_once('@').unwrap_or((&id, ""));
            json!({
                "id": {"server": server, "user": user, "_serialized": id},
                "name": name,
                "isGroup": is_group,
                "unreadCount": 0,
                "timestamp": seconds,
            })
        }
        Engine::Noweb => json!({
            "id": id.replace("@c.us", "@s.whatsapp.net"),
            "name": name,
            "conversationTimestamp": seconds,
        }),
        Engine::Gows => json!({"id": id, "name": name, "conversationTimestamp": seconds}),
    }
}

fn author_id(world: &World, digits: &str) -> String {
    let is_known = world.person(digits).lid == LidKnowledge::KnownMapping;
    match world.known_lid(digits) {
        Some(lid) if !is_known => format!("{lid}@lid"),
        _ => format!("{digits}@c.us"),
    }
}

/// A private invitation has no text of its own.
fn text_of(message: &Message) -> &str {
    match &message.entry {
        Entry::Text(text) => text,
        Entry::Invitation { .. } | Entry::Event(_) => "",
    }
}
