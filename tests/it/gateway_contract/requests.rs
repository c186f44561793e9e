//! What goes out: exact requests.

use std::fmt::Write as _;

use serde_json::json;
use warroom::gateway::GatewayError;
use wiremock::matchers::{method, path, query_param};

use super::*;

/// Everything a server got, one line per request.
async fn log(server: &MockServer) -> String {
    let mut log = String::new();
    for request in server.received_requests().await.unwrap() {
        let query = request.url.query().map(|query| format!("?{query}")).unwrap_or_default();
        let url = format!("{}{query}", request.url.path());
        let token = request.headers.get("access-token").or_else(|| request.headers.get("x-api-key"));
        let header = token.map_or("", |_| " +header");
        if let Some(token) = token {
            assert_eq!(token, TOKEN);
        }
        let body = String::from_utf8(request.body.clone()).unwrap();
        if !body.is_empty() {
            assert_eq!(request.headers["content-type"], "application/json");
        }
        writeln!(log, "{} {url}{header} {body}", request.method).unwrap();
    }
    let log = log.replace(TOKEN_ENCODED, "TOKEN").replace(TOKEN, "TOKEN");
    assert!(!log.contains("5ecret"), "{log}");
    log.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

/// Answers every route as an engine would, so that no call stops half-way.
async fn obliging() -> MockServer {
    let server = MockServer::start().await;
    let routes = [
        (
            "/v2/session/info",
            json!({"status": "WORKING", "me": {"id": "15550199999@c.us", "lid": "99990000@lid"}}),
        ),
        ("/v2/groups", json!({"id": GROUP, "subject": "x"})),
        ("/v2/send/text", json!({"id": "true_1@g.us_3EB0"})),
        ("/v2/chats/messages", json!([])),
        ("/v2/contacts/check-exists", json!({"numberExists": true})),
        (
            "/api/sessions/default",
            json!({"status": "WORKING", "me": {"id": "15550199999@c.us", "lid": "99990000@lid"}}),
        ),
        ("/api/default/groups", json!({"id": GROUP, "subject": "x"})),
        ("/api/sendText", json!({"id": "true_1@g.us_3EB0"})),
        ("/api/contacts/check-exists", json!({"numberExists": true})),
    ];
    let listed = json!([{"id": GROUP, "subject": "INCIDENT-1"}]);
    let chat = format!("/api/default/chats/{}/messages", GROUP.replace('@', "%40"));
    for (list, offset, rows) in [
        ("/v2/groups", "0", &listed),
        ("/v2/groups", "100", &json!([])),
        ("/api/default/groups", "0", &listed),
        ("/api/default/groups", "100", &json!([])),
        (chat.as_str(), "0", &json!([])),
    ] {
        Mock::given(method("GET"))
            .and(path(list))
            .and(query_param("offset", offset))
            .respond_with(ResponseTemplate::new(200).set_body_json(rows))
            .mount(&server)
            .await;
    }
    for (route, body) in routes {
        let answer = ResponseTemplate::new(200).set_body_json(body);
        Mock::given(path(route)).respond_with(answer).mount(&server).await;
    }
    let members = json!([{"id": "15550100001@c.us"}, {"id": "15550100002@c.us"}]);
    let below = ["/v2", "/api/default"].map(|base| format!("{base}/groups/{}", GROUP.replace('@', "%40")));
    for (route, body) in
        [("/participants", members.to_string()), ("/invite-code", "AbCdEfGhIjKlMnOpQrStUv".to_owned())]
    {
        for below in &below {
            Mock::given(method("GET"))
                .and(path(format!("{below}{route}")))
                .respond_with(ResponseTemplate::new(200).set_body_string(body.as_str()))
                .mount(&server)
                .await;
        }
    }
    Mock::given(any()).respond_with(ResponseTemplate::new(200)).mount(&server).await;
    server
}

#[tokio::test]
async fn every_call_sends_exactly_this() {
    let server = obliging().await;
    let gateway = wawp(&server.uri());
    for call in CALLS {
        make(&gateway, call).await.unwrap_or_else(|error| panic!("{call}: {error}"));
    }
    insta::assert_snapshot!(log(&server).await, @r#"
    GET /v2/session/info?instance_id=INST0000ABCD&access_token=TOKEN +header
    POST /v2/groups +header {"access_token":"TOKEN","instance_id":"INST0000ABCD","name":"INCIDENT-1 | api down","participants":[{"id":"15550100001@c.us"},{"id":"15550100002@c.us"}]}
    GET /v2/groups?instance_id=INST0000ABCD&access_token=TOKEN&limit=100&offset=0&sortBy=id&sortOrder=DESC&exclude=participants +header
    GET /v2/groups?instance_id=INST0000ABCD&access_token=TOKEN&limit=100&offset=100&sortBy=id&sortOrder=DESC&exclude=participants +header
    GET /v2/groups/120363000000000001%40g.us/participants?instance_id=INST0000ABCD&access_token=TOKEN +header
    POST /v2/groups/120363000000000001%40g.us/participants/add +header {"access_token":"TOKEN","instance_id":"INST0000ABCD","participants":[{"id":"15550100001@c.us"},{"id":"15550100002@c.us"}]}
    POST /v2/groups/120363000000000001%40g.us/admin/promote +header {"access_token":"TOKEN","instance_id":"INST0000ABCD","participants":[{"id":"15550100001@c.us"}]}
    GET /v2/groups/120363000000000001%40g.us/invite-code?instance_id=INST0000ABCD&access_token=TOKEN +header
    POST /v2/groups/120363000000000001%40g.us/invite-code/revoke +header {"access_token":"TOKEN","instance_id":"INST0000ABCD"}
    PUT /v2/groups/120363000000000001%40g.us/description +header {"access_token":"TOKEN","description":"a \"description\"\nof two lines","instance_id":"INST0000ABCD"}
    PUT /v2/groups/120363000000000001%40g.us/subject +header {"access_token":"TOKEN","instance_id":"INST0000ABCD","subject":"✅ INCIDENT-1"}
    PUT /v2/groups/120363000000000001%40g.us/settings/security/info-admin-only +header {"access_token":"TOKEN","adminsOnly":true,"instance_id":"INST0000ABCD"}
    GET /v2/groups/120363000000000001%40g.us/settings/security/info-admin-only?instance_id=INST0000ABCD&access_token=TOKEN +header
    PUT /v2/groups/120363000000000001%40g.us/settings/security/messages-admin-only +header {"access_token":"TOKEN","adminsOnly":true,"instance_id":"INST0000ABCD"}
    GET /v2/groups/120363000000000001%40g.us/settings/security/messages-admin-only?instance_id=INST0000ABCD&access_token=TOKEN +header
    POST /v2/send/text +header {"access_token":"TOKEN","chatId":"120363000000000001@g.us","instance_id":"INST0000ABCD","message":"*hello* all"}
    GET /v2/chats/messages?instance_id=INST0000ABCD&access_token=TOKEN&chatId=120363000000000001%40g.us&limit=50&offset=0&downloadMedia=false +header
    GET /v2/contacts/check-exists?instance_id=INST0000ABCD&access_token=TOKEN&phone=15550100001 +header
    POST /v2/groups/120363000000000001%40g.us/leave +header {"access_token":"TOKEN","instance_id":"INST0000ABCD"}
    "#);
}

#[tokio::test]
async fn every_call_to_ones_own_server_sends_exactly_this() {
    let server = obliging().await;
    let gateway = waha(&server.uri());
    for call in CALLS {
        make(&gateway, call).await.unwrap_or_else(|error| panic!("{call}: {error}"));
    }
    insta::assert_snapshot!(log(&server).await, @r#"
    GET /api/sessions/default +header
    POST /api/default/groups +header {"name":"INCIDENT-1 | api down","participants":[{"id":"15550100001@c.us"},{"id":"15550100002@c.us"}]}
    GET /api/default/groups?limit=100&offset=0&sortBy=id&sortOrder=desc&exclude=participants +header
    GET /api/default/groups?limit=100&offset=100&sortBy=id&sortOrder=desc&exclude=participants +header
    GET /api/default/groups/120363000000000001%40g.us/participants +header
    POST /api/default/groups/120363000000000001%40g.us/participants/add +header {"participants":[{"id":"15550100001@c.us"},{"id":"15550100002@c.us"}]}
    POST /api/default/groups/120363000000000001%40g.us/admin/promote +header {"participants":[{"id":"15550100001@c.us"}]}
    GET /api/default/groups/120363000000000001%40g.us/invite-code +header
    POST /api/default/groups/120363000000000001%40g.us/invite-code/revoke +header {}
    PUT /api/default/groups/120363000000000001%40g.us/description +header {"description":"a \"description\"\nof two lines"}
    PUT /api/default/groups/120363000000000001%40g.us/subject +header {"subject":"✅ INCIDENT-1"}
    PUT /api/default/groups/120363000000000001%40g.us/settings/security/info-admin-only +header {"adminsOnly":true}
    GET /api/default/groups/120363000000000001%40g.us/settings/security/info-admin-only +header
    PUT /api/default/groups/120363000000000001%40g.us/settings/security/messages-admin-only +header {"adminsOnly":true}
    GET /api/default/groups/120363000000000001%40g.us/settings/security/messages-admin-only +header
    POST /api/sendText +header {"chatId":"120363000000000001@g.us","session":"default","text":"*hello* all"}
    GET /api/default/chats/120363000000000001%40g.us/messages?limit=50&offset=0&downloadMedia=false +header
    GET /api/contacts/check-exists?phone=15550100001&session=default +header
    POST /api/default/groups/120363000000000001%40g.us/leave +header {}
    "#);
}

#[tokio::test]
async fn credentials_go_where_the_settings_say() {
    let mut logs = String::new();
    for credentials in [Credentials::Mixed, Credentials::Query, Credentials::Body, Credentials::Header] {
        let server = obliging().await;
        let provider = account(credentials, "/v2/groups");
        let gateway = Client::new(Settings { provider, ..settings(&server.uri()) }).unwrap();
        for call in ["invite_link", "revoke_link", "lock_settings"] {
            make(&gateway, call).await.unwrap();
        }
        writeln!(logs, "{credentials:?}\n{}", log(&server).await).unwrap();
    }
    insta::assert_snapshot!(logs, @r#"
    Mixed
    GET /v2/groups/120363000000000001%40g.us/invite-code?instance_id=INST0000ABCD&access_token=TOKEN +header
    POST /v2/groups/120363000000000001%40g.us/invite-code/revoke +header {"access_token":"TOKEN","instance_id":"INST0000ABCD"}
    PUT /v2/groups/120363000000000001%40g.us/settings/security/info-admin-only +header {"access_token":"TOKEN","adminsOnly":true,"instance_id":"INST0000ABCD"}
    GET /v2/groups/120363000000000001%40g.us/settings/security/info-admin-only?instance_id=INST0000ABCD&access_token=TOKEN +header
    Query
    GET /v2/groups/120363000000000001%40g.us/invite-code?instance_id=INST0000ABCD&access_token=TOKEN
    POST /v2/groups/120363000000000001%40g.us/invite-code/revoke?instance_id=INST0000ABCD&access_token=TOKEN {}
    PUT /v2/groups/120363000000000001%40g.us/settings/security/info-admin-only?instance_id=INST0000ABCD&access_token=TOKEN {"adminsOnly":true}
    GET /v2/groups/120363000000000001%40g.us/settings/security/info-admin-only?instance_id=INST0000ABCD&access_token=TOKEN
    Body
    GET /v2/groups/120363000000000001%40g.us/invite-code?instance_id=INST0000ABCD&access_token=TOKEN
    POST /v2/groups/120363000000000001%40g.us/invite-code/revoke {"access_token":"TOKEN","instance_id":"INST0000ABCD"}
    PUT /v2/groups/120363000000000001%40g.us/settings/security/info-admin-only {"access_token":"TOKEN","adminsOnly":true,"instance_id":"INST0000ABCD"}
    GET /v2/groups/120363000000000001%40g.us/settings/security/info-admin-only?instance_id=INST0000ABCD&access_token=TOKEN
    Header
    GET /v2/groups/120363000000000001%40g.us/invite-code?instance_id=INST0000ABCD +header
    POST /v2/groups/120363000000000001%40g.us/invite-code/revoke +header {"instance_id":"INST0000ABCD"}
    PUT /v2/groups/120363000000000001%40g.us/settings/security/info-admin-only +header {"adminsOnly":true,"instance_id":"INST0000ABCD"}
    GET /v2/groups/120363000000000001%40g.us/settings/security/info-admin-only?instance_id=INST0000ABCD +header
    "#);
}

#[tokio::test]
async fn a_base_address_may_have_a_path_and_the_create_path_may_differ() {
    let server = answering(201, &json!({"id": GROUP}).to_string()).await;
    let gateway = Client::new(Settings {
        provider: account(Credentials::Header, "/v2/groups/create"),
        ..settings(&format!("{}/proxy/?left=over", server.uri()))
    })
    .unwrap();
    make(&gateway, "create_group").await.unwrap();
    let log = log(&server).await;
    assert!(log.contains("POST /proxy/v2/groups/create +header "), "{log}");
}

#[tokio::test]
async fn the_number_itself_and_repetitions_are_never_sent() {
    let server = obliging().await;
    let gateway = wawp(&server.uri());
    let me = jid("15550199999@c.us");
    let hidden_me = jid("99990000@lid");
    let people = [person(2), me.clone(), person(1), person(2), hidden_me];
    gateway.create_group("x", &people).await.unwrap();
    let requests = server.received_requests().await.unwrap();
    let body: serde_json::Value = requests.last().unwrap().body_json().unwrap();
    assert_eq!(body["participants"], json!([{"id": "15550100001@c.us"}, {"id": "15550100002@c.us"}]));

    let alone = gateway.create_group("x", &[me]).await.unwrap_err();
    assert_eq!(alone.class(), "refused");
    assert_eq!(server.received_requests().await.unwrap().len(), requests.len(), "nothing more was sent");
}

#[tokio::test]
async fn a_group_is_made_even_if_the_own_number_cannot_be_read() {
    let server = MockServer::start().await;
    Mock::given(path("/v2/session/info")).respond_with(ResponseTemplate::new(500)).mount(&server).await;
    Mock::given(path("/v2/groups"))
        .respond_with(ResponseTemplate::new(201).set_body_json(json!({"id": GROUP})))
        .mount(&server)
        .await;
    let made = wawp(&server.uri()).create_group("x", &[person(1)]).await.unwrap();
    assert_eq!(made.group, group());
}

#[tokio::test]
async fn numbers_are_checked_no_faster_than_one_a_second() {
    let server = obliging().await;
    let gateway =
        Client::new(Settings { call_timeout: Duration::from_millis(700), ..settings(&server.uri()) })
            .unwrap();
    assert_eq!(gateway.is_reachable(&person(1)).await.unwrap(), Some(person(1)));
    // The next turn comes after this call's time limit, so it says how long to wait instead.
    let GatewayError::Throttled { retry_after, .. } = gateway.is_reachable(&person(2)).await.unwrap_err()
    else {
        panic!("not throttled");
    };
    let wait = retry_after.unwrap();
    assert!(wait <= Duration::from_secs(1) && wait >= Duration::from_millis(300), "{wait:?}");
    assert!(
        gateway.is_reachable(&jid("99990001@lid")).await.unwrap().is_some(),
        "a hidden id needs no check"
    );
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_client_says_why_it_cannot_be_built_without_showing_what_was_set() {
    let broken = [
        Settings { base_url: format!("ftp://{TOKEN}@h.example"), ..settings("") },
        Settings { base_url: "not an address".to_owned(), ..settings("") },
    ];
    for settings in broken {
        let shown = format!("{settings:?}");
        let error = Client::new(settings).unwrap_err();
        assert!(!format!("{error} {error:?} {shown}").contains("5ecret"), "{error}");
    }
    let wawp = |instance, token: &str, path| Wawp::new(instance, token.into(), Credentials::Mixed, path);
    let broken = [
        wawp(INSTANCE, &format!("{TOKEN}\n"), "/v2/groups").unwrap_err(),
        wawp(INSTANCE, " ", "/v2/groups").unwrap_err(),
        wawp("", TOKEN, "/v2/groups").unwrap_err(),
        wawp(INSTANCE, TOKEN, "v2/groups").unwrap_err(),
        Waha::new(SESSION, format!("{TOKEN}\n").into()).unwrap_err(),
        Waha::new("", TOKEN.into()).unwrap_err(),
        Waha::new(&format!("a/../{TOKEN}"), TOKEN.into()).unwrap_err(),
    ];
    for error in broken {
        assert!(!format!("{error} {error:?}").contains("5ecret"), "{error}");
    }
    let shown = format!("{:?}", self::wawp(&format!("https://user:{TOKEN_ENCODED}@h.example/x")));
    assert!(!shown.contains("5ecret") && !shown.contains(INSTANCE), "{shown}");
}
