//! Whether a number is on the network, asked no faster than Wawp allows.

use tokio::time::Instant;

use super::call::{Call, CallContext};
use super::http::Deadline;
use super::reply::Reply;
use super::{Client, account, locked};
use crate::gateway::GatewayError;
use crate::jid::Jid;

impl Client {
    pub(super) async fn is_on_network(
        &self,
        person: &Jid,
        deadline: Deadline,
    ) -> Result<Option<Jid>, GatewayError> {
        if person.is_hidden() {
            // Only the network itself gives out hidden ids.
            return Ok(Some(person.clone()));
        }
        self.wait_for_turn(deadline).await?;
        let request = self.dialect.check_exists(person);
        let read = |reply: &Reply| account::exists(reply, person);
        let account = self.ask(CallContext::new(Call::CheckExists), request, deadline, read).await?;
        Ok(account.0)
    }

    /// Waits for this call's turn, if that comes before the deadline.
    async fn wait_for_turn(&self, deadline: Deadline) -> Result<(), GatewayError> {
        let turn = {
            let mut next = locked(&self.next_check);
            let now = Instant::now();
            let turn = next.map_or(now, |next| next.max(now));
            if turn >= deadline.instant() {
                return Err(GatewayError::Throttled {
                    retry_after: Some(turn - now),
                    detail: "too many existence checks are waiting".to_owned(),
                });
            }
            *next = turn.checked_add(self.check_gap);
            turn
        };
        tokio::time::sleep_until(turn).await;
        Ok(())
    }
}
