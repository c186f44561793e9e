//! Certificates of SNS signers, fetched and cached, and the request that confirms a subscription.
//!
//! An unverified request can make us fetch from Amazon. Four rules bound that: only the verifier makes an
//! [`Address`]; a certificate is kept in memory and in the store; a failed address is not fetched again for a while;
//! the number of fetches per minute is limited, in all and per sender. The store's copy keeps genuine senders working
//! when invented addresses use up that limit after a restart. A failure here is ours: the sender is asked to repeat.

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

/// Certificates kept: SNS has one per region at a time.
const MAX_CERTIFICATES: usize = 32;
/// Failed addresses remembered.
const MAX_FAILED: usize = 64;
/// How long a failed address is not fetched again.
const RETRY_AFTER: SignedDuration = SignedDuration::from_secs(30);
/// Certificates fetched in a minute.
const FETCHES_PER_MINUTE: usize = 20;
/// The part of these that one sender can cause: whoever invents names leaves the rest to others.
const FETCHES_PER_SENDER: usize = 5;

/// How long a hook waits for other fetches; SNS waits fifteen seconds for our answer.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);

/// The certificate cannot be fetched right now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FetchFailed;

/// Fetches certificates and caches them.
pub struct CertificateCache {
    fetch: Arc<dyn Fetch>,
    store: Store,
    /// Whether the store's certificates were read.
    read: OnceCell<()>,
    memory: Mutex<Memory>,
    /// One at a time: those that wait want the same certificate, and then find it.
    fetching: Semaphore,
}

#[derive(Default)]
struct Memory {
    known: BTreeMap<String, Arc<Certificate>>,
    failed: BTreeMap<Address, Timestamp>,
    asked: VecDeque<(Timestamp, Option<IpAddr>)>,
}

impl fmt::Debug for CertificateCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateCache").field("fetch", &self.fetch).finish_non_exhaustive()
    }
}

impl CertificateCache {
    /// An empty cache, which reads the store's certificates before the first fetch.
    #[must_use]
    pub fn new(fetch: Arc<dyn Fetch>, store: Store) -> Self {
        Self { fetch, store, read: OnceCell::new(), memory: Mutex::default(), fetching: Semaphore::new(1) }
    }

    /// The certificate at `address`, for a message that came from the network `by`, if that is known.
    pub(crate) async fn certificate(
        &self,
        address: &Address,
        by: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<Arc<Certificate>, FetchFailed> {
        self.read.get_or_try_init(|| self.read_kept()).await.map_err(|_said_there| FetchFailed)?;
        if let Some(known) = self.with_memory(|memory| memory.recall(address, now)) {
            return known;
        }
        // Over its limit a sender does not wait in the queue of the others either.
        if !self.with_memory(|memory| memory.may_fetch(by, now)) {
            return Err(FetchFailed);
        }
        let fetching = tokio::time::timeout(FETCH_TIMEOUT, self.fetching.acquire()).await;
        let _fetching = fetching.map_err(|_elapsed| FetchFailed)?.map_err(|_closed| FetchFailed)?;
        if let Some(known) = self.with_memory(|memory| memory.recall(address, now)) {
            return known;
        }
        if !self.with_memory(|memory| memory.may_fetch(by, now)) {
            return Err(FetchFailed);
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
                self.with_memory(|memory| memory.note_failure(address, now));
                Err(FetchFailed)
            }
        }
    }

    async fn read_kept(&self) -> Result<(), FetchFailed> {
        let kept = self.store.certificates().await.map_err(|error| {
            warn!(error = %error, "the signers' certificates in the store cannot be read");
            FetchFailed
        })?;
        let kept = kept
            .into_iter()
            .filter_map(|(address, pem)| Some((address, Arc::new(Certificate::from_pem(&pem).ok()?))));
        self.with_memory(|memory| memory.known.extend(kept));
        Ok(())
    }

    /// Requests the address, which confirms the subscription.
    pub(crate) async fn confirm_subscription(&self, address: &Address) -> Result<(), FetchFailed> {
        self.fetch.fetch(address.as_str()).await.map(|_answer| ()).map_err(|why| {
            warn!(address = ?address, reason = %why, "a subscription could not be confirmed");
            FetchFailed
        })
    }

    fn with_memory<T>(&self, act: impl FnOnce(&mut Memory) -> T) -> T {
        act(&mut self.memory.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Memory {
    fn recall(&self, address: &Address, now: Timestamp) -> Option<Result<Arc<Certificate>, FetchFailed>> {
        if let Some(certificate) = self.known.get(address.as_str()) {
            return Some(Ok(Arc::clone(certificate)));
        }
        let failed_at = self.failed.get(address)?;
        (now < later(*failed_at, RETRY_AFTER)).then_some(Err(FetchFailed))
    }

    fn may_fetch(&mut self, by: Option<IpAddr>, now: Timestamp) -> bool {
        let minute_ago = later(now, SignedDuration::from_mins(-1));
        self.asked.retain(|(at, _)| *at > minute_ago && *at <= now);
        let by_them = self.asked.iter().filter(|(_, other)| by.is_some() && *other == by).count();
        self.asked.len() < FETCHES_PER_MINUTE && by_them < FETCHES_PER_SENDER
    }

    fn keep(&mut self, address: &Address, certificate: &Arc<Certificate>) {
        if self.known.len() >= MAX_CERTIFICATES {
            self.known.pop_first();
        }
        self.failed.remove(address);
        self.known.insert(address.as_str().to_owned(), Arc::clone(certificate));
    }

    fn note_failure(&mut self, address: &Address, now: Timestamp) {
        if self.failed.len() >= MAX_FAILED {
            let oldest = self.failed.iter().min_by_key(|(_, at)| **at).map(|(address, _)| address.clone());
            oldest.and_then(|address| self.failed.remove(&address));
        }
        self.failed.insert(address.clone(), now);
    }
}
