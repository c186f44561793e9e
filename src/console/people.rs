//! Who wants to be called: shown, and asked by an opt-in request.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde::{Deserialize, Serialize};
use tracing::info;

use super::api::{answer, is_json, read};
use super::redaction::Redaction;
use super::{Console, failed};
use crate::clock::Timestamp;
use crate::consent::Acquaintance;
use crate::consent::letter::Delivery;
use crate::problem::Problem;
use crate::store::{AskedPerson, Asking, StoreError};

/// A list of everybody's keys fits.
const LARGEST_BODY: usize = 256 * 1024;

/// Whom to ask whether they may be called.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Wish {
    /// Keys in the roster; everybody who never opted in, if there are none.
    people: Vec<String>,
    again: bool,
    dry_run: bool,
}

/// What came of it.
#[derive(Debug, Serialize)]
struct Outcome {
    dry_run: bool,
    /// Those who get an opt-in request.
    asked: Vec<Asked>,
    /// Those who do not, and why.
    left_out: Vec<LeftOut>,
}

#[derive(Debug, Serialize)]
struct Asked {
    person: String,
    name: String,
    text: String,
}

#[derive(Debug, Serialize)]
struct LeftOut {
    person: String,
    why: String,
}

/// One person, as the API and the page show them.
#[derive(Debug, Serialize)]
pub(super) struct PersonView {
    /// Key in the roster; empty for somebody who never was in it.
    pub(super) person: String,
    pub(super) name: String,
    pub(super) phone: String,
    pub(super) in_roster: bool,
    /// What the roster says.
    pub(super) opted_in: bool,
    /// `none`, `on_its_way`, `not_sent`, `asked`, `written`, `yes` or `stop`.
    pub(super) state: &'static str,
    pub(super) words: String,
    pub(super) asked_at: Option<Timestamp>,
    pub(super) asked_by: Option<String>,
    pub(super) answered_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) trouble: Option<String>,
}

/// Everybody: the roster first, then those who are only on record.
pub(super) async fn people(console: &Console) -> Result<Vec<PersonView>, StoreError> {
    let known = console.store.acquaintances().await?;
    let roster = console.roster.reader().borrow().clone();
    let mut views: Vec<PersonView> = Vec::new();
    for person in roster.people.values() {
        let acquaintance = known.iter().find(|a| a.jid == person.jid);
        let names = (person.key.as_str(), person.name.as_str(), person.jid.masked());
        views.push(view(names, Some(person.opted_in), acquaintance));
    }
    for gone in known.iter().filter(|a| roster.people.values().all(|person| person.jid != a.jid)) {
        views.push(view((&gone.person, &gone.person, gone.jid.masked()), None, Some(gone)));
    }
    Ok(views)
}

fn view(
    (person, name, phone): (&str, &str, String),
    opted_in: Option<bool>,
    known: Option<&Acquaintance>,
) -> PersonView {
    let consent = known.map(|a| a.consent.clone()).unwrap_or_default();
    let trouble = known.and_then(|a| a.letter.as_ref()).and_then(|letter| match &letter.delivery {
        Delivery::GivenUp { why, .. } => Some(why.clone()),
        _ => None,
    });
    PersonView {
        person: person.to_owned(),
        name: name.to_owned(),
        phone,
        in_roster: opted_in.is_some(),
        opted_in: opted_in.unwrap_or(false),
        state: known.map_or("none", Acquaintance::state),
        words: Acquaintance::words(known, opted_in.unwrap_or(false)),
        answered_at: consent.answered_at(),
        asked_at: consent.asked_at,
        asked_by: consent.asked_by,
        trouble,
    }
}

#[derive(Serialize)]
struct People {
    people: Vec<PersonView>,
}

pub(super) async fn list(State(console): State<Arc<Console>>) -> Response {
    match people(&console).await {
        Ok(people) => answer(StatusCode::OK, &Redaction::default(), &People { people }),
        Err(error) => failed(&console, &error).into_response(),
    }
}

/// Queues opt-in requests. Without a body it only says who would get one.
pub(super) async fn ask(State(console): State<Arc<Console>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = match read(body, LARGEST_BODY).await {
        Ok(body) => body,
        Err(refusal) => return refusal,
    };
    let wish = if body.is_empty() {
        Wish { dry_run: true, ..Wish::default() }
    } else if !is_json(head.headers.get(header::CONTENT_TYPE)) {
        // A form of another site can send anything but this type without being asked first.
        return Problem::UnsupportedMediaType.into_response();
    } else {
        match serde_json::from_slice::<Wish>(&body) {
            Ok(wish) => wish,
            Err(error) => return Problem::BadRequest.with(&error.to_string()),
        }
    };
    if !wish.dry_run && !console.receiver.hears_people() {
        return Problem::Conflict.with(
            "no linked number has `events`, so nobody's STOP would be heard: set `gateway.instances[].events` first",
        );
    }
    let people = match chosen(&console, &wish) {
        Ok(people) => people,
        Err(unknown) => {
            let why = format!("not in the roster: {}", unknown.join(", "));
            return Problem::BadRequest.with(&why);
        }
    };
    let asking = Asking {
        people: people.iter().map(|(asked, _)| asked.clone()).collect(),
        again: wish.again,
        dry_run: wish.dry_run,
    };
    let taken = match console.store.ask_opt_in(asking, console.clock.now()).await {
        Ok(taken) => taken,
        Err(error) => return failed(&console, &error).into_response(),
    };
    let mut outcome = Outcome { dry_run: wish.dry_run, asked: Vec::new(), left_out: Vec::new() };
    for ((asked, name), taken) in people.into_iter().zip(taken) {
        match taken.objection {
            None => outcome.asked.push(Asked { person: asked.person, name, text: asked.text }),
            Some(why) => outcome.left_out.push(LeftOut { person: asked.person, why }),
        }
    }
    if !wish.dry_run {
        info!(people = outcome.asked.len(), "an operator asked for opt-in requests");
    }
    let status = if wish.dry_run { StatusCode::OK } else { StatusCode::ACCEPTED };
    answer(status, &Redaction::default(), &outcome)
}

/// The people meant, with their names and the words for each; or the keys that nobody has.
fn chosen(console: &Console, wish: &Wish) -> Result<Vec<(AskedPerson, String)>, Vec<String>> {
    let roster = console.roster.reader().borrow().clone();
    let unknown: Vec<String> =
        wish.people.iter().filter(|key| !roster.people.contains_key(*key)).cloned().collect();
    if !unknown.is_empty() {
        return Err(unknown);
    }
    let is_meant = |key: &String, opted_in: bool| {
        if wish.people.is_empty() { !opted_in } else { wish.people.contains(key) }
    };
    let meant = roster.people.values().filter(|person| is_meant(&person.key, person.opted_in));
    let with_words = meant.map(|person| {
        let text = console.composer.opt_in_request(&person.name, person.language.as_ref());
        let asked = AskedPerson { jid: person.jid.clone(), person: person.key.clone(), text };
        (asked, person.name.clone())
    });
    Ok(with_words.collect())
}
