//! One small document from an address that was found harmless before.
//!
//! Not a chat provider, but here is where the HTTP client lives: what proves a sender can stand at an address
//! of the sender's own (Amazon SNS). Everything that could lead elsewhere is off: redirects, proxies, plain
//! HTTP, repeats.

use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::Client;

use super::client::client;

/// The longest that asking may take; SNS waits fifteen seconds for our own answer.
const LIMIT: Duration = Duration::from_secs(5);
/// A certificate has two kilobytes.
const LONGEST: usize = 64 * 1024;

/// Fetches documents.
#[async_trait]
pub trait Fetch: fmt::Debug + Send + Sync {
    /// The document at `address`, if the answer is 200 and in time.
    async fn fetch(&self, address: &str) -> Result<Vec<u8>, NotFetched>;
}

/// Why there is no document, without the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotFetched {
    /// No client could be made on this machine.
    #[error("there is no client for TLS")]
    NoClient,
    /// No answer.
    #[error("no answer")]
    NoAnswer,
    /// Another status than 200.
    #[error("the answer has status {0}")]
    Status(u16),
    /// Longer than any that we look for.
    #[error("the document is too long")]
    TooLong,
}

/// Over HTTPS and in no other way.
#[derive(Debug, Default)]
pub struct Https {
    /// Made when it is needed first: most bridges never do, and reading the machine's certificates takes time.
    client: OnceLock<Option<Client>>,
}

#[async_trait]
impl Fetch for Https {
    async fn fetch(&self, address: &str) -> Result<Vec<u8>, NotFetched> {
        if !address.starts_with("https://") {
            return Err(NotFetched::NoAnswer);
        }
        let client = self
            .client
            .get_or_init(|| client("https", LIMIT, 0).ok())
            .as_ref()
            .ok_or(NotFetched::NoClient)?;
        // The error's own words hold the address, and the address can hold a token.
        let mut response = client.get(address).send().await.map_err(|_with_address| NotFetched::NoAnswer)?;
        if response.status() != http::StatusCode::OK {
            return Err(NotFetched::Status(response.status().as_u16()));
        }
        let mut document = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|_with_address| NotFetched::NoAnswer)? {
            if document.len() + chunk.len() > LONGEST {
                return Err(NotFetched::TooLong);
            }
            document.extend_from_slice(&chunk);
        }
        Ok(document)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nothing_but_https_is_asked() {
        let here = Https::default();
        for address in [
            "http://127.0.0.1:9/x.pem",
            "file:///etc/hostname",
            "not an address",
            "https://127.0.0.1:9/x.pem",
        ] {
            assert_eq!(here.fetch(address).await, Err(NotFetched::NoAnswer), "{address}");
        }
    }
}
