//! What a route gives into its rooms, over real HTTP: links, a text, wording, deputies; and people's languages.

use warroom::clock::Clock;
use warroom::roster_in_force::ReloadOutcome;
use warroom::sandbox::{Engine, Person, Privacy};

use crate::harness::{ADA, BEN, DAN, Options, World};

/// Digits of the deputy below.
const EVE: &str = "15550100005";

/// Ada leads, Dan reads German, Eve is Ada's deputy for this route, Ben her stand-in everywhere.
const ROSTER: &str = r#"
people:
  ada:   { name: Ada Obi,   phone: "+15550100001", opted_in: true, stand_in: ben }
  ben:   { name: Ben Cho,   phone: "+15550100002", opted_in: true }
  dan:   { name: Dan Eze,   phone: "+15550100004", opted_in: true, language: de-AT }
  eve:   { name: Eve Lund,  phone: "+15550100005", opted_in: true }
routes:
  - name: acme
    match: [ 'client = acme' ]
    continue: true
    invite:
      commander: [ ada ]
      client: [ dan ]
    dashboards: [ { title: Checkout, url: https://graphs.example/checkout } ]
    text: |
      *Payments are frozen on Fridays.*

      Ask before a restart.
    quorum: { roles: [ commander ], within: 5m, step: 2m }
    deputies: { commander: [ eve ] }
  - name: everything
    match: [ 'alertname =~ ".+"' ]
    invite:
      commander: [ ada ]
    dashboards: [ https://graphs.example/all, https://graphs.example/checkout ]
    call: https://meet.example/all
    runbook: https://runbooks.example/all
fallback:
  invite: { commander: [ ada ] }
"#;

const GERMAN: &str = r#"
messages:
  translations:
    de:
      invite: "*{{ severity }} · {{ token }}*\nHallo {{ person.name }}, hier ist der Link: {{ link }}"
"#;

fn options(roster: &str) -> Options {
    Options { roster: roster.to_owned(), more: GERMAN.to_owned(), ..Options::default() }
}

fn welcome(world: &World, id: &str) -> String {
    (*world.group(id).texts().first().expect("it was welcomed")).to_owned()
}

#[tokio::test]
async fn a_room_is_handed_dashboards_a_call_and_a_text() {
    for engine in Engine::ALL {
        let world = World::with(Options { engine, ..options(ROSTER) }).await;
        let id = world.fire("Down").await;
        world.pass(60).await;
        let welcome = welcome(&world, &id);
        assert!(
            welcome.contains("\n\n*Payments are frozen on Fridays.*\n\nAsk before a restart.\n\n"),
            "{welcome}"
        );
        for text in [welcome, world.group(&id).description] {
            let text = text.replace('*', "");
            let links: Vec<&str> = text.lines().filter(|line| line.contains("https://")).collect();
            assert_eq!(
                links,
                [
                    "Runbook: https://runbooks.example/all",
                    "Alert: https://prometheus.example/graph?g0.expr=up",
                    "Alert: https://alertmanager.example",
                    "Checkout: https://graphs.example/checkout",
                    "Dashboard: https://graphs.example/all",
                    "Call: https://meet.example/all",
                ],
                "{engine}: {text}"
            );
        }
    }
}

#[tokio::test]
async fn a_route_speaks_in_its_own_words_and_a_running_room_keeps_them() {
    let own =
        "    messages: { welcome: '{{ token }} for Acme: {{ text }}', resolved: '{{ reference }} of old' }\n";
    let roster = ROSTER.replace("    continue: true\n", &format!("    continue: true\n{own}"));
    let world = World::with(options(&roster)).await;
    let id = world.fire("Down").await;
    world.pass(60).await;
    assert!(welcome(&world, &id).starts_with(&format!("{id} for Acme: *Payments are frozen")));

    let changed = roster.replace("of old", "of new").replace("for Acme", "for others");
    std::fs::write(world.folder.path().join("roster.yaml"), changed).unwrap();
    let exchange = world.bridge.roster.reload(&world.bridge.worker.metrics, world.clock.now());
    assert_eq!(exchange, ReloadOutcome::Taken);
    world.resolve("Down").await;
    world.pass(120).await;
    let texts = world.group(&id).texts().join("\n");
    assert!(texts.contains("update 1 of old") && !texts.contains("of new"), "{texts}");

    let next = world.fire("Up").await;
    world.pass(60).await;
    assert!(welcome(&world, &next).starts_with(&format!("{next} for others: ")));
}

#[tokio::test]
async fn somebody_who_reads_german_is_invited_in_german_and_others_as_usual() {
    let world = World::with(options(ROSTER)).await;
    for digits in [ADA, DAN] {
        world.sandbox.set_person(digits, Person::with_privacy(Privacy::SilentlyAbsent));
    }
    let id = world.fire("Down").await;
    world.pass(200).await;
    let first = |digits: &str| world.sandbox.chat(digits).first().map(|m| m.text.clone()).unwrap_or_default();
    let german = first(DAN);
    assert!(
        german.starts_with(&format!("*SEV1 · {id}*\nHallo Dan Eze, hier ist der Link: https://")),
        "{german}"
    );
    assert!(first(ADA).contains("Hello Ada Obi"), "{}", first(ADA));
    assert_eq!((world.links_of(DAN), world.links_of(ADA)), (1, 1), "invited once each");
}

#[tokio::test]
async fn a_deputy_is_asked_before_the_stand_in() {
    let world = World::with(options(ROSTER)).await;
    for digits in [ADA, BEN, EVE] {
        world.sandbox.set_person(digits, Person::with_privacy(Privacy::SilentlyAbsent));
    }
    let id = world.fire("Down").await;
    world.pass(440).await;
    let seats = world.seats(&id).await;
    assert_eq!(seats["ada"], "invited, replaced by Eve Lund");
    assert_eq!(seats["eve"], "invited by link");
    assert!(!seats.contains_key("ben"), "{seats:?}");
    let room = world.room(&id).await;
    let eve = room.seats.iter().find(|s| s.who.person == "eve").unwrap();
    assert_eq!(eve.who.why, "deputy for commander in route acme");
    let said = world.group(&id).texts().join("\n");
    assert!(said.contains("Eve Lund is being asked to step in as lead for Ada Obi."), "{said}");

    world.pass(120).await;
    assert_eq!(world.seats(&id).await["ben"], "invited by link", "then the stand-in");
}

#[tokio::test]
async fn a_deputy_who_is_away_is_skipped() {
    let away = ROSTER.replace(
        "phone: \"+15550100005\", opted_in: true",
        "phone: \"+15550100005\", opted_in: true, timezone: UTC, absences: [ { from: 2026-03-01, until: 2026-03-05 } ]",
    );
    let world = World::with(options(&away)).await;
    world.sandbox.set_person(ADA, Person::with_privacy(Privacy::SilentlyAbsent));
    let id = world.fire("Down").await;
    world.pass(440).await;
    let seats = world.seats(&id).await;
    assert!(!seats.contains_key("eve") && seats.contains_key("ben"), "{seats:?}");
}

#[tokio::test]
async fn a_room_from_before_knows_nothing_of_all_this_and_is_still_read() {
    let world = World::with(options(ROSTER)).await;
    let id = world.fire("Down").await;
    world.pass(60).await;
    let mut room = serde_json::to_value(world.room(&id).await).unwrap();
    room["summons"].as_object_mut().unwrap().remove("handout").expect("it is kept with the room");
    for seat in room["seats"].as_array_mut().unwrap() {
        seat["who"].as_object_mut().unwrap().remove("language");
    }
    let room: warroom::room::Room = serde_json::from_value(room).unwrap();
    assert!(room.summons.handout.is_empty());
}
