//! Calls about messages and chats.
//! Actors: the API face sends calls here; `talk` holds the rules, `transcript` the shapes.

use serde_json::{Value, json};

use crate::clock::Timestamp;
use crate::sandbox::call::Call;
use crate::sandbox::group::Message;
use crate::sandbox::operation::Operation;
use crate::sandbox::person::LidKnowledge;
use crate::sandbox::reply::{Refused, Reply};
use crate::sandbox::setup::{Api, Engine};
use crate::sandbox::talk::{Chat, bare_id};
use crate::sandbox::transcript;
use crate::sandbox::world::World;

/// WAHA's own page sizes.
const MESSAGES_PAGE: usize = 10;
const OVERVIEW_PAGE: usize = 20;

pub(super) fn answer(world: &mut World, call: &Call, now: Timestamp) -> Result<Reply, Refused> {
    match call.operation {
        Operation::SendText => send(world, call, now),
        Operation::NewMessageId => Ok(Reply::json(json!({"id": world.new_message_id()}))),
        Operation::ListMessages => {
            store(world)?;
            let (bot, chat) = place(world, call)?;
            let messages = world.readable(&bot, &chat, now)?;
            let rows = call.page(messages, Some(MESSAGES_PAGE));
            let shapes: Vec<Value> =
                rows.iter().map(|message| transcript::read(world, &bot, &chat, message, now)).collect();
            Ok(Reply::json(Value::from(shapes)))
        }
        Operation::GetMessage => {
            store(world)?;
            let (bot, chat) = place(world, call)?;
            let id = bare_id(call.required("messageId")?);
            let messages = world.readable(&bot, &chat, now)?;
            let message = messages
                .iter()
                .find(|message| message.id == id)
                .ok_or_else(|| Refused::NotFound("Message not found".to_owned()))?;
            Ok(Reply::json(transcript::read(world, &bot, &chat, message, now)))
        }
        Operation::EditMessage => {
            let (_, chat) = place(world, call)?;
            let id = call.required("messageId")?;
            let text = call.required("text")?;
            let message = world.edit_text(&call.instance_id, &chat, id, text, now)?;
            Ok(Reply::json(transcript::sent(world, &chat, &message)))
        }
        Operation::DeleteMessage => {
            let (_, chat) = place(world, call)?;
            let id = call.required("messageId")?;
            world.delete_message(&call.instance_id, &chat, id, now)?;
            Ok(Reply::empty())
        }
        Operation::ListChats | Operation::ListChatsOverview => list(world, call, now),
        _ => Err(Refused::NotImplemented),
    }
}

/// NOWEB without its store can read nothing back.
pub(super) fn store(world: &World) -> Result<(), Refused> {
    if world.chat_store {
        Ok(())
    } else {
        Err(Refused::Invalid(
            "Enable NOWEB store \"config.noweb.store.enabled=True\" and \"config.noweb.store.full_sync=True\" \
             when starting a new session."
                .to_owned(),
        ))
    }
}

fn place(world: &World, call: &Call) -> Result<(String, Chat), Refused> {
    let chat = world.chat(call.required("chatId")?)?;
    Ok((world.bot(&call.instance_id)?, chat))
}

fn send(world: &mut World, call: &Call, now: Timestamp) -> Result<Reply, Refused> {
    let (_, chat) = place(world, call)?;
    let text = call.required(if call.api() == Api::Waha { "text" } else { "message" })?;
    let id = call.field("id").filter(|_| call.api() == Api::Waha && world.engine != Engine::Webjs);
    let message = world.send_text(&call.instance_id, &chat, text, id, now)?;
    Ok(Reply::json(transcript::sent(world, &chat, &message)).with_status(201))
}

fn list(world: &World, call: &Call, now: Timestamp) -> Result<Reply, Refused> {
    store(world)?;
    let bot = world.bot(&call.instance_id)?;
    let is_overview = call.operation == Operation::ListChatsOverview;
    let mut chats: Vec<(Chat, String, Option<Message>, Timestamp)> = Vec::new();
    for group in world.listed_groups(&bot, now) {
        let chat = Chat::Group(group.id.clone());
        let last = world.readable(&bot, &chat, now)?.into_iter().next();
        let at = last.as_ref().map_or(group.created_at, |message| message.at);
        chats.push((chat, group.subject.clone(), last, at));
    }
    for direct in world.direct.iter().filter(|direct| direct.bot == bot) {
        let chat = Chat::Person {
            digits: direct.person.clone(),
            by_lid: world.person(&direct.person).lid == LidKnowledge::LidOnly,
        };
        if let Some(last) = world.readable(&bot, &chat, now)?.into_iter().next() {
            let at = last.at;
            chats.push((chat, world.name_of(&direct.person), Some(last), at));
        }
    }
    if let Some(wanted) = call.query.get("ids") {
        chats.retain(|(chat, ..)| {
            let id = transcript::chat_id(world, chat);
            wanted.split(',').any(|one| one == id)
        });
    }
    if call.field("sortBy") == Some("id") {
        chats.sort_by_key(|(chat, ..)| transcript::chat_id(world, chat));
    } else {
        chats.sort_by_key(|(.., at)| *at);
    }
    let is_ascending = call.field("sortOrder").is_some_and(|order| order.eq_ignore_ascii_case("asc"));
    if !is_ascending {
        chats.reverse();
    }
    let shapes: Vec<Value> = call
        .page(chats, is_overview.then_some(OVERVIEW_PAGE))
        .iter()
        .map(|(chat, name, last, at)| {
            let line = transcript::chat_line(world, chat, name, *at);
            if !is_overview {
                return line;
            }
            let last = last.as_ref().map(|message| transcript::read(world, &bot, chat, message, now));
            json!({
                "id": transcript::chat_id(world, chat),
                "name": name,
                "picture": null,
                "lastMessage": last,
                "_chat": line,
            })
        })
        .collect();
    Ok(Reply::json(Value::from(shapes)))
}
