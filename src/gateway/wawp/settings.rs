//! What one instance needs, and why a client could not be made of it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use crate::clock::Clock;

/// Where the credentials go in a request. Five ways are seen in the field; these four are the ones that
/// Wawp's documentation and its own tools use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Credentials {
    /// Query of GET and DELETE, JSON body of POST and PUT, and always the header `access-token`: what
    /// Wawp's own MCP server sends.
    #[default]
    Mixed,
    /// Always the query, as in Wawp's samples. Keeps the token in every access log on the way.
    Query,
    /// JSON body; the query where a request has no body.
    Body,
    /// The token only in the header `access-token`, the instance id as in `Body`.
    Header,
}

/// Everything one instance needs.
pub struct Settings {
    /// What to call the instance in logs.
    pub name: String,
    /// Where the API is, without `/v2`.
    pub base_url: String,
    /// Which linked number.
    pub instance_id: String,
    /// The account's secret.
    pub access_token: SecretString,
    /// Every call ends within this time, however many requests it takes.
    pub call_timeout: Duration,
    /// Between two existence checks.
    pub check_gap: Duration,
    /// Where the credentials go.
    pub credentials: Credentials,
    /// Where groups are made: `/v2/groups`; some clients of Wawp use `/v2/groups/create`.
    pub create_path: String,
    /// Says what time it is, for `Retry-After` dates and the pace of list refreshes.
    pub clock: Arc<dyn Clock>,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("name", &self.name)
            .field("call_timeout", &self.call_timeout)
            .field("credentials", &self.credentials)
            .field("create_path", &self.create_path)
            .finish_non_exhaustive()
    }
}

/// Why no client could be made of the settings. None of the texts holds what was set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientNotBuilt {
    /// Not an address of a web server.
    #[error("the gateway's base address is not an http or https address")]
    BaseUrl,
    /// Empty, or with characters that no HTTP header can carry.
    #[error("the gateway's access token is empty or holds characters that cannot be sent")]
    AccessToken,
    /// Empty.
    #[error("the gateway's instance id is empty")]
    InstanceId,
    /// Not a path.
    #[error("the gateway's create path does not begin with `/`")]
    CreatePath,
    /// The TLS library did not start.
    #[error("the HTTP client could not be set up: {0}")]
    Tls(String),
}

impl Settings {
    /// The first thing that can never work.
    pub(super) fn check(&self) -> Result<(), ClientNotBuilt> {
        if self.access_token.expose_secret().trim().is_empty() {
            return Err(ClientNotBuilt::AccessToken);
        }
        if self.instance_id.trim().is_empty() {
            return Err(ClientNotBuilt::InstanceId);
        }
        if !self.create_path.starts_with('/') {
            return Err(ClientNotBuilt::CreatePath);
        }
        Ok(())
    }
}
