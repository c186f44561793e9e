//! Looking for a group that may have been made.
//!
//! This decides whether a second group is made, so *absent* must be true: every page is read, and a list
//! that may come from the provider's cache is not believed before it was read afresh.

use std::collections::HashSet;
use std::time::Duration;

use super::call::{Asked, Call};
use super::groups::{self, Page};
use super::http::{Deadline, Request};
use super::reply::Reply;
use super::told::{Told, is_done};
use super::{Wawp, locked};
use crate::clock::{SignedDuration, Timestamp};
use crate::gateway::{FoundGroup, GatewayError, Refusal, subject_has_token};

/// Rows asked for per page.
const PAGE: usize = 100;
/// Pages read at most; whoever has more groups cannot be told that one is absent.
const PAGES: usize = 60;
/// Shortest time between two refreshes. `WhatsApp` answers frequent ones with its rate limit; much longer
/// would leave rooms waiting for the second look at an absent group.
const BETWEEN_REFRESHES: SignedDuration = SignedDuration::from_secs(60);
/// For this long after a refresh the list is as good for others as for whoever asked for it.
const FRESH: SignedDuration = SignedDuration::from_secs(5);
/// How long to wait for the refresh that somebody else has just asked for.
const SOON: Duration = Duration::from_secs(3);

/// When the provider was told to read its group list afresh.
#[derive(Debug, Default)]
pub(super) struct Refreshes {
    asked_at: Option<Timestamp>,
    done_at: Option<Timestamp>,
}

/// What one walk through the list showed.
struct Scan {
    found: Vec<FoundGroup>,
    cached: bool,
}

/// Who may refresh.
enum Turn {
    /// Whoever asked.
    Ours,
    /// Nobody needs to: it was done just now.
    Fresh,
    /// Nobody for this long.
    Wait(Duration),
}

impl Wawp {
    /// All groups whose subject holds the token, whoever made them: the subject is proof enough, and a
    /// group that somebody else named so must be seen as well.
    pub(super) async fn search(
        &self,
        token: &str,
        deadline: Deadline,
    ) -> Result<Vec<FoundGroup>, GatewayError> {
        let first = self.scan(token, deadline).await?;
        if !first.found.is_empty() {
            return Ok(first.found);
        }
        match self.may_refresh() {
            Turn::Ours => {}
            // Only a list that comes from a cache can be too old to be believed.
            Turn::Wait(_) | Turn::Fresh if !first.cached => return Ok(first.found),
            // Several rooms wait for one refresh: each reads the list again and need not ask for its own.
            Turn::Fresh => return Ok(self.scan(token, deadline).await?.found),
            Turn::Wait(wait) => {
                return Err(GatewayError::Throttled {
                    retry_after: Some(wait),
                    detail: "the group list may be old and was refreshed a moment ago".to_owned(),
                });
            }
        }
        let asked = Asked::new(Call::RefreshGroups);
        let refreshed = self.ask(asked, Request::post("/v2/groups/refresh"), deadline, is_done).await;
        match refreshed {
            Ok(()) => {
                locked(&self.refreshes).done_at = Some(self.clock.now());
                Ok(self.scan(token, deadline).await?.found)
            }
            // There is nothing to refresh on this engine, or it has no cache: the list is what it is.
            Err(GatewayError::Refused { reason, .. }) if reason != Refusal::Credentials => Ok(first.found),
            Err(_) if !first.cached => Ok(first.found),
            Err(error) => Err(error),
        }
    }

    /// Takes the right to refresh now, or says what there is instead.
    fn may_refresh(&self) -> Turn {
        let now = self.clock.now();
        let mut refreshes = locked(&self.refreshes);
        // A clock that was put back must not block refreshes until it has caught up.
        let since = |at: Option<Timestamp>| at.map(|at| now.duration_since(at)).filter(|d| !d.is_negative());
        match (since(refreshes.asked_at), since(refreshes.done_at)) {
            (_, Some(done)) if done < FRESH => Turn::Fresh,
            (Some(asked), None) if asked < FRESH => Turn::Wait(SOON),
            (Some(asked), _) if asked < BETWEEN_REFRESHES => {
                Turn::Wait((BETWEEN_REFRESHES - asked).unsigned_abs())
            }
            _ => {
                *refreshes = Refreshes { asked_at: Some(now), done_at: None };
                Turn::Ours
            }
        }
    }

    async fn scan(&self, token: &str, deadline: Deadline) -> Result<Scan, GatewayError> {
        let mut scan = Scan { found: Vec::new(), cached: false };
        let mut seen = HashSet::new();
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
            scan.cached |= page.cached;
            let new: Vec<FoundGroup> =
                page.groups.into_iter().filter(|group| seen.insert(group.group.clone())).collect();
            // A short page is not the end (rows are dropped after paging); one without news is, also when
            // the offset is ignored.
            if new.is_empty() {
                return Ok(scan);
            }
            scan.found.extend(new.into_iter().filter(|group| subject_has_token(&group.subject, token)));
        }
        if scan.found.is_empty() {
            return Err(GatewayError::NotSent {
                detail: "there are more groups than can be looked through".to_owned(),
            });
        }
        Ok(scan)
    }

    async fn page(&self, number: usize, plain: bool, deadline: Deadline) -> Result<Page, GatewayError> {
        let mut request = Request::get("/v2/groups")
            .query("limit", PAGE.to_string())
            .query("offset", (number * PAGE).to_string());
        if !plain {
            request =
                request.query("sortBy", "id").query("sortOrder", "DESC").query("exclude", "participants");
        }
        let read = |reply: &Reply| {
            let failed = Told::read(reply).failed;
            (!failed).then(|| groups::page(reply)).flatten()
        };
        self.ask(Asked::new(Call::ListGroups), request, deadline, read).await
    }
}
