//! What a gateway must do at the wire: the list that every chat provider's client passes.

use std::sync::Arc;
use std::time::Duration;

use warroom::clock::{Clock, TestClock};
use warroom::gateway::waha::{Client, Credentials, Provider, Settings, Waha, Wawp};
use warroom::gateway::{FoundGroups, Gateway, GatewayError, GroupSearch};
use warroom::jid::{ChatId, GroupId, Jid};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

mod broken_connections;
mod engines;
mod log_lines;
mod odd_replies;
mod requests;

/// Percent-encoding changes it, so that both forms can be looked for.
const TOKEN: &str = "tok+En/5ecret=Value9";
const TOKEN_ENCODED: &str = "tok%2BEn%2F5ecret%3DValue9";
const INSTANCE: &str = "INST0000ABCD";
const SESSION: &str = "default";
const GROUP: &str = "120363000000000001@g.us";

fn settings(base_url: &str) -> Settings {
    Settings {
        name: "first".to_owned(),
        base_url: base_url.to_owned(),
        provider: account(Credentials::Mixed, "/v2/groups"),
        call_timeout: Duration::from_secs(20),
        check_gap: Duration::from_secs(1),
        clock: clock(),
    }
}

fn account(credentials: Credentials, create_path: &str) -> Provider {
    Provider::Wawp(Wawp::new(INSTANCE, TOKEN.into(), credentials, create_path).unwrap())
}

fn clock() -> Arc<dyn Clock> {
    Arc::new(TestClock::at("2026-03-01T10:00:00Z".parse().unwrap()))
}

fn wawp(base_url: &str) -> Client {
    Client::new(settings(base_url)).unwrap()
}

fn waha(base_url: &str) -> Client {
    let provider = Provider::Waha(Waha::new(SESSION, TOKEN.into()).unwrap());
    Client::new(Settings { provider, ..settings(base_url) }).unwrap()
}

fn jid(text: &str) -> Jid {
    text.parse().unwrap()
}

fn group() -> GroupId {
    GROUP.parse().unwrap()
}

/// The `n`th made-up person.
fn person(n: u32) -> Jid {
    jid(&format!("1555010{n:04}@c.us"))
}

async fn answering(status: u16, body: &str) -> MockServer {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(status).set_body_raw(body.to_owned(), "text/plain");
    Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}

/// The names of all calls of the trait.
const CALLS: [&str; 16] = [
    "session",
    "create_group",
    "find_groups",
    "members",
    "add_members",
    "promote",
    "invite_link",
    "revoke_link",
    "describe",
    "rename",
    "lock_settings",
    "lock_messages",
    "send_text",
    "recent_own_messages",
    "is_reachable",
    "leave",
];

/// A look for a group that was asked for at the beginning of time.
fn search(token: &str) -> GroupSearch {
    let asked_at = "2000-01-01T00:00:00Z".parse().unwrap();
    GroupSearch { token: token.to_owned(), asked_at, member_of: Vec::new(), thoroughly: true, all: false }
}

/// Makes a call by its name, with arguments of no interest, and gives back how it ended.
async fn make(gateway: &dyn Gateway, call: &str) -> Result<(), GatewayError> {
    let group = group();
    let chat = ChatId::Group(group.clone());
    let people = [person(1), person(2)];
    match call {
        "session" => gateway.session().await.map(drop),
        "create_group" => gateway.create_group("INCIDENT-1 | api down", &people).await.map(drop),
        "find_groups" => gateway.find_groups(&search("INCIDENT-1")).await.map(drop),
        "members" => gateway.members(&group, &people).await.map(drop),
        "add_members" => gateway.add_members(&group, &people).await.map(drop),
        "promote" => gateway.promote(&group, &people[0]).await,
        "invite_link" => gateway.invite_link(&group).await.map(drop),
        "revoke_link" => gateway.revoke_link(&group).await,
        "describe" => gateway.describe(&group, "a \"description\"\nof two lines").await,
        "rename" => gateway.rename(&group, "✅ INCIDENT-1").await,
        "lock_settings" => gateway.lock_settings(&group).await,
        "lock_messages" => gateway.lock_messages(&group).await,
        "send_text" => gateway.send_text(&chat, "*hello* all").await.map(drop),
        "recent_own_messages" => gateway.recent_own_messages(&chat, &[]).await.map(drop),
        "is_reachable" => gateway.is_reachable(&people[0]).await.map(drop),
        "leave" => gateway.leave(&group).await,
        other => panic!("no such call: {other}"),
    }
}

/// The class and, for a refusal, its reason; `ok` for a success.
fn verdict(outcome: &Result<(), GatewayError>) -> String {
    match outcome {
        Ok(()) => "ok".to_owned(),
        Err(GatewayError::Refused { reason, .. }) => format!("refused: {reason:?}"),
        Err(error) => error.class().to_owned(),
    }
}

/// Nothing that an error shows may hold the token, the instance or a phone number.
fn assert_clean(error: &GatewayError, context: &str) {
    let shown = format!("{error} | {error:?} | {}", serde_json::to_string(error).unwrap());
    for secret in [TOKEN, TOKEN_ENCODED, "5ecret", INSTANCE, "15550100", "1555010"] {
        assert!(!shown.contains(secret), "{context}: {shown}");
    }
}
