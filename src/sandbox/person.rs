//! People with phones: what happens when a bot tries to pull one of them into a group.
//! Actors: a test or the control page sets a [`Person`]; the group rules ask it for an outcome.

use serde::{Deserialize, Serialize};

use crate::clock::SignedDuration;

/// What a person's settings make of an attempt to add them to a group. The numbers are WhatsApp's own
/// per-person result codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Privacy {
    /// Anyone may add them.
    #[default]
    Ok,
    /// Only a private invitation reaches them.
    #[serde(rename = "refuses_403")]
    Refuses403,
    /// The number has no account: it cannot be written to either.
    #[serde(rename = "not_on_whatsapp_404")]
    NotOnWhatsapp404,
    /// They left lately and cannot be added again for now.
    #[serde(rename = "recently_left_408")]
    RecentlyLeft408,
    /// They blocked the bot: messages are accepted and never arrive.
    #[serde(rename = "blocked_401")]
    Blocked401,
    /// Only a group link lets them in.
    #[serde(rename = "group_invite_only_417")]
    GroupInviteOnly417,
    /// The server says that the group is full.
    #[serde(rename = "full_419")]
    Full419,
    /// The answer says 200 and they are not in the group.
    SilentlyAbsent,
    /// The answer says 200 and they show up in the member list this much later.
    AppearsLate(SignedDuration),
}

impl Privacy {
    /// The per-person code in an answer.
    #[must_use]
    pub const fn result_code(self) -> u16 {
        match self {
            Self::Ok | Self::SilentlyAbsent | Self::AppearsLate(_) => 200,
            Self::Refuses403 => 403,
            Self::NotOnWhatsapp404 => 404,
            Self::RecentlyLeft408 => 408,
            Self::Blocked401 => 401,
            Self::GroupInviteOnly417 => 417,
            Self::Full419 => 419,
        }
    }

    /// After how long an added person is in the member list; `None` means never.
    #[must_use]
    pub const fn joins_after(self) -> Option<SignedDuration> {
        match self {
            Self::Ok => Some(SignedDuration::ZERO),
            Self::AppearsLate(by) => Some(by),
            _ => None,
        }
    }
}

/// How much the bot can learn about the tie between a person's hidden id and phone number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LidKnowledge {
    /// Member rows carry the phone number where the engine does so, and the lid routes know it.
    #[default]
    KnownMapping,
    /// Member rows carry the hidden id alone, but the lid routes know it.
    LookupOnly,
    /// Neither direction is ever resolved.
    LidOnly,
}

/// What becomes of a message that the bot writes to the person 1:1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// It arrives.
    #[default]
    Open,
    /// WhatsApp has locked the bot's number for strangers: error 463, at once.
    #[serde(rename = "locked_463")]
    Locked463,
    /// The engine finds no hidden id for the number, at once.
    NoLid,
    /// It is taken with a 201 and fails afterwards: the chat shows a failed row, and an ack of -1 is told.
    FailsAfterwards,
}

/// One person and how their phone behaves. A number that was never set behaves like the default.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Person {
    /// The name on the phone; shown on the page and in contacts.
    pub name: String,
    /// What happens on an attempt to add them to a group.
    pub privacy: Privacy,
    /// Whether the hidden id can be tied to the number.
    pub lid: LidKnowledge,
    /// What becomes of what the bot writes to them.
    pub reach: Reach,
    /// The digits under which the account is registered, where they differ from those dialled (Brazil's
    /// ninth digit). `check-exists` names them; anything else done with the dialled digits finds no account.
    pub registered_as: Option<String>,
    /// Adding the dialled digits to a group brings the account in all the same, under its registered ones; a text
    /// to the dialled digits is taken and never arrives.
    pub dialled_is_found: bool,
    /// A group with them in it cannot be made: the engine throws, and nothing is made.
    pub breaks_creates: bool,
}

impl Person {
    /// A person with this name and open settings.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// A nameless person with this privacy setting.
    #[must_use]
    pub fn with_privacy(privacy: Privacy) -> Self {
        Self { privacy, ..Self::default() }
    }

    /// The setting that counts: digits that are not the registered ones reach nobody.
    pub(super) fn effective_privacy(&self) -> Privacy {
        let is_lost = self.registered_as.is_some() && !self.dialled_is_found;
        if is_lost { Privacy::NotOnWhatsapp404 } else { self.privacy }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_written_the_way_the_control_route_reads_them() {
        let text = r#"{"name":"Amira","privacy":"refuses_403","lid":"lid_only"}"#;
        let person: Person = serde_json::from_str(text).unwrap();
        assert_eq!(person.privacy, Privacy::Refuses403);
        assert_eq!(person.lid, LidKnowledge::LidOnly);

        let late: Person = serde_json::from_str(r#"{"privacy":{"appears_late":"8s"}}"#).unwrap();
        assert_eq!(late.privacy.joins_after(), Some(SignedDuration::from_secs(8)));
        let back: Person = serde_json::from_str(&serde_json::to_string(&late).unwrap()).unwrap();
        assert_eq!(back, late);

        assert!(serde_json::from_str::<Person>(r#"{"privcy":"ok"}"#).is_err());
    }

    #[test]
    fn only_open_and_late_people_ever_join_by_being_added() {
        assert_eq!(Privacy::SilentlyAbsent.result_code(), 200);
        assert_eq!(Privacy::SilentlyAbsent.joins_after(), None);
        assert_eq!(Privacy::Refuses403.joins_after(), None);
        assert_eq!(Privacy::Ok.joins_after(), Some(SignedDuration::ZERO));
    }
}
