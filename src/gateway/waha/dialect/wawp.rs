//! Wawp v2: hosted, one address for all numbers, and five places in which credentials are seen.

use std::fmt;

use http::{HeaderValue, Method};
use secrecy::{ExposeSecret, SecretString};

use super::{Dialect, secret_header};
use crate::gateway::waha::http::{ClientNotBuilt, Request};
use crate::gateway::waha::redaction::Redaction;
use crate::jid::{ChatId, Jid};

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

/// One instance of an account.
pub struct Wawp {
    instance_id: String,
    token: SecretString,
    token_header: HeaderValue,
    credentials: Credentials,
    create_path: String,
}

impl fmt::Debug for Wawp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wawp").field("credentials", &self.credentials).finish_non_exhaustive()
    }
}

impl Wawp {
    /// An instance with its account's token. `create_path` is where groups are made: `/v2/groups`; some clients of
    /// Wawp use `/v2/groups/create`.
    pub fn new(
        instance_id: &str,
        token: SecretString,
        credentials: Credentials,
        create_path: &str,
    ) -> Result<Self, ClientNotBuilt> {
        if instance_id.trim().is_empty() {
            return Err(ClientNotBuilt::Instance);
        }
        if !create_path.starts_with('/') {
            return Err(ClientNotBuilt::CreatePath);
        }
        Ok(Self {
            instance_id: instance_id.to_owned(),
            token_header: secret_header(&token)?,
            token,
            credentials,
            create_path: create_path.to_owned(),
        })
    }
}

impl Dialect for Wawp {
    fn path(&self, rest: &str) -> String {
        format!("/v2{rest}")
    }

    fn create_path(&self) -> String {
        self.create_path.clone()
    }

    fn descending(&self) -> &'static str {
        "DESC"
    }

    fn session(&self) -> Request {
        Request::get("/v2/session/info")
    }

    fn send_text(&self, chat: &ChatId, text: &str) -> Request {
        Request::post("/v2/send/text").field("chatId", chat.to_string()).field("message", text)
    }

    fn messages(&self, chat: &ChatId) -> Request {
        Request::get("/v2/chats/messages").query("chatId", chat.to_string())
    }

    fn check_exists(&self, person: &Jid) -> Request {
        Request::get("/v2/contacts/check-exists").query("phone", person.digits())
    }

    fn authorize(&self, mut request: Request) -> Request {
        let token = self.token.expose_secret();
        let has_body = matches!(request.method, Method::POST | Method::PUT);
        let in_query = self.credentials == Credentials::Query || !has_body;
        let in_header = matches!(self.credentials, Credentials::Mixed | Credentials::Header);
        let mut pairs = vec![("instance_id", self.instance_id.clone())];
        if self.credentials != Credentials::Header {
            pairs.push(("access_token", token.to_owned()));
        }
        if in_query {
            request.query.splice(0..0, pairs);
        } else {
            request.body.extend(pairs.into_iter().map(|(name, value)| (name.to_owned(), value.into())));
        }
        if in_header {
            request.headers.push(("access-token", self.token_header.clone()));
        }
        request
    }

    fn redaction(&self) -> Redaction {
        Redaction::new(self.token.clone(), self.instance_id.clone())
    }
}
