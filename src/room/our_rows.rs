//! Our own numbers in a member list: told apart from the people, and seen to be there.

use super::Room;
use super::inputs::Context;
use super::second_number::Stage;
use crate::clock::Timestamp;
use crate::gateway::{Member, Members, Own};

impl Room {
    /// The member list without our own numbers, which are no guests: neither somebody wanted nor a nameless
    /// stranger. Notes a standby that somebody has taken out of the group.
    pub(super) fn without_our_rows(
        &mut self,
        members: &Members,
        context: Context<'_>,
        now: Timestamp,
    ) -> Members {
        let ours = context.numbers.ids();
        let is_ours = |row: &Member| {
            row.phone.as_ref().is_some_and(|p| ours.contains(p))
                || row.hidden.as_ref().is_some_and(|h| ours.contains(h))
                || ours
                    .iter()
                    .any(|id| row.hidden.is_some() && members.hidden_ids.get(id) == row.hidden.as_ref())
        };
        let mut guests = members.clone();
        guests.rows.retain(|row| !is_ours(row));
        guests.hidden_ids.retain(|phone, _| !ours.contains(phone));
        let seen = |own: &Own| {
            let shows = |row: &&Member| {
                row.phone.as_ref() == Some(&own.phone)
                    || (row.hidden.is_some()
                        && (row.hidden == own.hidden
                            || row.hidden.as_ref() == members.hidden_ids.get(&own.phone)))
            };
            members.rows.iter().any(|row| shows(&row))
        };
        for standby in &mut self.standby {
            let own =
                context.numbers.0.iter().find(|n| n.name == standby.instance).and_then(|n| n.own.as_ref());
            let may_be_in = match standby.stage {
                Stage::Ready { .. } | Stage::ToPromote | Stage::ToCheck => true,
                Stage::ToAdd | Stage::ToJoin | Stage::GivenUp { .. } => false,
            };
            if !may_be_in || own.is_some_and(seen) {
                continue;
            }
            let nameless = guests.rows.iter().position(|row| row.phone.is_none());
            match (&standby.stage, nameless) {
                // One of the nameless rows is this number, and nobody can tell which.
                (Stage::Ready { .. }, Some(row)) => {
                    guests.rows.remove(row);
                    guests.self_not_listed = true;
                }
                (_, Some(_)) => guests.self_not_listed = true,
                (Stage::Ready { .. }, None) if own.is_some() => {
                    let why = "it is not in the group any more".to_owned();
                    standby.stage = Stage::GivenUp { why, at: now };
                }
                (_, None) => {}
            }
        }
        guests
    }
}
