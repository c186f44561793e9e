//! The fallback webhook, for when no linked number works: one signed POST to an address of the operator's.
//!
//! Signed as Standard Webhooks ask (`webhook-id`, `webhook-timestamp`, `webhook-signature: v1,…`), so that any
//! receiver that follows them can verify it, and tell a repeat by the id. Actors: [`FallbackWebhook`], whatever takes
//! such a call; [`Webhook`], the one over HTTP.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, Url};
use secrecy::SecretString;

use super::client::{client, io_cause};
use super::{GatewayError, Refusal};
use crate::clock::Clock;
use crate::signature::{Scheme, Verifier, sign};

/// Whatever is told when no number works.
#[async_trait]
pub trait FallbackWebhook: fmt::Debug + Send + Sync {
    /// Hands `body` (JSON) over. `id` stays the same over repeats, so that the other side can tell them.
    /// Repeating it is harmless.
    async fn tell(&self, id: &str, body: &str) -> Result<(), GatewayError>;
}

/// Where a [`Webhook`] goes and how it is signed.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The receiver's address. It can hold a token, so it is a secret.
    pub url: SecretString,
    /// `whsec_` and base64, as Standard Webhooks write it.
    pub secret: SecretString,
    /// The longest a call may take.
    pub call_timeout: Duration,
}

/// Why no client could be made. Says nothing of the address, which can be a secret.
#[derive(Debug, thiserror::Error)]
pub enum WebhookNotBuilt {
    /// The address is none.
    #[error("the address is not an http or https address")]
    Address,
    /// The HTTP client could not be set up.
    #[error("no HTTP client: {0}")]
    Client(String),
}

/// The fallback webhook over HTTP.
pub struct Webhook {
    client: Client,
    url: Url,
    verifier: Verifier,
    clock: Arc<dyn Clock>,
}

/// The address can hold a token.
impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook")
            .field("host", &self.url.host_str().unwrap_or_default())
            .finish_non_exhaustive()
    }
}

impl Webhook {
    /// A client for one receiver. Nothing is sent yet.
    pub fn new(settings: Settings, clock: Arc<dyn Clock>) -> Result<Self, WebhookNotBuilt> {
        use secrecy::ExposeSecret;
        let url = Url::parse(settings.url.expose_secret()).map_err(|_source| WebhookNotBuilt::Address)?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(WebhookNotBuilt::Address);
        }
        let client = client(url.scheme(), settings.call_timeout, 0)
            .map_err(|error| WebhookNotBuilt::Client(error.without_url().to_string()))?;
        let verifier = Verifier::new(Scheme::StandardWebhooks { secrets: vec![settings.secret] });
        Ok(Self { client, url, verifier, clock })
    }
}

#[async_trait]
impl FallbackWebhook for Webhook {
    async fn tell(&self, id: &str, body: &str) -> Result<(), GatewayError> {
        let signed = sign(&self.verifier, body.as_bytes(), id, self.clock.now())
            .map_err(|error| GatewayError::Refused { reason: Refusal::Invalid, detail: error.to_string() })?;
        let request = self
            .client
            .post(self.url.clone())
            .headers(signed.headers)
            .header(CONTENT_TYPE, "application/json")
            .body(body.to_owned());
        let response = request.send().await.map_err(|error| lost(&error))?;
        let status = response.status().as_u16();
        let retry_after = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.trim().parse().ok())
            .map(Duration::from_secs);
        // What the receiver says beyond the status is nobody's business and may hold anything.
        let detail = format!("the receiver answered {status}");
        match status {
            200..=299 => Ok(()),
            429 => Err(GatewayError::Throttled { retry_after, detail }),
            503 if retry_after.is_some() => Err(GatewayError::Throttled { retry_after, detail }),
            401 => Err(GatewayError::Refused { reason: Refusal::Credentials, detail }),
            408 | 499 | 500.. => Err(GatewayError::Unknown { detail }),
            403 => Err(GatewayError::Refused { reason: Refusal::Forbidden, detail }),
            _ => Err(GatewayError::Refused { reason: Refusal::Invalid, detail }),
        }
    }
}

/// Without a connection nothing was sent; after that nobody knows.
fn lost(error: &reqwest::Error) -> GatewayError {
    let cause = io_cause(error).map(|kind| format!(" ({kind})")).unwrap_or_default();
    if error.is_connect() || error.is_builder() {
        GatewayError::NotSent { detail: format!("could not connect{cause}") }
    } else {
        GatewayError::Unknown { detail: format!("no answer from the receiver{cause}") }
    }
}
