//! What one provider of the protocol says differently from the others: addresses, field names, credentials.

use std::fmt;

use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

use super::http::{ClientNotBuilt, Request};
use super::redaction::Redaction;
use crate::jid::{ChatId, Jid};

pub(super) mod waha;
pub(super) mod wawp;

/// The differences. Everything else of a request and all of an answer is the same for all providers.
pub(super) trait Dialect: fmt::Debug + Send + Sync {
    /// The address of something that belongs to the linked number, such as `/groups`, below the base address.
    fn path(&self, rest: &str) -> String;

    /// Where a group is made.
    fn create_path(&self) -> String {
        self.path("/groups")
    }

    /// The word for descending order in the list of groups.
    fn descending(&self) -> &'static str;

    /// Asks how the linked number is.
    fn session(&self) -> Request;

    /// Sends a text.
    fn send_text(&self, chat: &ChatId, text: &str) -> Request;

    /// Reads the messages of a chat; the caller adds how many.
    fn messages(&self, chat: &ChatId) -> Request;

    /// Asks whether a number is on the network.
    fn check_exists(&self, person: &Jid) -> Request;

    /// The request with the credentials where the provider wants them.
    fn authorize(&self, request: Request) -> Request;

    /// What must not be kept of the provider's words.
    fn redaction(&self) -> Redaction;
}

/// A secret as a header that no log shows.
fn secret_header(secret: &SecretString) -> Result<HeaderValue, ClientNotBuilt> {
    if secret.expose_secret().trim().is_empty() {
        return Err(ClientNotBuilt::Secret);
    }
    let mut header =
        HeaderValue::from_str(secret.expose_secret()).map_err(|_source| ClientNotBuilt::Secret)?;
    header.set_sensitive(true);
    Ok(header)
}

/// An id as a part of a path.
pub(super) fn encoded(id: &str) -> String {
    id.replace('@', "%40")
}
