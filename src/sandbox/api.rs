//! The HTTP face of the simulated API: from a request to a call, through faults and rules, to an answer.
//! Actors: the router sends every request to [`answer`]; the files below it do one area of calls each.

mod chats;
mod contacts;
mod credentials;
mod groups;
mod members;
mod sessions;

use axum::body::to_bytes;
use axum::extract::{Query, RawPathParams, Request, State};
use axum::response::Response;
use axum::routing::{MethodFilter, MethodRouter, on};
use axum::{RequestPartsExt as _, Router};
use http::header::CONTENT_TYPE;
use serde_json::{Map, Value, json};

use self::credentials::Found;
use super::Sandbox;
use super::call::{Call, CallRecord};
use super::delivery::{Delivery, deliver};
use super::fault::{Effect, Fault, FaultKind};
use super::operation::Operation;
use super::reply::{Refused, Reply};
use super::setup::Api;
use super::world::{Deferred, World};
use crate::clock::{Timestamp, later};

/// Requests longer than this are refused; no call of this API comes near it.
const BODY_LIMIT: usize = 1024 * 1024;

pub(super) fn router(api: Api) -> Router<Sandbox> {
    let routes = Operation::ROUTES.iter().filter(|(.., template)| template.starts_with(api.prefix()));
    routes.fold(Router::new(), |router, &(operation, method, template)| {
        router.route(template, route(operation, method, template))
    })
}

fn route(operation: Operation, method: &'static str, template: &'static str) -> MethodRouter<Sandbox> {
    let filter = match method {
        "GET" => MethodFilter::GET,
        "PUT" => MethodFilter::PUT,
        "PATCH" => MethodFilter::PATCH,
        "DELETE" => MethodFilter::DELETE,
        _ => MethodFilter::POST,
    };
    on(filter, move |State(sandbox): State<Sandbox>, request: Request| {
        answer(sandbox, operation, template, request)
    })
}

async fn answer(
    sandbox: Sandbox,
    operation: Operation,
    template: &'static str,
    request: Request,
) -> Response {
    let method = request.method().to_string();
    let delivery = match read(operation, template, request).await {
        Ok((call, found)) => sandbox.with(|world, now| decide(world, &call, &found, now)),
        Err(problem) => {
            sandbox.with(|world, now| {
                world.record(bare_record(now, method, template.to_owned(), Some(operation), 400));
            });
            let body = json!({"statusCode": 400, "message": problem, "error": "Bad Request"});
            Delivery::of(Reply::json(body).with_status(400))
        }
    };
    deliver(delivery).await
}

/// Reads a request into a call; the error says what was unreadable.
async fn read(
    operation: Operation,
    template: &'static str,
    request: Request,
) -> Result<(Call, Found), String> {
    let (mut parts, body) = request.into_parts();
    let params = match parts.extract::<RawPathParams>().await {
        Ok(params) => params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        Err(problem) => return Err(problem.to_string()),
    };
    let query = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri)
        .map(|Query(pairs)| pairs.into_iter().collect())
        .map_err(|problem| problem.to_string())?;
    let bytes = to_bytes(body, BODY_LIMIT).await.map_err(|problem| problem.to_string())?;
    let is_json = parts
        .headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.to_ascii_lowercase().contains("json"));
    // Only JSON bodies are parsed; the values of a form, credentials included, are never seen.
    let body = if is_json && !bytes.is_empty() {
        serde_json::from_slice::<Map<String, Value>>(&bytes).map_err(|problem| problem.to_string())?
    } else {
        Map::new()
    };
    let mut call = Call {
        operation,
        template,
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        params,
        query,
        body,
        instance_id: String::new(),
    };
    let found = Found::in_request(&parts.headers, &call);
    found.instance_id().unwrap_or_default().clone_into(&mut call.instance_id);
    Ok((call, found))
}

/// Credentials, then faults, then the rules; and the record of it all.
fn decide(world: &mut World, call: &Call, found: &Found, now: Timestamp) -> Delivery {
    let fault = match found.check(world) {
        Ok(()) => Ok(strike(world, call)),
        Err(refused) => Err(refused),
    };
    let was_struck = matches!(fault, Ok(Some(_)));
    let bans = matches!(&fault, Ok(Some(fault)) if fault.kind == FaultKind::Ban);
    let delivery = match fault {
        Err(refused) => Delivery::of(refused.into_reply(call, world.engine, now)),
        Ok(None) => Delivery::of(perform(world, call, now)),
        Ok(Some(fault)) => {
            let truth = suffer(world, call, fault.effect, now);
            Delivery::struck(&fault.kind, truth, call, now)
        }
    };
    if bans {
        world.set_session(&call.instance_id, super::BANNED, now);
    }
    world.record(CallRecord {
        at: now,
        method: call.method.clone(),
        route: call.template.to_owned(),
        operation: Some(call.operation),
        status: delivery.status(),
        credentials: found.places(),
        instance_id: found.instance_id().map(str::to_owned),
        chat_id: call.chat_id().map(str::to_owned),
        faulted: was_struck,
    });
    delivery
}

fn strike(world: &mut World, call: &Call) -> Option<Fault> {
    let chat_id = call.chat_id().unwrap_or_default();
    let subject = world.group(chat_id).map(|group| group.subject.clone()).unwrap_or_default();
    let name = call.field("name").unwrap_or_default();
    world.faults.strike(call, &[chat_id, name, &subject])
}

/// Does the work of a struck call as far as the fault lets it; the true answer, if there is one yet.
fn suffer(world: &mut World, call: &Call, effect: Effect, now: Timestamp) -> Option<Reply> {
    let truth = match effect {
        Effect::None | Effect::Later(_) => None,
        Effect::Done | Effect::Twice(_) => Some(perform(world, call, now)),
    };
    if let Effect::Later(by) | Effect::Twice(by) = effect {
        world.deferred.push(Deferred { due_at: later(now, by), call: call.clone() });
    }
    truth
}

/// Does the deferred calls whose moment has come, each as of its own moment.
pub(super) fn catch_up(world: &mut World, now: Timestamp) {
    while let Some(place) = world
        .deferred
        .iter()
        .enumerate()
        .filter(|(_, deferred)| deferred.due_at <= now)
        .min_by_key(|(_, deferred)| deferred.due_at)
        .map(|(place, _)| place)
    {
        let deferred = world.deferred.remove(place);
        perform(world, &deferred.call, deferred.due_at);
    }
}

/// Does one call by the rules.
fn perform(world: &mut World, call: &Call, now: Timestamp) -> Reply {
    let engine = world.engine;
    let result = working_session(world, call).and_then(|()| dispatch(world, call, now));
    match result {
        Ok(reply) => reply,
        Err(refused) => {
            let is_down = matches!(refused, Refused::SessionDown { .. });
            let mut reply = refused.into_reply(call, engine, now);
            if is_down {
                reply.wait = world.session_wait;
            }
            reply
        }
    }
}

fn working_session(world: &World, call: &Call) -> Result<(), Refused> {
    let account = world.account(&call.instance_id)?;
    match account.status.as_str() {
        super::UNLINKED => Err(Refused::InvalidSession),
        "WORKING" => Ok(()),
        _ if !call.operation.needs_working_session() => Ok(()),
        _ => Err(Refused::SessionDown {
            session: account.number.instance_id.clone(),
            status: account.shown_status().to_owned(),
        }),
    }
}

fn dispatch(world: &mut World, call: &Call, now: Timestamp) -> Result<Reply, Refused> {
    use Operation as Op;
    match call.operation {
        Op::CreateGroup
        | Op::ListGroups
        | Op::CountGroups
        | Op::RefreshGroups
        | Op::JoinInfo
        | Op::JoinGroup
        | Op::GetGroup
        | Op::DeleteGroup
        | Op::LeaveGroup
        | Op::SetDescription
        | Op::SetSubject
        | Op::SetPicture
        | Op::GetPicture
        | Op::DeletePicture
        | Op::GetMessagesAdminOnly
        | Op::SetMessagesAdminOnly
        | Op::GetInfoAdminOnly
        | Op::SetInfoAdminOnly
        | Op::GetInviteCode
        | Op::RevokeInviteCode => groups::answer(world, call, now),
        Op::ListParticipants
        | Op::ListParticipantsV2
        | Op::AddParticipants
        | Op::RemoveParticipants
        | Op::PromoteParticipants
        | Op::DemoteParticipants => members::answer(world, call, now),
        Op::SendText
        | Op::NewMessageId
        | Op::ListMessages
        | Op::GetMessage
        | Op::EditMessage
        | Op::DeleteMessage
        | Op::ListChats
        | Op::ListChatsOverview => chats::answer(world, call, now),
        Op::CheckExists
        | Op::GetContact
        | Op::ListContacts
        | Op::ListLids
        | Op::CountLids
        | Op::LidOfNumber
        | Op::NumberOfLid => contacts::answer(world, call, now),
        Op::SessionInfo
        | Op::SessionMe
        | Op::StartSession
        | Op::StopSession
        | Op::RestartSession
        | Op::LogoutSession
        | Op::GetRateLimit
        | Op::SetRateLimit
        | Op::GetWebhooks
        | Op::SetWebhooks => sessions::answer(world, call, now),
    }
}

/// The answer to a route that the API does not have; it is recorded too.
pub(super) async fn unknown(State(sandbox): State<Sandbox>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let method = request.method().to_string();
    let body = json!({
        "statusCode": 404,
        "message": format!("Cannot {method} {path}"),
        "error": "Not Found",
    });
    sandbox.with(|world, now| world.record(bare_record(now, method, path, None, 404)));
    deliver(Delivery::of(Reply::json(body).with_status(404))).await
}

/// The record of a request in which nothing could be read.
fn bare_record(
    at: Timestamp,
    method: String,
    route: String,
    operation: Option<Operation>,
    status: u16,
) -> CallRecord {
    CallRecord {
        at,
        method,
        route,
        operation,
        status: Some(status),
        credentials: Vec::new(),
        instance_id: None,
        chat_id: None,
        faulted: false,
    }
}

#[cfg(test)]
mod tests;
