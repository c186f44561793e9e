//! Calling the fallback webhook: a task of the room like any other, with its intent and its outcome, but through no
//! linked number.

use super::{Call, End, Worker};
use crate::clock::{SignedDuration, Timestamp, later};
use crate::gateway::GatewayError;
use crate::pacing::Pace;
use crate::room::{Answer, Context, Task, WebhookCall};
use crate::store::{Began, Intent, Lease, StoreError};

/// What the journal calls it where it names the number of a call.
const INSTANCE: &str = "fallback webhook";

impl Worker {
    pub(super) async fn call_webhook(
        &self,
        lease: &mut Lease,
        said: &WebhookCall,
        context: Context<'_>,
        now: Timestamp,
    ) -> Result<Option<End>, StoreError> {
        let step = Task::CallWebhook(said.clone());
        let room = lease.room.clone();
        let body = self.composer.webhook_body(&said.reason, &lease.wanted.incident, &room, now);
        let intent = Intent {
            room,
            step: step.clone(),
            instance: INSTANCE.to_owned(),
            event: None,
            pace: Pace::Free,
            covers: None,
        };
        let intent = match self.begin(lease, intent, now).await? {
            Began::LeaseLost => return Ok(Some(End::Lost)),
            // Nothing paces it; a store that does so all the same is asked again.
            Began::Throttled(until) => {
                return Ok(Some(End::Asleep(Some(until.max(later(now, SignedDuration::from_secs(1)))))));
            }
            // It reaches nobody by a linked number.
            Began::Stopped => return self.reconsider(lease).await,
            Began::Yes(intent) => intent,
        };
        let answer = match &self.fallback_webhook {
            _ if self.is_too_late(lease, self.clock.now()) => {
                let detail = "the lease was about to end before the call".to_owned();
                Answer::Failed(GatewayError::NotSent { detail })
            }
            Some(way) => match way.tell(&said.id, &body).await {
                Ok(()) => Answer::Done,
                Err(error) => Answer::Failed(error),
            },
            None => {
                Answer::Failed(GatewayError::NotSent { detail: "there is no fallback webhook".to_owned() })
            }
        };
        let call = Call { step: &step, words: None, number: INSTANCE, intent: Some(intent), at: now };
        self.finish(lease, call, &answer, context).await
    }
}
