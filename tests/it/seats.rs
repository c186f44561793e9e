//! Every way in which a person's seat can end, on every engine; and what an earlier conversation is worth.

use std::collections::BTreeMap;

use warroom::clock::SignedDuration;
use warroom::room::{Seat, SeatState};
use warroom::sandbox::{Engine, Fault, FaultKind, LidKnowledge, Operation, Person, Privacy, Setup};

use crate::harness::{Options, World};
use crate::sweep::sweep;

/// The bot's own chat id.
const BOT: &str = "15550100000@c.us";

/// Ada is in, the others each end in a seat of another kind.
const ROSTER: &str = r#"
people:
  ada:    { name: Ada Obi,      phone: "+15550100001", opted_in: true }
  ben:    { name: Ben Cho,      phone: "+15550100002", opted_in: true }
  cleo:   { name: Cleo Diaz,    phone: "+15550100003", opted_in: true }
  dan:    { name: Dan Eze,      phone: "+15550100004", opted_in: true }
  eve:    { name: Eve Lund,     phone: "+15550100005", opted_in: true }
  fay:    { name: Fay Moss,     phone: "+15550100006", opted_in: true }
  gus:    { name: Gus Roy,      phone: "+15550100007", opted_in: true }
  hana:   { name: Hana Ito,     phone: "+15550100008", opted_in: true }
  ivo:    { name: Ivo Kral,     phone: "+15550100009" }
  jun:    { name: Jun Park,     phone: "+15550100010", opted_in: true, stand_in: kim }
  kim:    { name: Kim Noor,     phone: "+15550100011", opted_in: true }
  lou:    { name: Lou Abel,     phone: "+15550100012", opted_in: true }
rotations:
  clients: { timezone: UTC, start: 2026-01-05 09:00, shift_length: 1 week, people: [ lou ] }
routes:
  - name: everything
    match: [ 'alertname =~ ".+"' ]
    size: 10
    invite:
      commander: [ ada ]
      specialist: [ jun ]
      engineer: [ ben, cleo, dan, eve, fay, gus, hana, ivo ]
      client: [ rotation:clients ]
    quorum: { roles: [ specialist ], within: 5m, step: 1m }
fallback:
  invite: { commander: [ ada ] }
"#;

fn digits(n: usize) -> String {
    format!("155501000{n:02}")
}

fn set(world: &World, n: usize, privacy: Privacy) {
    world.sandbox.set_person(&digits(n), Person::with_privacy(privacy));
}

#[test]
#[ignore = "a sweep: tests/ladder.sh runs it"]
fn every_outcome_of_a_seat_on_every_engine() {
    let swept = sweep(&Engine::ALL, async |&engine| {
        // Ten people fit: the last one of the file does not.
        let options = Options { engine, roster: ROSTER.to_owned(), ..Options::default() };
        let world = World::with(options).await;
        set(&world, 2, Privacy::Refuses403);
        set(&world, 3, Privacy::NotOnWhatsapp404);
        set(&world, 4, Privacy::Blocked401);
        set(&world, 5, Privacy::RecentlyLeft408);
        set(&world, 6, Privacy::GroupInviteOnly417);
        set(&world, 7, Privacy::Full419);
        set(&world, 8, Privacy::AppearsLate(SignedDuration::from_secs(4)));
        set(&world, 10, Privacy::SilentlyAbsent);
        let id = world.fire("Down").await;
        assert_eq!(places(&world, &id).await["ada"], ("wanted".to_owned(), "not asked yet".to_owned()));
        world.pass(60).await;

        let seats = world.seats(&id).await;
        // NOWEB tells of no single person while a group is made, so that what it tells later counts.
        let expected = [
            ("ada", "in"),
            ("ben", "invited by link"),
            ("cleo", "not on WhatsApp"),
            ("fay", "invited by link"),
            ("hana", "in"),
            ("ivo", "invited by link"),
            ("jun", "invited by link"),
            ("lou", "too many for one room"),
        ];
        for (person, words) in expected {
            assert_eq!(seats[person], words, "{engine}: {person} of {seats:?}");
        }
        for (person, words, else_words) in [
            ("dan", "has blocked this number", "invited by link"),
            ("eve", "left a short while ago", "invited by link"),
            ("gus", "the group is full", "invited by link"),
        ] {
            let known = if engine == Engine::Noweb { else_words } else { words };
            assert_eq!(seats[person], known, "{engine}: {person} of {seats:?}");
        }
        let presence = &world.group(&id).texts()[1].to_owned();
        for part in
            ["Ada Obi", "Hana Ito", "Cleo Diaz (not on WhatsApp)", "Lou Abel (too many for one group)"]
        {
            assert!(presence.contains(part), "{engine}: {presence}");
        }

        // One joins by the link, one leaves, one is replaced and comes all the same.
        let link = world.group(&id).invite_link;
        world.sandbox.join_by_link(&digits(2), &link).unwrap();
        world.pass(400).await;
        let places = places(&world, &id).await;
        assert_eq!(places["ben"].0, "in", "{engine}");
        assert_eq!(
            places["jun"],
            ("replaced".to_owned(), "invited, replaced by Kim Noor".to_owned()),
            "{engine}"
        );
        assert_eq!(places["kim"].0, "in", "{engine}: added to the group that was there");
        world.sandbox.join_by_link(&digits(10), &link).unwrap();
        world.pass(1000).await;
        let seats = world.seats(&id).await;
        assert_eq!((seats["jun"].as_str(), seats["kim"].as_str()), ("in", "in"), "{engine}");
        assert_eq!(
            world.group(&id).texts().iter().filter(|t| t.contains("who is here")).count(),
            1,
            "{engine}"
        );
        assert!(world.room(&id).await.seats.iter().all(Seat::is_settled), "{engine}");
        world.assert_sound(&id).await;
        ((), Vec::new())
    });
    swept.conclude("every outcome of a seat, each engine");
}

/// State and words of each seat as the API tells them.
async fn places(world: &World, id: &str) -> BTreeMap<String, (String, String)> {
    let url = format!("http://{}/api/incidents/{id}", world.operator);
    let json: serde_json::Value = world.http.get(url).send().await.unwrap().json().await.unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let seats = json["room"]["seats"].as_array().unwrap();
    seats.iter().map(|s| (text(&s["person"]), (text(&s["state"]), text(&s["words"])))).collect()
}

#[tokio::test]
async fn a_stand_in_whose_row_has_no_name_cannot_be_told_and_is_not_replaced() {
    for engine in Engine::ALL {
        let options = Options { engine, roster: ROSTER.to_owned(), ..Options::default() };
        let world = World::with(options).await;
        set(&world, 10, Privacy::SilentlyAbsent);
        let hidden = Person { lid: LidKnowledge::LidOnly, ..Person::default() };
        world.sandbox.set_person(&digits(11), hidden);
        let id = world.fire("Down").await;
        world.pass(1200).await;
        let room = world.room(&id).await;
        let kim = room.seats.iter().find(|s| s.who.person == "kim").unwrap();
        assert!(matches!(kim.state, SeatState::CannotTell { .. }), "{engine}: {kim:?}");
        assert_eq!(world.links_of(&digits(11)), 0, "{engine}: whoever may be in gets no link");
        let texts = world.group(&id).texts().concat();
        assert!(texts.contains("*Not sure whether we have:* specialist."), "{engine}: {texts}");
    }
}

/// Ivo and Kay never opted in.
const STRANGERS: &str = r#"
people:
  ada: { name: Ada Obi,  phone: "+15550100001", opted_in: true }
  ivo: { name: Ivo Kral, phone: "+15550100009" }
  kay: { name: Kay Bell, phone: "+15550100013" }
routes:
  - name: everything
    match: [ 'alertname =~ ".+"' ]
    invite: { commander: [ ada ], specialist: [ ivo, kay ] }
fallback:
  invite: { commander: [ ada ] }
"#;

fn history(engine: Engine) -> Options {
    let rooms = "  chat_history_counts: true".to_owned();
    Options { engine, rooms, roster: STRANGERS.to_owned(), ..Options::default() }
}

#[tokio::test]
async fn somebody_who_wrote_to_us_is_added_like_people_who_opted_in() {
    for engine in Engine::ALL {
        let world = World::with(history(engine)).await;
        world.sandbox.say(&digits(9), BOT, "Hello, this is Ivo.");
        world.clock.advance(SignedDuration::from_hours(24 * 30));
        let id = world.fire("Down").await;
        world.pass(60).await;
        let seats = world.seats(&id).await;
        assert_eq!((seats["ivo"].as_str(), seats["kay"].as_str()), ("in", "invited by link"), "{engine}");
        assert_eq!(world.links_of(&digits(9)), 0, "{engine}");
        let url = format!("http://{}/api/incidents/{id}", world.operator);
        let json: serde_json::Value = world.http.get(url).send().await.unwrap().json().await.unwrap();
        let written: Vec<bool> =
            json["room"]["seats"].as_array().unwrap().iter().map(|s| s["has_written"] == true).collect();
        assert_eq!(written, [false, true, false], "{engine}");
        let looks = |what: &serde_json::Value| what.as_str().unwrap().starts_with("check_history");
        let rows = json["timeline"].as_array().unwrap().iter().filter(|row| looks(&row["what"]));
        let said: Vec<&str> = rows.map(|row| row["detail"].as_str().unwrap()).collect();
        assert_eq!(said, ["has written to us", "has not written to us"], "{engine}");
        world.assert_sound(&id).await;
    }
}

#[tokio::test]
async fn a_chat_under_a_hidden_id_is_found_where_the_id_can_be_looked_up() {
    for engine in Engine::ALL {
        let world = World::with(history(engine)).await;
        let person = Person { lid: LidKnowledge::LookupOnly, ..Person::default() };
        world.sandbox.set_person(&digits(9), person);
        world.sandbox.say(&digits(9), BOT, "Hello, this is Ivo.");
        let id = world.fire("Down").await;
        world.pass(60).await;
        assert_eq!(world.seats(&id).await["ivo"], "in", "{engine}");
    }
}

#[tokio::test]
async fn our_own_messages_and_very_old_ones_are_no_acquaintance() {
    let world = World::with(history(Engine::Gows)).await;
    world.sandbox.say(&digits(9), BOT, "Hello, this is Ivo.");
    world.clock.advance(SignedDuration::from_hours(24 * 181));
    let first = world.fire("Down").await;
    world.pass(60).await;
    assert_eq!(world.seats(&first).await["ivo"], "invited by link", "half a year ago");
    // Now the chats with both hold an invitation of ours.
    let second = world.fire("Again").await;
    world.pass(60).await;
    assert_eq!(world.seats(&second).await["kay"], "invited by link");
    assert!(!world.group(&second).has(&digits(13)));
}

#[tokio::test]
async fn a_chat_that_cannot_be_read_does_not_delay_the_room() {
    for kind in [FaultKind::InternalError, FaultKind::Reset, FaultKind::BadGateway] {
        let world = World::with(history(Engine::Webjs)).await;
        world.sandbox.say(&digits(9), BOT, "Hello, this is Ivo.");
        world.sandbox.add_fault(Fault::on(Operation::ListMessages, kind.clone()));
        let id = world.fire("Down").await;
        world.work().await;
        assert_eq!(world.groups(&id).len(), 1, "{kind:?}: made at once");
        let looked =
            world.sandbox.calls().iter().filter(|c| c.operation == Some(Operation::ListMessages)).count();
        assert_eq!(looked, 1, "{kind:?}: nobody else is asked about");
        world.pass(60).await;
        assert_eq!(world.seats(&id).await["ivo"], "invited by link", "{kind:?}");
    }
}

#[tokio::test]
async fn without_the_setting_no_chat_is_looked_into() {
    let world = World::with(Options { rooms: String::new(), ..history(Engine::Webjs) }).await;
    world.sandbox.say(&digits(9), BOT, "Hello, this is Ivo.");
    let id = world.fire("Down").await;
    world.pass(60).await;
    assert_eq!(world.seats(&id).await["ivo"], "invited by link");
    assert!(world.sandbox.calls().iter().all(|c| c.operation != Some(Operation::ListMessages)));
    assert_eq!(BOT, format!("{}@c.us", Setup::BOT_DIGITS));
}
