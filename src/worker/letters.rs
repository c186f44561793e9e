//! Letters: opt-in requests and receipts, one after another and at a gentle pace; and whose the hidden ids are of
//! people who answered.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{HEARTBEAT, Number, STORE_GAP, Worker};
use crate::clock::{Timestamp, later};
use crate::consent::letter::{Delivery, Tried};
use crate::consent::{Change, LetterKind};
use crate::gateway::GatewayError;
use crate::jid::{ChatId, Jid};
use crate::message::Wording;
use crate::number::{Asked, Health, Sign};
use crate::roster::Language;
use crate::store::{LetterAsk, LetterTurn, LetterWay, Posted, StoreError, Worded};
use crate::telemetry::CallLabels;

/// Tries to find out whose a hidden id is, after which it is an error in the log: that is about half an hour.
const TRIES_BEFORE_ALARM: i64 = 6;

/// How many people a gateway can be expected to look at in one try.
const LOOKED_AT: usize = 20;

impl Worker {
    /// Writes letters until `stop`.
    pub async fn correspond(&self, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            let pause = match self.write_letters().await {
                Ok(next_at) => next_at.map_or(HEARTBEAT, |at| self.until(at).min(HEARTBEAT)),
                Err(error) => {
                    self.store_failed(&error);
                    STORE_GAP
                }
            };
            tokio::select! { () = tokio::time::sleep(pause) => {} () = stop.cancelled() => {} }
        }
    }

    fn until(&self, at: Timestamp) -> Duration {
        let wait = Duration::try_from(at.duration_since(self.clock.now())).unwrap_or(Duration::ZERO);
        wait.max(Duration::from_millis(50))
    }

    /// Does everything about letters that is due at this moment; returns when there is more to do.
    pub async fn write_letters(&self) -> Result<Option<Timestamp>, StoreError> {
        self.tell_source_troubles().await?;
        self.name_answers().await?;
        loop {
            let now = self.clock.now();
            let ask = self.letter_ask(&self.store.numbers().await?, now);
            match self.store.begin_letter(ask, now).await? {
                LetterTurn::Wait(until) => return Ok(until),
                LetterTurn::Go(posted) => self.post(*posted).await?,
            }
        }
    }

    fn letter_ask(&self, known: &BTreeMap<String, Health>, now: Timestamp) -> LetterAsk {
        let rests = |health: &Health| health.resting(false, now).is_some();
        let works = |number: &&&Number| !known.get(&number.name).is_some_and(rests);
        let ways = self.by_health(known);
        let ways = ways.iter().filter(works);
        LetterAsk {
            ways: ways
                .map(|n| LetterWay { name: n.name.clone(), budget: n.budget, hears: n.hears })
                .collect(),
            known: self.numbers.iter().map(|number| number.name.clone()).collect(),
            stopped: self.worded(Wording::StopTaken, |language| self.composer.receipt_for_stop(language)),
            question: self.worded(Wording::StopQuestion, |language| self.composer.question_of_stop(language)),
            started: self.worded(Wording::StartTaken, |language| self.composer.receipt_for_start(language)),
            until: later(now, self.policy.lease),
        }
    }

    /// A receipt in the languages of the people in the roster.
    fn worded(&self, wording: Wording, text: impl Fn(Option<&Language>) -> String) -> Worded {
        let roster = self.roster.borrow().clone();
        let translated = roster.people.values().filter_map(|person| {
            let language = self.composer.translated(wording, person.language.as_ref())?;
            Some((person.jid.clone(), text(Some(language))))
        });
        Worded { usual: text(None), translated: translated.collect() }
    }

    async fn post(&self, mut posted: Posted) -> Result<(), StoreError> {
        let name = posted.letter.instance.clone().unwrap_or_default();
        let Some(number) = self.named(&name) else { return Ok(()) };
        let tried = self.try_to_post(number, &mut posted).await;
        let failure = match &tried {
            Tried::Sent(Err(error)) | Tried::Looked(Err(error)) => Some(error),
            Tried::Sent(Ok(_)) | Tried::Looked(Ok(_)) | Tried::NotOnNetwork => None,
        };
        let asked = if posted.looks { Asked::Read } else { Asked::Effect };
        let sign = failure.map_or(Sign::Worked(asked), |error| Sign::Failed(asked, error.clone()));
        let known = self.store.numbers().await?;
        if known.get(&name).unwrap_or(&Health::default()).is_changed_by(&sign, self.clock.now()) {
            self.note_sign(number, sign).await;
        }
        let step = if posted.looks { "look_for_letter" } else { "letter" };
        let outcome = failure.map_or("ok", GatewayError::class);
        self.metrics.calls.get_or_create(&CallLabels { step, outcome }).inc();
        let (kind, person) = (posted.letter.kind.as_str(), posted.letter.person.clone());
        let letter = self.store.finish_letter(posted, tried, self.clock.now()).await?;
        match letter.map(|letter| letter.delivery) {
            Some(Delivery::Done { .. }) => {
                info!(gateway.instance = name, person, kind, "a letter was handed over");
            }
            Some(Delivery::GivenUp { why, .. }) => {
                warn!(gateway.instance = name, person, kind, why, "a letter was given up");
            }
            Some(Delivery::Due { .. } | Delivery::Unsure { .. } | Delivery::Sending { .. }) => {
                info!(gateway.instance = name, person, kind, outcome, "a letter is not there yet");
            }
            None => warn!(gateway.instance = name, person, kind, "somebody else sees to this letter by now"),
        }
        Ok(())
    }

    async fn try_to_post(&self, number: &Number, posted: &mut Posted) -> Tried {
        let letter = &posted.letter;
        if posted.looks {
            let chat = ChatId::Person(posted.chat.clone());
            let known = self.store.numbers().await.unwrap_or_default();
            let ours = self.numbers_now(&known, self.clock.now()).ids();
            return Tried::Looked(number.gateway.recent_own_messages(&chat, &ours).await);
        }
        // Writing to numbers that do not exist is what spammers do, and some are registered in another form. If it
        // cannot be asked, it is written.
        let may_be_another = letter.to == posted.chat && letter.to.has_variants();
        if letter.sends == 1 && (letter.kind == LetterKind::OptInRequest || may_be_another) {
            match number.gateway.is_reachable(&letter.to).await {
                Ok(None) => return Tried::NotOnNetwork,
                Ok(Some(id)) if !id.is_hidden() => posted.chat = id,
                Ok(Some(_)) | Err(_) => {}
            }
        }
        // The call must end before somebody else may take the letter.
        if let Delivery::Sending { until } = letter.delivery
            && later(self.clock.now(), self.policy.call_timeout) >= until
        {
            let detail = "the time for this letter was about to end".to_owned();
            return Tried::Sent(Err(GatewayError::NotSent { detail }));
        }
        let chat = ChatId::Person(posted.chat.clone());
        Tried::Sent(number.gateway.send_text(&chat, &letter.text).await)
    }

    /// Finds out who wrote where only a hidden id is known. What cannot be found out stays and is tried again.
    async fn name_answers(&self) -> Result<(), StoreError> {
        let answers = self.store.to_name(self.clock.now()).await?;
        if answers.is_empty() {
            return Ok(());
        }
        let roster = self.roster.borrow().clone();
        let mut among: Vec<Jid> = self.store.acquaintances().await?.into_iter().map(|a| a.jid).collect();
        among.extend(roster.people.values().map(|person| person.jid.clone()));
        among.sort();
        among.dedup();
        for answer in answers {
            let number = self.named(&answer.instance).or(self.numbers.first());
            let Some(number) = number else { continue };
            // A gateway looks at some of them only: at others each time.
            let turn = usize::try_from(answer.tries).unwrap_or(0).saturating_mul(LOOKED_AT);
            let from = turn.checked_rem(among.len()).unwrap_or(0);
            among.rotate_left(from);
            match number.gateway.whose(&answer.hidden, &among).await {
                Ok(Some(jid)) => {
                    let person = roster.person_of_number(&jid);
                    let key = person.map(|person| person.key.clone());
                    let jid = person.map_or(jid, |person| person.jid.clone());
                    let came = self.store.name(answer.hidden, jid, key, self.clock.now()).await?;
                    for (jid, person, change) in &came.changes {
                        let person = if person.is_empty() { jid.masked() } else { person.clone() };
                        let stopped = *change == Change::Stopped;
                        info!(
                            gateway.instance = answer.instance,
                            person, stopped, "an answer has found its name"
                        );
                    }
                    if came.rooms > 0 {
                        self.wake_worker.notify_one();
                    }
                }
                Ok(None) | Err(_) if answer.tries == TRIES_BEFORE_ALARM => error!(
                    gateway.instance = answer.instance,
                    hidden = answer.hidden.masked(),
                    "nobody can tell who wrote this; if somebody said STOP, look at the chats of the linked phone"
                ),
                Ok(None) | Err(_) => warn!(
                    gateway.instance = answer.instance,
                    hidden = answer.hidden.masked(),
                    tries = answer.tries,
                    "it is not known yet whose hidden id this is"
                ),
            }
        }
        Ok(())
    }
}
