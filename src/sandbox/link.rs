//! The rules of invite links: who gets the code, what a reset does, who can join with what.
//! Actors: `api` asks for a bot, the handle taps links for people; each changes the [`World`] or says why not.

use super::group::{Group, GroupEvent, Rank};
use super::person::Privacy;
use super::reply::Refused;
use super::world::World;
use crate::clock::Timestamp;

/// What every group link begins with.
pub(super) const LINK_START: &str = "https://chat.whatsapp.com/";

/// Why a person could not join by a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JoinRefused {
    /// The code was reset (WhatsApp answers 410).
    #[error("the link was reset")]
    Revoked,
    /// No group ever had this code.
    #[error("the link leads nowhere")]
    Unknown,
    /// The group has no room left.
    #[error("the group is full")]
    Full,
    /// A private invitation that is too old or meant for someone else.
    #[error("the invitation is no longer valid for this person")]
    Expired,
    /// The number has no account.
    #[error("this number is not on WhatsApp")]
    NoAccount,
}

impl JoinRefused {
    /// WhatsApp's code for this refusal.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::Revoked | Self::Expired => 410,
            Self::Unknown | Self::NoAccount => 404,
            Self::Full => 419,
        }
    }
}

impl World {
    pub(super) fn invite_code(&self, instance_id: &str, id: &str, now: Timestamp) -> Result<String, Refused> {
        let bot = self.bot(instance_id)?;
        let group = self.joined_group(&bot, id, now)?;
        if group.is_admin(&bot, now) { Ok(group.code.clone()) } else { Err(Refused::upstream(401)) }
    }

    pub(super) fn revoke_code(
        &mut self,
        instance_id: &str,
        id: &str,
        now: Timestamp,
    ) -> Result<String, Refused> {
        self.invite_code(instance_id, id, now)?;
        let bot = self.bot(instance_id)?;
        let fresh = self.new_code();
        if let Some(group) = self.group_mut(id) {
            let dead = std::mem::replace(&mut group.code, fresh.clone());
            group.dead_codes.push(dead);
        }
        self.log_event(id, &bot, GroupEvent::LinkReset, now);
        Ok(fresh)
    }

    /// The group behind a link, a bare code or a private invitation of this person.
    pub(super) fn group_of_link(
        &self,
        digits: Option<&str>,
        link: &str,
        now: Timestamp,
    ) -> Result<&Group, JoinRefused> {
        let code = code_of(link);
        for group in &self.groups {
            if group.code == code {
                return Ok(group);
            }
            if group.dead_codes.iter().any(|dead| dead == code) {
                return Err(JoinRefused::Revoked);
            }
            for (person, turned_away) in &group.turned_away {
                if let Some(invite) = turned_away.invite.as_ref().filter(|invite| invite.code == code) {
                    let is_valid = digits == Some(person.as_str()) && now < invite.expires_at;
                    return if is_valid { Ok(group) } else { Err(JoinRefused::Expired) };
                }
            }
        }
        Err(JoinRefused::Unknown)
    }

    /// Someone taps a link. Their privacy settings do not matter here.
    pub(super) fn join_by_link(
        &mut self,
        digits: &str,
        link: &str,
        now: Timestamp,
    ) -> Result<String, JoinRefused> {
        let group = self.group_of_link(Some(digits), link, now)?;
        let id = group.id.clone();
        if group.has(digits, now) {
            return Ok(id);
        }
        if group.members(now).count() >= self.policy.group_size {
            return Err(JoinRefused::Full);
        }
        if self.person(digits).effective_privacy() == Privacy::NotOnWhatsapp404 {
            return Err(JoinRefused::NoAccount);
        }
        self.lid(digits);
        if let Some(group) = self.group_mut(&id) {
            group.bring_in(digits, Rank::Member, now);
        }
        self.log_event(&id, digits, GroupEvent::JoinedByLink, now);
        Ok(id)
    }
}

/// The code in a link, or the text itself.
pub(super) fn code_of(link: &str) -> &str {
    let link = link.trim();
    let tail = link.rsplit('/').next().unwrap_or(link);
    tail.split(['?', '#']).next().unwrap_or(tail)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_code_is_found_in_every_form_of_its_link(code in "[A-Za-z0-9]{22}", tail in "(\\?mode=x)?(#y)?") {
            prop_assert_eq!(code_of(&code), code.as_str());
            let pasted = format!(" {LINK_START}{code}{tail}\n");
            prop_assert_eq!(code_of(&pasted), code.as_str());
            let long = format!("{LINK_START}invite/{code}");
            prop_assert_eq!(code_of(&long), code.as_str());
        }
    }
}
