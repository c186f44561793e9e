//! What comes back: statuses and bodies, and what they are taken for.

use std::fmt::Write as _;

use proptest::prelude::{ProptestConfig, any as arbitrary, proptest};
use wiremock::matchers::{any, path};

use super::*;

fn disguised(code: u16) -> String {
    format!(
        r#"{{"statusCode":500,"exception":{{"message":"x","name":"Error","data":{code},"stack":"s"}},"request":{{"body":{{"text":"{TOKEN} +15550100001"}},"query":{{"access_token":"{TOKEN}"}}}}}}"#
    )
}

/// Odd answers, named for the table.
fn odd_replies() -> Vec<(&'static str, u16, String)> {
    let page = "<html><body>502 Bad Gateway</body></html>";
    let mut replies: Vec<(&'static str, u16, String)> = [
        ("empty 200", 200, ""),
        ("true", 200, "true"),
        ("false", 200, "false"),
        ("quoted false", 200, "\"false\""),
        ("null", 200, "null"),
        ("{}", 200, "{}"),
        ("[]", 200, "[]"),
        ("success", 200, r#"{"success":true}"#),
        ("status 200", 200, r#"{"status":200}"#),
        ("result false", 200, r#"{"success":true,"data":false}"#),
        ("ticket", 200, r#"{"status":"queued","job_id":"j-1"}"#),
        ("ticket with code", 200, r#"{"code":"success","message":"taken","job_id":"j-1"}"#),
        ("page 200", 200, page),
        ("xml 200", 200, "<?xml version=\"1.0\"?><ok/>"),
        ("words", 200, "An odd thing happened"),
        ("truncated JSON", 200, "{\"id\":\"120363000000000001@g.us\",\"subj"),
        ("CreateGroupError", 201, "CreateGroupError: An unknown error occurred"),
        ("wrapped CreateGroupError", 201, r#"{"error":"CreateGroupError: nothing"}"#),
        ("CreateGroupError by rate", 201, "CreateGroupError: rate-overlimit"),
        ("AddParticipantsError", 200, "AddParticipantsError: no admin rights"),
        ("invalid_session 200", 200, r#"{"code":"invalid_session","message":"re-link"}"#),
        ("success false", 200, r#"{"success":false,"message":"no"}"#),
        ("error 200", 200, r#"{"error":{"code":"oops","message":"no"}}"#),
        ("upstream 200", 200, r#"{"success":true,"data":{"wawp_upstream_error":"engine away"}}"#),
        ("statusCode 403 in 200", 200, r#"{"statusCode":403,"message":"no"}"#),
        ("statusCode 503 in 200", 200, r#"{"statusCode":503,"message":"no"}"#),
        ("204", 204, ""),
        ("redirect 302", 302, ""),
        ("redirect 308", 308, ""),
        ("400", 400, r#"{"code":"missing_param","message":"name is missing"}"#),
        ("400 xml", 400, "<error>bad</error>"),
        ("400 plain", 400, "bad request"),
        ("400 list", 400, r#"{"statusCode":400,"message":["name must be a string"],"error":"Bad Request"}"#),
        ("400 too long", 400, r#"{"code":"bad","message":"longer than 4096 characters"}"#),
        ("401", 401, r#"{"message":"Invalid or Missing Access Token"}"#),
        ("401 plain", 401, "Missing access_token"),
        ("402", 402, ""),
        ("403 plan", 403, r#"{"code":"subscription_required","message":"paid only"}"#),
        ("403 quota", 403, r#"{"code":"quota_reached","message":"enough"}"#),
        ("403", 403, r#"{"message":"Forbidden"}"#),
        ("403 page", 403, page),
        ("404 session", 404, r#"{"code":"invalid_session","message":"gone"}"#),
        ("404", 404, r#"{"statusCode":404,"message":"nothing here","error":"Not Found"}"#),
        ("404 route", 404, r#"{"statusCode":404,"message":"Cannot GET /v2/x","error":"Not Found"}"#),
        ("404 page", 404, page),
        ("404 plain", 404, "404 page not found"),
        ("405", 405, ""),
        ("406", 406, r#"{"message":"not-acceptable"}"#),
        ("408", 408, ""),
        ("409", 409, "{}"),
        ("410", 410, "{}"),
        ("413", 413, page),
        ("422", 422, r#"{"error":"Session status is not as expected. Try again later or restart the session","session":"x","status":"SCAN_QR_CODE","expected":["WORKING"]}"#),
        ("422 unknown", 422, r#"{"statusCode":422,"message":"Session \"x\" does not exist"}"#),
        ("422 Plus", 422, r#"{"message":"available only in Plus version"}"#),
        ("425", 425, ""),
        ("429", 429, r#"{"message":"slow down"}"#),
        ("429 page", 429, page),
        ("499", 499, ""),
        ("500 empty", 500, ""),
        ("500", 500, r#"{"statusCode":500,"message":"Internal Server Error - Unexpected Failure"}"#),
        ("500 by words", 500, r#"{"exception":{"message":"info query returned status 429: rate-overlimit"}}"#),
        ("500 group not found", 500, r#"{"statusCode":500,"exception":{"message":"Group with id '1@g.us' not found"}}"#),
        ("500 session", 500, r#"{"code":"invalid_session","message":"dropped"}"#),
        ("501", 501, r#"{"message":"the method is not implemented by the engine"}"#),
        ("502 page", 502, page),
        ("502 upstream", 502, r#"{"code":"wawp_upstream_error","message":"engine away"}"#),
        ("400 upstream", 400, r#"{"code":"wawp_upstream_error","message":"engine away"}"#),
        ("400 upstream by rate", 400, r#"{"code":"wawp_upstream_error","message":"rate-overlimit"}"#),
        ("503", 503, "upstream connect error"),
        ("504", 504, ""),
        ("520", 520, page),
    ]
    .into_iter()
    .map(|(name, status, body)| (name, status, body.to_owned()))
    .collect();
    for (name, code) in [
        ("disguised 400", 400),
        ("disguised 401", 401),
        ("disguised 403", 403),
        ("disguised 404", 404),
        ("disguised 406", 406),
        ("disguised 408", 408),
        ("disguised 410", 410),
        ("disguised 419", 419),
        ("disguised 429", 429),
        ("disguised 500", 500),
        ("disguised 503", 503),
    ] {
        replies.push((name, 500, disguised(code)));
    }
    replies
}

#[tokio::test]
async fn every_odd_reply_has_its_class() {
    const SHOWN: [&str; 8] = [
        "create_group",
        "send_text",
        "describe",
        "add_members",
        "members",
        "find_groups",
        "invite_link",
        "session",
    ];
    let mut table = String::new();
    for (name, status, body) in odd_replies() {
        let server = answering(status, &body).await;
        let (gateway, other) = (wawp(&server.uri()), waha(&server.uri()));
        writeln!(table, "{name}").unwrap();
        for call in CALLS {
            let outcome = make(&gateway, call).await;
            if let Err(error) = &outcome {
                assert_clean(error, &format!("{name}, {call}"));
            }
            let theirs = make(&other, call).await;
            assert_eq!(verdict(&theirs), verdict(&outcome), "{name}, {call}: both providers mean the same");
            if let Err(error) = &theirs {
                assert_clean(error, &format!("{name}, {call}"));
            }
            if SHOWN.contains(&call) {
                writeln!(table, "    {call:<14} {}", verdict(&outcome)).unwrap();
            }
        }
    }
    insta::assert_snapshot!(table);
}

#[tokio::test]
async fn a_wait_is_passed_on_and_bounded() {
    for (header, wait) in [
        ("30", Some(30)),
        ("Sun, 01 Mar 2026 10:02:00 GMT", Some(120)),
        ("9999999", Some(86_400)),
        ("soon", None),
    ] {
        let server = MockServer::start().await;
        let answer = ResponseTemplate::new(429)
            .insert_header("retry-after", header)
            .insert_header("date", "Sun, 01 Mar 2026 10:00:00 GMT");
        Mock::given(any()).respond_with(answer).mount(&server).await;
        let GatewayError::Throttled { retry_after, .. } =
            make(&wawp(&server.uri()), "leave").await.unwrap_err()
        else {
            panic!("not throttled");
        };
        assert_eq!(retry_after.map(|wait| wait.as_secs()), wait, "{header}");
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let elsewhere = answering(200, "true").await;
    let server = MockServer::start().await;
    for status in [301, 302, 303, 307, 308] {
        server.reset().await;
        let answer = ResponseTemplate::new(status).insert_header("location", elsewhere.uri().as_str());
        Mock::given(any()).respond_with(answer).mount(&server).await;
        let gateway = wawp(&server.uri());
        for call in ["create_group", "invite_link"] {
            make(&gateway, call).await.unwrap_err();
        }
    }
    assert_eq!(elsewhere.received_requests().await.unwrap().len(), 0);
}

#[tokio::test]
async fn a_text_that_is_too_long_is_known_by_its_length_too() {
    let server = answering(400, r#"{"message":"bad"}"#).await;
    let gateway = wawp(&server.uri());
    let chat = ChatId::Person(person(1));
    let long = gateway.send_text(&chat, &"x".repeat(4097)).await.map(drop);
    assert_eq!(verdict(&long), "refused: TextTooLong");
    let short = gateway.send_text(&chat, "x").await.map(drop);
    assert_eq!(verdict(&short), "refused: Invalid");
}

#[tokio::test]
async fn what_a_provider_echoes_does_not_reach_an_error() {
    let echoes = [
        TOKEN,
        TOKEN_ENCODED,
        "tok%252BEn%252F5ecret%253DValue9",
        INSTANCE,
        "+1 555 010 0001",
        "15550100001@c.us",
    ];
    let server = MockServer::start().await;
    let gateway = wawp(&server.uri());
    for echo in echoes {
        let bodies = [
            format!(r#"{{"code":"{echo}","message":"your {echo} is wrong"}}"#),
            format!(r#"{{"error":"{echo}"}}"#),
            format!(r#"{{"message":["{echo}","{echo}"]}}"#),
            format!(r#"{{"exception":{{"message":"at ?access_token={echo}&x=1","data":"{echo}"}}}}"#),
            format!(r#"{{"status":"{echo}"}}"#),
            format!("CreateGroupError: {echo}"),
            format!("{echo}Error: x"),
            format!("<p>{echo}</p>"),
            echo.to_owned(),
        ];
        for body in bodies {
            for status in [200, 302, 400, 403, 404, 422, 429, 500, 501] {
                server.reset().await;
                let answer = ResponseTemplate::new(status).set_body_string(body.as_str());
                Mock::given(any()).respond_with(answer).mount(&server).await;
                for call in ["session", "create_group", "members", "send_text", "promote", "invite_link"] {
                    if let Err(error) = make(&gateway, call).await {
                        assert_clean(&error, &format!("{status} {body} {call}"));
                    }
                }
                let session = format!("{:?}", gateway.session().await);
                assert!(
                    !session.contains("5ecret") && !session.contains(INSTANCE),
                    "{status} {body} {session}"
                );
            }
        }
    }
}

#[tokio::test]
async fn an_absent_group_is_not_believed_from_an_old_list() {
    let server = MockServer::start().await;
    let list = r#"[{"id":"9@g.us","subject":"lunch"}]"#;
    Mock::given(path("/v2/groups"))
        .respond_with(ResponseTemplate::new(200).set_body_string(list))
        .mount(&server)
        .await;
    Mock::given(path("/v2/groups/refresh"))
        .respond_with(ResponseTemplate::new(200).set_body_string(r#"{"success":true}"#))
        .expect(2)
        .mount(&server)
        .await;
    let clock = Arc::new(TestClock::at("2026-03-01T10:00:00Z".parse().unwrap()));
    let gateway = Client::new(Settings { clock: clock.clone(), ..settings(&server.uri()) }).unwrap();
    let look = |token: &'static str, asked_at| {
        let search = GroupSearch { asked_at, ..search(token) };
        let gateway = &gateway;
        async move { gateway.find_groups(&search).await.unwrap() }
    };
    let asked_at = clock.now();
    let whole = |found: &FoundGroups| found.groups.is_empty() && found.doubt.is_none();
    assert!(whole(&look("INCIDENT-1", asked_at).await), "refreshed, so it is believed");
    assert!(whole(&look("INCIDENT-2", asked_at).await), "the same list, fresh for all");
    clock.advance(warroom::clock::SignedDuration::from_secs(1));
    let later = look("INCIDENT-3", clock.now()).await;
    assert!(later.doubt.is_some(), "fresh as the list is, it is older than what was asked for");
    clock.advance(warroom::clock::SignedDuration::from_secs(5));
    let doubt = look("INCIDENT-1", asked_at).await.doubt.unwrap();
    clock.advance(doubt.wait.try_into().unwrap());
    assert!(whole(&look("INCIDENT-1", asked_at).await));
}

#[tokio::test]
async fn all_pages_are_read_even_if_a_page_is_short_or_the_offset_is_ignored() {
    let row = |n: u32, subject: &str| serde_json::json!({"id": format!("{n}@g.us"), "subject": subject});
    let server = MockServer::start().await;
    let page = |offset: &'static str, rows: serde_json::Value| {
        Mock::given(path("/v2/groups"))
            .and(wiremock::matchers::query_param("offset", offset))
            .respond_with(ResponseTemplate::new(200).set_body_json(rows))
    };
    page("0", serde_json::json!([row(1, "INCIDENT-12"), row(2, "lunch")])).mount(&server).await;
    page("100", serde_json::json!([row(3, "INCIDENT-1 | a")])).mount(&server).await;
    page("200", serde_json::json!([row(4, "INCIDENT-1 | b")])).mount(&server).await;
    page("300", serde_json::json!([])).mount(&server).await;
    let found = wawp(&server.uri()).find_groups(&search("INCIDENT-1")).await.unwrap().groups;
    let ids: Vec<_> = found.iter().map(|g| g.group.as_str()).collect();
    assert_eq!(ids, ["3@g.us", "4@g.us"]);

    let same = answering(200, &serde_json::json!([row(7, "INCIDENT-1")]).to_string()).await;
    assert_eq!(wawp(&same.uri()).find_groups(&search("INCIDENT-1")).await.unwrap().groups.len(), 1);
    assert_eq!(same.received_requests().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_list_that_does_not_know_the_sorting_is_read_without() {
    let server = MockServer::start().await;
    Mock::given(wiremock::matchers::query_param("sortBy", "id"))
        .respond_with(
            ResponseTemplate::new(400).set_body_string(r#"{"message":["sortOrder must be lower case"]}"#),
        )
        .mount(&server)
        .await;
    let list = serde_json::json!([{"id": GROUP, "subject": "INCIDENT-1"}]);
    Mock::given(any()).respond_with(ResponseTemplate::new(200).set_body_json(list)).mount(&server).await;
    assert_eq!(wawp(&server.uri()).find_groups(&search("INCIDENT-1")).await.unwrap().groups.len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_bytes_with_any_status_break_a_call(
        body in proptest::collection::vec(arbitrary::<u8>(), 0..300),
        status in 200u16..600,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let server = MockServer::start().await;
            let answer = ResponseTemplate::new(status).set_body_bytes(body);
            Mock::given(any()).respond_with(answer).mount(&server).await;
            for gateway in [wawp(&server.uri()), waha(&server.uri())] {
                for call in CALLS {
                    if let Err(error) = make(&gateway, call).await {
                        assert_clean(&error, call);
                    }
                }
            }
        });
    }
}
