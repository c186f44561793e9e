//! What people see.

use super::*;

/// Everything that can be read, with rooms in every interesting place.
async fn everything(desk: &Desk) -> Vec<(String, String)> {
    let ids = [
        desk.live("Checkout is down").await,
        desk.parked("Search is down").await,
        desk.doubled("Login is down").await,
    ];
    let mut paths = vec!["/".to_owned(), "/api/incidents".to_owned(), "/metrics".to_owned()];
    for id in ids {
        paths.extend([format!("/incidents/{id}"), format!("/api/incidents/{id}")]);
    }
    let mut read = Vec::new();
    for path in paths {
        let reply = desk.get(&path).await;
        assert_eq!(reply.status, 200, "{path}");
        read.push((path, reply.text));
    }
    read
}

#[tokio::test]
async fn no_full_number_and_no_invite_link_is_ever_shown() {
    for (path, text) in everything(&Desk::open()).await {
        for (_, _, digits) in PEOPLE {
            assert!(!text.contains(digits), "{path}: {text}");
        }
        for secret in ["SeCrEtCoDe9", "chat.whatsapp.com", "5550100177", "010-0177"] {
            assert!(!text.contains(secret), "{path}: {secret}");
        }
    }
}

#[tokio::test]
async fn what_senders_write_never_becomes_markup() {
    let desk = Desk::open();
    let nasty = r#"<script>alert("x")</script><img src=x onerror='y'>"#;
    let draft = Draft {
        id: nasty.into(),
        title: nasty.into(),
        summary: nasty.into(),
        labels: BTreeMap::from([(nasty.into(), nasty.into())]),
        links: vec![(LinkKind::Source, "javascript:alert(1)".into())],
        assignees: vec![nasty.into()],
        ..Draft::default()
    };
    let id = desk.hook(draft, AlertState::Firing, Severity::Sev1).await;
    for path in ["/".to_owned(), format!("/incidents/{id}")] {
        let text = desk.get(&path).await.text;
        assert!(!text.contains("<script>") && !text.contains("<img src=x"), "{path}: {text}");
        assert!(!text.contains("javascript:"), "{path}");
        assert!(text.contains("&#60;script&#62;"), "{path}: it is shown as text: {text}");
    }
}

#[tokio::test]
async fn what_waits_for_a_person_stands_first() {
    let desk = Desk::open();
    desk.live("Checkout is down").await;
    let parked = desk.parked("Search is down").await;
    let doubled = desk.doubled("Login is down").await;
    let text = desk.get("/").await.text;
    let at = |what: &str| text.find(what).unwrap_or_else(|| panic!("{what}: {text}"));
    assert!(at("Waiting for a person") < at("The plan makes no groups."));
    assert!(at("The plan makes no groups.") < at("<h2>Open"));
    assert!(at(OTHER_GROUP) < at("<h2>Open"));
    assert!(text.contains(&format!(r#"data-room="{parked}" data-action="resume""#)));
    assert!(
        text.contains(&format!(r#"data-room="{doubled}" data-action="close" data-group="{OTHER_GROUP}""#))
    );
}

#[tokio::test]
async fn when_nobody_knows_whether_a_group_exists_the_advice_is_to_look_first() {
    let desk = Desk::open();
    let id = desk.incident("Checkout is down").await;
    desk.create(id, Answer::Failed(GatewayError::Unknown { detail: "no answer in 30 s".into() })).await;
    assert!(!desk.get("/").await.text.contains("Waiting for a person"), "it is being looked for");
    desk.moves(id, Event::Cancel).await;
    let text = desk.get("/").await.text;
    assert!(text.contains("Cancelled while nobody knows whether a group exists."), "{text}");
    assert!(text.contains(&format!("Look on the linked phone for one named {id}.")), "{text}");
}

#[tokio::test]
async fn a_room_without_any_of_its_people_stands_out() {
    let desk = Desk::open();
    let id = desk.incident("Checkout is down").await;
    desk.create(id, Answer::Created(CreatedGroup { group: group(GROUP), said: vec![] })).await;
    assert!(!desk.get("/").await.text.contains("Nobody in"), "the members were not read yet");
    let step = Task::ReadMembers { group: group(GROUP), wanted: vec![] };
    desk.call(id, step, Answer::Members(Members::default())).await;
    assert!(desk.get("/").await.text.contains("none of the wanted people is in it"));
}

#[tokio::test]
async fn a_second_group_calls_for_a_person_until_it_is_closed() {
    let desk = Desk::open();
    let id = desk.doubled("Login is down").await;
    assert!(desk.get("/").await.text.contains("Second group"));
    desk.moves(id, Event::Cancel).await;
    desk.moves(id, Event::Finished).await;
    assert!(desk.get("/").await.text.contains("Second group"), "the room is over, its people may not know");
    let body = format!(r#"{{"group":"{OTHER_GROUP}"}}"#);
    assert_eq!(desk.post_json(&format!("/api/rooms/{id}/close"), &body).await.status, 202);
    let text = ChatId::Group(group(OTHER_GROUP));
    let message = Message::Pointer { group: group(OTHER_GROUP) };
    let say = Task::Say { message, chat: text };
    desk.call(id, say, Answer::Sent(Sent { message_id: None })).await;
    let rename = Task::RenameDuplicate { group: group(OTHER_GROUP) };
    desk.call(id, rename, Answer::Done).await;
    desk.call(id, Task::LeaveDuplicate { group: group(OTHER_GROUP) }, Answer::Done).await;
    assert!(!desk.get("/").await.text.contains("Second group"));
    assert!(desk.get(&format!("/incidents/{id}")).await.text.contains(OTHER_GROUP), "it is still named");
}

#[tokio::test]
async fn only_what_the_room_takes_is_offered() {
    let desk = Desk::open();
    let live = desk.live("Checkout is down").await;
    let parked = desk.parked("Search is down").await;
    let wanted = desk.incident("Login is down").await;
    for (id, offered) in [
        (live, vec!["close"]),
        (parked, vec!["resume", "adopt", "new-group", "cancel"]),
        (wanted, vec!["cancel"]),
    ] {
        let text = desk.get(&format!("/incidents/{id}")).await.text;
        for action in ["cancel", "close", "resume", "adopt", "new-group"] {
            let shown = text.contains(&format!(r#"data-action="{action}""#));
            assert_eq!(shown, offered.contains(&action), "{id} {action}");
        }
    }
}

#[tokio::test]
async fn a_page_tells_the_whole_story() {
    let desk = Desk::open();
    let id = desk.live("Checkout is down").await;
    desk.later(180_000);
    let text = desk.get(&format!("/incidents/{id}")).await.text;
    for part in [
        "Checkout answers 502 for most buyers.",
        r#"href="https://grafana.example/d/checkout?from=now-1h""#,
        r#"href="https://runbooks.example/acme""#,
        "Ines Duarte",
        "specialist of route acme production",
        "cannot tell",
        "not on WhatsApp",
        "invited by link",
        r#"Please join: <span class="link">(invite link)</span>"#,
        "opened",
        "the group was made: 120363000000000001@g.us",
        "340 ms",
        "3 min ago",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[tokio::test]
async fn an_incident_below_the_opening_severity_has_a_page_without_a_room() {
    let desk = Desk::open();
    let draft = Draft { id: "disk".into(), title: "Disk fills up".into(), ..Draft::default() };
    let id = desk.hook(draft, AlertState::Firing, Severity::Sev3).await;
    assert!(
        desk.get(&format!("/incidents/{id}"))
            .await
            .text
            .contains("None: its severity was never one that opens a room")
    );
    assert!(desk.get("/").await.text.contains("1 below the severity that opens a room"));
}

#[tokio::test]
async fn nothing_on_a_page_needs_what_its_policy_forbids() {
    for (path, text) in everything(&Desk::open()).await {
        if path.starts_with("/api") || path == "/metrics" {
            continue;
        }
        assert!(!text.contains("<style") && !text.contains(" style=") && !text.contains(" onclick="));
        assert_eq!(
            text.matches("<script").count(),
            text.matches(r#"<script src="/files/"#).count(),
            "{path}"
        );
    }
    let script = include_str!("../console.js");
    for way in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
        assert!(!script.contains(way), "{way}");
    }
}

#[tokio::test]
async fn the_files_that_pages_load_are_there() {
    let desk = Desk::open();
    let text = desk.get("/").await.text;
    for (file, kind) in [
        ("/files/console.css", "text/css; charset=utf-8"),
        ("/files/console.js", "text/javascript; charset=utf-8"),
        ("/files/icon.svg", "image/svg+xml"),
    ] {
        assert!(text.contains(&format!("\"{file}\"")), "{file}");
        let reply = desk.get(file).await;
        assert_eq!((reply.status, reply.headers["content-type"].to_str().unwrap()), (StatusCode::OK, kind));
    }
}
