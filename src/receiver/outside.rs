//! What must be fetched before a hook can be judged or answered: a signer's certificate, and the one address
//! that completes a subscription.
//!
//! Whoever sends an unverified request can make us fetch something, if only from Amazon. So addresses come as
//! [`Address`], which only the verifier makes; what was found is kept; what was not is not asked for again for a
//! while; and there is a limit to how often we ask at all. What was found outlives the process, so that a flood of
//! invented addresses after a restart, which uses up that limit, keeps no genuine sender out. Whatever goes wrong here is our trouble and not the
//! sender's: it is asked to come again.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OnceCell, Semaphore};
use tracing::warn;

use crate::clock::{SignedDuration, Timestamp, later};
use crate::gateway::fetch::Fetch;
use crate::signature::sns::{Address, Certificate};
use crate::store::Store;

/// SNS has one certificate per region at a time.
const MOST_KNOWN: usize = 32;
/// Addresses that led nowhere.
const MOST_REFUSED: usize = 64;
/// How long what was not found is not asked for again.
const REFUSED_FOR: SignedDuration = SignedDuration::from_secs(30);
/// How often we ask for certificates in a minute.
const ASKS_PER_MINUTE: usize = 20;
/// How often one address can make us do so: whoever invents names leaves the rest to others.
const ASKS_PER_SENDER: usize = 5;

/// How long a hook waits while others are asked for; SNS waits fifteen seconds for our answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// It cannot be had right now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotToBeHad;

/// Asks, and remembers.
pub struct Outside {
    fetch: Arc<dyn Fetch>,
    store: Store,
    /// Whether what is in the store was read.
    read: OnceCell<()>,
    memory: Mutex<Memory>,
    /// One at a time: those that wait want the same certificate, and then find it.
    turn: Semaphore,
}

#[derive(Default)]
struct Memory {
    known: BTreeMap<String, Arc<Certificate>>,
    refused: BTreeMap<Address, Timestamp>,
    asked: VecDeque<(Timestamp, Option<IpAddr>)>,
}

impl fmt::Debug for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outside").field("fetch", &self.fetch).finish_non_exhaustive()
    }
}

impl Outside {
    /// One that has asked for nothing yet, and knows what others before it have kept in the store.
    #[must_use]
    pub fn new(fetch: Arc<dyn Fetch>, store: Store) -> Self {
        Self { fetch, store, read: OnceCell::new(), memory: Mutex::default(), turn: Semaphore::new(1) }
    }

    /// The certificate there, wanted for a message that came from the network `by`, if that is known.
    pub(crate) async fn certificate(
        &self,
        address: &Address,
        by: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<Arc<Certificate>, NotToBeHad> {
        self.read.get_or_try_init(|| self.read_kept()).await.map_err(|_said_there| NotToBeHad)?;
        if let Some(known) = self.with_memory(|memory| memory.recall(address, now)) {
            return known;
        }
        // Who has asked too often does not stand in the others' way either.
        if !self.with_memory(|memory| memory.may_ask(by, now)) {
            return Err(NotToBeHad);
        }
        let turn = tokio::time::timeout(PATIENCE, self.turn.acquire()).await;
        let _turn = turn.map_err(|_elapsed| NotToBeHad)?.map_err(|_closed| NotToBeHad)?;
        if let Some(known) = self.with_memory(|memory| memory.recall(address, now)) {
            return known;
        }
        if !self.with_memory(|memory| memory.may_ask(by, now)) {
            return Err(NotToBeHad);
        }
        self.with_memory(|memory| memory.asked.push_back((now, by)));
        let fetched = self.fetch.fetch(address.as_str()).await.map_err(|why| why.to_string());
        let read = fetched.and_then(|pem| {
            Certificate::from_pem(&pem).map(|read| (Arc::new(read), pem)).map_err(|why| why.to_string())
        });
        match read {
            Ok((certificate, pem)) => {
                self.with_memory(|memory| memory.keep(address, &certificate));
                if let Err(error) = self.store.keep_certificate(address.as_str(), pem, now).await {
                    warn!(error = %error, "a signer's certificate could not be kept; it will be fetched again");
                }
                Ok(certificate)
            }
            Err(why) => {
                warn!(address = ?address, reason = why, "a signer's certificate could not be fetched");
                self.with_memory(|memory| memory.refuse(address, now));
                Err(NotToBeHad)
            }
        }
    }

    async fn read_kept(&self) -> Result<(), NotToBeHad> {
        let kept = self.store.certificates().await.map_err(|error| {
            warn!(error = %error, "the signers' certificates in the store cannot be read");
            NotToBeHad
        })?;
        let kept = kept
            .into_iter()
            .filter_map(|(address, pem)| Some((address, Arc::new(Certificate::from_pem(&pem).ok()?))));
        self.with_memory(|memory| memory.known.extend(kept));
        Ok(())
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
        if let Some(certificate) = self.known.get(address.as_str()) {
            return Some(Ok(Arc::clone(certificate)));
        }
        let refused_at = self.refused.get(address)?;
        (now < later(*refused_at, REFUSED_FOR)).then_some(Err(NotToBeHad))
    }

    fn may_ask(&mut self, by: Option<IpAddr>, now: Timestamp) -> bool {
        let minute_ago = later(now, SignedDuration::from_mins(-1));
        self.asked.retain(|(at, _)| *at > minute_ago && *at <= now);
        let by_them = self.asked.iter().filter(|(_, other)| by.is_some() && *other == by).count();
        self.asked.len() < ASKS_PER_MINUTE && by_them < ASKS_PER_SENDER
    }

    fn keep(&mut self, address: &Address, certificate: &Arc<Certificate>) {
        if self.known.len() >= MOST_KNOWN {
            self.known.pop_first();
        }
        self.refused.remove(address);
        self.known.insert(address.as_str().to_owned(), Arc::clone(certificate));
    }

    fn refuse(&mut self, address: &Address, now: Timestamp) {
        if self.refused.len() >= MOST_REFUSED {
            let oldest = self.refused.iter().min_by_key(|(_, at)| **at).map(|(address, _)| address.clone());
            oldest.and_then(|address| self.refused.remove(&address));
        }
        self.refused.insert(address.clone(), now);
    }
}
