//! The rules of coming and going: make a group, add, remove, promote, leave, end.
//! Actors: `api` calls these for a bot, the handle for people; each changes the [`World`] or says why not.

use std::collections::{BTreeMap, BTreeSet};

use super::group::{Entry, Group, GroupEvent, Message, PrivateInvite, Rank, TurnedAway};
use super::person::Privacy;
use super::reply::Refused;
use super::setup::Engine;
use super::view::Creation;
use super::world::World;
use crate::clock::{SignedDuration, Timestamp, later};

/// Private invitations end after three days.
const INVITE_LIFE: SignedDuration = SignedDuration::from_hours(72);
/// What became of one person that a call named.
#[derive(Debug, Clone)]
pub(super) struct PersonResult {
    /// The id as the call wrote it.
    pub(super) asked: String,
    /// Empty for a hidden id that belongs to nobody.
    pub(super) digits: String,
    pub(super) code: u16,
    pub(super) invite: Option<PrivateInvite>,
    /// The engine sent the private invitation by itself.
    pub(super) invite_sent: bool,
}

impl World {
    /// Makes a group of the bot and those who can be added. `asked` are full ids without duplicates.
    pub(super) fn create_group(
        &mut self,
        instance_id: &str,
        subject: &str,
        asked: &[String],
        now: Timestamp,
    ) -> Result<(String, Vec<PersonResult>), Refused> {
        let bot = self.bot(instance_id)?;
        if subject.chars().count() > self.policy.subject_limit {
            return Err(Refused::upstream(406));
        }
        if asked.iter().any(|id| self.digits_of(id).as_deref() == Some(&bot)) {
            return Err(Refused::upstream(400));
        }
        if asked.iter().any(|id| self.digits_of(id).is_some_and(|digits| self.person(&digits).breaks_creates))
        {
            return Err(match self.engine {
                Engine::Webjs => Refused::Line("CreateGroupError: no id for one participant".to_owned()),
                Engine::Noweb | Engine::Gows => Refused::upstream(500),
            });
        }
        let (pace, policy) = self.pace(instance_id)?;
        pace.may_create(policy, now)?;
        let has_account = |id: &String| {
            self.digits_of(id)
                .is_some_and(|digits| self.person(&digits).effective_privacy() != Privacy::NotOnWhatsapp404)
        };
        if !asked.iter().any(has_account) {
            return Err(match self.engine {
                Engine::Webjs => Refused::Line(
                    "CreateGroupError: An unknown error occupied while creating a group".to_owned(),
                ),
                Engine::Noweb | Engine::Gows => Refused::upstream(400),
            });
        }

        let id = self.new_group_id();
        let group = Group {
            id: id.clone(),
            subject: subject.to_owned(),
            description: String::new(),
            created_at: now,
            creator: bot.clone(),
            instance_id: instance_id.to_owned(),
            code: self.new_code(),
            dead_codes: Vec::new(),
            announce: false,
            locked: false,
            presences: Vec::new(),
            turned_away: BTreeMap::new(),
            left: BTreeSet::new(),
            log: Vec::new(),
        };
        self.lid(&bot);
        self.groups.push(group);
        self.creations.push(Creation { at: now, instance_id: instance_id.to_owned(), group_id: id.clone() });
        self.account_mut(instance_id)?.pace.created(now);
        if let Some(group) = self.group_mut(&id) {
            group.bring_in(&bot, Rank::SuperAdmin, now);
        }
        self.log_event(&id, &bot, GroupEvent::Created, now);
        let results = asked.iter().map(|person| self.pull_in(&id, &bot, person, now)).collect();
        Ok((id, results))
    }

    /// Adds people to a group that exists.
    pub(super) fn add_people(
        &mut self,
        instance_id: &str,
        group_id: &str,
        asked: &[String],
        now: Timestamp,
    ) -> Result<Vec<PersonResult>, Refused> {
        let bot = self.bot(instance_id)?;
        let is_webjs = self.engine == Engine::Webjs;
        let group = self.joined_group(&bot, group_id, now)?;
        if !group.is_admin(&bot, now) {
            return Err(if is_webjs {
                Refused::Line(
                    "AddParticipantsError: You have no admin rights to add a participant to a group"
                        .to_owned(),
                )
            } else {
                Refused::upstream(403)
            });
        }
        Ok(asked.iter().map(|person| self.pull_in(group_id, &bot, person, now)).collect())
    }

    fn pull_in(&mut self, group_id: &str, bot: &str, asked: &str, now: Timestamp) -> PersonResult {
        let digits = self.digits_of(asked).unwrap_or_default();
        let mut result = PersonResult {
            asked: asked.to_owned(),
            digits: digits.clone(),
            code: 404,
            invite: None,
            invite_sent: false,
        };
        if digits.is_empty() {
            return result;
        }
        let person = self.person(&digits);
        let privacy = person.effective_privacy();
        let digits = person.registered_as.filter(|_| person.dialled_is_found).unwrap_or(digits);
        self.lid(&digits);
        let size_limit = self.policy.group_size;
        let Some(group) = self.group(group_id) else {
            return result;
        };
        result.code = if group.has(&digits, now) {
            409
        } else if group.left.contains(&digits) {
            408
        } else if group.members(now).count() >= size_limit {
            419
        } else {
            privacy.result_code()
        };
        let subject = group.subject.clone();

        match result.code {
            200 => {
                if let Some(wait) = privacy.joins_after() {
                    let since = later(now, wait);
                    if let Some(group) = self.group_mut(group_id) {
                        group.bring_in(&digits, Rank::Member, since);
                    }
                    self.log_event(group_id, bot, GroupEvent::Added(digits), since);
                }
            }
            409 => {}
            refused => {
                if refused == 403 {
                    let invite = PrivateInvite { code: self.new_code(), expires_at: later(now, INVITE_LIFE) };
                    result.invite = Some(invite.clone());
                    if self.engine == Engine::Webjs {
                        result.invite_sent = true;
                        let card = Entry::Invitation { group_id: group_id.to_owned(), subject, invite };
                        let id = self.new_message_id();
                        self.write_direct((bot, &digits), id, bot, card, now);
                    }
                }
                let turned_away = TurnedAway { result_code: refused, invite: result.invite.clone() };
                if let Some(group) = self.group_mut(group_id) {
                    group.turned_away.insert(digits, turned_away);
                }
            }
        }
        result
    }

    /// Removes people; the creator cannot be removed.
    pub(super) fn remove_people(
        &mut self,
        instance_id: &str,
        group_id: &str,
        asked: &[String],
        now: Timestamp,
    ) -> Result<Vec<PersonResult>, Refused> {
        self.change_members(instance_id, group_id, asked, now, |group, digits, _| {
            group.send_out(digits, now);
            Some(GroupEvent::Removed(digits.to_owned()))
        })
    }

    /// Gives people another rank; the creator keeps the first one.
    pub(super) fn rank_people(
        &mut self,
        instance_id: &str,
        group_id: &str,
        asked: &[String],
        rank: Rank,
        now: Timestamp,
    ) -> Result<Vec<PersonResult>, Refused> {
        self.change_members(instance_id, group_id, asked, now, |group, digits, old| {
            group.set_rank(digits, rank, now);
            (old != rank).then(|| match rank {
                Rank::Member => GroupEvent::Demoted(digits.to_owned()),
                Rank::Admin | Rank::SuperAdmin => GroupEvent::Promoted(digits.to_owned()),
            })
        })
    }

    fn change_members(
        &mut self,
        instance_id: &str,
        group_id: &str,
        asked: &[String],
        now: Timestamp,
        mut change: impl FnMut(&mut Group, &str, Rank) -> Option<GroupEvent>,
    ) -> Result<Vec<PersonResult>, Refused> {
        let bot = self.bot(instance_id)?;
        if !self.joined_group(&bot, group_id, now)?.is_admin(&bot, now) {
            return Err(Refused::upstream(403));
        }
        let mut results = Vec::with_capacity(asked.len());
        for id in asked {
            let digits = self.digits_of(id).unwrap_or_default();
            let mut event = None;
            let code = match self.group_mut(group_id) {
                Some(group) => match group.member(&digits, now).map(|presence| presence.rank) {
                    None => 404,
                    Some(Rank::SuperAdmin) => 406,
                    Some(old) => {
                        event = change(group, &digits, old);
                        200
                    }
                },
                None => 404,
            };
            if let Some(event) = event {
                self.log_event(group_id, &bot, event, now);
            }
            results.push(PersonResult { asked: id.clone(), digits, code, invite: None, invite_sent: false });
        }
        Ok(results)
    }

    /// The group, if the bot is in it.
    pub(super) fn joined_group(&self, bot: &str, id: &str, now: Timestamp) -> Result<&Group, Refused> {
        let group = self.group(id).ok_or_else(|| self.no_such_group(id))?;
        if group.has(bot, now) { Ok(group) } else { Err(Refused::upstream(403)) }
    }

    fn no_such_group(&self, id: &str) -> Refused {
        match self.engine {
            Engine::Webjs => Refused::NotFound(format!("Group {id} not found")),
            Engine::Noweb => {
                Refused::Upstream { code: 404, message: format!("Group with id '{id}' not found") }
            }
            Engine::Gows => Refused::upstream(404),
        }
    }

    /// Someone leaves by themselves; false if they were not in the group.
    pub(super) fn leave(&mut self, digits: &str, id: &str, now: Timestamp) -> bool {
        let Some(group) = self.group_mut(id).filter(|group| group.has(digits, now)) else {
            return false;
        };
        group.send_out(digits, now);
        group.left.insert(digits.to_owned());
        self.log_event(id, digits, GroupEvent::Left, now);
        true
    }

    /// Everybody out, as WEBJS ends a group.
    pub(super) fn delete_group(
        &mut self,
        instance_id: &str,
        id: &str,
        now: Timestamp,
    ) -> Result<(), Refused> {
        let bot = self.bot(instance_id)?;
        if !self.joined_group(&bot, id, now)?.is_admin(&bot, now) {
            return Err(self.setter_refused());
        }
        if let Some(group) = self.group_mut(id) {
            let everybody: Vec<String> =
                group.presences.iter().map(|presence| presence.digits.clone()).collect();
            for digits in everybody {
                group.send_out(&digits, now);
            }
        }
        Ok(())
    }

    pub(super) fn log_event(&mut self, group_id: &str, actor: &str, event: GroupEvent, at: Timestamp) {
        self.tell_group_event(group_id, actor, &event, at);
        let id = self.new_message_id();
        if let Some(group) = self.group_mut(group_id) {
            group.log.push(Message {
                id,
                at,
                author: actor.to_owned(),
                entry: Entry::Event(event),
                delivered: true,
                failed: false,
                edited_at: None,
                deleted_at: None,
            });
        }
    }
}
