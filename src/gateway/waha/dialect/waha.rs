//! WAHA on a machine of one's own: the session stands in the path, the key in a header.
//!
//! The key needs the actions `read` and `send` only.

use std::fmt;

use http::HeaderValue;
use secrecy::SecretString;

use super::{Dialect, encoded, secret_header};
use crate::gateway::waha::http::{ClientNotBuilt, Request};
use crate::gateway::waha::redaction::Redaction;
use crate::jid::{ChatId, Jid};

/// One session of a server.
pub struct Waha {
    session: String,
    key: SecretString,
    key_header: HeaderValue,
}

impl fmt::Debug for Waha {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waha").field("session", &self.session).finish_non_exhaustive()
    }
}

impl Waha {
    /// A session with a key that may use it. WAHA names sessions with letters, digits, `-` and `_`.
    pub fn new(session: &str, key: SecretString) -> Result<Self, ClientNotBuilt> {
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if session.is_empty() || !session.bytes().all(is_name) {
            return Err(ClientNotBuilt::Instance);
        }
        Ok(Self { session: session.to_owned(), key_header: secret_header(&key)?, key })
    }
}

impl Dialect for Waha {
    fn path(&self, rest: &str) -> String {
        format!("/api/{}{rest}", self.session)
    }

    fn descending(&self) -> &'static str {
        "desc"
    }

    fn session(&self) -> Request {
        Request::get(format!("/api/sessions/{}", self.session))
    }

    fn send_text(&self, chat: &ChatId, text: &str) -> Request {
        Request::post("/api/sendText")
            .field("session", self.session.as_str())
            .field("chatId", chat.to_string())
            .field("text", text)
    }

    fn messages(&self, chat: &ChatId) -> Request {
        Request::get(self.path(&format!("/chats/{}/messages", encoded(&chat.to_string()))))
    }

    fn check_exists(&self, person: &Jid) -> Request {
        Request::get("/api/contacts/check-exists")
            .query("phone", person.digits())
            .query("session", self.session.as_str())
    }

    fn authorize(&self, mut request: Request) -> Request {
        request.headers.push(("x-api-key", self.key_header.clone()));
        request
    }

    fn redaction(&self) -> Redaction {
        // The name of a session is no secret, and `default` is a word.
        Redaction::new(self.key.clone(), String::new())
    }
}
