//! Asked at a gentle pace; whoever answers is no stranger; and STOP always wins.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use tempfile::TempDir;
use warroom::cli::check::{self, Form};
use warroom::clock::{Clock, SignedDuration, Timestamp, later};
use warroom::config::Colours;
use warroom::consent::Verdict;
use warroom::gateway::Whom;
use warroom::pacing::Pace;
use warroom::room::{PhaseName, Task};
use warroom::sandbox::{Effect, Engine, Fault, FaultKind, LidKnowledge, Operation, Person, Privacy, Setup};
use warroom::store::{AskedPerson, Asking, Began, Heard, Intent, LetterAsk, LetterTurn, LetterWay, Worded};

use crate::events::{BOTH, deliver, tell_to};
use crate::gates::{Gate, Gates};
use crate::harness::{ADA, BEN, CLEO, DAN, Options, World, beginning, load};
use crate::place::Place;
use crate::sweep::sweep;

/// Ada leads and is known; nobody ever talked with the others.
const ROSTER: &str = r#"
people:
  ada:   { name: Ada Obi,     phone: "+15550100001", opted_in: true }
  ben:   { name: Ben Cho,     phone: "+15550100002" }
  cleo:  { name: Cleo Diaz,   phone: "+15550100003" }
  dan:   { name: Dan Eze,     phone: "+15550100004" }
routes:
  - name: everything
    match: [ 'alertname =~ ".+"' ]
    invite:
      commander: [ ada ]
      specialist: [ ben ]
      account manager: [ cleo ]
      client: [ dan ]
fallback:
  invite: { commander: [ ada ] }
"#;

/// The number that people answer to.
fn ours() -> String {
    format!("{}@c.us", Setup::default().instances[0].digits)
}

async fn world_with(options: Options) -> World {
    let world = World::with(Options { events: BOTH, ..options }).await;
    tell_to(&world);
    world
}

async fn world_on(engine: Engine) -> World {
    world_with(Options { engine, roster: ROSTER.to_owned(), ..Options::default() }).await
}

/// Somebody answers, and the provider tells it.
async fn answer(world: &World, digits: &str, text: &str) {
    world.sandbox.say(digits, &ours(), text);
    let statuses = deliver(world).await;
    assert!(!statuses.is_empty() && statuses.iter().all(|status| *status == 200), "{statuses:?}");
}

async fn ask(world: &World, wish: &Value) -> (u16, Value) {
    let url = format!("http://{}/api/opt-in-requests", world.operator);
    let response = world.http.post(url).json(wish).send().await.unwrap();
    let status = response.status().as_u16();
    (status, response.json().await.unwrap())
}

async fn people(world: &World) -> BTreeMap<String, Value> {
    let url = format!("http://{}/api/people", world.operator);
    let all: Value = world.http.get(url).send().await.unwrap().json().await.unwrap();
    let rows = all["people"].as_array().unwrap().iter();
    rows.map(|one| (one["person"].as_str().unwrap().to_owned(), one.clone())).collect()
}

async fn metric(world: &World, name: &str) -> String {
    let url = format!("http://{}/metrics", world.operator);
    let text = world.http.get(url).send().await.unwrap().text().await.unwrap();
    let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
    line.rsplit(' ').next().unwrap_or_default().to_owned()
}

/// What somebody was sent 1:1, by the first words.
fn got(world: &World, digits: &str) -> Vec<String> {
    let first = |text: &str| text.split_whitespace().take(4).collect::<Vec<_>>().join(" ");
    world.sandbox.chat(digits).iter().map(|m| first(&m.text)).collect()
}

/// When opt-in requests were handed over, in order.
fn asked_at(world: &World) -> Vec<Timestamp> {
    let chats = [ADA, BEN, CLEO, DAN].map(|digits| world.sandbox.chat(digits));
    let all = chats.iter().flatten().filter(|m| m.text.contains("This is the incident line"));
    let mut moments: Vec<Timestamp> = all.map(|m| m.at).collect();
    moments.sort_unstable();
    moments
}

const STOP_TAKEN: &str = "You will not be";
const START_TAKEN: &str = "You may be called";

fn heard(digits: &str, verdict: Verdict, at: Timestamp) -> Heard {
    let from = Whom { phone: Some(format!("{digits}@c.us").parse().unwrap()), hidden: None };
    Heard { id: None, from, person: Some("somebody".to_owned()), verdict, at }
}

#[tokio::test]
async fn people_are_asked_at_a_pace_and_what_they_answer_decides_how_they_are_called() {
    for engine in Engine::ALL {
        let world = world_on(engine).await;
        let (status, taken) = ask(&world, &json!({})).await;
        assert_eq!((status, taken["asked"].as_array().unwrap().len()), (202, 3), "{engine}: {taken}");
        world.pass(600).await;
        let moments = asked_at(&world);
        assert_eq!(moments.len(), 3, "{engine}");
        let apart = |pair: &[Timestamp]| pair[1].duration_since(pair[0]);
        assert!(moments.windows(2).all(|pair| apart(pair) >= SignedDuration::from_mins(2)), "{moments:?}");

        answer(&world, DAN, "Stop, please. I am on leave.").await;
        answer(&world, CLEO, "ok!").await;
        world.pass(60).await;
        assert_eq!(got(&world, DAN), ["Hello Dan Eze. This", "You will not be"], "{engine}: one receipt");
        assert_eq!(got(&world, CLEO).len(), 1, "{engine}: a yes needs no receipt");
        let shown = people(&world).await;
        let states = ["ben", "cleo", "dan"].map(|key| shown[key]["state"].as_str().unwrap());
        assert_eq!(states, ["asked", "yes", "stop"], "{engine}");
        assert_eq!(metric(&world, r#"warroom_consents{answer="stop"}"#).await, "1");

        let id = world.fire("Down").await;
        world.pass(120).await;
        let seats = world.seats(&id).await;
        assert_eq!(seats["dan"], "said STOP on 2026-03-02", "{engine}");
        assert_eq!((seats["ada"].as_str(), seats["cleo"].as_str()), ("in", "in"), "{engine}: {seats:?}");
        assert_eq!(seats["ben"], "invited by link", "{engine}: no answer, so still a stranger");
        assert_eq!(world.links_of(CLEO), 0, "{engine}: added like anybody who is known");
        assert!(!world.group(&id).has(DAN), "{engine}");
        assert_eq!(got(&world, DAN).len(), 2, "{engine}: nothing after the receipt");
        let said = world.group(&id).texts().join("\n");
        assert!(said.contains("Dan Eze (asked us not to call)"), "{engine}: not left out in silence: {said}");
        world.assert_sound(&id).await;
    }
}

#[tokio::test]
async fn a_sentence_with_a_stop_word_in_it_is_asked_back_once_and_stops_nobody() {
    for sentence in
        ["Stop the replication, Noor restores it", "Arrêt du cluster à midi", "we cannot stop it yet"]
    {
        let world = world_on(Engine::Gows).await;
        let id = world.fire("Down").await;
        world.pass(30).await;
        let before = got(&world, ADA).len();
        answer(&world, ADA, sentence).await;
        answer(&world, ADA, "stop it at once please, all of you").await;
        world.pass(60).await;
        let after = got(&world, ADA);
        assert_eq!(after[before..], ["Do you want to"], "{sentence}: one question");
        assert_eq!(people(&world).await["ada"]["state"], "written", "{sentence}");
        assert_eq!(world.seats(&id).await["ada"], "in", "{sentence}");
        // The answer to the question counts.
        answer(&world, ADA, "STOP").await;
        world.pass(60).await;
        assert_eq!(people(&world).await["ada"]["state"], "stop", "{sentence}");
    }
}

#[tokio::test]
async fn whoever_has_a_language_is_asked_and_answered_in_it() {
    let roster = ROSTER.replace("name: Ben Cho,", "name: Ben Cho, language: de-AT,");
    let german = "messages:
  translations:
    de:
      opt_in_request: \"Hallo {{ person.name }}! Antworte mit STOP, um nicht gerufen zu werden.\"
      stop_taken: \"Du wirst nicht gerufen. START macht das rückgängig.\"
";
    let world = world_with(Options { roster, more: german.to_owned(), ..Options::default() }).await;
    ask(&world, &json!({ "people": ["ben", "cleo"] })).await;
    world.pass(600).await;
    answer(&world, BEN, "STOP").await;
    answer(&world, CLEO, "STOP").await;
    world.pass(60).await;
    assert_eq!(got(&world, BEN), ["Hallo Ben Cho! Antworte", "Du wirst nicht gerufen."]);
    assert_eq!(got(&world, CLEO), ["Hello Cleo Diaz. This", STOP_TAKEN]);
    // A receipt that has no translation is the built-in one of the language.
    answer(&world, BEN, "START").await;
    world.pass(60).await;
    assert_eq!(got(&world, BEN).last().unwrap(), "Sie dürfen wieder wegen");
}

#[tokio::test]
async fn no_call_names_somebody_who_said_stop_whatever_the_policy_says() {
    for (rooms, opted_in) in [
        ("  not_opted_in: add", false),
        ("  not_opted_in: invite", true),
        ("  chat_history_counts: true", false),
    ] {
        let roster = if opted_in {
            ROSTER.replace(r#"phone: "+15550100004" }"#, r#"phone: "+15550100004", opted_in: true }"#)
        } else {
            ROSTER.to_owned()
        };
        let world = world_with(Options { roster, rooms: rooms.to_owned(), ..Options::default() }).await;
        answer(&world, DAN, "STOP").await;
        world.pass(60).await;
        let before = world.sandbox.calls().len();
        let id = world.fire("Down").await;
        world.pass(400).await;
        world.resolve("Down").await;
        world.pass(4000).await;
        assert_eq!(world.seats(&id).await["dan"], "said STOP on 2026-03-02", "{rooms}");
        let calls = world.sandbox.calls();
        let about_dan = |chat: &Option<String>| chat.as_ref().is_some_and(|chat| chat.contains(DAN));
        assert!(calls[before..].iter().all(|call| !about_dan(&call.chat_id)), "{rooms}");
        assert_eq!(got(&world, DAN), [STOP_TAKEN], "{rooms}");
        assert!(!world.group(&id).has(DAN), "{rooms}");
    }
}

#[tokio::test]
async fn a_stop_in_the_middle_of_a_room_ends_everything_that_was_under_way() {
    for engine in Engine::ALL {
        let world = world_with(Options { engine, ..Options::default() }).await;
        world.sandbox.set_person(BEN, Person::with_privacy(Privacy::SilentlyAbsent));
        let id = world.fire("Down").await;
        world.work().await;
        assert_eq!(world.seats(&id).await["ben"], "asked", "{engine}");
        answer(&world, BEN, "STOP").await;
        world.pass(1800).await;
        assert_eq!(world.seats(&id).await["ben"], "said STOP on 2026-03-02", "{engine}");
        assert_eq!(got(&world, BEN), ["You will not be"], "{engine}: the receipt and no link");

        // Only START undoes it, and then they are wanted again.
        world.sandbox.set_person(BEN, Person::default());
        answer(&world, BEN, "yes").await;
        world.pass(60).await;
        assert_eq!(world.seats(&id).await["ben"], "said STOP on 2026-03-02", "{engine}");
        answer(&world, BEN, "START").await;
        world.pass(120).await;
        assert_eq!(world.seats(&id).await["ben"], "in", "{engine}");
        assert_eq!(got(&world, BEN), ["You will not be", "You may be called"], "{engine}");
        world.assert_sound(&id).await;
    }
}

#[tokio::test]
async fn a_lost_invitation_is_not_said_again_to_somebody_who_said_stop_meanwhile() {
    let world = world_with(Options::default()).await;
    world.sandbox.set_person(BEN, Person::with_privacy(Privacy::SilentlyAbsent));
    let id = world.fire("Down").await;
    world.pass(3).await;
    assert!(world.room(&id).await.is_briefed() && world.links_of(BEN) == 0);
    // The next message is lost, with an answer that says nothing.
    world.sandbox.add_fault(Fault::on(Operation::SendText, FaultKind::GatewayTimeout).times(1));
    while world.room(&id).await.tasks.unknown().next().is_none() {
        world.clock.advance(SignedDuration::from_secs(1));
        world.work().await;
    }
    answer(&world, BEN, "stop").await;
    world.pass(900).await;
    assert_eq!(world.links_of(BEN), 0);
    assert_eq!(world.seats(&id).await["ben"], "said STOP on 2026-03-02");
    world.assert_sound(&id).await;
}

#[tokio::test]
async fn where_everybody_said_stop_a_person_must_decide_and_sees_why() {
    for engine in Engine::ALL {
        let world = world_with(Options { engine, ..Options::default() }).await;
        for digits in [ADA, BEN, CLEO, DAN] {
            answer(&world, digits, "STOP").await;
        }
        world.pass(60).await;
        let id = world.fire("Down").await;
        world.pass(300).await;
        let room = world.room(&id).await;
        assert_eq!(room.phase.name(), PhaseName::Parked, "{engine}: {:?}", room.phase);
        assert!(world.groups(&id).is_empty(), "{engine}");
        let url = format!("http://{}/api/incidents/{id}", world.operator);
        let shown: Value = world.http.get(url).send().await.unwrap().json().await.unwrap();
        let what = shown["attention"][0]["what"].as_str().unwrap();
        assert!(what.contains("everybody called has said STOP"), "{engine}: {what}");
        for digits in [ADA, BEN, CLEO, DAN] {
            assert_eq!(got(&world, digits), ["You will not be"], "{engine}");
        }
        world.assert_sound(&id).await;
    }
}

#[tokio::test]
async fn a_stop_between_the_decision_and_the_call_still_counts() {
    let world = world_with(Options::default()).await;
    let id = world.fire("Down").await;
    let now = world.clock.now();
    let leases = world
        .store
        .lease_rooms(now, warroom::store::Slots::any(10), SignedDuration::from_secs(120))
        .await
        .unwrap();
    let lease = &leases[0];
    let people: Vec<_> = lease.room.seats.iter().map(|seat| seat.who.jid.clone()).collect();
    let step = Task::Create { people };
    let mut room = lease.room.clone();
    let event = room.begin((&step, Some("INCIDENT-1 | Down")), "main", &lease.wanted, now).unwrap();
    let intent = Intent { room, step, instance: "main".to_owned(), event, pace: Pace::Free, covers: None };
    world.store.take_answers("main", vec![heard(CLEO, Verdict::Stop, now)], now).await.unwrap();
    assert_eq!(world.store.begin_step(lease, intent, now).await.unwrap(), Began::Stopped);
    // Whoever comes next makes the group without them.
    world.pass(300).await;
    assert!(world.group(&id).has(ADA) && !world.group(&id).has(CLEO));
}

#[tokio::test]
async fn a_stand_in_is_asked_at_once_for_somebody_who_said_stop_and_never_one_who_did() {
    let roster = r#"
people:
  ada:   { name: Ada Obi,     phone: "+15550100001", opted_in: true }
  ben:   { name: Ben Cho,     phone: "+15550100002", opted_in: true, stand_in: cleo }
  cleo:  { name: Cleo Diaz,   phone: "+15550100003", opted_in: true }
  dan:   { name: Dan Eze,     phone: "+15550100004", opted_in: true }
rotations:
  experts: { timezone: UTC, start: 2026-01-05 09:00, shift_length: 52 weeks, people: [ ben, dan ] }
routes:
  - name: everything
    match: [ 'alertname =~ ".+"' ]
    invite: { commander: [ ada ], specialist: [ rotation:experts ] }
    quorum: { roles: [ specialist ], within: 5m, step: 2m }
fallback:
  invite: { commander: [ ada ] }
"#;
    let world = world_with(Options { roster: roster.to_owned(), ..Options::default() }).await;
    answer(&world, BEN, "STOP").await;
    let id = world.fire("Down").await;
    world.pass(45).await;
    let seats = world.seats(&id).await;
    let others: Vec<&String> = seats.keys().filter(|key| !["ada", "ben"].contains(&key.as_str())).collect();
    assert_eq!(others.len(), 1, "one stand-in, and long before the five minutes: {seats:?}");
    assert_eq!(seats[others[0]], "in");

    let (stand_in, other) = if others[0] == "cleo" { (CLEO, "dan") } else { (DAN, "cleo") };
    answer(&world, stand_in, "STOP").await;
    let second = world.fire("Down too").await;
    world.pass(45).await;
    let seats = world.seats(&second).await;
    assert_eq!(seats.get(other).map(String::as_str), Some("in"), "the next one, at once: {seats:?}");
    assert!(!world.group(&second).has(stand_in));
}

#[tokio::test]
async fn an_answer_under_a_hidden_id_finds_its_name_or_is_seen_to_have_none() {
    for engine in Engine::ALL {
        for lid in [LidKnowledge::KnownMapping, LidKnowledge::LookupOnly] {
            let world = world_on(engine).await;
            world.sandbox.set_person(BEN, Person { lid, ..Person::default() });
            answer(&world, BEN, "STOP").await;
            world.pass(120).await;
            assert_eq!(people(&world).await["ben"]["state"], "stop", "{engine} {lid:?}");
            assert_eq!(metric(&world, "warroom_answers_unnamed").await, "0", "{engine} {lid:?}");
        }
        let world = world_on(engine).await;
        world.sandbox.set_person(BEN, Person { lid: LidKnowledge::LidOnly, ..Person::default() });
        answer(&world, BEN, "STOP").await;
        world.pass(120).await;
        assert_eq!(people(&world).await["ben"]["state"], "none", "{engine}: nobody can tell");
        assert_eq!(metric(&world, "warroom_answers_unnamed").await, "1", "{engine}: and it is seen");
        // Some day the provider knows, and then the STOP counts.
        world.sandbox.set_person(BEN, Person { lid: LidKnowledge::LookupOnly, ..Person::default() });
        world.pass(7 * 3600).await;
        assert_eq!(people(&world).await["ben"]["state"], "stop", "{engine}");
    }
}

#[tokio::test]
async fn answers_count_by_when_they_were_written_however_they_are_told() {
    let world = world_on(Engine::Webjs).await;
    let now = world.clock.now();
    let ago = |seconds: i64| later(now, SignedDuration::from_secs(-seconds));
    let tell = async |verdict, at| {
        world.store.take_answers("main", vec![heard(BEN, verdict, at)], now).await.unwrap()
    };
    tell(Verdict::Start, ago(10)).await;
    let late = tell(Verdict::Stop, ago(60)).await;
    assert!(late.changes.is_empty(), "an old STOP that the START of later undoes");
    assert_eq!(people(&world).await["ben"]["state"], "yes");
    assert_eq!(tell(Verdict::Stop, ago(5)).await.changes.len(), 1);
    assert!(tell(Verdict::Stop, ago(5)).await.changes.is_empty(), "told again");
    world.pass(300).await;
    assert_eq!(got(&world, BEN), ["You will not be"], "one receipt");
}

#[tokio::test]
async fn receipts_do_not_make_a_conversation_with_a_machine() {
    let world = world_on(Engine::Gows).await;
    for _ in 0..6 {
        answer(&world, BEN, "STOP").await;
        world.pass(30).await;
        answer(&world, BEN, "START").await;
        world.pass(30).await;
    }
    assert_eq!(got(&world, BEN), [STOP_TAKEN, START_TAKEN], "one of each in a day");
}

#[tokio::test]
async fn who_is_asked_is_said_and_who_is_left_out_too() {
    let world = world_on(Engine::Webjs).await;
    answer(&world, DAN, "STOP").await;
    let (status, dry) = ask(&world, &json!({ "dry_run": true })).await;
    let asked: Vec<&str> =
        dry["asked"].as_array().unwrap().iter().map(|one| one["person"].as_str().unwrap()).collect();
    assert_eq!((status, asked), (200, vec!["ben", "cleo"]));
    assert!(dry["asked"][0]["text"].as_str().unwrap().contains("*STOP*"));
    world.pass(300).await;
    assert!(asked_at(&world).is_empty(), "a dry run asks nobody");

    let (_, named) = ask(&world, &json!({ "people": ["dan"], "again": true })).await;
    assert_eq!(named["left_out"][0]["why"], "said STOP on 2026-03-02; only a START of their own undoes it");
    assert_eq!(ask(&world, &json!({ "people": ["nobody"] })).await.0, 400);

    ask(&world, &json!({ "people": ["ben"] })).await;
    let (_, twice) = ask(&world, &json!({ "people": ["ben"] })).await;
    assert_eq!(twice["left_out"][0]["why"], "is in the queue already");
    world.pass(60).await;
    let (_, before) = ask(&world, &json!({ "people": ["ben"] })).await;
    assert!(before["left_out"][0]["why"].as_str().unwrap().contains("`--again`"), "{before}");
    let (_, again) = ask(&world, &json!({ "people": ["ben"], "again": true })).await;
    assert_eq!(again["asked"][0]["person"], "ben");
    world.pass(300).await;
    assert_eq!(asked_at(&world).len(), 2);
}

#[tokio::test]
async fn whoever_answers_before_the_request_is_sent_gets_none() {
    let world = world_on(Engine::Noweb).await;
    ask(&world, &json!({})).await;
    world.work().await;
    assert_eq!(asked_at(&world).len(), 1, "the others wait");
    answer(&world, CLEO, "hello, who is this?").await;
    answer(&world, DAN, "STOP").await;
    world.pass(900).await;
    assert_eq!(asked_at(&world).len(), 1);
    assert_eq!(people(&world).await["cleo"]["state"], "written");
}

#[tokio::test]
async fn rooms_come_before_opt_in_requests() {
    let world = world_on(Engine::Webjs).await;
    ask(&world, &json!({})).await;
    let id = world.fire("Down").await;
    world.pass(900).await;
    let read_at = world.room(&id).await.read_at.unwrap();
    let moments = asked_at(&world);
    assert_eq!(moments.len(), 3, "they are not forgotten");
    let briefed_at = world.room(&id).await.tasks.all_said()[0].0;
    assert!(moments.iter().all(|at| *at > briefed_at), "{moments:?} {read_at}");
}

#[tokio::test]
async fn a_lost_opt_in_request_is_looked_for_and_said_twice_at_most() {
    for (effect, expected) in [(Effect::Done, 1), (Effect::None, 1)] {
        let world = world_on(Engine::Gows).await;
        let lost = Fault::on(Operation::SendText, FaultKind::GatewayTimeout).times(1);
        world.sandbox.add_fault(Fault { effect, ..lost });
        ask(&world, &json!({ "people": ["ben"] })).await;
        world.pass(900).await;
        assert_eq!(asked_at(&world).len(), expected, "{effect:?}");
        assert_eq!(people(&world).await["ben"]["state"], "asked", "{effect:?}");
    }
    // Nothing ever arrives: it ends all the same, and says so.
    let world = world_on(Engine::Gows).await;
    world.sandbox.add_fault(Fault::on(Operation::SendText, FaultKind::GatewayTimeout).times(9));
    ask(&world, &json!({ "people": ["ben"] })).await;
    world.pass(1800).await;
    let tries =
        world.sandbox.calls().iter().filter(|call| call.operation == Some(Operation::SendText)).count();
    assert_eq!(tries, 2);
    assert_eq!(people(&world).await["ben"]["state"], "not_sent");
}

#[tokio::test]
async fn a_process_that_dies_with_a_letter_in_hand_leaves_it_to_the_next_one() {
    let world = world_on(Engine::Webjs).await;
    ask(&world, &json!({ "people": ["ben"] })).await;
    let now = world.clock.now();
    let number = &world.bridge.worker.numbers[0];
    let ask = LetterAsk {
        ways: vec![LetterWay { name: "main".to_owned(), budget: number.budget, hears: true }],
        known: vec!["main".to_owned()],
        stopped: Worded::default(),
        started: Worded::default(),
        question: Worded::default(),
        until: later(now, SignedDuration::from_secs(120)),
    };
    let turn = world.store.begin_letter(ask, now).await.unwrap();
    assert!(matches!(turn, LetterTurn::Go(_)), "{turn:?}");
    // Here it dies, before the call.
    world.pass(100).await;
    assert!(asked_at(&world).is_empty(), "nobody else touches it for now");
    world.pass(600).await;
    assert_eq!(asked_at(&world).len(), 1);
}

#[tokio::test]
async fn a_number_that_is_not_on_the_network_is_not_written_to() {
    let world = world_on(Engine::Webjs).await;
    world.sandbox.set_person(BEN, Person::with_privacy(Privacy::NotOnWhatsapp404));
    ask(&world, &json!({ "people": ["ben"] })).await;
    world.pass(300).await;
    let ben = &people(&world).await["ben"];
    assert_eq!((ben["state"].as_str(), ben["trouble"].as_str()), (Some("not_sent"), Some("not on WhatsApp")));
}

#[tokio::test]
async fn a_number_that_cannot_hear_stop_asks_nobody() {
    let world = World::with(Options { roster: ROSTER.to_owned(), ..Options::default() }).await;
    let (status, problem) = ask(&world, &json!({})).await;
    assert_eq!(status, 409, "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("events"), "{problem}");
    world.pass(600).await;
    assert!(asked_at(&world).is_empty());
}

#[tokio::test]
async fn strangers_and_groups_are_nobodys_business_but_a_strangers_stop_is_kept() {
    let world = world_on(Engine::Webjs).await;
    let stranger = "15550177777";
    answer(&world, stranger, "hello").await;
    assert_eq!(people(&world).await.len(), 4, "nothing is kept of them");
    answer(&world, stranger, "STOP").await;
    world.pass(60).await;
    assert!(got(&world, stranger).is_empty(), "nobody answers strangers");
    assert_eq!(metric(&world, r#"warroom_consents{answer="stop"}"#).await, "1");

    let id = world.fire("Down").await;
    world.pass(30).await;
    world.sandbox.say(ADA, &world.group(&id).id, "STOP the deploy");
    deliver(&world).await;
    world.pass(30).await;
    assert_eq!(people(&world).await["ada"]["state"], "none", "what is said in a room is no answer to us");
}

#[tokio::test]
async fn the_pages_and_the_api_show_no_number_and_no_words_of_theirs() {
    let world = world_on(Engine::Webjs).await;
    answer(&world, DAN, "STOP. And not a word about the secret merger").await;
    world.pass(60).await;
    for path in ["/people", "/api/people", "/metrics", "/"] {
        let url = format!("http://{}{path}", world.operator);
        let text = world.http.get(url).send().await.unwrap().text().await.unwrap();
        assert!(!text.contains(DAN) && !text.contains("merger"), "{path}: {text}");
    }
    let url = format!("http://{}/people", world.operator);
    let page = world.http.get(url).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("said STOP on 2026-03-02"), "{page}");
    assert!(!world.kept.holds("merger"), "nor does the store");
}

/// Two opt-in requests around a room; the process ends at `gate`, if one is given. Answers with the gates passed.
async fn crash(gate: Option<usize>) -> (usize, Vec<String>) {
    let mut place = Place::on(Engine::Gows).await;
    let options = Options { events: BOTH, ..Options::default() };
    let hearing = load(&TempDir::new().unwrap(), &options, "127.0.0.1:1".parse().unwrap());
    place.loaded.config.gateway.instances[0].events = hearing.config.gateway.instances[0].events.clone();
    let people = [(BEN, "ben"), (CLEO, "cleo")].map(|(digits, key)| AskedPerson {
        jid: format!("{digits}@c.us").parse().unwrap(),
        person: key.to_owned(),
        text: format!("Hello {key}. This is an automatic number. Answer STOP to refuse."),
    });
    let asking = Asking { people: people.into(), again: false, dry_run: false };
    place.open().ask_opt_in(asking, beginning()).await.unwrap();
    let gates = Gates::new(&gate.into_iter().collect::<Vec<_>>(), &[]);
    place.tell_all(&gates).await;
    let passed = gates.count();
    // Letters wait for each other, and for whoever died with one in hand.
    let process = place.start(&(Gates::new(&[], &[]) as Arc<dyn Gate>));
    for _ in 0..30 {
        place.clock.advance(SignedDuration::from_secs(60));
        process.work().await;
    }
    let mut bad = Vec::new();
    for digits in [BEN, CLEO] {
        let chat = place.sandbox.chat(digits);
        let got = chat.iter().filter(|m| m.text.contains("automatic number")).count();
        if got != 1 {
            bad.push(format!("gate {gate:?}: {got} opt-in requests"));
        }
    }
    let known = process.store.acquaintances().await.unwrap();
    if !known.iter().all(|one| one.consent.asked_at.is_some()) {
        bad.push(format!("gate {gate:?}: not on record"));
    }
    if place.sandbox.groups().len() != 1 {
        bad.push(format!("gate {gate:?}: {} groups", place.sandbox.groups().len()));
    }
    (passed, bad)
}

#[test]
#[ignore = "a sweep: tests/ladder.sh runs it"]
fn opt_in_requests_survive_a_crash_at_every_gate_and_nobody_gets_two() {
    let clean = sweep(&[()], async |()| crash(None).await);
    assert!(clean.violations.is_empty(), "{clean:?}");
    let all: Vec<Option<usize>> = (0..clean.results[0]).map(Some).collect();
    sweep(&all, async |gate| crash(*gate).await).conclude("opt-in requests, crash at each gate");
}

#[tokio::test]
async fn check_warns_of_routes_that_call_who_said_stop() {
    let world = world_on(Engine::Webjs).await;
    let config = world.folder.path().join("warroom.yaml");
    let check = |form| {
        let mut out = Vec::new();
        let code = check::run(&config, &|_| None, beginning(), form, &mut out).unwrap();
        (code, String::from_utf8(out).unwrap())
    };
    let (code, before) = check(Form::Text(Colours::No));
    assert!(code == 0 && before.contains("never wrote to our number: ben, cleo, dan"), "{before}");

    answer(&world, DAN, "STOP").await;
    answer(&world, CLEO, "yes").await;
    ask(&world, &json!({})).await;
    world.pass(60).await;
    let (code, text) = check(Form::Text(Colours::No));
    assert_eq!(code, 0, "a warning is no error");
    for line in [
        "`everything` would call people who said STOP: dan (on 2026-03-02)",
        "`everything` would call people who never wrote to our number: ben",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    let (_, findings) = check(Form::Json);
    assert!(findings.contains("would call people who said STOP: dan"), "{findings}");
}

#[test]
fn check_makes_no_store_where_there_is_none() {
    let folder = TempDir::new().unwrap();
    let loaded = load(&folder, &Options::default(), "127.0.0.1:1".parse().unwrap());
    let mut out = Vec::new();
    check::run(&loaded.config_path, &|_| None, beginning(), Form::Text(Colours::No), &mut out).unwrap();
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "config and roster, and nothing else: {left:?}");
    // A store that nobody has open is read without leaving a trace.
    drop(warroom::store::sqlite::Sqlite::open(&folder.path().join("store.db")).unwrap());
    let files = || std::fs::read_dir(folder.path()).unwrap().count();
    let before = files();
    check::run(&loaded.config_path, &|_| None, beginning(), Form::Json, &mut Vec::new()).unwrap();
    assert_eq!(files(), before);
}

#[tokio::test]
async fn the_receipt_for_a_stop_gives_way_to_rooms_for_half_a_minute_and_no_longer() {
    let world = world_on(Engine::Webjs).await;
    world.fire("Down").await;
    world.pass(20).await;
    // With a hundred rooms there is always one in hand.
    let until = (world.clock.now() + SignedDuration::from_secs(100)).as_millisecond();
    world.kept.execute(&format!("UPDATE rooms SET lease_token = 'held', lease_until = {until}"));
    answer(&world, BEN, "STOP").await;
    world.pass(25).await;
    assert!(!got(&world, BEN).contains(&STOP_TAKEN.to_owned()), "{:?}", got(&world, BEN));
    world.pass(15).await;
    assert!(got(&world, BEN).contains(&STOP_TAKEN.to_owned()), "{:?}", got(&world, BEN));
}
