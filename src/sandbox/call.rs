//! One request as the rules see it: which operation, with which values, from whichever place they came.
//! Actors: `api` makes a [`Call`] from HTTP; the rules read it; a fault may keep it to do it later.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

use super::operation::Operation;
use super::reply::Refused;
use super::setup::Api;
use crate::clock::Timestamp;

/// Where a call carried its credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialPlace {
    /// `access_token` in the query string.
    Query,
    /// `access_token` in the JSON body.
    Body,
    /// The header `access-token`.
    Header,
    /// `Authorization: Bearer …`.
    Bearer,
    /// The header `x-api-key`, which is WAHA's.
    Key,
}

/// One call of the API as it was seen, for tests that count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CallRecord {
    /// When it arrived.
    pub at: Timestamp,
    /// The HTTP method.
    pub method: String,
    /// The route template, such as `/v2/groups/{id}/invite-code`; the raw path for a route that is not known.
    pub route: String,
    /// The call by name; `None` for a route that is not known.
    pub operation: Option<Operation>,
    /// The status that was answered; `None` where the answer never came (a hang, a reset).
    pub status: Option<u16>,
    /// Every place in which an access token was found.
    pub credentials: Vec<CredentialPlace>,
    /// The instance that was named, if any.
    pub instance_id: Option<String>,
    /// The group or chat that the call was about, if any.
    pub chat_id: Option<String>,
    /// Whether a fault struck.
    pub faulted: bool,
}

/// One request after reading.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) operation: Operation,
    pub(super) template: &'static str,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) params: BTreeMap<String, String>,
    pub(super) query: BTreeMap<String, String>,
    pub(super) body: Map<String, Value>,
    pub(super) instance_id: String,
}

impl Call {
    /// A value from the body, the query or the path; the documentation's tables put many values in either.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        let elsewhere = || self.query.get(name).or_else(|| self.params.get(name)).map(String::as_str);
        self.body.get(name).and_then(Value::as_str).or_else(elsewhere)
    }

    /// Which API the call was made in.
    pub(super) fn api(&self) -> Api {
        if self.template.starts_with(Api::Waha.prefix()) { Api::Waha } else { Api::Wawp }
    }

    pub(super) fn required(&self, name: &'static str) -> Result<&str, Refused> {
        self.field(name).filter(|value| !value.is_empty()).ok_or(Refused::Missing(name))
    }

    /// The group id in the path.
    pub(super) fn group_id(&self) -> &str {
        self.params.get("id").map_or("", String::as_str)
    }

    /// A number from the body or the query; anything that is no number counts as absent.
    pub(super) fn number(&self, name: &str) -> Option<usize> {
        match self.body.get(name).and_then(Value::as_u64) {
            Some(number) => usize::try_from(number).ok(),
            None => self.field(name)?.parse().ok(),
        }
    }

    /// What the call is about, for records and for faults that strike only some chats.
    pub(super) fn chat_id(&self) -> Option<&str> {
        self.params.get("id").map(String::as_str).or_else(|| self.field("chatId"))
    }

    /// Cuts a list to the page that the query asks for.
    pub(super) fn page<T>(&self, rows: Vec<T>, usual_limit: Option<usize>) -> Vec<T> {
        let limit = self.number("limit").or(usual_limit).unwrap_or(usize::MAX);
        let offset = self.number("offset").unwrap_or(0);
        rows.into_iter().skip(offset).take(limit).collect()
    }

    /// The phone digits of `participants`, which must be a list of objects with full ids.
    pub(super) fn participants(&self) -> Result<Vec<String>, Refused> {
        let Some(Value::Array(rows)) = self.body.get("participants") else {
            return Err(Refused::Invalid("participants must be an array".to_owned()));
        };
        let mut ids = Vec::with_capacity(rows.len());
        for row in rows {
            let Some(id) = row.get("id").and_then(Value::as_str) else {
                return Err(Refused::Invalid(
                    "each value in participants must be an object with an id".to_owned(),
                ));
            };
            if !is_person_id(id) {
                return Err(Refused::Invalid("participants: id must be like 15551230000@c.us".to_owned()));
            }
            if !ids.iter().any(|known| known == id) {
                ids.push(id.to_owned());
            }
        }
        Ok(ids)
    }
}

/// Splits `user:device@server` into user and server.
pub(super) fn split_id(id: &str) -> Option<(&str, &str)> {
    let (user, server) = id.split_once('@')?;
    let user = user.split([':', '.']).next().unwrap_or(user);
    let is_number = !user.is_empty() && user.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then_some((user, server))
}

fn is_person_id(id: &str) -> bool {
    matches!(split_id(id), Some((_, "c.us" | "s.whatsapp.net" | "lid")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whatever_is_taken_for_an_id_has_a_number_and_a_server(text in "\\PC{0,30}|[0-9:.]{0,12}@[a-z.]{0,8}") {
            if let Some((user, server)) = split_id(&text) {
                prop_assert!(!user.is_empty() && user.bytes().all(|byte| byte.is_ascii_digit()));
                prop_assert!(text.starts_with(user) && text.ends_with(server));
            }
        }
    }

    #[test]
    fn a_device_suffix_does_not_make_another_person() {
        assert_eq!(split_id("15550100001@c.us"), Some(("15550100001", "c.us")));
        assert_eq!(split_id("15550100001:12@s.whatsapp.net"), Some(("15550100001", "s.whatsapp.net")));
        assert_eq!(split_id("15550100001"), None);
        assert_eq!(split_id("abc@c.us"), None);
    }
}
