//! A group in use: rights, messages, lists, and requests that make no sense.

use super::*;

#[tokio::test]
async fn only_admins_write_after_the_lock_and_a_lost_field_locks() {
    let bench = Bench::with_engine(Engine::Noweb);
    let id = bench.made("INCIDENT-1 | db", &[ADA]).await;
    let path = format!("/v2/groups/{id}/settings/security/messages-admin-only");
    assert_eq!(bench.get(&path).await.json(), json!({"adminsOnly": false}));
    bench.call("PUT", &path, json!({"adminOnly": false})).await;
    assert_eq!(bench.get(&path).await.json(), json!({"adminsOnly": true}));
    bench.sandbox.say(ADA, &id, "hello?");
    assert!(bench.sandbox.groups()[0].texts().is_empty());
    bench.call("POST", &format!("/v2/groups/{id}/admin/promote"), json!({"participants": ids(&[ADA])})).await;
    bench.sandbox.say(ADA, &id, "now I can");
    assert_eq!(bench.sandbox.groups()[0].texts(), ["now I can"]);
}

#[tokio::test]
async fn the_creator_cannot_be_demoted_or_removed() {
    let bench = Bench::with_engine(Engine::Noweb);
    let id = bench.made("INCIDENT-1 | db", &[ADA]).await;
    for action in ["admin/demote", "participants/remove"] {
        let body = json!({"participants": ids(&[Setup::BOT_DIGITS])});
        let answer = bench.call("POST", &format!("/v2/groups/{id}/{action}"), body).await;
        assert_eq!(answer.json()[0]["status"], "406");
    }
    assert_eq!(bench.members(&id).len(), 2);
}

#[tokio::test]
async fn messages_are_read_newest_first_with_the_page_that_was_asked_for() {
    let bench = Bench::with_engine(Engine::Gows);
    let id = bench.made("INCIDENT-1 | db", &[ADA]).await;
    for text in ["one", "two", "three"] {
        bench.pass(1);
        bench.call("POST", "/v2/send/text", text_to(&id, text)).await;
    }
    bench.pass(1);
    bench.sandbox.say(ADA, &id, "four");
    let rows = bench.get(&format!("/v2/chats/messages?chatId={id}&limit=2&offset=1")).await.json();
    let bodies: Vec<&str> =
        rows.as_array().unwrap().iter().map(|row| row["body"].as_str().unwrap()).collect();
    assert_eq!(bodies, ["three", "two"]);
    assert_eq!(rows[0]["fromMe"], true);
    assert_eq!(bench.get("/v2/chats/messages").await.json()["code"], "missing_param");
    let overview = bench.get(&format!("/v2/chats/overview?ids={id}")).await.json();
    assert_eq!(overview[0]["lastMessage"]["body"], "four");
}

#[tokio::test]
async fn own_messages_can_be_edited_for_a_quarter_of_an_hour_and_deleted() {
    let bench = Bench::with_engine(Engine::Webjs);
    let id = bench.made("INCIDENT-1 | db", &[ADA]).await;
    let sent = bench.call("POST", "/v2/send/text", text_to(&id, "helo")).await.json();
    let message_id = sent["id"]["_serialized"].as_str().unwrap();
    let edit = json!({"chatId": id, "messageId": message_id, "text": "hello"});
    assert_eq!(bench.call("PUT", "/v2/messages/edit", edit.clone()).await.status, 200);
    assert_eq!(bench.sandbox.groups()[0].texts(), ["hello"]);
    bench.pass(901);
    assert_eq!(bench.call("PUT", "/v2/messages/edit", edit).await.status, 404);
    let path = format!("/v2/messages/delete?chatId={id}&messageId={message_id}");
    assert_eq!(bench.call("DELETE", &path, Value::Null).await.status, 200);
    assert!(bench.sandbox.groups()[0].texts().is_empty());
}

#[tokio::test]
async fn a_fresh_group_is_absent_from_the_list_until_the_lag_is_over() {
    let bench = Bench::with_engine(Engine::Webjs);
    bench.sandbox.set_list_lag(SignedDuration::from_secs(20));
    let id = bench.made("INCIDENT-1 | db", &[ADA]).await;
    assert_eq!(bench.get("/v2/groups").await.json(), json!([]));
    assert_eq!(bench.get(&format!("/v2/groups/{id}")).await.status, 200);
    bench.pass(20);
    assert_eq!(bench.get("/v2/groups").await.json().as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_cached_list_shows_a_fresh_group_after_a_refresh() {
    let bench = Bench::new(Setup {
        quirks: Quirks { list_cache: true, ..Quirks::default() },
        ..Setup::with_engine(Engine::Noweb)
    });
    bench.pass(1);
    bench.made("INCIDENT-1 | db", &[ADA]).await;
    bench.pass(3600);
    assert_eq!(bench.get("/v2/groups").await.json(), json!({}));
    let answer = bench.call("POST", "/v2/groups/refresh", Value::Null).await;
    assert_eq!(answer.json(), json!({"success": true}));
    assert_eq!(bench.get("/v2/groups").await.json().as_object().unwrap().len(), 1);
}

#[tokio::test]
async fn bad_requests_are_refused_in_the_real_words() {
    let bench = Bench::with_engine(Engine::Gows);
    let post = |body: Value| bench.call("POST", "/v2/groups", body);
    for participants in [json!([format!("{ADA}@c.us")]), json!([{"id": ADA}]), json!("x"), Value::Null] {
        let answer = post(json!({"name": "n", "participants": participants})).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert!(answer.json()["message"].is_array());
    }
    let answer = bench.create(&"x".repeat(101), &[ADA]).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["exception"]["data"]), (500, &json!(406)));
    let answer = bench.create("n", &[ADA, Setup::BOT_DIGITS]).await;
    assert_eq!(answer.json()["exception"]["message"], "bad-request");
    assert!(bench.sandbox.groups().is_empty());

    let answer = bench.create("n", &[ADA, ADA]).await;
    assert_eq!(answer.json()["ParticipantCount"], 2, "duplicates are one person");
    let chat = format!("{ADA}@c.us");
    let answer = bench.call("POST", "/v2/send/text", text_to(&chat, &"x".repeat(4097))).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let answer = bench.call("POST", "/v2/send/text", json!({"chatId": chat, "text": "x"})).await;
    assert_eq!(answer.json()["code"], "missing_param");
    assert_eq!(bench.get("/v2/groups/120363000000000000@g.us").await.status, 500);
}

#[tokio::test]
async fn without_a_store_nothing_can_be_read_back() {
    let bench = Bench::new(Setup { chat_store: false, ..Setup::with_engine(Engine::Noweb) });
    let id = bench.made("INCIDENT-1 | db", &[ADA]).await;
    bench.call("POST", "/v2/send/text", text_to(&id, "hello")).await;
    let messages = format!("/v2/chats/messages?chatId={id}");
    let lid = format!("/v2/lids/pn/{ADA}");
    for path in [messages.as_str(), "/v2/chats", "/v2/chats/overview", "/v2/lids", lid.as_str()] {
        assert_eq!(bench.get(path).await.status, StatusCode::BAD_REQUEST, "{path}");
    }
    assert_eq!(bench.sandbox.groups()[0].texts(), ["hello"]);
}

#[tokio::test]
async fn a_bot_that_left_is_shut_out_and_can_come_back_by_the_link() {
    let bench = Bench::with_engine(Engine::Gows);
    let id = bench.made("INCIDENT-1 | db", &[ADA]).await;
    let code = bench.sandbox.groups()[0].invite_code.clone();
    bench.call("POST", &format!("/v2/groups/{id}/leave"), Value::Null).await;
    let answer = bench.call("POST", "/v2/send/text", text_to(&id, "x")).await;
    assert_eq!(answer.json()["exception"]["data"], 403);
    assert_eq!(bench.get("/v2/groups").await.json(), json!([]));
    let answer = bench.call("POST", "/v2/groups/join", json!({"code": code})).await;
    assert_eq!(answer.json(), json!({"id": id}));
    let answer = bench.get(&format!("/v2/groups/{id}/invite-code")).await;
    assert_eq!(answer.json()["exception"]["data"], 401, "a plain member gets no code");
}
