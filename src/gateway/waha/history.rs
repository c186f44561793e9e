//! What stands in a chat: a text of this number or another one of ours whose answer was lost, or that the other
//! side has written at all.

use std::time::Duration;

use super::Client;
use super::call::{Call, CallContext};
use super::http::{Deadline, Request};
use super::messages;
use super::reply::Reply;
use crate::clock::Timestamp;
use crate::gateway::{GatewayError, OwnMessage, Refusal};
use crate::jid::{ChatId, Jid};

/// The longest that a look for somebody's earlier messages may take: nobody waits for that.
pub(super) const FAST_POLL: Duration = Duration::from_secs(3);
/// How many of the latest messages of a chat are looked through.
const RECENT: u32 = 50;

impl Client {
    /// The last own texts of a chat, newest first. A chat with one person may be filed under the hidden id
    /// instead of the phone, so an empty or unknown one is looked for there as well.
    pub(super) async fn own_texts(
        &self,
        chat: &ChatId,
        ours: &[Jid],
        deadline: Deadline,
    ) -> Result<Vec<OwnMessage>, GatewayError> {
        let ours = &[ours, &self.own_ids(deadline).await[..]].concat()[..];
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

    /// Whether a person's 1:1 chat holds something that they wrote since `since`. A chat that holds only our
    /// own messages is no acquaintance. It may be filed under the hidden id as well as under the phone.
    pub(super) async fn wrote_since(
        &self,
        person: &Jid,
        since: Timestamp,
        deadline: Deadline,
    ) -> Result<bool, GatewayError> {
        let first = self.theirs(person, deadline).await;
        let nothing_there = match &first {
            Ok(times) => times.is_empty(),
            Err(GatewayError::Refused { reason, .. }) => *reason == Refusal::Invalid,
            Err(_) => false,
        };
        let mut times = first;
        if nothing_there
            && !person.is_hidden()
            && let Some(hidden) = self.lid_of(person, deadline).await
        {
            times = self.theirs(&hidden, deadline).await;
        }
        Ok(times?.iter().any(|at| *at >= since))
    }

    async fn theirs(&self, person: &Jid, deadline: Deadline) -> Result<Vec<Timestamp>, GatewayError> {
        let own = self.own_ids(deadline).await;
        let request = self.recent(&ChatId::Person(person.clone()));
        let read = |reply: &Reply| messages::times_of_theirs(reply, &own);
        self.ask(CallContext::new(Call::ReadChat), request, deadline, read).await
    }

    /// The ids under which this number writes: one engine lists that under its hidden id, as if somebody else had
    /// written it.
    async fn own_ids(&self, deadline: Deadline) -> Vec<Jid> {
        let me = self.me_with_hidden(deadline).await;
        me.into_iter().flat_map(|me| std::iter::once(me.phone).chain(me.hidden)).collect()
    }

    async fn chat(
        &self,
        chat: &ChatId,
        ours: &[Jid],
        deadline: Deadline,
    ) -> Result<Vec<OwnMessage>, GatewayError> {
        let context =
            CallContext { on_group: matches!(chat, ChatId::Group(_)), ..CallContext::new(Call::ReadChat) };
        let read = |reply: &Reply| messages::own_messages(reply, ours);
        self.ask(context, self.recent(chat), deadline, read).await
    }

    fn recent(&self, chat: &ChatId) -> Request {
        // The server downloads every attachment unless told not to.
        self.dialect
            .messages(chat)
            .query("limit", RECENT.to_string())
            .query("offset", "0")
            .query("downloadMedia", "false")
    }
}
