use proptest::prelude::*;
use serde_json::json;

use super::*;

const GROUP: &str = "120363000000000007@g.us";

fn group() -> GroupId {
    GROUP.parse().unwrap()
}

fn jid(text: &str) -> Jid {
    text.parse().unwrap()
}

fn read(event: &Value) -> Vec<Notice> {
    notices(event.to_string().as_bytes()).unwrap()
}

fn kinds(event: &Value) -> Vec<NoticeKind> {
    read(event).into_iter().map(|n| n.what).collect()
}

fn envelope(event: &str, payload: &Value) -> Value {
    json!({
        "id": "evt_01made0up0event", "timestamp": 1_772_000_000_123_u64, "session": "default",
        "metadata": {"user.id": "7"}, "engine": "GOWS", "event": event, "payload": payload,
        "me": {"id": "15550100000@c.us", "lid": "21000000@lid", "pushName": "War Room"},
        "environment": {"tier": "PLUS", "version": "2026.1.1"},
    })
}

fn both(phone: Option<&str>, hidden: Option<&str>) -> Whom {
    Whom { phone: phone.map(jid), hidden: hidden.map(jid) }
}

#[test]
fn a_person_who_joins_is_read_in_every_shape() {
    let phone = || vec![both(Some("15550100001@c.us"), None)];
    let lid = || vec![both(None, Some("99000001@lid"))];
    let pair = || vec![both(Some("15550100001@c.us"), Some("99000001@lid"))];
    let named = |id: &str| json!({"server": "c.us", "_serialized": id});
    for (event, payload, who) in [
        (
            "group.v2.participants",
            json!({"type": "join", "group": {"id": GROUP}, "timestamp": 1_772_000_000,
                "participants": [{"id": "15550100001@c.us", "role": "participant"}], "_data": {}}),
            phone(),
        ),
        (
            "group.v2.participants",
            json!({"type": "join", "group": {"id": GROUP}, "timestamp": 1_772_000_000_500_u64,
                "participants": [{"id": "99000001@lid", "role": "participant"}]}),
            lid(),
        ),
        (
            "group.v2.participants",
            json!({"type": "join", "group": {"id": GROUP},
                "participants": [{"id": "99000001@lid", "pn": "15550100001@s.whatsapp.net", "role": "admin"}]}),
            pair(),
        ),
        (
            "group.v2.participants",
            json!({"action": "add", "chatId": GROUP, "participants": {"0": "15550100001@c.us"}}),
            phone(),
        ),
        ("group.v2.join", json!({"chatId": GROUP, "participants": {"0": "15550100001@c.us"}}), phone()),
        (
            "group.v2.join",
            json!({"chatId": GROUP, "participants": ["15550100001:3@s.whatsapp.net"]}),
            phone(),
        ),
        ("group.v2.join", json!({"group": GROUP, "participants": [named("15550100001@c.us")]}), phone()),
        (
            "group.v2.join",
            json!({"chatId": named(GROUP), "participants": [{"id": named("99000001@lid")}]}),
            lid(),
        ),
    ] {
        let event = envelope(event, &payload);
        assert_eq!(kinds(&event), [NoticeKind::Joined { group: group(), who }], "{event}");
        let mut nameless = event.clone();
        nameless["me"] = Value::Null;
        assert_eq!(kinds(&nameless), kinds(&event), "without `me` it is the same");
    }
}

#[test]
fn a_person_who_leaves_is_read_in_every_shape() {
    let who = vec![both(Some("15550100001@c.us"), None)];
    for (event, payload) in [
        (
            "group.v2.participants",
            json!({"type": "leave", "group": {"id": GROUP}, "participants": [{"id": "15550100001@c.us", "role": "left"}]}),
        ),
        (
            "group.v2.participants",
            json!({"action": "remove", "chatId": GROUP, "participants": {"0": "15550100001@c.us"}}),
        ),
        ("group.v2.leave", json!({"chatId": GROUP, "participants": {"0": "15550100001@c.us"}})),
        ("group.leave", json!({"id": GROUP, "participants": ["15550100001@c.us"]})),
    ] {
        let event = envelope(event, &payload);
        assert_eq!(kinds(&event), [NoticeKind::Left { group: group(), who: who.clone() }], "{event}");
    }
}

#[test]
fn the_linked_number_itself_is_told_apart_from_the_others() {
    // WAHA: these two speak of the linked number, and the people in the group are everybody.
    let joined = envelope(
        "group.v2.join",
        &json!({"group": {"id": GROUP, "subject": "INCIDENT-7 | Down", "participants": [{"id": "15550100001@c.us"}]}}),
    );
    let subject = Some("INCIDENT-7 | Down".to_owned());
    assert_eq!(kinds(&joined), [NoticeKind::WeJoined { group: group(), subject }]);
    let left = envelope("group.v2.leave", &json!({"group": {"id": GROUP}, "timestamp": 1_772_000_000}));
    assert_eq!(kinds(&left), [NoticeKind::WeLeft { group: group() }]);
    // Named among the others, by either id.
    for us in ["15550100000@s.whatsapp.net", "21000000@lid"] {
        let removed = envelope(
            "group.v2.participants",
            &json!({"type": "leave", "group": {"id": GROUP}, "participants": [{"id": us}, {"id": "15550100001@c.us"}]}),
        );
        let told = read(&removed);
        assert_eq!(told[0].what, NoticeKind::WeLeft { group: group() });
        assert_eq!(told[1].what.name(), "left");
        assert_ne!(told[0].id, told[1].id, "neither hides the other when it is told again");
    }
}

#[test]
fn an_acknowledgement_says_that_a_message_failed_by_name_or_number() {
    let ack = |ack: Value| {
        let mut payload = json!({"id": "true_15550100001@c.us_AD", "fromMe": true, "to": "15550100001@c.us"});
        payload.as_object_mut().unwrap().extend(ack.as_object().unwrap().clone());
        kinds(&envelope("message.ack", &payload))
    };
    let failed = NoticeKind::Undelivered {
        chat: ChatId::Person(jid("15550100001@c.us")),
        message_id: "AD".to_owned(),
    };
    for said in [json!({"ack": -1, "ackName": "ERROR"}), json!({"ack": -1}), json!({"ackName": "error"})] {
        assert_eq!(ack(said.clone()), std::slice::from_ref(&failed), "{said}");
    }
    for said in [json!({"ack": -1, "ackName": "PENDING"}), json!({"ack": 0}), json!({})] {
        assert_eq!(ack(said.clone()), [], "{said}");
    }
}

#[test]
fn what_is_not_said_is_not_guessed() {
    for (event, payload) in [
        ("group.v2.leave", json!({"chatId": GROUP})),
        ("group.v2.participants", json!({"type": "leave", "group": {"id": GROUP}, "participants": []})),
        (
            "group.v2.participants",
            json!({"group": {"id": GROUP}, "participants": [{"id": "15550100001@c.us"}]}),
        ),
    ] {
        let event = envelope(event, &payload);
        assert_eq!(kinds(&event), [NoticeKind::Changed { group: group() }], "{event}");
    }
    for (event, payload) in [
        ("group.v2.participants", json!({"type": "promote", "group": {"id": GROUP}, "participants": []})),
        ("group.v2.update", json!({"group": {"id": GROUP, "description": "new"}})),
        ("group.v2.join", json!({"group": {"id": "status@broadcast"}})),
        ("message.ack", json!({"id": "true_1@c.us_AA", "ack": 2})),
        ("presence.update", json!({})),
        ("session.status", json!({"status": "STARTING"})),
        ("session.status", json!({"status": "<b>"})),
    ] {
        assert_eq!(read(&envelope(event, &payload)), [], "{event} {payload}");
    }
}

#[test]
fn a_new_name_is_read() {
    let event =
        envelope("group.v2.update", &json!({"group": {"id": GROUP, "subject": "INCIDENT-7 | Renamed"}}));
    let subject = "INCIDENT-7 | Renamed".to_owned();
    assert_eq!(kinds(&event), [NoticeKind::Renamed { group: group(), subject }]);
}

#[test]
fn the_session_is_read_with_and_without_an_envelope() {
    let status = |word: &str| {
        envelope(
            "session.status",
            &json!({"name": "default", "status": word, "statuses": [{"status": word, "timestamp": 1}]}),
        )
    };
    let down = |word: &str| NoticeKind::Session { session: Session::Down(word.to_owned()) };
    assert_eq!(kinds(&status("WORKING")), [NoticeKind::Session { session: Session::Working { own: None } }]);
    for word in ["SCAN_QR_CODE", "FAILED", "STOPPED", "PASSKEY_REQUIRED", "A_NEW_WORD"] {
        assert_eq!(kinds(&status(word)), [down(word)]);
    }
    let flat = json!({"instance_id": "INST0000ABCD", "status": "SCAN_QR_CODE", "qr": "c2Nhbg==", "ts": 1_772_000_000});
    let [notice] = &read(&flat)[..] else { panic!("{flat}") };
    assert_eq!(notice.what, down("SCAN_QR_CODE"));
    assert_eq!(notice.at, Some(Timestamp::from_second(1_772_000_000).unwrap()));
}

#[test]
fn of_messages_only_our_own_words_are_kept() {
    let own = json!({"id": format!("true_{GROUP}_3EB0AA11_15550100000@c.us"), "timestamp": 1_772_000_000,
        "from": "15550100000@c.us", "fromMe": true, "source": "api", "to": GROUP, "body": "*SEV1 · INCIDENT-7*",
        "vCards": {}, "ack": -1, "ackName": "PENDING"});
    for event in ["message", "message.any"] {
        let [NoticeKind::Message { chat, from_me: true, message_id, text, from: None, verdict: None }] =
            &kinds(&envelope(event, &own))[..]
        else {
            panic!("{event}")
        };
        assert_eq!((chat, message_id.as_deref()), (&ChatId::Group(group()), Some("3EB0AA11")));
        assert_eq!(text.as_deref(), Some("*SEV1 · INCIDENT-7*"));
    }
    let theirs = json!({"id": format!("false_{GROUP}_3EB0BB_99000001@lid"), "from": GROUP, "fromMe": false,
        "participant": "99000001@lid", "to": "15550100000@c.us", "body": "private words",
        "_data": {"Info": {"SenderAlt": "15550100001@s.whatsapp.net"}}});
    let told = kinds(&envelope("message", &theirs));
    let [NoticeKind::Message { from: Some(from), from_me: false, text: None, .. }] = &told[..] else {
        panic!("{told:?}")
    };
    assert_eq!(*from, both(Some("15550100001@c.us"), Some("99000001@lid")));
    assert!(!serde_json::to_string(&told).unwrap().contains("private words"));
    // 1:1, on an engine that gives the id as an object.
    let alone = json!({"id": {"fromMe": false, "remote": "15550100002@c.us", "id": "3EB0CC", "_serialized": "false_15550100002@c.us_3EB0CC"},
        "from": "15550100002@c.us", "to": "15550100000@c.us", "fromMe": false, "body": "hello"});
    let told = kinds(&envelope("message", &alone));
    let [NoticeKind::Message { chat: ChatId::Person(person), from: Some(from), .. }] = &told[..] else {
        panic!("{told:?}")
    };
    assert_eq!((person, from.phone.as_ref()), (&jid("15550100002@c.us"), Some(&jid("15550100002@c.us"))));
}

#[test]
fn moments_come_in_seconds_milliseconds_fractions_and_text() {
    let second = Timestamp::from_second(1_772_000_000).unwrap();
    for value in [
        json!(1_772_000_000),
        json!(1_772_000_000_000_u64),
        json!(1_772_000_000.0),
        json!("1772000000"),
        json!(second.to_string()),
    ] {
        assert_eq!(moment(&value), Some(second), "{value}");
    }
    assert_eq!(moment(&json!(1_772_000_000.853)).unwrap().as_millisecond(), 1_772_000_000_853);
    for odd in [json!(0), json!(-5), json!(f64::MAX), json!("soon"), json!(null), json!({})] {
        assert_eq!(moment(&odd), None, "{odd}");
    }
}

#[test]
fn several_events_come_in_one_body_and_anything_else_is_no_event() {
    let one = envelope("group.v2.leave", &json!({"group": {"id": GROUP}}));
    assert_eq!(read(&json!([one, {"event": "unknown"}, 7, null, [one]])).len(), 1);
    for body in ["", "7", "null", "\"text\"", "{\"event\":", "{]"] {
        assert!(notices(body.as_bytes()).is_err(), "{body}");
    }
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    assert!(notices(deep.as_bytes()).is_err());
    let secretly = notices(b"{\"body\": \"+15550100001").unwrap_err().to_string();
    assert!(!secretly.contains("1555"), "{secretly}");
}

/// Anything that JSON can be, with words of the real events in it.
fn any_json() -> impl Strategy<Value = Value> {
    let word = prop_oneof![
        Just(GROUP.to_owned()),
        Just("15550100001@c.us".to_owned()),
        Just("99000001@lid".to_owned()),
        Just("join".to_owned()),
        Just("leave".to_owned()),
        Just("WORKING".to_owned()),
        Just(format!("true_{GROUP}_AA")),
        ".{0,8}",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        word.prop_map(Value::from),
    ];
    let key = prop_oneof![
        Just("id"),
        Just("group"),
        Just("chatId"),
        Just("participants"),
        Just("type"),
        Just("action"),
        Just("pn"),
        Just("_serialized"),
        Just("status"),
        Just("fromMe"),
        Just("body"),
        Just("0"),
        Just("timestamp"),
        Just("subject"),
    ];
    leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::btree_map(key.clone(), inner, 0..6).prop_map(|m| m
                .into_iter()
                .map(|(k, v)| (k.to_owned(), v))
                .collect::<serde_json::Map<_, _>>()
                .into()),
        ]
    })
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = notices(&body);
    }

    #[test]
    fn any_payload_of_any_event_is_read(
        name in prop_oneof![
            Just("session.status"), Just("message"), Just("message.any"), Just("group.v2.join"), Just("group.v2.leave"),
            Just("group.v2.participants"), Just("group.v2.update"), Just("group.join"), Just("x"),
        ],
        payload in any_json(),
        me in any_json(),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut event = envelope(name, &payload);
        event["me"] = me;
        let text = event.to_string();
        for notice in notices(text.as_bytes()).unwrap() {
            let alone = matches!(notice.what.name(), "session" | "message");
            prop_assert!(notice.what.group().is_some() || alone);
        }
        // Broken off anywhere.
        let _ = notices(&text.as_bytes()[..cut.index(text.len())]);
    }
}
