//! The rules of a group's subject, description and switches.
//! Actors: `api` calls these for a bot; each changes the [`World`] or says why not.

use super::group::{Group, GroupEvent};
use super::reply::Refused;
use super::setup::Engine;
use super::world::World;
use crate::clock::Timestamp;

/// A yes-or-no setting of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Switch {
    MessagesAdminOnly,
    InfoAdminOnly,
}

impl World {
    /// The group, if the bot may change its subject and description.
    fn editable_group(&self, bot: &str, id: &str, now: Timestamp) -> Result<&Group, Refused> {
        let group = self.joined_group(bot, id, now)?;
        if group.locked && !group.is_admin(bot, now) {
            return Err(self.setter_refused());
        }
        Ok(group)
    }

    pub(super) fn setter_refused(&self) -> Refused {
        match self.engine {
            Engine::Webjs => Refused::BareFalse,
            Engine::Noweb | Engine::Gows => Refused::upstream(403),
        }
    }

    pub(super) fn set_subject(
        &mut self,
        instance_id: &str,
        id: &str,
        subject: &str,
        now: Timestamp,
    ) -> Result<(), Refused> {
        let bot = self.bot(instance_id)?;
        self.editable_group(&bot, id, now)?;
        if subject.chars().count() > self.policy.subject_limit {
            return Err(Refused::upstream(406));
        }
        if let Some(group) = self.group_mut(id) {
            subject.clone_into(&mut group.subject);
        }
        self.log_event(id, &bot, GroupEvent::Subject(subject.to_owned()), now);
        Ok(())
    }

    pub(super) fn set_description(
        &mut self,
        instance_id: &str,
        id: &str,
        description: &str,
        now: Timestamp,
    ) -> Result<(), Refused> {
        let bot = self.bot(instance_id)?;
        self.editable_group(&bot, id, now)?;
        if description.chars().count() > self.policy.description_limit {
            return Err(Refused::upstream(406));
        }
        if let Some(group) = self.group_mut(id) {
            description.clone_into(&mut group.description);
        }
        self.log_event(id, &bot, GroupEvent::Description, now);
        Ok(())
    }

    pub(super) fn set_switch(
        &mut self,
        instance_id: &str,
        id: &str,
        switch: Switch,
        on: bool,
        now: Timestamp,
    ) -> Result<(), Refused> {
        let bot = self.bot(instance_id)?;
        if !self.joined_group(&bot, id, now)?.is_admin(&bot, now) {
            return Err(self.setter_refused());
        }
        let Some(group) = self.group_mut(id) else {
            return Ok(());
        };
        let (flag, event) = match switch {
            Switch::MessagesAdminOnly => (&mut group.announce, GroupEvent::Announce(on)),
            Switch::InfoAdminOnly => (&mut group.locked, GroupEvent::Locked(on)),
        };
        if std::mem::replace(flag, on) != on {
            self.log_event(id, &bot, event, now);
        }
        Ok(())
    }
}
