//! What this number, or another one of ours, wrote into a chat: the proof, or its absence, for a text whose answer was lost.

use super::Wawp;
use super::call::{Asked, Call};
use super::http::{Deadline, Request};
use super::messages;
use super::reply::Reply;
use crate::gateway::{GatewayError, OwnMessage, Refusal};
use crate::jid::{ChatId, Jid};

/// How many of the latest messages of a chat are looked through.
const RECENT: u32 = 50;

impl Wawp {
    /// The last own texts of a chat, newest first. A chat with one person may be filed under the hidden id
    /// instead of the phone, so an empty or unknown one is looked for there as well.
    pub(super) async fn own_texts(
        &self,
        chat: &ChatId,
        ours: &[Jid],
        deadline: Deadline,
    ) -> Result<Vec<OwnMessage>, GatewayError> {
        let first = self.chat(chat, ours, deadline).await;
        let nothing_there = match &first {
            Ok(own) => own.is_empty(),
            Err(GatewayError::Refused { reason, .. }) => *reason == Refusal::Invalid,
            Err(_) => false,
        };
        match chat {
            ChatId::Person(person) if nothing_there && !person.is_hidden() => {
                match self.lid_of(person, deadline).await {
                    Some(hidden) => self.chat(&ChatId::Person(hidden), ours, deadline).await,
                    None => first,
                }
            }
            _ => first,
        }
    }

    async fn chat(
        &self,
        chat: &ChatId,
        ours: &[Jid],
        deadline: Deadline,
    ) -> Result<Vec<OwnMessage>, GatewayError> {
        let asked = Asked { on_group: matches!(chat, ChatId::Group(_)), ..Asked::new(Call::ReadChat) };
        // The host behind Wawp downloads every attachment unless told not to.
        let request = Request::get("/v2/chats/messages")
            .query("chatId", chat.to_string())
            .query("limit", RECENT.to_string())
            .query("offset", "0")
            .query("downloadMedia", "false");
        let read = |reply: &Reply| messages::own_messages(reply, ours);
        self.ask(asked, request, deadline, read).await
    }
}
