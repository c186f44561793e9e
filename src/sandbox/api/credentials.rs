//! Who is calling: the access token and the instance id, from any of the places in which clients put them.
//! Actors: the API face looks them up once per request, before anything else.

use http::HeaderMap;
use http::header::AUTHORIZATION;
use serde_json::Value;

use crate::sandbox::call::{Call, CredentialPlace};
use crate::sandbox::reply::Refused;
use crate::sandbox::setup::Api;
use crate::sandbox::world::World;

/// The credentials of one request.
pub(super) struct Found {
    tokens: Vec<(CredentialPlace, String)>,
    instance_id: Option<String>,
}

impl Found {
    pub(super) fn in_request(headers: &HeaderMap, call: &Call) -> Self {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let in_body = |name: &str| call.body.get(name).and_then(Value::as_str);
        let in_query = |name: &str| call.query.get(name).map(String::as_str);
        let bearer = header(AUTHORIZATION.as_str()).and_then(|value| value.strip_prefix("Bearer "));
        if call.api() == Api::Waha {
            let key = header("x-api-key").map(|key| (CredentialPlace::Key, key.to_owned()));
            let session = call.field("session").map(str::to_owned);
            return Self { tokens: key.into_iter().collect(), instance_id: session };
        }
        let tokens = [
            (CredentialPlace::Query, in_query("access_token")),
            (CredentialPlace::Body, in_body("access_token")),
            (CredentialPlace::Header, header("access-token")),
            (CredentialPlace::Bearer, bearer),
        ]
        .into_iter()
        .filter_map(|(place, token)| Some((place, token?.to_owned())))
        .collect();
        let instance_id = in_query("instance_id")
            .or_else(|| in_body("instance_id"))
            .or_else(|| header("x-instance-id"))
            .map(str::to_owned);
        Self { tokens, instance_id }
    }

    pub(super) fn instance_id(&self) -> Option<&str> {
        self.instance_id.as_deref()
    }

    pub(super) fn places(&self) -> Vec<CredentialPlace> {
        self.tokens.iter().map(|(place, _)| *place).collect()
    }

    /// The token must belong to the account, and the account must own the instance.
    pub(super) fn check(&self, world: &World) -> Result<(), Refused> {
        let Some((_, token)) = self.tokens.first() else {
            return Err(Refused::Unauthorized("Missing access_token"));
        };
        let places = self.places();
        // Clients in the field report that validation fails when both hold the same values.
        if places.contains(&CredentialPlace::Query) && places.contains(&CredentialPlace::Body) {
            return Err(Refused::Invalid("property access_token should not exist in the body".to_owned()));
        }
        let is_known =
            |token: &str| world.accounts.iter().any(|account| account.number.access_token == token);
        if !self.tokens.iter().all(|(_, token)| is_known(token)) {
            return Err(Refused::Unauthorized("Invalid or Missing Access Token"));
        }
        let Some(instance_id) = &self.instance_id else {
            return Err(Refused::Missing("instance_id"));
        };
        let account = world.account(instance_id)?;
        if account.number.access_token == *token { Ok(()) } else { Err(Refused::InvalidSession) }
    }
}
