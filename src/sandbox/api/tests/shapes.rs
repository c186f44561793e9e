//! The answers of the three engines: same facts, different shapes.

use super::*;

#[tokio::test]
async fn webjs_names_the_group_in_gid_and_everyone_by_phone_with_a_status_code() {
    let bench = Bench::with_engine(Engine::Webjs);
    bench.person(BEN, Privacy::Refuses403);
    let body = bench.create("INCIDENT-1 | db", &[ADA, BEN]).await.json();
    let id = body["gid"]["_serialized"].as_str().unwrap();
    assert!(id.ends_with("@g.us"));
    assert_eq!(body["participants"][format!("{ADA}@c.us")]["statusCode"], 200);
    assert_eq!(body["participants"][format!("{BEN}@c.us")]["statusCode"], 403);
    assert_eq!(body["participants"][format!("{BEN}@c.us")]["isInviteV4Sent"], true);

    let list = bench.get("/v2/groups").await.json();
    assert_eq!(list[0]["id"]["_serialized"], id);
    assert_eq!(list[0]["name"], "INCIDENT-1 | db");
    let rows = bench.get(&format!("/v2/groups/{id}/participants")).await.json();
    assert_eq!(rows.as_array().unwrap().len(), 2);
    assert_eq!(rows[0]["isSuperAdmin"], true);
    assert_eq!(rows[1]["id"]["_serialized"], format!("{}@lid", bench.lid(ADA)));
    let rows = bench.get(&format!("/v2/groups/{id}/participants/v2")).await.json();
    assert_eq!(rows[0]["role"], "superadmin");
    assert_eq!(rows[1]["pn"], Value::Null);
}

#[tokio::test]
async fn noweb_shows_refused_people_as_members_in_the_creation_but_not_in_the_list() {
    let bench = Bench::with_engine(Engine::Noweb);
    bench.person(BEN, Privacy::Refuses403);
    let body = bench.create("INCIDENT-1 | db", &[ADA, BEN]).await.json();
    let id = body["id"].as_str().unwrap().to_owned();
    assert_eq!(body["participants"].as_array().unwrap().len(), 3);
    assert_eq!(body["participants"][2]["phoneNumber"], format!("{BEN}@s.whatsapp.net"));

    let list = bench.get("/v2/groups").await.json();
    assert_eq!(list[&id]["subject"], "INCIDENT-1 | db");
    let rows = bench.get(&format!("/v2/groups/{id}/participants")).await.json();
    assert_eq!(rows.as_array().unwrap().len(), 2);
    assert_eq!(rows[0]["admin"], "superadmin");
    assert!(bench.sandbox.chat(BEN).is_empty(), "NOWEB sends no private invitation");
}

#[tokio::test]
async fn gows_lists_refused_people_with_an_error() {
    let bench = Bench::with_engine(Engine::Gows);
    bench.person(BEN, Privacy::Refuses403);
    let body = bench.create("INCIDENT-1 | db", &[ADA, BEN]).await.json();
    let id = body["JID"].as_str().unwrap().to_owned();
    assert_eq!(body["Participants"][1]["Error"], 0);
    assert_eq!(body["Participants"][2]["Error"], 403);
    assert!(body["Participants"][2]["AddRequest"]["Code"].is_string());

    let list = bench.get("/v2/groups").await.json();
    assert_eq!(list[0]["Name"], "INCIDENT-1 | db");
    let rows = bench.get(&format!("/v2/groups/{id}/participants")).await.json();
    assert_eq!(rows.as_array().unwrap().len(), 3);
    assert_eq!(rows[2]["Error"], 403);
    let rows = bench.get(&format!("/v2/groups/{id}/participants/v2")).await.json();
    assert_eq!(rows[1]["pn"], format!("{ADA}@c.us"));
    assert_eq!(rows[2]["role"], "left");
    assert_eq!(bench.members(&id), [Setup::BOT_DIGITS, ADA]);
}

#[tokio::test]
async fn every_engine_writes_invite_codes_setters_and_message_ids_in_its_own_way() {
    for engine in Engine::ALL {
        let bench = Bench::with_engine(engine);
        let id = bench.made("INCIDENT-1 | db", &[ADA]).await;
        let code = bench.sandbox.groups()[0].invite_code.clone();
        assert_eq!(code.len(), 22);

        let answer = bench.get(&format!("/v2/groups/{id}/invite-code")).await;
        assert!(answer.headers["content-type"].to_str().unwrap().starts_with("text/"));
        let setter =
            bench.call("PUT", &format!("/v2/groups/{id}/description"), json!({"description": "d"})).await;
        assert_eq!(bench.sandbox.groups()[0].description, "d");
        let sent = bench.call("POST", "/v2/send/text", text_to(&id, "hello")).await.json();
        match engine {
            Engine::Webjs => {
                assert_eq!((answer.text, setter.text.as_str()), (code, "true"));
                assert!(sent["id"]["_serialized"].as_str().unwrap().starts_with("true_"));
            }
            Engine::Noweb => {
                assert_eq!((answer.text, setter.text.as_str()), (code, ""));
                assert_eq!(sent["status"], "PENDING");
                assert!(sent["key"]["id"].is_string());
            }
            Engine::Gows => {
                let url = format!("https://chat.whatsapp.com/{code}");
                assert_eq!((answer.text, setter.text.as_str()), (url, ""));
                assert!(sent["id"].as_str().unwrap().starts_with("true_"));
            }
        }
        assert_eq!(bench.sandbox.groups()[0].texts(), ["hello"]);
    }
}

#[tokio::test]
async fn adding_people_answers_by_map_by_string_status_or_by_rows() {
    for engine in Engine::ALL {
        let bench = Bench::with_engine(engine);
        bench.person(CLEO, Privacy::Refuses403);
        let id = bench.made("INCIDENT-1 | db", &[ADA]).await;
        let path = format!("/v2/groups/{id}/participants/add");
        let body = json!({"participants": ids(&[BEN, CLEO, ADA])});
        let answer = bench.call("POST", &path, body).await.json();
        match engine {
            Engine::Webjs => {
                assert_eq!(answer[format!("{BEN}@c.us")]["code"], 200);
                assert_eq!(answer[format!("{ADA}@c.us")]["code"], 409);
                assert_eq!(bench.sandbox.chat(CLEO).len(), 1);
            }
            Engine::Noweb => {
                assert_eq!(answer[0]["status"], "200");
                assert_eq!(answer[1]["content"]["content"][0]["tag"], "add_request");
                assert_eq!(answer[2]["status"], "409");
            }
            Engine::Gows => {
                assert_eq!(answer[1]["Error"], 403);
                assert_eq!(answer[2]["Error"], 409);
            }
        }
        assert_eq!(bench.members(&id), [Setup::BOT_DIGITS, ADA, BEN]);
    }
}

#[tokio::test]
async fn groups_can_be_addressed_with_a_raw_or_an_encoded_sign_and_made_at_both_paths() {
    let bench = Bench::with_engine(Engine::Gows);
    let body = creation("INCIDENT-1 | db", &[ADA]);
    assert_eq!(bench.call("POST", "/v2/groups/create", body).await.status, StatusCode::OK);
    let id = bench.sandbox.groups()[0].id.clone();
    for path in [id.clone(), id.replace('@', "%40")] {
        assert_eq!(bench.get(&format!("/v2/groups/{path}")).await.json()["JID"], id);
    }
    assert_eq!(bench.get("/v2/groups/count").await.json(), json!({"count": 1}));
    assert_eq!(bench.get("/v2/nothing").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn groups_with_phone_addressing_name_everyone_by_number() {
    for engine in Engine::ALL {
        let bench = Bench::new(Setup { addressing: Addressing::Phone, ..Setup::with_engine(engine) });
        let id = bench.made("INCIDENT-1 | db", &[ADA]).await;
        let rows = bench.get(&format!("/v2/groups/{id}/participants")).await.json();
        let (found, server) = match engine {
            Engine::Webjs => (&rows[1]["id"]["_serialized"], "c.us"),
            Engine::Noweb => (&rows[1]["id"], "s.whatsapp.net"),
            Engine::Gows => (&rows[1]["JID"], "s.whatsapp.net"),
        };
        assert_eq!(*found, format!("{ADA}@{server}"));
    }
}

#[tokio::test]
async fn an_invite_code_comes_in_the_form_that_was_set() {
    let forms = [
        (InviteForm::Bare, ""),
        (InviteForm::Url, "https://chat.whatsapp.com/"),
        (InviteForm::Quoted, "\""),
        (InviteForm::Object, r#"{"code":""#),
    ];
    for (invite_form, start) in forms {
        let bench = Bench::new(Setup { invite_form, ..Setup::default() });
        let id = bench.made("INCIDENT-1 | db", &[ADA]).await;
        let code = bench.sandbox.groups()[0].invite_code.clone();
        let answer = bench.get(&format!("/v2/groups/{id}/invite-code")).await;
        assert!(answer.text.starts_with(&format!("{start}{code}")), "{}", answer.text);
    }
}

#[tokio::test]
async fn only_webjs_can_end_a_group_and_no_engine_takes_a_picture() {
    for engine in Engine::ALL {
        let bench = Bench::with_engine(engine);
        let id = bench.made("INCIDENT-1 | db", &[ADA]).await;
        let picture = bench.call("PUT", &format!("/v2/groups/{id}/picture"), json!({})).await;
        assert_eq!(picture.status, StatusCode::NOT_IMPLEMENTED);
        let answer = bench.call("DELETE", &format!("/v2/groups/{id}"), Value::Null).await;
        let is_gone = bench.members(&id).is_empty();
        if engine == Engine::Webjs {
            assert_eq!((answer.status, is_gone), (StatusCode::OK, true));
        } else {
            assert_eq!((answer.status, is_gone), (StatusCode::NOT_IMPLEMENTED, false));
        }
    }
}
