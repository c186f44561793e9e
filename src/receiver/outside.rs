//! What must be fetched before a hook can be judged or answered: a signer's certificate, and the one address
//! that completes a subscription.
//!
//! Whoever sends an unverified request can make us fetch something, if only from Amazon. So addresses come as
//! [`Address`], which only the verifier makes; what was found is kept; what was not is not asked for again for a
//! while; and there is a limit to how often we ask at all. Whatever goes wrong here is our trouble and not the
//! sender's: it is asked to come again.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tracing::warn;

use crate::clock::{SignedDuration, Timestamp, later};
use crate::gateway::fetch::Fetch;
use crate::signature::sns::{Address, Certificate};

/// SNS has one certificate per region at a time.
const MOST_KNOWN: usize = 32;
/// Addresses that led nowhere.
const MOST_REFUSED: usize = 64;
/// How long what was not found is not asked for again.
const REFUSED_FOR: SignedDuration = SignedDuration::from_secs(30);
/// How often we ask for certificates in a minute.
const ASKS_PER_MINUTE: usize = 20;

/// How long a hook waits while others are asked for; SNS waits fifteen seconds for our answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// It cannot be had right now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotToBeHad;

/// Asks, and remembers.
pub struct Outside {
    fetch: Arc<dyn Fetch>,
    memory: Mutex<Memory>,
    /// One at a time: those that wait want the same certificate, and then find it.
    turn: Semaphore,
}

#[derive(Default)]
struct Memory {
    known: BTreeMap<Address, Arc<Certificate>>,
    refused: BTreeMap<Address, Timestamp>,
    asked_at: VecDeque<Timestamp>,
}

impl fmt::Debug for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outside").field("fetch", &self.fetch).finish_non_exhaustive()
    }
}

impl Outside {
    /// One that has asked for nothing yet.
    #[must_use]
    pub fn by(fetch: Arc<dyn Fetch>) -> Self {
        Self { fetch, memory: Mutex::default(), turn: Semaphore::new(1) }
    }

    /// The certificate there.
    pub(crate) async fn certificate(
        &self,
        address: &Address,
        now: Timestamp,
    ) -> Result<Arc<Certificate>, NotToBeHad> {
        if let Some(known) = self.with_memory(|memory| memory.recall(address, now)) {
            return known;
        }
        let turn = tokio::time::timeout(PATIENCE, self.turn.acquire()).await;
        let _turn = turn.map_err(|_elapsed| NotToBeHad)?.map_err(|_closed| NotToBeHad)?;
        if let Some(known) = self.with_memory(|memory| memory.recall(address, now)) {
            return known;
        }
        if !self.with_memory(|memory| memory.may_ask(now)) {
            warn!(address = ?address, "too many certificates were asked for; this one has to wait");
            return Err(NotToBeHad);
        }
        let fetched = self.fetch.fetch(address.as_str()).await.map_err(|why| why.to_string());
        let read = fetched.and_then(|pem| Certificate::from_pem(&pem).map_err(|why| why.to_string()));
        match read {
            Ok(certificate) => {
                let certificate = Arc::new(certificate);
                self.with_memory(|memory| memory.keep(address, &certificate));
                Ok(certificate)
            }
            Err(why) => {
                warn!(address = ?address, reason = why, "a signer's certificate could not be fetched");
                self.with_memory(|memory| memory.refuse(address, now));
                Err(NotToBeHad)
            }
        }
    }

    /// Asks for the address, for what that does there.
    pub(crate) async fn visit(&self, address: &Address) -> Result<(), NotToBeHad> {
        self.fetch.fetch(address.as_str()).await.map(|_answer| ()).map_err(|why| {
            warn!(address = ?address, reason = %why, "a subscription could not be confirmed");
            NotToBeHad
        })
    }

    fn with_memory<T>(&self, act: impl FnOnce(&mut Memory) -> T) -> T {
        act(&mut self.memory.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Memory {
    fn recall(&self, address: &Address, now: Timestamp) -> Option<Result<Arc<Certificate>, NotToBeHad>> {
        if let Some(certificate) = self.known.get(address) {
            return Some(Ok(Arc::clone(certificate)));
        }
        let refused_at = self.refused.get(address)?;
        (now < later(*refused_at, REFUSED_FOR)).then_some(Err(NotToBeHad))
    }

    fn may_ask(&mut self, now: Timestamp) -> bool {
        let minute_ago = later(now, SignedDuration::from_mins(-1));
        self.asked_at.retain(|at| *at > minute_ago && *at <= now);
        let may = self.asked_at.len() < ASKS_PER_MINUTE;
        if may {
            self.asked_at.push_back(now);
        }
        may
    }

    fn keep(&mut self, address: &Address, certificate: &Arc<Certificate>) {
        if self.known.len() >= MOST_KNOWN {
            self.known.pop_first();
        }
        self.refused.remove(address);
        self.known.insert(address.clone(), Arc::clone(certificate));
    }

    fn refuse(&mut self, address: &Address, now: Timestamp) {
        if self.refused.len() >= MOST_REFUSED {
            let oldest = self.refused.iter().min_by_key(|(_, at)| **at).map(|(address, _)| address.clone());
            oldest.and_then(|address| self.refused.remove(&address));
        }
        self.refused.insert(address.clone(), now);
    }
}
