//! Who is in a group, with hidden ids resolved as far as it helps.
//!
//! A member list may name people by a hidden id that says nothing about their phone number. The provider
//! maps in both directions, where it can; an unknown mapping is `null` with 200. As few look-ups as
//! possible are made: none, once everybody wanted is found. A failed look-up is not a failed read; the
//! person stays unresolved, and the caller must not take that for missing.

use std::collections::BTreeMap;

use futures_util::future::join_all;

use super::call::{Call, CallContext};
use super::envelope::Envelope;
use super::http::{Deadline, Request};
use super::people::{self, Row};
use super::reply::Reply;
use super::{Client, locked};
use crate::gateway::{Added, GatewayError, Member, Members, Own};
use crate::jid::{GroupId, Jid};

/// How many hidden ids and phones are looked up for one read.
const LOOK_UPS: usize = 24;
/// How many of them at a time.
const AT_ONCE: usize = 4;

impl Client {
    pub(super) async fn membership(
        &self,
        group: &GroupId,
        wanted: &[Jid],
        deadline: Deadline,
    ) -> Result<Members, GatewayError> {
        let request = Request::get(self.group_path(group, "/participants"));
        let context = CallContext::new(Call::Members);
        let mut rows = self.ask(context, request, deadline, member_rows).await?;
        // Unless the number's own ids are known nobody is left out: the group's creator is most likely this
        // number, but taking a person out of the list by a guess is worse than one row too many.
        let me = self.me(deadline).await;
        let all = rows.len();
        let first_look = remove_self(&mut rows, me.as_ref());
        let mut hidden_ids = self.resolve(group, &mut rows, wanted, me.as_ref(), deadline).await;
        // The look-up may have told the number's own hidden id.
        let me = locked(&self.me).clone();
        let own_admin = first_look.or(remove_self(&mut rows, me.as_ref()));
        let mut members = Members { self_not_listed: rows.len() == all, own_admin, ..Members::default() };
        for row in rows {
            if let (Some(phone), Some(hidden)) = (&row.phone, &row.hidden)
                && wanted.contains(phone)
            {
                hidden_ids.insert(phone.clone(), hidden.clone());
            }
            match (row.refused, row.phone.as_ref().or(row.hidden.as_ref())) {
                (Some(outcome), Some(person)) => {
                    members.refused.push(Added { person: person.clone(), outcome });
                }
                _ => members.rows.push(Member { phone: row.phone, hidden: row.hidden, admin: row.admin }),
            }
        }
        members.hidden_ids = hidden_ids;
        Ok(members)
    }

    /// Fills phones into rows, and gives back the hidden ids of wanted people.
    async fn resolve(
        &self,
        group: &GroupId,
        rows: &mut [Row],
        wanted: &[Jid],
        me: Option<&Own>,
        deadline: Deadline,
    ) -> BTreeMap<Jid, Jid> {
        let mut hidden_ids = BTreeMap::new();
        // 1. From the wanted people: this gives what the caller needs to tell "missing" from "cannot tell".
        let missing = missing(rows, wanted);
        if missing.is_empty() || unresolved(rows).is_empty() {
            return hidden_ids;
        }
        let mut to_ask: Vec<&Jid> = missing.iter().take(LOOK_UPS).collect();
        let me = me.filter(|me| me.hidden.is_none());
        to_ask.extend(me.map(|me| &me.phone));
        for (phone, hidden) in self.lids_of(&to_ask, deadline).await {
            fill(rows, &phone, &hidden);
            if me.is_some_and(|me| me.phone == phone) {
                let mut known = locked(&self.me);
                if let Some(me) = known.as_mut().filter(|me| me.phone == phone) {
                    me.hidden = Some(hidden);
                }
            } else {
                hidden_ids.insert(phone, hidden);
            }
        }
        let open = |rows: &[Row], hidden_ids: &BTreeMap<Jid, Jid>| {
            let nowhere = self::missing(rows, wanted);
            nowhere.iter().any(|person| !hidden_ids.contains_key(person)) && !unresolved(rows).is_empty()
        };

        // 2. From the rows, if somebody wanted is still unknown in both directions.
        if open(rows, &hidden_ids) {
            let hidden: Vec<Jid> = unresolved(rows).into_iter().take(LOOK_UPS).collect();
            for (phone, hidden) in self.phones_of(&hidden, deadline).await {
                fill(rows, &phone, &hidden);
                if wanted.contains(&phone) {
                    hidden_ids.insert(phone, hidden);
                }
            }
        }

        // 3. The second form of the list, which knows phones on some engines. Not every version has it.
        if open(rows, &hidden_ids) {
            let request = Request::get(self.group_path(group, "/participants/v2"));
            let second = self.ask(CallContext::new(Call::MembersV2), request, deadline, member_rows).await;
            for row in second.unwrap_or_default() {
                if let (Some(phone), Some(hidden)) = (row.phone, row.hidden) {
                    fill(rows, &phone, &hidden);
                    if wanted.contains(&phone) {
                        hidden_ids.insert(phone, hidden);
                    }
                }
            }
        }
        hidden_ids
    }

    /// Puts phones in the place of hidden ids in what was said about `asked`, as far as they can be mapped.
    pub(super) async fn unhide(&self, said: &mut [Added], context: &[Jid], deadline: Deadline) {
        let nameless = said.iter().map(|added| &added.person);
        let nameless: Vec<Jid> =
            nameless.filter(|p| p.is_hidden() && !context.contains(p)).cloned().collect();
        if nameless.is_empty() {
            return;
        }
        let hidden: Vec<Jid> = nameless.into_iter().take(LOOK_UPS).collect();
        for (phone, hidden) in self.phones_of(&hidden, deadline).await {
            for added in said.iter_mut().filter(|added| added.person == hidden) {
                added.person = phone.clone();
            }
        }
    }

    /// The hidden id of a phone, if the provider can map it.
    pub(super) async fn lid_of(&self, phone: &Jid, deadline: Deadline) -> Option<Jid> {
        let request = Request::get(self.dialect.path(&format!("/lids/pn/{}", phone.digits())));
        let context = CallContext::new(Call::LidOfPhone);
        let pair = |reply: &Reply| reply.json().map(|_| people::pair(reply));
        self.ask(context, request, deadline, pair).await.ok()?.0
    }

    /// Whose hidden id it is. Each way of asking knows pairs that the other one does not.
    pub(super) async fn owner_of(&self, hidden: &Jid, among: &[Jid], deadline: Deadline) -> Option<Jid> {
        if let Some(phone) = self.phone_of(hidden, deadline).await {
            return Some(phone);
        }
        let phones: Vec<&Jid> = among.iter().filter(|person| !person.is_hidden()).take(LOOK_UPS).collect();
        let pairs = self.lids_of(&phones, deadline).await;
        pairs.into_iter().find(|(_, lid)| lid == hidden).map(|(phone, _)| phone)
    }

    async fn phone_of(&self, hidden: &Jid, deadline: Deadline) -> Option<Jid> {
        let request = Request::get(self.dialect.path(&format!("/lids/{}%40lid", hidden.digits())));
        let context = CallContext::new(Call::PhoneOfLid);
        let pair = |reply: &Reply| reply.json().map(|_| people::pair(reply));
        self.ask(context, request, deadline, pair).await.ok()?.1
    }

    /// Pairs of phone and hidden id, for those phones that can be mapped.
    async fn lids_of(&self, phones: &[&Jid], deadline: Deadline) -> Vec<(Jid, Jid)> {
        let mut pairs = Vec::new();
        for some in phones.chunks(AT_ONCE) {
            let found = join_all(some.iter().map(|phone| self.lid_of(phone, deadline))).await;
            let both = some.iter().zip(found).filter_map(|(phone, hidden)| Some(((*phone).clone(), hidden?)));
            pairs.extend(both);
        }
        pairs
    }

    /// Pairs of phone and hidden id, for those hidden ids that can be mapped.
    async fn phones_of(&self, hidden: &[Jid], deadline: Deadline) -> Vec<(Jid, Jid)> {
        let mut pairs = Vec::new();
        for some in hidden.chunks(AT_ONCE) {
            let found = join_all(some.iter().map(|hidden| self.phone_of(hidden, deadline))).await;
            pairs.extend(some.iter().zip(found).filter_map(|(hidden, phone)| Some((phone?, hidden.clone()))));
        }
        pairs
    }
}

/// Takes the number's own rows out, and tells whether they were an admin's.
fn remove_self(rows: &mut Vec<Row>, me: Option<&Own>) -> Option<bool> {
    let own = |id: &Option<Jid>| id.as_ref().is_some_and(|id| me.is_some_and(|me| me.is(id)));
    let is_own = |row: &Row| own(&row.phone) || own(&row.hidden);
    let admin = rows.iter().filter(|row| is_own(row)).map(|row| row.admin).reduce(|one, other| one || other);
    rows.retain(|row| !is_own(row));
    admin
}

/// The rows of a list that can be believed: an empty one cannot, because this number is in every group it
/// can read.
fn member_rows(reply: &Reply) -> Option<Vec<Row>> {
    let failed = Envelope::read(reply).failed;
    (!failed).then(|| people::rows(reply)).flatten().filter(|rows| !rows.is_empty())
}

/// The wanted phones that no row shows.
fn missing(rows: &[Row], wanted: &[Jid]) -> Vec<Jid> {
    let shown = |person: &Jid| rows.iter().any(|row| row.phone.as_ref() == Some(person));
    wanted.iter().filter(|person| !person.is_hidden() && !shown(person)).cloned().collect()
}

/// The hidden ids of rows without a phone.
fn unresolved(rows: &[Row]) -> Vec<Jid> {
    let nameless = rows.iter().filter(|row| row.phone.is_none());
    nameless.filter_map(|row| row.hidden.clone()).collect()
}

/// Writes the phone into the row with this hidden id, and the other way round.
fn fill(rows: &mut [Row], phone: &Jid, hidden: &Jid) {
    for row in rows {
        if row.hidden.as_ref() == Some(hidden) && row.phone.is_none() {
            row.phone = Some(phone.clone());
        } else if row.phone.as_ref() == Some(phone) && row.hidden.is_none() {
            row.hidden = Some(hidden.clone());
        }
    }
}
