//! The rules of writing: texts by the bot, texts by people, edits, deletions, and who can read what.
//! Actors: `api` writes and reads for a bot, the handle writes for people.

use super::call::split_id;
use super::group::{Entry, Message, read_log};
use super::person::{LidKnowledge, Privacy, Reach};
use super::reply::Refused;
use super::world::{DirectChat, World};
use crate::clock::{SignedDuration, Timestamp, later};

/// Own messages can be changed for 15 minutes.
const EDIT_WINDOW: SignedDuration = SignedDuration::from_mins(15);

/// A chat that a call names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Chat {
    Group(String),
    Person {
        digits: String,
        /// The call named the hidden id, not the number.
        by_lid: bool,
    },
}

impl World {
    /// Which chat an id names. The API takes out plus signs and blanks by itself.
    pub(super) fn chat(&self, chat_id: &str) -> Result<Chat, Refused> {
        let clean: String =
            chat_id.chars().filter(|letter| *letter != '+' && !letter.is_whitespace()).collect();
        if clean.ends_with("@g.us") {
            return Ok(Chat::Group(clean));
        }
        match split_id(&clean) {
            Some((user, "lid")) => match self.digits_of_lid(user) {
                Some(digits) => Ok(Chat::Person { digits: digits.to_owned(), by_lid: true }),
                None => Err(Refused::upstream(404)),
            },
            Some((user, "c.us" | "s.whatsapp.net")) => {
                Ok(Chat::Person { digits: user.to_owned(), by_lid: false })
            }
            _ => Err(Refused::Invalid("chatId has a wrong format".to_owned())),
        }
    }

    /// The bot writes a text, by an id of its own choosing if it gives one.
    pub(super) fn send_text(
        &mut self,
        instance_id: &str,
        chat: &Chat,
        text: &str,
        id: Option<&str>,
        now: Timestamp,
    ) -> Result<Message, Refused> {
        if text.chars().count() > self.policy.text_limit {
            return Err(Refused::Invalid(format!(
                "message must be shorter than or equal to {} characters",
                self.policy.text_limit
            )));
        }
        let bot = self.bot(instance_id)?;
        match chat {
            Chat::Group(id) => {
                let group = self.joined_group(&bot, id, now)?;
                if group.announce && !group.is_admin(&bot, now) {
                    return Err(Refused::upstream(403));
                }
            }
            Chat::Person { digits, .. } => {
                if self.person(digits).effective_privacy() == Privacy::NotOnWhatsapp404 {
                    return Err(Refused::Upstream { code: 404, message: "No LID for user".to_owned() });
                }
                match self.person(digits).reach {
                    Reach::Locked463 => {
                        return Err(Refused::Engine("2 UNKNOWN: server returned error 463".to_owned()));
                    }
                    Reach::NoLid => {
                        let from = format!("no LID found for {digits}@s.whatsapp.net from server");
                        return Err(Refused::Engine(from));
                    }
                    Reach::Open | Reach::FailsAfterwards => {}
                }
            }
        }
        let (pace, policy) = self.pace(instance_id)?;
        pace.send(policy, now)?;
        let entry = Entry::Text(normalise(text));
        let id = id.map_or_else(|| self.new_message_id(), str::to_owned);
        Ok(match chat {
            Chat::Group(group) => self.write_group(group, id, &bot, entry, now),
            Chat::Person { digits, .. } => self.write_direct((&bot, digits), id, &bot, entry, now),
        })
    }

    /// A person writes into a group or to a bot; false if it did not arrive anywhere.
    pub(super) fn say(&mut self, digits: &str, chat_id: &str, text: &str, now: Timestamp) -> bool {
        let entry = Entry::Text(normalise(text));
        let id = self.new_message_id();
        match self.chat(chat_id) {
            Ok(Chat::Group(group_id)) => {
                let may_write = self.group(&group_id).is_some_and(|group| {
                    group.has(digits, now) && (!group.announce || group.is_admin(digits, now))
                });
                if may_write {
                    self.write_group(&group_id, id, digits, entry, now);
                }
                may_write
            }
            Ok(Chat::Person { digits: bot, .. }) if self.is_bot(&bot) => {
                self.lid(digits);
                self.write_direct((&bot, digits), id, digits, entry, now);
                true
            }
            _ => false,
        }
    }

    fn write_group(
        &mut self,
        group_id: &str,
        id: String,
        author: &str,
        entry: Entry,
        now: Timestamp,
    ) -> Message {
        let message = new_message(id, author, entry, true, now);
        if let Some(group) = self.group_mut(group_id) {
            group.log.push(message.clone());
        }
        self.tell_message(&Chat::Group(group_id.to_owned()), None, &message, now);
        message
    }

    /// Writes into the chat of a bot and a person, making the chat if it is the first entry.
    pub(super) fn write_direct(
        &mut self,
        (bot, person): (&str, &str),
        id: String,
        author: &str,
        entry: Entry,
        now: Timestamp,
    ) -> Message {
        let is_blocked = author == bot && self.person(person).privacy == Privacy::Blocked401;
        let is_elsewhere = author == bot && self.person(person).registered_as.is_some();
        let fails = author == bot && self.person(person).reach == Reach::FailsAfterwards;
        let mut message = new_message(id, author, entry, !is_blocked && !fails && !is_elsewhere, now);
        message.failed = fails;
        self.lid(person);
        let known = self.direct.iter_mut().find(|chat| chat.bot == bot && chat.person == person);
        match known {
            Some(chat) => chat.log.push(message.clone()),
            None => self.direct.push(DirectChat {
                bot: bot.to_owned(),
                person: person.to_owned(),
                log: vec![message.clone()],
            }),
        }
        let by_lid = self.person(person).lid == LidKnowledge::LidOnly;
        let chat = Chat::Person { digits: person.to_owned(), by_lid };
        self.tell_message(&chat, Some(bot), &message, now);
        if fails {
            self.tell_failure(&chat, bot, &message, now);
        }
        message
    }

    /// What the API shows of a chat, newest first. System lines are not among it.
    pub(super) fn readable(&self, bot: &str, chat: &Chat, now: Timestamp) -> Result<Vec<Message>, Refused> {
        let log = match chat {
            Chat::Group(id) => Some(self.joined_group(bot, id, now)?.log.as_slice()),
            Chat::Person { digits, .. } => self
                .direct
                .iter()
                .find(|direct| direct.bot == bot && direct.person == *digits)
                .map(|direct| direct.log.as_slice()),
        };
        // What someone without a mapping wrote is filed under the hidden id alone.
        let hides_theirs = match chat {
            Chat::Person { digits, by_lid: false } => self.person(digits).lid == LidKnowledge::LidOnly,
            _ => false,
        };
        Ok(read_log(log.unwrap_or_default(), now)
            .into_iter()
            .rev()
            .filter(|message| !matches!(message.entry, Entry::Event(_)) && message.deleted_at.is_none())
            .filter(|message| !hides_theirs || message.author == bot)
            .cloned()
            .collect())
    }

    /// Changes an own text.
    pub(super) fn edit_text(
        &mut self,
        instance_id: &str,
        chat: &Chat,
        id: &str,
        text: &str,
        now: Timestamp,
    ) -> Result<Message, Refused> {
        let bot = self.bot(instance_id)?;
        let message = self
            .own_message(&bot, chat, id)
            .filter(|message| now <= later(message.at, EDIT_WINDOW))
            .ok_or_else(|| Refused::NotFound("Message not found or too old to edit".to_owned()))?;
        message.entry = Entry::Text(normalise(text));
        message.edited_at = Some(now);
        Ok(message.clone())
    }

    /// Deletes an own message for everyone.
    pub(super) fn delete_message(
        &mut self,
        instance_id: &str,
        chat: &Chat,
        id: &str,
        now: Timestamp,
    ) -> Result<(), Refused> {
        let bot = self.bot(instance_id)?;
        let message = self
            .own_message(&bot, chat, id)
            .ok_or_else(|| Refused::NotFound("Message not found".to_owned()))?;
        message.deleted_at = Some(now);
        Ok(())
    }

    fn own_message(&mut self, bot: &str, chat: &Chat, id: &str) -> Option<&mut Message> {
        let log = match chat {
            Chat::Group(group_id) => &mut self.group_mut(group_id)?.log,
            Chat::Person { digits, .. } => {
                &mut self.direct.iter_mut().find(|direct| direct.bot == bot && direct.person == *digits)?.log
            }
        };
        let bare = bare_id(id);
        log.iter_mut().find(|message| message.id == bare && message.author == bot)
    }
}

fn new_message(id: String, author: &str, entry: Entry, delivered: bool, now: Timestamp) -> Message {
    Message {
        id,
        at: now,
        author: author.to_owned(),
        entry,
        delivered,
        failed: false,
        edited_at: None,
        deleted_at: None,
    }
}

/// The bare id inside `true_<chat>_<ID>[_<participant>]`.
pub(super) fn bare_id(id: &str) -> &str {
    let mut parts = id.split('_');
    match (parts.next(), parts.nth(1)) {
        (Some("true" | "false"), Some(bare)) => bare,
        _ => id,
    }
}

/// WhatsApp drops blanks around a text and knows one kind of line end.
fn normalise(text: &str) -> String {
    text.replace("\r\n", "\n").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_id_in_its_long_form_is_the_same_message(id in "[0-9A-F]{4,24}", mine: bool, author in "(_[0-9]{3}@lid)?") {
            let long = format!("{mine}_120363400000000001@g.us_{id}{author}");
            prop_assert_eq!(bare_id(&long), id.as_str());
            prop_assert_eq!(bare_id(&id), id.as_str());
        }
    }

    #[test]
    fn the_bare_id_is_found_in_every_spelling() {
        assert_eq!(bare_id("3EB0AA"), "3EB0AA");
        assert_eq!(bare_id("true_120363@g.us_3EB0AA"), "3EB0AA");
        assert_eq!(bare_id("false_120363@g.us_3EB0AA_99@lid"), "3EB0AA");
    }

    #[test]
    fn texts_come_out_trimmed_with_one_kind_of_line_end() {
        assert_eq!(normalise(" a\r\nb \n"), "a\nb");
    }
}
