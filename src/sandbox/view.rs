//! What a test or the page may look at: groups, chats and phones as of now, in plain values.
//! Actors: the handle makes views from the world; tests, the demo and the page read them.

use std::collections::BTreeSet;

use serde::Serialize;

use super::group::{Entry, Group, GroupEvent, Message, Presence, Rank, read_log};
use super::link::LINK_START;
use super::person::Person;
use super::world::World;
use crate::chat_text::{Run, runs};
use crate::clock::Timestamp;

/// A group that was made through the API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Creation {
    /// When.
    pub at: Timestamp,
    /// By which instance.
    pub instance_id: String,
    /// Which group.
    pub group_id: String,
}

/// One member of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MemberView {
    /// The phone number, without a plus.
    pub digits: String,
    /// The name that others see.
    pub name: String,
    /// The hidden id with its `@lid`.
    pub lid: String,
    /// Admin or creator.
    pub admin: bool,
    /// The exact rank.
    pub rank: Rank,
    /// Member since.
    pub since: Timestamp,
}

/// What sort of entry it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageKind {
    /// Written by someone.
    Text,
    /// WhatsApp's private invitation card.
    Invitation,
    /// A line that the app writes between the messages.
    System,
}

/// One entry of a chat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MessageView {
    /// The bare message id.
    pub id: String,
    /// When it was written.
    pub at: Timestamp,
    /// Digits of the author; for a system line, of who did it.
    pub from: String,
    /// The author's name.
    pub from_name: String,
    /// What sort of entry it is.
    pub kind: MessageKind,
    /// The text as sent, with its markup; for a system line, the line.
    pub text: String,
    /// The text cut into styled pieces.
    pub runs: Vec<Run>,
    /// The group link or private code that can be joined with, if the entry holds one.
    pub link: Option<String>,
    /// Whether it was changed later.
    pub edited: bool,
}

/// One group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GroupView {
    /// The id, ending in `@g.us`.
    pub id: String,
    /// The subject.
    pub subject: String,
    /// The description; empty if none was set.
    pub description: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Digits of the creator.
    pub creator: String,
    /// The instance that made it.
    pub instance_id: String,
    /// Who is in it now, the creator included, in the order of arrival.
    pub members: Vec<MemberView>,
    /// The invite code that works now.
    pub invite_code: String,
    /// The same as a link.
    pub invite_link: String,
    /// Only admins may write.
    pub announce: bool,
    /// Only admins may change subject and description.
    pub locked: bool,
    /// Texts and system lines, oldest first; deleted ones are left out.
    pub messages: Vec<MessageView>,
}

impl GroupView {
    /// Whether a number is a member.
    #[must_use]
    pub fn has(&self, digits: &str) -> bool {
        self.members.iter().any(|member| member.digits == digits)
    }

    /// What people and the bot wrote, without the system lines.
    #[must_use]
    pub fn texts(&self) -> Vec<&str> {
        self.messages
            .iter()
            .filter(|message| message.kind == MessageKind::Text)
            .map(|message| message.text.as_str())
            .collect()
    }
}

/// One chat on one phone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PhoneChat {
    /// The group's id, or the bot's id in a 1:1 chat.
    pub id: String,
    /// Subject of the group, or the bot's name.
    pub title: String,
    /// The group; absent in a 1:1 chat and for a group that the person is no longer in.
    pub group: Option<GroupHead>,
    /// Whether the person may write here.
    pub can_write: bool,
    /// What this person can see: in a group, only the time of their own membership.
    pub messages: Vec<MessageView>,
    /// The moment of the newest entry.
    pub last_at: Option<Timestamp>,
}

/// What a member sees above a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GroupHead {
    /// The description.
    pub description: String,
    /// The members.
    pub members: Vec<MemberView>,
    /// Only admins may write.
    pub announce: bool,
    /// Only admins may change subject and description.
    pub locked: bool,
}

/// One person's phone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PhoneView {
    /// The number.
    pub digits: String,
    /// The name, or the number for someone nameless.
    pub name: String,
    /// The hidden id with its `@lid`.
    pub lid: String,
    /// The settings.
    pub settings: Person,
    /// Chats, the one with the newest entry first.
    pub chats: Vec<PhoneChat>,
}

impl World {
    pub(super) fn group_view(&self, group: &Group, now: Timestamp) -> GroupView {
        GroupView {
            id: group.id.clone(),
            subject: group.subject.clone(),
            description: group.description.clone(),
            created_at: group.created_at,
            creator: group.creator.clone(),
            instance_id: group.instance_id.clone(),
            members: self.member_views(group, now),
            invite_code: group.code.clone(),
            invite_link: format!("{LINK_START}{}", group.code),
            announce: group.announce,
            locked: group.locked,
            messages: self.message_views(&group.log, now, |_| true),
        }
    }

    fn member_views(&self, group: &Group, now: Timestamp) -> Vec<MemberView> {
        group
            .members(now)
            .map(|presence| MemberView {
                digits: presence.digits.clone(),
                name: self.name_of(&presence.digits),
                lid: self.lid_text(&presence.digits),
                admin: presence.rank > Rank::Member,
                rank: presence.rank,
                since: presence.since,
            })
            .collect()
    }

    fn lid_text(&self, digits: &str) -> String {
        self.known_lid(digits).map(|lid| format!("{lid}@lid")).unwrap_or_default()
    }

    /// Everything between a person and the bots that arrived, oldest first.
    pub(super) fn conversation(&self, digits: &str, now: Timestamp) -> Vec<MessageView> {
        let mut all: Vec<MessageView> = self
            .direct
            .iter()
            .filter(|chat| chat.person == digits)
            .flat_map(|chat| self.message_views(&chat.log, now, |message| message.delivered))
            .collect();
        all.sort_by_key(|message| message.at);
        all
    }

    /// The phones of everyone who was set up, is or was in a group, or has a chat with a bot.
    pub(super) fn phones(&self, now: Timestamp) -> Vec<PhoneView> {
        let mut everyone: BTreeSet<&str> = self.people.keys().map(String::as_str).collect();
        everyone.extend(self.direct.iter().map(|chat| chat.person.as_str()));
        for group in &self.groups {
            everyone.extend(group.presences.iter().map(|presence| presence.digits.as_str()));
            everyone.extend(group.turned_away.keys().map(String::as_str));
        }
        everyone
            .into_iter()
            .filter(|digits| !self.is_bot(digits))
            .map(|digits| self.phone(digits, now))
            .collect()
    }

    fn phone(&self, digits: &str, now: Timestamp) -> PhoneView {
        let groups = self.groups.iter().filter_map(|group| self.phone_group(group, digits, now));
        let direct = self
            .direct
            .iter()
            .filter(|chat| chat.person == digits)
            .map(|chat| {
                let messages = self.message_views(&chat.log, now, |message| message.delivered);
                PhoneChat {
                    id: format!("{}@c.us", chat.bot),
                    title: self.name_of(&chat.bot),
                    group: None,
                    can_write: true,
                    last_at: messages.last().map(|message| message.at),
                    messages,
                }
            })
            .filter(|chat| !chat.messages.is_empty());
        let mut chats: Vec<PhoneChat> = groups.chain(direct).collect();
        chats.sort_by_key(|chat| std::cmp::Reverse(chat.last_at));
        PhoneView {
            digits: digits.to_owned(),
            name: self.name_of(digits),
            lid: self.lid_text(digits),
            settings: self.person(digits),
            chats,
        }
    }

    fn phone_group(&self, group: &Group, digits: &str, now: Timestamp) -> Option<PhoneChat> {
        let stays: Vec<&Presence> = group
            .presences
            .iter()
            .filter(|presence| presence.digits == digits && presence.since <= now)
            .collect();
        if stays.is_empty() {
            return None;
        }
        // WhatsApp shows nothing from before one's arrival; the line about one's leaving is still seen.
        let messages = self.message_views(&group.log, now, |message| {
            stays
                .iter()
                .any(|stay| stay.since <= message.at && stay.until.is_none_or(|until| message.at <= until))
        });
        let is_in = group.has(digits, now);
        Some(PhoneChat {
            id: group.id.clone(),
            title: group.subject.clone(),
            group: is_in.then(|| GroupHead {
                description: group.description.clone(),
                members: self.member_views(group, now),
                announce: group.announce,
                locked: group.locked,
            }),
            can_write: is_in && (!group.announce || group.is_admin(digits, now)),
            last_at: messages.last().map(|message| message.at),
            messages,
        })
    }

    fn message_views(
        &self,
        log: &[Message],
        now: Timestamp,
        mut wanted: impl FnMut(&Message) -> bool,
    ) -> Vec<MessageView> {
        read_log(log, now)
            .into_iter()
            .filter(|message| message.deleted_at.is_none() && wanted(message))
            .map(|message| self.message_view(message))
            .collect()
    }

    fn message_view(&self, message: &Message) -> MessageView {
        let author = self.name_of(&message.author);
        let (kind, text, link) = match &message.entry {
            Entry::Text(text) => (MessageKind::Text, text.clone(), link_in(text)),
            Entry::Invitation { subject, invite, .. } => (
                MessageKind::Invitation,
                format!("Invitation to join the group “{subject}”"),
                Some(invite.code.clone()),
            ),
            Entry::Event(event) => (MessageKind::System, self.event_line(&author, event), None),
        };
        MessageView {
            id: message.id.clone(),
            at: message.at,
            from: message.author.clone(),
            from_name: author,
            kind,
            runs: runs(&text),
            text,
            link,
            edited: message.edited_at.is_some(),
        }
    }

    fn event_line(&self, author: &str, event: &GroupEvent) -> String {
        match event {
            GroupEvent::Created => format!("{author} created this group"),
            GroupEvent::Added(who) => format!("{author} added {}", self.name_of(who)),
            GroupEvent::JoinedByLink => format!("{author} joined using this group's invite link"),
            GroupEvent::Left => format!("{author} left"),
            GroupEvent::Removed(who) => format!("{author} removed {}", self.name_of(who)),
            GroupEvent::Promoted(who) => format!("{} is now an admin", self.name_of(who)),
            GroupEvent::Demoted(who) => format!("{} is no longer an admin", self.name_of(who)),
            GroupEvent::Subject(subject) => format!("{author} changed the subject to “{subject}”"),
            GroupEvent::Description => format!("{author} changed the group description"),
            GroupEvent::Announce(true) => "Only admins can send messages now".to_owned(),
            GroupEvent::Announce(false) => "All members can send messages now".to_owned(),
            GroupEvent::Locked(true) => "Only admins can edit this group's info now".to_owned(),
            GroupEvent::Locked(false) => "All members can edit this group's info now".to_owned(),
            GroupEvent::LinkReset => format!("{author} reset this group's invite link"),
        }
    }
}

/// The first group link in a text.
fn link_in(text: &str) -> Option<String> {
    let start = text.find(LINK_START)?;
    let tail = text.get(start..)?;
    let end = tail.find(char::is_whitespace).unwrap_or(tail.len());
    tail.get(..end).map(str::to_owned)
}
