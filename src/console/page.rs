//! The pages, made from the same view as the API's answers, and the files they load.

use std::sync::Arc;

use askama::Template;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{Html, IntoResponse, Response};
use http::{StatusCode, header};

use super::attention::{Attention, attention, gather_queued, source_trouble};
use super::numbers::Numbers;
use super::people::PersonView;
use super::redaction::Redaction;
use super::replicas::Replicas;
use super::view::{Detailed, Listed};
use super::{Console, failed};
use crate::clock::Timestamp;
use crate::incident::IncidentId;
use crate::problem::Problem;
use crate::roster_in_force::RosterStatus;
use crate::store::{Aside, IncidentQuery, IncidentState, StoreError, Summary};

/// Incidents read per state.
const READ: usize = 200;
/// Closed incidents shown.
const CLOSED_SHOWN: usize = 50;

#[derive(Template)]
#[template(path = "home.html", config = "src/console/askama.toml")]
struct Home {
    now: Timestamp,
    numbers: Numbers,
    /// What came and could not be taken.
    sources: Vec<Attention>,
    waiting: Vec<Waiting>,
    /// What goes on without anybody.
    queued: Vec<Waiting>,
    sections: Vec<Section>,
    /// What is left out of everything here.
    aside: Vec<Aside>,
    roster: RosterStatus,
    replicas: Replicas,
}

/// Something that waits for a person, with the incident it belongs to.
struct Waiting {
    id: String,
    title: String,
    item: Attention,
    actions: Vec<&'static str>,
}

/// All incidents in one state.
struct Section {
    name: &'static str,
    /// Those that people were called for.
    rooms: Vec<Listed>,
    /// Those that were not bad enough.
    quiet: Vec<Listed>,
    /// Older ones exist that are not shown.
    cut: bool,
}

#[derive(Template)]
#[template(path = "incident.html", config = "src/console/askama.toml")]
struct Incident {
    now: Timestamp,
    numbers: Numbers,
    it: Detailed,
}

#[derive(Template)]
#[template(path = "people.html", config = "src/console/askama.toml")]
struct PeoplePage {
    now: Timestamp,
    numbers: Numbers,
    people: Vec<PersonView>,
}

#[derive(Template)]
#[template(path = "trouble.html", config = "src/console/askama.toml")]
struct Trouble {
    now: Timestamp,
    numbers: Numbers,
    title: &'static str,
    words: &'static str,
}

pub(super) async fn home(State(console): State<Arc<Console>>) -> Response {
    match gather(&console).await {
        Ok((home, redaction)) => page(StatusCode::OK, &redaction, &home),
        Err(error) => broken(&console, &error).await,
    }
}

async fn gather(console: &Console) -> Result<(Home, Redaction), StoreError> {
    let now = console.clock.now();
    let numbers = console.numbers(now).await;
    let (mut waiting, mut sections, mut all) = (Vec::new(), Vec::new(), Vec::new());
    for (name, state, shown) in [
        ("Open", IncidentState::Open, READ),
        ("Resolved", IncidentState::Resolved, READ),
        ("Closed", IncidentState::Closed, CLOSED_SHOWN),
    ] {
        let summaries = console.store.incidents(IncidentQuery { state: Some(state), limit: READ }).await?;
        for summary in &summaries {
            waiting.extend(waits(summary, &numbers, now));
        }
        let cut = summaries.len() > shown || summaries.len() == READ;
        let listed = summaries.iter().take(shown).map(|s| Listed::of(s, now));
        let (rooms, quiet) = listed.partition(|listed| listed.room.is_some());
        sections.push(Section { name, rooms, quiet, cut });
        all.extend(summaries);
    }
    let waiting = gather_queued(waiting, |entry: &mut Waiting| &mut entry.item);
    let (queued, waiting) = waiting.into_iter().partition(|entry| entry.item.goes_on_by_itself());
    let redaction = Redaction::of(all.iter().filter_map(|s| s.room.as_ref()));
    let (roster, aside) = (console.roster.status(), console.store.aside());
    let sources = console.store.source_troubles(now).await?.iter().map(source_trouble).collect();
    let replicas = Replicas::of(console).await?;
    Ok((Home { now, numbers, sources, waiting, queued, sections, aside, roster, replicas }, redaction))
}

fn waits(summary: &Summary, numbers: &Numbers, now: Timestamp) -> Vec<Waiting> {
    let Summary { incident, room, budget_at, duplicates } = summary;
    let actions = Listed::of(summary, now).room.map(|r| r.actions).unwrap_or_default();
    attention(incident, room.as_ref(), *budget_at, duplicates, numbers, now)
        .into_iter()
        .map(|item| Waiting {
            id: incident.id.to_string(),
            title: incident.title.clone(),
            item,
            actions: actions.clone(),
        })
        .collect()
}

pub(super) async fn incident(
    State(console): State<Arc<Console>>,
    path: Result<Path<String>, PathRejection>,
) -> Response {
    let now = console.clock.now();
    let id = path.ok().and_then(|Path(id)| id.parse::<IncidentId>().ok());
    let dossier = match id {
        Some(id) => console.store.dossier(id).await,
        None => Ok(None),
    };
    match dossier {
        Ok(Some(dossier)) => {
            let redaction = Redaction::of(&dossier.room);
            let numbers = console.numbers(now).await;
            let it = Detailed::of(&dossier, &numbers, now);
            page(StatusCode::OK, &redaction, &Incident { now, numbers, it })
        }
        Ok(None) => {
            let words = "There is no incident of this number here.";
            let missing = Trouble { now, numbers: console.numbers(now).await, title: "Not found", words };
            page(StatusCode::NOT_FOUND, &Redaction::default(), &missing)
        }
        Err(error) => broken(&console, &error).await,
    }
}

/// Who wants to be called.
pub(super) async fn people(State(console): State<Arc<Console>>) -> Response {
    match super::people::people(&console).await {
        Ok(people) => {
            let now = console.clock.now();
            let numbers = console.numbers(now).await;
            page(StatusCode::OK, &Redaction::default(), &PeoplePage { now, numbers, people })
        }
        Err(error) => broken(&console, &error).await,
    }
}

/// A page about the store's failure, which keeps trying when it is one that passes.
async fn broken(console: &Console, error: &StoreError) -> Response {
    let problem = failed(console, error);
    let words = "The store does not answer as it should; the log says why. Alerts are not lost by this page \
                 failing: a sender whose alert could not be stored was told to come again.";
    let now = console.clock.now();
    let trouble =
        Trouble { now, numbers: console.numbers(now).await, title: "The store does not answer", words };
    page(problem.status(), &Redaction::default(), &trouble)
}

fn page(status: StatusCode, redaction: &Redaction, page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => (status, Html(redaction.text(&html))).into_response(),
        Err(_cannot_be_written) => Problem::Internal.into_response(),
    }
}

/// What the pages load.
pub(super) async fn file(path: Result<Path<String>, PathRejection>) -> Response {
    let (content_type, text) = match path.as_ref().map(|Path(name)| name.as_str()) {
        Ok("console.css") => ("text/css; charset=utf-8", include_str!("console.css")),
        Ok("console.js") => ("text/javascript; charset=utf-8", include_str!("console.js")),
        Ok("icon.svg") => ("image/svg+xml", include_str!("icon.svg")),
        Ok(_) | Err(_) => return Problem::NotFound.into_response(),
    };
    ([(header::CONTENT_TYPE, content_type)], text).into_response()
}
