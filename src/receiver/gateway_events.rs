//! `POST /hooks/gateway/{instance}`: what the chat provider tells by itself.
//!
//! Limit, verify, read, commit, answer, like every other hook; but nothing of the body is kept. What is
//! verified is answered 200 whatever it says, because the provider repeats everything else for half a minute.

use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::StatusCode;
use serde_json::json;
use tracing::{Level, debug, error, info, warn};

use super::body_budget::Sender;
use super::{HookRejection, NOBODYS, Receiver, named, no_source, prove, reject};
use crate::clock::Timestamp;
use crate::consent::Change;
use crate::gateway::{Notice, NoticeKind, Unread, Whom};
use crate::jid::{ChatId, Jid};
use crate::number::Sign;
use crate::peer::Peer;
use crate::problem::Problem;
use crate::signature::{RawHook, Rejected, VerifiedBody, Verifier, verify};
use crate::store::{Heard, Hearing, StoreError, TakenAnswers};
use crate::telemetry::NoticeLabels;
use crate::telemetry::throttled_log::Event;

/// What counts its hooks: no source can be called so.
pub(super) const COUNTED_AS: &str = "gateway";

/// How the events of one linked number are proven and read.
#[derive(Debug, Clone)]
pub struct EventChannel {
    /// What each must prove, all of it; at least one thing.
    pub proofs: Vec<Verifier>,
    /// Reads a body; the provider's file knows how.
    pub read: fn(&[u8]) -> Result<Vec<Notice>, Unread>,
}

pub(super) async fn hook(
    State(receiver): State<Arc<Receiver>>,
    instance: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    let instance = named(instance);
    let begun = Instant::now();
    let Some(channel) = receiver.event_channels.get(&instance).filter(|channel| !channel.proofs.is_empty())
    else {
        receiver.metrics.count_hook(NOBODYS.0, NOBODYS.1, begun.elapsed());
        return no_source(&receiver, request.uri(), request.extensions()).await;
    };
    let (outcome, response) = match receiver.take_notices(&instance, channel, request).await {
        Ok(taken) => {
            let outcome = if taken > 0 { "accepted" } else { "ignored" };
            (outcome, (StatusCode::OK, Json(json!({ "notices": taken }))).into_response())
        }
        Err(rejection) => (rejection.word, rejection.problem.into_response()),
    };
    receiver.metrics.count_hook(COUNTED_AS, outcome, begun.elapsed());
    response
}

/// Checks a request against everything that it must prove.
fn verify_all(hook: RawHook, proofs: &[Verifier], now: Timestamp) -> Result<VerifiedBody, Rejected> {
    let (last, others) = proofs.split_last().ok_or(Rejected::Missing)?;
    for proof in others {
        verify(hook.clone(), proof, now)?;
    }
    verify(hook, last, now)
}

/// Whether anybody here has use for it. Of what other people write that is only whether they want to be called.
fn is_of_use(notice: &Notice) -> bool {
    match &notice.what {
        NoticeKind::Message { from_me, verdict, .. } => *from_me || verdict.is_some(),
        NoticeKind::Joined { .. }
        | NoticeKind::Left { .. }
        | NoticeKind::WeJoined { .. }
        | NoticeKind::WeLeft { .. }
        | NoticeKind::Renamed { .. }
        | NoticeKind::Changed { .. }
        | NoticeKind::Undelivered { .. }
        | NoticeKind::Session { .. } => true,
    }
}

/// Takes out what tells how our own number is.
fn take_signs(notices: &mut Vec<Notice>, now: Timestamp) -> Vec<Sign> {
    let mut signs = Vec::new();
    notices.retain(|notice| {
        let NoticeKind::Session { session } = &notice.what else { return true };
        signs.push(Sign::Told(session.clone(), notice.at.unwrap_or(now)));
        false
    });
    signs
}

fn is_an_answer(notice: &Notice) -> bool {
    matches!(notice.what, NoticeKind::Message { verdict: Some(_), .. })
}

/// Says who stopped or came back, by their key in the roster: what they wrote is kept nowhere.
pub(crate) fn tell_of(came: &TakenAnswers, instance: &str) {
    for (jid, person, change) in &came.changes {
        let person = if person.is_empty() { jid.masked() } else { person.clone() };
        match change {
            Change::Stopped => {
                warn!(gateway.instance = instance, person, "said STOP: is not called any more");
            }
            Change::Lifted => info!(gateway.instance = instance, person, "said START: may be called again"),
            Change::Nothing => {}
        }
    }
    if came.unnamed > 0 {
        warn!(
            gateway.instance = instance,
            answers = came.unnamed,
            "somebody wrote of whom only a hidden id is known; it is looked up"
        );
    }
}

fn warn_of_second_groups(hearing: &Hearing, instance: &str) {
    let groups = hearing.second_groups;
    if groups > 0 {
        warn!(
            gateway.instance = instance,
            groups, "the gateway told of a second group that carries an incident's id; adopt it or close it"
        );
    }
}

impl Receiver {
    /// Whether a number of ours is told what people write to it.
    pub(crate) fn hears_people(&self) -> bool {
        self.event_channels.values().any(|channel| !channel.proofs.is_empty())
    }

    /// What people wrote about being called, with who they are in the roster in force.
    fn answers(&self, notices: Vec<Notice>, now: Timestamp) -> Vec<Heard> {
        let roster = self.roster.borrow();
        let answers = notices.into_iter().filter_map(|Notice { id, at, what }| {
            let NoticeKind::Message { chat: ChatId::Person(chat), from, verdict: Some(verdict), .. } = what
            else {
                return None;
            };
            let mut from = from.unwrap_or(Whom { phone: None, hidden: None });
            // The chat is named after whoever writes in it.
            let slot = if chat.is_hidden() { &mut from.hidden } else { &mut from.phone };
            slot.get_or_insert(chat);
            let is_it = |jid: &Jid| Some(jid) == from.phone.as_ref() || Some(jid) == from.hidden.as_ref();
            let known = roster.people.values().find(|person| is_it(&person.jid));
            let known = known.or_else(|| roster.person_of_number(from.phone.as_ref()?));
            let person = known.map(|person| person.key.clone());
            // Whom the roster names by a hidden id, or by another form of the number, is called by that, so that is
            // what the answer has to stand under.
            if let Some(known) = known {
                from.phone = Some(known.jid.clone());
            }
            Some(Heard { id, from, person, verdict, at: at.unwrap_or(now) })
        });
        answers.collect()
    }

    /// Takes in one delivery; returns how many notices of use were in it.
    async fn take_notices(
        &self,
        instance: &str,
        channel: &EventChannel,
        request: Request,
    ) -> Result<usize, HookRejection> {
        let (head, body) = request.into_parts();
        let peer = Peer::of(&head.extensions);
        let mut sender = Sender::Stranger(peer);
        let mut hook = RawHook {
            source: COUNTED_AS.to_owned(),
            headers: head.headers,
            query: head.uri.query().map(str::to_owned),
            body: Bytes::new(),
        };
        let turned_away = |why: Rejected| {
            let event = Event {
                what: "an event of the gateway was turned away unverified",
                level: Level::WARN,
                source: instance,
                reason: why.as_str(),
                peer: peer.map(|peer| peer.client),
                bytes: None,
            };
            self.metrics.log.note(event, self.clock.now());
            reject(why.as_str(), Problem::Unauthorized)
        };
        for proof in channel.proofs.iter().filter(|proof| proof.needs_no_body()) {
            verify(hook.clone(), proof, self.clock.now()).map_err(turned_away)?;
        }
        if channel.proofs.iter().all(Verifier::needs_no_body) {
            sender = Sender::Proven(COUNTED_AS);
            prove(peer);
        }
        let mut held = self.body_budget.read(body, sender).await?;
        hook.body = held.bytes.clone();
        let now = self.clock.now();
        let verified = verify_all(hook, &channel.proofs, now).map_err(turned_away)?;
        if let Sender::Stranger(_) = sender {
            self.body_budget.prove(&mut held, COUNTED_AS)?;
            prove(peer);
        }
        let mut notices = match (channel.read)(verified.body()) {
            Ok(notices) => notices,
            Err(why) => {
                warn!(gateway.instance = instance, reason = %why, "an event of the gateway was not understood");
                return Ok(0);
            }
        };
        notices.retain(is_of_use);
        if notices.is_empty() {
            return Ok(0);
        }
        for notice in &notices {
            let labels = NoticeLabels { instance: instance.to_owned(), notice: notice.what.name() };
            self.metrics.notices.get_or_create(&labels).inc();
        }
        let taken = notices.len();
        let signs = take_signs(&mut notices, now);
        let (answers, notices): (Vec<Notice>, Vec<Notice>) = notices.into_iter().partition(is_an_answer);
        let answers = self.answers(answers, now);
        let committed = tokio::time::timeout(self.commit_timeout, async {
            for sign in signs {
                self.alarm.note(instance, sign, now).await?;
            }
            let came = if answers.is_empty() {
                TakenAnswers::default()
            } else {
                self.store.take_answers(instance, answers, now).await?
            };
            let hearing = if notices.is_empty() {
                Hearing::default()
            } else {
                self.store.take_notices(instance, notices, now).await?
            };
            Ok::<_, StoreError>((came, hearing))
        });
        match committed.await {
            Ok(Ok((came, hearing))) => {
                tell_of(&came, instance);
                warn_of_second_groups(&hearing, instance);
                if hearing.rooms + came.rooms > 0 {
                    self.wake_worker.notify_one();
                    let rooms = hearing.rooms + came.rooms;
                    info!(gateway.instance = instance, rooms, "the gateway told something");
                } else {
                    debug!(gateway.instance = instance, "the gateway told what concerns no room");
                }
                Ok(taken)
            }
            Ok(Err(error)) => {
                self.metrics.store_failures.inc();
                error!(gateway.instance = instance, error = %error, "an event of the gateway could not be stored");
                Err(reject("unavailable", Problem::Unavailable))
            }
            // It may be committed all the same; told again, it will be known.
            Err(_elapsed) => {
                self.metrics.store_failures.inc();
                error!(gateway.instance = instance, "the store did not take an event of the gateway in time");
                Err(reject("unavailable", Problem::Unavailable))
            }
        }
    }
}
