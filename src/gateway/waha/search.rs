//! Looking for a group that may have been made.
//!
//! This decides whether a second group is made, so *absent* must be true: every page is read of a list that was
//! read afresh, rows without a name are read one by one, and a list without a group that must be in it proves
//! nothing. A number of which no group is known (it is to make its first room) has no such group: then any
//! group of somebody else's in the list shows that it is not the empty one that providers answer by mistake,
//! and an empty list proves nothing at all.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::join_all;

use super::call::{Call, CallContext};
use super::envelope::{Envelope, is_done};
use super::groups::{self, Page};
use super::http::{Deadline, Request};
use super::reply::Reply;
use super::{Client, locked};
use crate::clock::{SignedDuration, Timestamp, later};
use crate::gateway::{Doubt, FoundGroup, FoundGroups, GatewayError, GroupSearch, Refusal, subject_has_token};
use crate::jid::GroupId;

/// Rows asked for per page.
const PAGE: usize = 100;
/// Pages read at most; whoever has more groups cannot be told that one is absent.
const PAGES: usize = 60;
/// Shortest time between two refreshes. `WhatsApp` answers frequent ones with its rate limit; much longer
/// would leave rooms waiting for the second look at an absent group.
const BETWEEN_REFRESHES: SignedDuration = SignedDuration::from_secs(40);
/// For this long after a refresh the list is as good for others as for whoever asked for it.
const FRESH: SignedDuration = SignedDuration::from_secs(5);
/// How long to wait for the refresh that somebody else has just asked for.
const SOON: Duration = Duration::from_secs(3);
/// How far the provider's clock may be behind ours.
const SKEW: SignedDuration = SignedDuration::from_secs(120);
/// Groups without a name that are read in one look; their names are kept, so that the next look reads others.
const READS: usize = 24;
/// How many of them at a time.
const AT_ONCE: usize = 4;
/// Names kept at most.
const NAMES: usize = 4096;

/// When the provider was told to read its group list afresh, and what was read of single groups.
#[derive(Debug, Default)]
pub(super) struct Refreshes {
    asked_at: Option<Timestamp>,
    done_at: Option<Timestamp>,
    names: BTreeMap<GroupId, FoundGroup>,
}

/// What one walk through the list showed.
#[derive(Default)]
struct Scan {
    groups: Vec<FoundGroup>,
    /// Rows without an id.
    unread: usize,
    /// There was more than is read.
    cut: bool,
}

impl Scan {
    fn found(&self, token: &str) -> Vec<FoundGroup> {
        self.groups.iter().filter(|group| subject_has_token(&group.subject, token)).cloned().collect()
    }
}

/// Who may refresh.
enum RefreshDecision {
    /// Whoever asked.
    Ours,
    /// Nobody needs to: it was done just now.
    Fresh,
    /// Nobody for this long.
    Wait(Duration),
}

fn doubt(why: impl Into<String>, wait: Duration) -> Doubt {
    Doubt { why: why.into(), wait }
}

impl Client {
    /// All groups whose subject holds the token, whoever made them: the subject is proof enough, and a
    /// group that somebody else named so must be seen as well.
    pub(super) async fn search(
        &self,
        search: &GroupSearch,
        deadline: Deadline,
    ) -> Result<FoundGroups, GatewayError> {
        let mut scan = self.scan(deadline).await?;
        let groups = scan.found(&search.token);
        if !search.thoroughly {
            return Ok(FoundGroups {
                groups,
                doubt: Some(doubt("the list was not read afresh", Duration::ZERO)),
            });
        }
        if !groups.is_empty() && !search.all {
            return Ok(FoundGroups { groups, doubt: None });
        }
        let mut stale = None;
        match self.may_refresh(search.asked_at) {
            RefreshDecision::Wait(wait) => {
                stale = Some(doubt("the list was not read afresh since the group was asked for", wait));
            }
            // Several rooms wait for one refresh: each reads the list again and need not ask for its own.
            RefreshDecision::Fresh => scan = self.scan(deadline).await?,
            RefreshDecision::Ours => {
                let context = CallContext::new(Call::RefreshGroups);
                let request = Request::post(self.dialect.path("/groups/refresh"));
                match self.ask(context, request, deadline, is_done).await {
                    Ok(()) => {
                        locked(&self.refreshes).done_at = Some(self.clock.now());
                        scan = self.scan(deadline).await?;
                    }
                    Err(
                        down @ (GatewayError::SessionDown { .. }
                        | GatewayError::Refused { reason: Refusal::Credentials, .. }),
                    ) => return Err(down),
                    Err(error) => {
                        let wait = BETWEEN_REFRESHES.unsigned_abs();
                        stale = Some(doubt(format!("the list could not be read afresh: {error}"), wait));
                    }
                }
            }
        }
        let nameless = self.name_the_nameless(&mut scan, search, deadline).await;
        let doubt = stale.or_else(|| whole(&scan, search)).or(nameless);
        Ok(FoundGroups { groups: scan.found(&search.token), doubt })
    }

    /// Takes the right to refresh now, or says what there is instead.
    fn may_refresh(&self, asked_at: Timestamp) -> RefreshDecision {
        let now = self.clock.now();
        let mut refreshes = locked(&self.refreshes);
        // A clock that was put back must not block refreshes until it has caught up.
        let since = |at: Option<Timestamp>| at.map(|at| now.duration_since(at)).filter(|d| !d.is_negative());
        match (since(refreshes.asked_at), since(refreshes.done_at)) {
            (_, Some(done)) if done < FRESH && refreshes.done_at >= Some(asked_at) => RefreshDecision::Fresh,
            (Some(asked), None) if asked < FRESH => RefreshDecision::Wait(SOON),
            (Some(asked), _) if asked < BETWEEN_REFRESHES => {
                RefreshDecision::Wait((BETWEEN_REFRESHES - asked).unsigned_abs())
            }
            _ => {
                refreshes.asked_at = Some(now);
                refreshes.done_at = None;
                RefreshDecision::Ours
            }
        }
    }

    /// Reads those groups one by one of which the list does not tell the name and which can be the one looked for.
    /// Says why, if some of them may still be.
    async fn name_the_nameless(
        &self,
        scan: &mut Scan,
        search: &GroupSearch,
        deadline: Deadline,
    ) -> Option<Doubt> {
        let earliest = later(search.asked_at, -SKEW);
        let may_be_it = |row: &FoundGroup| {
            row.subject.is_empty()
                && row.created_at.is_none_or(|at| at >= earliest)
                && !search.member_of.contains(&row.group)
        };
        let mut open: Vec<GroupId> =
            scan.groups.iter().filter(|row| may_be_it(row)).map(|row| row.group.clone()).collect();
        // Ids grow, so the newest come first.
        open.sort_by(|one, other| other.cmp(one));
        let (mut told, mut unknown) = (Vec::new(), Vec::new());
        for group in open {
            match locked(&self.refreshes).names.get(&group) {
                Some(known) => told.push(known.clone()),
                None => unknown.push(group),
            }
        }
        unknown.truncate(READS);
        for some in unknown.chunks(AT_ONCE) {
            let read = join_all(some.iter().map(|group| self.read_group(group, deadline))).await;
            told.extend(read.into_iter().flatten());
        }
        for group in &told {
            if let Some(row) = scan.groups.iter_mut().find(|row| row.group == group.group) {
                *row = group.clone();
            }
        }
        let left = scan.groups.iter().filter(|row| may_be_it(row)).count();
        (left > 0).then(|| doubt(format!("{left} groups in the list do not tell their name"), Duration::ZERO))
    }

    /// One group with its name, if it tells it.
    async fn read_group(&self, group: &GroupId, deadline: Deadline) -> Option<FoundGroup> {
        let request = Request::get(self.group_path(group, ""));
        let read = |reply: &Reply| {
            let failed = Envelope::read(reply).failed;
            (!failed).then(|| groups::single(reply, group)).flatten()
        };
        let told = self.ask(CallContext::new(Call::ReadGroup), request, deadline, read).await.ok()?;
        let told = Some(told).filter(|told| !told.subject.is_empty())?;
        let names = &mut locked(&self.refreshes).names;
        if names.len() >= NAMES {
            names.clear();
        }
        names.insert(group.clone(), told.clone());
        Some(told)
    }

    async fn scan(&self, deadline: Deadline) -> Result<Scan, GatewayError> {
        let mut scan = Scan::default();
        let mut seen = BTreeSet::new();
        let mut plain = false;
        for number in 0..PAGES {
            let page = match self.page(number, plain, deadline).await {
                // The words for sorting differ between Wawp and the host behind it; nothing depends on them.
                Err(GatewayError::Refused { reason: Refusal::Invalid, .. }) if number == 0 => {
                    plain = true;
                    self.page(number, plain, deadline).await?
                }
                other => other?,
            };
            scan.unread = scan.unread.max(page.unread);
            let new: Vec<FoundGroup> =
                page.groups.into_iter().filter(|group| seen.insert(group.group.clone())).collect();
            // A short page is not the end (rows are dropped after paging); one without news is, also when
            // the offset is ignored.
            if new.is_empty() {
                return Ok(scan);
            }
            scan.groups.extend(new);
        }
        scan.cut = true;
        Ok(scan)
    }

    async fn page(&self, number: usize, plain: bool, deadline: Deadline) -> Result<Page, GatewayError> {
        let mut request = Request::get(self.dialect.path("/groups"))
            .query("limit", PAGE.to_string())
            .query("offset", (number * PAGE).to_string());
        if !plain {
            request = request
                .query("sortBy", "id")
                .query("sortOrder", self.dialect.descending())
                .query("exclude", "participants");
        }
        let read = |reply: &Reply| {
            let failed = Envelope::read(reply).failed;
            (!failed).then(|| groups::page(reply)).flatten()
        };
        self.ask(CallContext::new(Call::ListGroups), request, deadline, read).await
    }
}

/// Why a list is not known to be the whole list, if it is not.
fn whole(scan: &Scan, search: &GroupSearch) -> Option<Doubt> {
    let why = if scan.cut {
        "there are more groups than can be looked through"
    } else if scan.unread > 0 {
        "the list has rows that cannot be read"
    } else if scan.groups.is_empty() {
        "the list is empty"
    } else if !search.member_of.is_empty()
        && !scan.groups.iter().any(|row| search.member_of.contains(&row.group))
    {
        "the list lacks the groups in which this number is known to be"
    } else {
        return None;
    };
    Some(doubt(why, Duration::ZERO))
}
