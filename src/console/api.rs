//! `/api`: incidents as JSON, and what operators ask of rooms.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tracing::info;

use super::action::{Action, CLOSING_ORPHAN};
use super::redaction::Redaction;
use super::view::{Detailed, Listed};
use super::{Console, failed};
use crate::incident::IncidentId;
use crate::jid::GroupId;
use crate::problem::Problem;
use crate::receiver::NotReplayed;
use crate::roster_in_force::ReloadOutcome;
use crate::store::{IncidentQuery, IncidentState, WishTaken};

/// The description of this API.
pub(super) const OPENAPI: &str = include_str!("openapi.json");
/// More than any action needs.
const LARGEST_BODY: usize = 4096;
/// Incidents in one answer when nobody says how many, and the most there can be.
const LISTED: usize = 100;
const MOST: usize = 1000;

/// The query of a listing.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    state: Option<IncidentState>,
    limit: Option<usize>,
}

/// The body of an adoption, or of closing a second group.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    group: String,
}

pub(super) async fn list(
    State(console): State<Arc<Console>>,
    query: Result<Query<Wanted>, QueryRejection>,
) -> Response {
    let Query(wanted) = match query {
        Ok(query) => query,
        Err(rejection) => return Problem::BadRequest.with(&rejection.body_text()),
    };
    let limit = wanted.limit.unwrap_or(LISTED);
    if !(1..=MOST).contains(&limit) {
        return Problem::BadRequest.with("`limit` is a number from 1 to 1000");
    }
    let now = console.clock.now();
    let summaries = match console.store.incidents(IncidentQuery { state: wanted.state, limit }).await {
        Ok(summaries) => summaries,
        Err(error) => return failed(&console, &error).into_response(),
    };
    let listed: Vec<Listed> = summaries.iter().map(|s| Listed::of(s, now)).collect();
    let redaction = Redaction::of(summaries.iter().filter_map(|s| s.room.as_ref()));
    answer(StatusCode::OK, &redaction, &Incidents { incidents: listed })
}

#[derive(Serialize)]
struct Incidents {
    incidents: Vec<Listed>,
}

pub(super) async fn show(
    State(console): State<Arc<Console>>,
    path: Result<Path<String>, PathRejection>,
) -> Response {
    let Some(id) = path.ok().and_then(|Path(id)| id.parse::<IncidentId>().ok()) else {
        return Problem::NotFound.into_response();
    };
    match console.store.dossier(id).await {
        Ok(Some(dossier)) => {
            let redaction = Redaction::of(&dossier.room);
            let now = console.clock.now();
            answer(StatusCode::OK, &redaction, &Detailed::of(&dossier, &console.numbers(now).await, now))
        }
        Ok(None) => Problem::NotFound.into_response(),
        Err(error) => failed(&console, &error).into_response(),
    }
}

/// The full phone numbers of an incident's people: for whoever has shown the token, and on the record.
pub(super) async fn phones(
    State(console): State<Arc<Console>>,
    path: Result<Path<String>, PathRejection>,
) -> Response {
    let Some(id) = path.ok().and_then(|Path(id)| id.parse::<IncidentId>().ok()) else {
        return Problem::NotFound.into_response();
    };
    if console.token.is_none() {
        return Problem::NeedsLogin
            .with("full phone numbers are shown only where `server.admin_token` is set");
    }
    let room = match console.store.dossier(id).await {
        Ok(Some(dossier)) => dossier.room,
        Ok(None) => None,
        Err(error) => return failed(&console, &error).into_response(),
    };
    let Some(room) = room else { return Problem::NotFound.with("this incident has no room") };
    if let Err(error) = console.store.record_operator(id, PHONES_SHOWN, console.clock.now()).await {
        return failed(&console, &error).into_response();
    }
    info!(incident.id = %id, "an operator had the phone numbers shown");
    let people = room.seats.iter().map(|seat| Contact {
        person: seat.who.person.clone(),
        name: seat.who.name.clone(),
        phone: format!("+{}", seat.who.jid.digits()),
    });
    axum::Json(Contacts { people: people.collect() }).into_response()
}

/// What the timeline says of it.
const PHONES_SHOWN: &str = "show the phone numbers";

#[derive(Serialize)]
struct Contacts {
    people: Vec<Contact>,
}

#[derive(Serialize)]
struct Contact {
    person: String,
    name: String,
    /// In international form, not masked.
    phone: String,
}

pub(super) async fn act(
    State(console): State<Arc<Console>>,
    path: Result<Path<(String, String)>, PathRejection>,
    request: Request,
) -> Response {
    let asked = path
        .ok()
        .and_then(|Path((id, action))| Some((id.parse::<IncidentId>().ok()?, Action::parse(&action)?)));
    let Some((id, action)) = asked else { return Problem::NotFound.into_response() };
    let group = match group_of(action, request).await {
        Ok(group) => group,
        Err(refusal) => return refusal,
    };
    let now = console.clock.now();
    let (taken, promise) = match group {
        Some(group) if action == Action::Close => {
            (console.store.close_duplicate(id, group, now).await, CLOSING_ORPHAN)
        }
        group => (console.store.wish(id, action.wish(group), now).await, action.promise()),
    };
    match taken {
        Ok(WishTaken::Yes) => {
            console.wake_worker.notify_one();
            console.store.wake_others();
            info!(incident.id = %id, room.action = action.as_str(), "an operator asked");
            let taken = json!({
                "incident": id.to_string(), "action": action.as_str(), "message": promise,
            });
            answer(StatusCode::ACCEPTED, &Redaction::default(), &taken)
        }
        Ok(WishTaken::NoSuchRoom) => Problem::NotFound.with("this incident has no room"),
        Ok(WishTaken::No(why)) => Problem::Conflict.with(&why),
        Err(error) => failed(&console, &error).into_response(),
    }
}

/// Takes in an accepted hook once more, as it would be taken in today.
pub(super) async fn replay(
    State(console): State<Arc<Console>>,
    path: Result<Path<String>, PathRejection>,
) -> Response {
    let Ok(Path(id)) = path else { return Problem::NotFound.into_response() };
    let Ok(id) = id.parse() else { return Problem::NotFound.with("there is no such receipt") };
    let stored = match console.store.receipt(id).await {
        Ok(Some(stored)) => stored,
        Ok(None) => return Problem::NotFound.with("there is no such receipt"),
        Err(error) => return failed(&console, &error).into_response(),
    };
    match console.receiver.replay(&stored).await {
        Ok(receipt) => answer(StatusCode::OK, &Redaction::default(), &receipt),
        Err(NotReplayed::NoSuchSource) => {
            Problem::Conflict.with(&format!("there is no source `{}` in the config any more", stored.source))
        }
        Err(NotReplayed::Forgotten) => {
            Problem::Conflict.with("its body is not kept any more (`keep_bodies` in the config)")
        }
        Err(NotReplayed::Unavailable) => Problem::Unavailable.into_response(),
    }
}

/// Looks at the roster's file now. Nothing of it is secret to who may ask: findings cover numbers themselves.
pub(super) async fn reload(State(console): State<Arc<Console>>) -> Response {
    let (roster, metrics, now) =
        (Arc::clone(&console.roster), Arc::clone(&console.metrics), console.clock.now());
    // A large roster takes a while to read and check, in which others want to be answered.
    let looked = tokio::task::spawn_blocking(move || roster.reload(&metrics, now));
    let Ok(exchange) = looked.await else { return Problem::Internal.into_response() };
    info!(outcome = exchange.as_str(), "an operator asked to look at the roster");
    let status = match exchange {
        ReloadOutcome::Same | ReloadOutcome::Taken => StatusCode::OK,
        ReloadOutcome::Refused => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let standing = console.roster.status();
    answer(status, &Redaction::default(), &json!({ "outcome": exchange, "roster": standing }))
}

pub(super) async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI).into_response()
}

/// The group named in the body: required for an adoption, possible for a close, and nothing else takes one.
async fn group_of(action: Action, request: Request) -> Result<Option<GroupId>, Response> {
    let (head, body) = request.into_parts();
    let body = read(body, LARGEST_BODY).await?;
    if action != Action::Adopt && (action != Action::Close || body.is_empty()) {
        return if body.is_empty() || is_json(head.headers.get(header::CONTENT_TYPE)) {
            Ok(None)
        } else {
            Err(Problem::UnsupportedMediaType.into_response())
        };
    }
    if body.is_empty() {
        return Err(Problem::BadRequest.with(r#"name the group: {"group": "…@g.us"}"#));
    }
    // A form of another site can send anything but this type without being asked first.
    if !is_json(head.headers.get(header::CONTENT_TYPE)) {
        return Err(Problem::UnsupportedMediaType.into_response());
    }
    let named: Named = serde_json::from_slice(&body).map_err(|e| Problem::BadRequest.with(&e.to_string()))?;
    let group = named.group.parse::<GroupId>();
    group.map(Some).map_err(|e| Problem::BadRequest.with(&format!("`group`: {e}")))
}

pub(super) async fn read(body: Body, largest: usize) -> Result<bytes::Bytes, Response> {
    match Limited::new(body, largest).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Problem::BodyTooLarge.into_response()),
        Err(_broken) => Err(Problem::BodyBroken.into_response()),
    }
}

pub(super) fn is_json(content_type: Option<&HeaderValue>) -> bool {
    content_type
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.split(';').next())
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

pub(super) fn answer(status: StatusCode, redaction: &Redaction, body: &impl Serialize) -> Response {
    let Ok(value) = serde_json::to_value(body) else { return Problem::Internal.into_response() };
    let value: Value = redaction.json(value);
    (status, axum::Json(value)).into_response()
}
