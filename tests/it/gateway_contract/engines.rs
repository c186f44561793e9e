//! The shapes of the three engines, from request to meaning.

use serde_json::{Value, json};
use warroom::gateway::{AddOutcome, Added, Member, Members};
use wiremock::matchers::{method, path, path_regex};

use super::*;

const CODE: &str = "AbCdEfGhIjKlMnOpQrStUv";

/// One engine's replies for the same little world: us, one who came in, one whom privacy keeps out.
struct Engine {
    name: &'static str,
    create: Value,
    list: Value,
    participants: Value,
    add: Value,
    setter: &'static str,
    send: Value,
    invite: String,
    messages: Value,
    said: usize,
}

fn engines() -> [Engine; 3] {
    let web_id = json!({"server": "g.us", "user": "120363000000000001", "_serialized": GROUP});
    let web = Engine {
        name: "WEBJS",
        create: json!({"title": "INCIDENT-1", "gid": web_id, "participants": {
            "15550199999@c.us": {"statusCode": 200, "message": "m", "isGroupCreator": true, "isInviteV4Sent": false},
            "15550100002@c.us": {"statusCode": 403, "message": "m", "isGroupCreator": false, "isInviteV4Sent": true}}}),
        list: json!([{"id": web_id, "name": "INCIDENT-1 | api down", "isGroup": true,
            "groupMetadata": {"subject": "INCIDENT-1 | api down", "creation": 1_760_000_000}}]),
        participants: json!([
            {"id": {"server": "c.us", "user": "15550199999", "_serialized": "15550199999@c.us"}, "isAdmin": true, "isSuperAdmin": true},
            {"id": {"server": "c.us", "user": "15550100001", "_serialized": "15550100001@c.us"}, "isAdmin": false, "isSuperAdmin": false}]),
        add: json!({"15550100002@c.us": {"code": 403, "message": "m", "isInviteV4Sent": true}}),
        setter: "true",
        send: json!({"_data": {"id": {}}, "id": {"fromMe": true, "remote": GROUP, "id": "3EB0", "_serialized": format!("true_{GROUP}_3EB0")}, "ack": 0}),
        invite: CODE.to_owned(),
        messages: json!([{"id": format!("true_{GROUP}_3EB0"), "timestamp": 1_760_000_000, "fromMe": true, "body": "hello"}]),
        said: 1,
    };
    let baileys_group = json!({"id": GROUP, "addressingMode": "lid", "subject": "INCIDENT-1 | api down",
        "creation": 1_760_000_000, "owner": "99990000@lid", "restrict": false, "participants": [
            {"id": "99990000@lid", "phoneNumber": "15550199999@s.whatsapp.net", "admin": "superadmin"},
            {"id": "99990002@lid", "phoneNumber": "15550100002@s.whatsapp.net", "admin": null}]});
    let baileys = Engine {
        name: "NOWEB",
        create: baileys_group.clone(),
        list: json!({GROUP: baileys_group}),
        participants: json!([
            {"id": "99990000@lid", "phoneNumber": "15550199999@s.whatsapp.net", "admin": "superadmin"},
            {"id": "99990001@lid", "phoneNumber": "15550100001@s.whatsapp.net", "admin": null}]),
        add: json!([{"status": "403", "jid": "15550100002@s.whatsapp.net", "content": {"tag": "participant",
            "attrs": {"jid": "15550100002@s.whatsapp.net", "error": "403"}}}]),
        setter: "",
        send: json!({"key": {"remoteJid": GROUP, "fromMe": true, "id": "3EB0"}, "message": {"conversation": "hello"},
            "messageTimestamp": "1760000000", "status": "PENDING"}),
        invite: CODE.to_owned(),
        messages: json!([{"key": {"fromMe": true, "id": "3EB0"}, "message": {"conversation": "hello"}, "messageTimestamp": "1760000000"}]),
        said: 0,
    };
    let row = |n: u32, phone: &str, admin: bool, error: u16| {
        json!({"JID": format!("9999000{n}@lid"), "PhoneNumber": format!("{phone}@s.whatsapp.net"),
            "LID": format!("9999000{n}@lid"), "IsAdmin": admin, "IsSuperAdmin": admin, "DisplayName": "",
            "Error": error, "AddRequest": null})
    };
    let whatsmeow_group = json!({"JID": GROUP, "OwnerJID": "99990000@lid", "Name": "INCIDENT-1 | api down",
        "GroupCreated": "2025-10-09T08:53:20Z", "NameSetAt": "0001-01-01T00:00:00Z", "Participants": [
            row(0, "15550199999", true, 0), row(1, "15550100001", false, 0), row(2, "15550100002", false, 403)]});
    let whatsmeow = Engine {
        name: "GOWS",
        create: whatsmeow_group.clone(),
        list: json!([whatsmeow_group]),
        participants: json!([row(0, "15550199999", true, 0), row(1, "15550100001", false, 0)]),
        add: json!([row(2, "15550100002", false, 403)]),
        setter: "",
        send: json!({"id": format!("true_{GROUP}_3EB0_me"), "_data": {}}),
        invite: format!("https://chat.whatsapp.com/{CODE}"),
        messages: json!([{"id": format!("true_{GROUP}_3EB0_me"), "timestamp": 1_760_000_000, "fromMe": true, "body": "hello", "_data": {}}]),
        said: 1,
    };
    [web, baileys, whatsmeow]
}

async fn mount(server: &MockServer, verb: &str, route: &str, status: u16, body: impl Into<String>) {
    Mock::given(method(verb))
        .and(path(route.replace('@', "%40")))
        .respond_with(ResponseTemplate::new(status).set_body_string(body))
        .mount(server)
        .await;
}

async fn us(server: &MockServer) {
    let info = json!({"name": "s", "status": "WORKING", "me": {"id": "15550199999@c.us", "pushName": "bridge", "lid": "99990000@lid"}});
    for session in ["/v2/session/info", "/api/sessions/default"] {
        mount(server, "GET", session, 200, info.to_string()).await;
    }
}

#[tokio::test]
async fn every_engine_says_the_same_in_the_end() {
    for engine in engines() {
        let server = MockServer::start().await;
        us(&server).await;
        for base in ["/v2", "/api/default"] {
            let below = |rest: &str| format!("{base}/groups/{GROUP}{rest}");
            mount(&server, "POST", &format!("{base}/groups"), 201, engine.create.to_string()).await;
            mount(&server, "GET", &format!("{base}/groups"), 200, engine.list.to_string()).await;
            mount(&server, "GET", &below("/participants"), 200, engine.participants.to_string()).await;
            mount(&server, "POST", &below("/participants/add"), 201, engine.add.to_string()).await;
            mount(&server, "PUT", &below("/description"), 200, engine.setter).await;
            mount(&server, "GET", &below("/invite-code"), 200, engine.invite.as_str()).await;
        }
        for send in ["/v2/send/text", "/api/sendText"] {
            mount(&server, "POST", send, 201, engine.send.to_string()).await;
        }
        for chat in ["/v2/chats/messages".to_owned(), format!("/api/default/chats/{GROUP}/messages")] {
            mount(&server, "GET", &chat, 200, engine.messages.to_string()).await;
        }
        for (provider, gateway) in [("Wawp", wawp(&server.uri())), ("WAHA", waha(&server.uri()))] {
            says_the_same(&engine, &format!("{} at {provider}", engine.name), &gateway).await;
        }
    }
}

async fn says_the_same(engine: &Engine, name: &str, gateway: &Client) {
    let made = gateway.create_group("INCIDENT-1 | api down", &[person(1), person(2)]).await.unwrap();
    assert_eq!(made.group, group(), "{name}");
    assert_eq!(made.said.len(), engine.said, "{name}");
    assert!(made.said.iter().all(|said| said.person == person(2)), "{name}");

    let found = gateway.find_groups(&search("INCIDENT-1")).await.unwrap().groups;
    assert_eq!(found.len(), 1, "{name}");
    assert_eq!(found[0].created_at.unwrap().as_second(), 1_760_000_000, "{name}");

    let members = gateway.members(&group(), &[person(1), person(2)]).await.unwrap();
    let phones: Vec<_> = members.rows.iter().map(|row| row.phone.clone().unwrap()).collect();
    assert_eq!(phones, [person(1)], "{name}: the own number is left out");

    let said = gateway.add_members(&group(), &[person(2)]).await.unwrap();
    let by_gateway = engine.name == "WEBJS";
    let outcome = AddOutcome::NeedsInvite { by_gateway };
    assert_eq!(said, [Added { person: person(2), outcome }], "{name}");

    gateway.describe(&group(), "d").await.unwrap();
    let sent = gateway.send_text(&ChatId::Group(group()), "hello").await.unwrap();
    assert_eq!(sent.message_id.as_deref(), Some("3EB0"), "{name}");
    let link = gateway.invite_link(&group()).await.unwrap();
    assert_eq!(link.0, format!("https://chat.whatsapp.com/{CODE}"), "{name}");
    let own = gateway.recent_own_messages(&ChatId::Group(group()), &[]).await.unwrap();
    assert_eq!((own[0].text.as_str(), own[0].message_id.as_deref()), ("hello", Some("3EB0")), "{name}");
}

/// A server whose member list has hidden ids only.
async fn hidden_list() -> MockServer {
    let server = MockServer::start().await;
    us(&server).await;
    let list = json!([{"id": "99990000@lid", "admin": "superadmin"}, {"id": "99990001@lid"}, {"id": "99990002@lid"},
        {"JID": "99990003@lid", "PhoneNumber": "15550100003@s.whatsapp.net", "Error": 403}]);
    mount(&server, "GET", &format!("/v2/groups/{GROUP}/participants"), 200, list.to_string()).await;
    server
}

async fn otherwise(server: &MockServer, status: u16) {
    let lids = Mock::given(path_regex("^/v2/(lids|groups)/.*"));
    lids.respond_with(ResponseTemplate::new(status)).with_priority(200).mount(server).await;
}

fn in_as(phone: Option<Jid>, hidden: &str) -> Member {
    Member { phone, hidden: Some(jid(hidden)), admin: false }
}

#[tokio::test]
async fn hidden_members_are_found_from_the_wanted_phones() {
    let server = hidden_list().await;
    for n in 1..=2 {
        let pair = json!({"lid": format!("9999000{n}@lid"), "pn": person(n).to_string()});
        mount(&server, "GET", &format!("/v2/lids/pn/{}", person(n).digits()), 200, pair.to_string()).await;
    }
    otherwise(&server, 500).await;
    let members = wawp(&server.uri()).members(&group(), &[person(1), person(2)]).await.unwrap();
    let expected = Members {
        rows: vec![in_as(Some(person(1)), "99990001@lid"), in_as(Some(person(2)), "99990002@lid")],
        refused: vec![Added { person: person(3), outcome: AddOutcome::NeedsInvite { by_gateway: false } }],
        hidden_ids: [(person(1), jid("99990001@lid")), (person(2), jid("99990002@lid"))].into(),
        self_not_listed: false,
        own_admin: Some(true),
    };
    assert_eq!(members, expected);
}

#[tokio::test]
async fn hidden_members_are_found_from_their_rows_where_the_other_way_knows_nothing() {
    let server = hidden_list().await;
    mount(
        &server,
        "GET",
        "/v2/lids/99990001@lid",
        200,
        json!({"lid": "99990001@lid", "pn": "15550100001@c.us"}).to_string(),
    )
    .await;
    mount(
        &server,
        "GET",
        "/v2/lids/99990002@lid",
        200,
        json!({"lid": "99990002@lid", "pn": null}).to_string(),
    )
    .await;
    mount(&server, "GET", "/v2/lids/pn/15550100001", 200, r#"{"lid":null,"pn":"15550100001@c.us"}"#).await;
    otherwise(&server, 404).await;
    let members = wawp(&server.uri()).members(&group(), &[person(1), person(2)]).await.unwrap();
    assert_eq!(members.rows, [in_as(Some(person(1)), "99990001@lid"), in_as(None, "99990002@lid")]);
    assert_eq!(members.hidden_ids, [(person(1), jid("99990001@lid"))].into(), "person 2 cannot be told");
}

#[tokio::test]
async fn the_second_form_of_the_list_is_asked_last() {
    let server = hidden_list().await;
    let second = json!([{"id": "99990001@lid", "pn": "15550100001@c.us", "role": "participant"},
        {"id": "99990002@lid", "pn": null, "role": "participant"}]);
    mount(&server, "GET", &format!("/v2/groups/{GROUP}/participants/v2"), 200, second.to_string()).await;
    otherwise(&server, 400).await;
    let members = wawp(&server.uri()).members(&group(), &[person(1)]).await.unwrap();
    assert_eq!(members.rows, [in_as(Some(person(1)), "99990001@lid"), in_as(None, "99990002@lid")]);
}

#[tokio::test]
async fn nothing_is_looked_up_once_everybody_wanted_is_seen() {
    let server = MockServer::start().await;
    us(&server).await;
    let list = json!([{"id": "99990000@lid"}, {"id": "15550100001@c.us"}, {"id": "99990009@lid"}]);
    mount(&server, "GET", &format!("/v2/groups/{GROUP}/participants"), 200, list.to_string()).await;
    let members = wawp(&server.uri()).members(&group(), &[person(1)]).await.unwrap();
    assert_eq!(members.rows.len(), 2);
    assert_eq!(server.received_requests().await.unwrap().len(), 2);
}

#[tokio::test]
async fn nobody_is_left_out_while_the_own_number_is_unknown() {
    let server = MockServer::start().await;
    let list = json!([{"id": "15550199999@c.us", "admin": "superadmin"}, {"id": "15550100001@c.us"}]);
    mount(&server, "GET", &format!("/v2/groups/{GROUP}/participants"), 200, list.to_string()).await;
    let members = wawp(&server.uri()).members(&group(), &[person(1)]).await.unwrap();
    assert_eq!(members.rows.len(), 2);
}

#[tokio::test]
async fn an_added_person_named_by_hidden_id_is_named_by_phone() {
    let server = MockServer::start().await;
    us(&server).await;
    let add = json!([{"status": "200", "jid": "99990001@lid"}, {"status": "404", "jid": "99990002@lid"}]);
    mount(&server, "POST", &format!("/v2/groups/{GROUP}/participants/add"), 200, add.to_string()).await;
    mount(&server, "GET", "/v2/lids/99990001@lid", 200, r#"{"lid":"99990001@lid","pn":"15550100001@c.us"}"#)
        .await;
    let said = wawp(&server.uri()).add_members(&group(), &[person(1), person(2)]).await.unwrap();
    let people: Vec<_> = said.iter().map(|added| added.person.clone()).collect();
    assert_eq!(people, [person(1), person(2)], "one by the mapping, the other because nobody else is left");
}

#[tokio::test]
async fn a_chat_with_one_person_is_looked_for_under_both_ids() {
    let server = MockServer::start().await;
    let chat = |id: &'static str, body: Value| {
        Mock::given(path("/v2/chats/messages"))
            .and(wiremock::matchers::query_param("chatId", id))
            .respond_with(ResponseTemplate::new(200).set_body_json(body))
    };
    chat("15550100001@c.us", json!([])).mount(&server).await;
    let own = json!([{"id": "true_99990001@lid_A1", "timestamp": 1_760_000_000, "fromMe": true, "body": "the link"}]);
    chat("99990001@lid", own).mount(&server).await;
    mount(&server, "GET", "/v2/lids/pn/15550100001", 200, r#"{"lid":"99990001","number":"15550100001"}"#)
        .await;
    let own = wawp(&server.uri()).recent_own_messages(&ChatId::Person(person(1)), &[]).await.unwrap();
    assert_eq!(own.len(), 1);
}

#[tokio::test]
async fn promoting_somebody_who_is_not_in_is_an_error() {
    let refusal = json!([{"status": "404", "jid": "15550100001@s.whatsapp.net"}]);
    let server = answering(200, &refusal.to_string()).await;
    let outcome = wawp(&server.uri()).promote(&group(), &person(1)).await;
    assert_eq!(verdict(&outcome), "refused: Invalid");
    let fine = answering(200, r#"[{"status":"200","jid":"15550100001@s.whatsapp.net"}]"#).await;
    wawp(&fine.uri()).promote(&group(), &person(1)).await.unwrap();
}
