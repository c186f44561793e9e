//! What people's settings make of being added, invited and written to.

use super::*;

#[tokio::test]
async fn each_privacy_setting_ends_in_its_own_outcome() {
    let bench = Bench::with_engine(Engine::Webjs);
    let cases = [
        (Privacy::Ok, 200, true),
        (Privacy::Refuses403, 403, false),
        (Privacy::NotOnWhatsapp404, 404, false),
        (Privacy::RecentlyLeft408, 408, false),
        (Privacy::Blocked401, 401, false),
        (Privacy::GroupInviteOnly417, 417, false),
        (Privacy::Full419, 419, false),
        (Privacy::SilentlyAbsent, 200, false),
    ];
    let digits: Vec<String> = (0..cases.len()).map(|n| format!("1555010010{n}")).collect();
    for (digits, (privacy, ..)) in digits.iter().zip(cases) {
        bench.person(digits, privacy);
    }
    let asked: Vec<&str> = digits.iter().map(String::as_str).collect();
    let body = bench.create("INCIDENT-1 | db", &asked).await.json();
    let group = bench.sandbox.groups().remove(0);
    for (digits, (privacy, code, is_in)) in digits.iter().zip(cases) {
        assert_eq!(body["participants"][format!("{digits}@c.us")]["statusCode"], code, "{privacy:?}");
        assert_eq!(group.has(digits), is_in, "{privacy:?}");
    }
}

#[tokio::test]
async fn a_late_person_is_a_member_only_when_the_clock_says_so() {
    let bench = Bench::with_engine(Engine::Noweb);
    bench.person(BEN, Privacy::AppearsLate(SignedDuration::from_secs(8)));
    let id = bench.made("INCIDENT-1 | db", &[ADA, BEN]).await;
    bench.pass(7);
    assert_eq!(bench.members(&id).len(), 2);
    bench.pass(1);
    assert_eq!(bench.members(&id).len(), 3);
}

#[tokio::test]
async fn someone_without_a_mapping_is_never_resolved_in_either_direction() {
    let bench = Bench::with_engine(Engine::Gows);
    for (digits, lid) in [(ADA, LidKnowledge::LidOnly), (BEN, LidKnowledge::LookupOnly)] {
        bench.sandbox.set_person(digits, Person { lid, ..Person::default() });
    }
    let id = bench.made("INCIDENT-1 | db", &[ADA, BEN, CLEO]).await;
    let rows = bench.get(&format!("/v2/groups/{id}/participants")).await.json();
    assert_eq!(rows[1]["PhoneNumber"], "");
    assert_eq!(rows[2]["PhoneNumber"], "");
    assert_eq!(rows[3]["PhoneNumber"], format!("{CLEO}@s.whatsapp.net"));

    let number_of = |digits| format!("/v2/lids/{}", bench.lid(digits));
    let answer = bench.get(&number_of(ADA)).await;
    assert_eq!((answer.status, &answer.json()["pn"]), (StatusCode::OK, &Value::Null));
    let answer = bench.get(&format!("{}%40lid", number_of(BEN))).await.json();
    assert_eq!(answer["pn"], format!("{BEN}@c.us"));
    assert_eq!(bench.get(&format!("/v2/lids/pn/{ADA}")).await.json()["lid"], Value::Null);
    assert_eq!(bench.get("/v2/lids/pn/15550199999").await.json()["lid"], Value::Null);
}

#[tokio::test]
async fn a_group_needs_one_other_person_with_an_account() {
    for engine in Engine::ALL {
        let bench = Bench::with_engine(engine);
        bench.person(ADA, Privacy::NotOnWhatsapp404);
        let answer = bench.create("INCIDENT-1 | db", &[ADA]).await;
        if engine == Engine::Webjs {
            assert_eq!(answer.status, StatusCode::OK);
            assert!(answer.text.starts_with("CreateGroupError:"));
        } else {
            assert_eq!(answer.json()["exception"]["data"], 400);
        }
        assert!(bench.sandbox.groups().is_empty());
    }
}

#[tokio::test]
async fn a_blocked_message_is_accepted_and_never_seen() {
    let bench = Bench::with_engine(Engine::Webjs);
    bench.person(ADA, Privacy::Blocked401);
    let chat = format!("{ADA}@c.us");
    assert_eq!(bench.call("POST", "/v2/send/text", text_to(&chat, "hi")).await.status, 201);
    bench.pass(60);
    assert!(bench.sandbox.chat(ADA).is_empty());
    let rows = bench.get(&format!("/v2/chats/messages?chatId={chat}")).await.json();
    assert_eq!(rows[0]["ackName"], "SERVER");
}

#[tokio::test]
async fn a_revoked_link_is_dead_and_the_new_one_works_whatever_the_privacy() {
    let bench = Bench::with_engine(Engine::Gows);
    bench.person(BEN, Privacy::GroupInviteOnly417);
    let id = bench.made("INCIDENT-1 | db", &[ADA, BEN]).await;
    let old = bench.sandbox.groups()[0].invite_link.clone();
    let fresh = bench.call("POST", &format!("/v2/groups/{id}/invite-code/revoke"), Value::Null).await.text;
    assert_ne!(old, fresh);
    assert_eq!(bench.sandbox.join_by_link(BEN, &old), Err(JoinRefused::Revoked));
    let code = code_query(&old);
    let preview = bench.get(&format!("/v2/groups/join-info?code={code}")).await;
    assert_eq!(preview.json()["exception"]["data"], 410);
    assert_eq!(bench.sandbox.join_by_link(BEN, &fresh), Ok(id.clone()));
    assert_eq!(bench.members(&id), [Setup::BOT_DIGITS, ADA, BEN]);
    assert_eq!(bench.sandbox.join_by_link(CLEO, "nowhere"), Err(JoinRefused::Unknown));
}

fn code_query(link: &str) -> String {
    link.replace(':', "%3A").replace('/', "%2F")
}

#[tokio::test]
async fn a_private_invitation_serves_its_own_person_for_three_days() {
    let bench = Bench::with_engine(Engine::Webjs);
    bench.person(BEN, Privacy::Refuses403);
    let id = bench.made("INCIDENT-1 | db", &[ADA, BEN]).await;
    let card = bench.sandbox.chat(BEN).remove(0);
    let code = card.link.unwrap();
    assert_eq!(card.kind, MessageKind::Invitation);
    assert_eq!(bench.sandbox.join_by_link(CLEO, &code), Err(JoinRefused::Expired));
    bench.pass(72 * 3600 - 1);
    assert_eq!(bench.sandbox.join_by_link(BEN, &code), Ok(id));
}

#[tokio::test]
async fn whoever_left_cannot_be_added_again_but_can_use_the_link() {
    let bench = Bench::with_engine(Engine::Webjs);
    let id = bench.made("INCIDENT-1 | db", &[ADA, BEN]).await;
    bench.sandbox.leave(BEN, &id);
    let path = format!("/v2/groups/{id}/participants/add");
    let answer = bench.call("POST", &path, json!({"participants": ids(&[BEN])})).await;
    assert_eq!(answer.json()[format!("{BEN}@c.us")]["code"], 408);
    let link = bench.sandbox.groups()[0].invite_link.clone();
    assert!(bench.sandbox.join_by_link(BEN, &link).is_ok());
}

#[tokio::test]
async fn a_number_with_another_registered_form_is_reached_only_by_that() {
    let bench = Bench::with_engine(Engine::Webjs);
    let person = Person { registered_as: Some("554100000001".to_owned()), ..Person::default() };
    bench.sandbox.set_person("5541900000001", person);
    let answer = bench.get("/v2/contacts/check-exists?phone=%2B5541900000001").await;
    assert_eq!(answer.json()["chatId"], "554100000001@c.us");
    let body = bench.create("INCIDENT-1", &[ADA, "5541900000001"]).await.json();
    assert_eq!(body["participants"]["5541900000001@c.us"]["statusCode"], 404);
}
