//! Who must be there: reminded once, replaced by stand-ins, raised, and said when they are there after all.

use std::sync::{Arc, OnceLock};

use tempfile::TempDir;
use warroom::clock::{SignedDuration, later};
use warroom::room::seat::Refused;
use warroom::room::{PhaseName, Room, SeatState};
use warroom::roster::Roster;
use warroom::sandbox::{Engine, GroupView, LidKnowledge, Person, Privacy, Setup};
use warroom::store::Happening;

use crate::gates::{Gate, Gates};
use crate::harness::{ADA, BEN, CLEO, DAN, Options, World, beginning, load};
use crate::place::{Place, story_until};
use crate::sweep::sweep;
use crate::verdict::replay;

/// Digits of the people below.
const EVE: &str = "15550100005";
const FAY: &str = "15550100006";

/// Ada leads; Ben is the specialist on duty, then Cleo by the rotation, then Dan by name; Eve is told last.
const ROSTER: &str = r#"
people:
  ada:   { name: Ada Obi,     phone: "+15550100001", opted_in: true }
  ben:   { name: Ben Cho,     phone: "+15550100002", opted_in: true, stand_in: dan }
  cleo:  { name: Cleo Diaz,   phone: "+15550100003", opted_in: true }
  dan:   { name: Dan Eze,     phone: "+15550100004", opted_in: true }
  eve:   { name: Eve Lund,    phone: "+15550100005", opted_in: true }
  fay:   { name: Fay Moss,    phone: "+15550100006", opted_in: true }
rotations:
  experts:
    timezone: UTC
    start: 2026-01-05 09:00
    shift_length: 52 weeks
    people: [ ben, cleo ]
routes:
  - name: everything
    match: [ 'alertname =~ ".+"' ]
    invite:
      commander: [ ada ]
      specialist: [ rotation:experts ]
      client: [ fay ]
    quorum: { roles: [ specialist ], within: 5m, step: 2m, otherwise: [ eve ] }
fallback:
  invite: { commander: [ ada ] }
"#;

fn options(roster: &str) -> Options {
    Options { roster: roster.to_owned(), ..Options::default() }
}

/// A world in which these people can only be invited, and do not come.
async fn without(absent: &[&str], options: Options) -> World {
    let world = World::with(options).await;
    for digits in absent {
        world.sandbox.set_person(digits, Person::with_privacy(Privacy::SilentlyAbsent));
    }
    world
}

/// What was said into the room about who is needed, without the first line and who speaks.
fn needed(group: &GroupView) -> Vec<String> {
    let about = |text: &&str| text.lines().next().is_some_and(|first| first.contains("· who is needed"));
    let rest = |text: &str| {
        let lines: Vec<&str> = text.lines().skip(1).filter(|line| *line != "Incident Response").collect();
        lines.join(" ")
    };
    group.texts().into_iter().filter(about).map(rest).collect()
}

/// The reminders that somebody got.
fn reminders(world: &World, digits: &str) -> usize {
    world.sandbox.chat(digits).iter().filter(|m| m.text.contains("nobody has come in that role")).count()
}

/// The invitations that somebody got.
fn invitations(world: &World, digits: &str) -> usize {
    world.sandbox.chat(digits).iter().filter(|m| m.text.contains("WhatsApp does not show you")).count()
}

/// The decisions in the order of the journal.
async fn turns(world: &World, id: &str) -> Vec<String> {
    let timeline = world.dossier(id).await.timeline;
    let turn = |what: &Happening| match what {
        Happening::Moved { event: warroom::room::Event::Escalated { step } } => {
            Some(serde_json::to_value(step).unwrap()["step"].as_str().unwrap().to_owned())
        }
        _ => None,
    };
    timeline.iter().filter_map(|entry| turn(&entry.what)).collect()
}

#[tokio::test]
async fn nobody_comes_and_each_step_is_taken_once_and_in_order() {
    for engine in Engine::ALL {
        let options = Options { engine, ..options(ROSTER) };
        let world = without(&[BEN, CLEO, DAN, EVE], options).await;
        let id = world.fire("Down").await;
        world.pass(290).await;
        assert_eq!(reminders(&world, BEN), 0, "{engine}: not before it is time");
        assert_eq!(needed(&world.group(&id)), Vec::<String>::new());

        world.pass(20).await;
        assert_eq!(reminders(&world, BEN), 1, "{engine}: reminded");
        assert_eq!(world.seats(&id).await.len(), 3, "{engine}: nobody else is asked yet");

        world.pass(130).await;
        let seats = world.seats(&id).await;
        assert_eq!(seats["ben"], "invited, replaced by Cleo Diaz", "{engine}");
        assert_eq!(seats["cleo"], "invited by link", "{engine}: added, not seen, invited");
        let room = world.room(&id).await;
        let cleo = room.seats.iter().find(|s| s.who.person == "cleo").unwrap();
        assert_eq!(cleo.who.role, "specialist");
        assert!(cleo.who.why.starts_with("stands in for Ben Cho; next in rotation experts"), "{cleo:?}");

        world.pass(120).await;
        assert_eq!(world.seats(&id).await["cleo"], "invited, replaced by Dan Eze", "{engine}");
        assert_eq!(invitations(&world, EVE), 0, "{engine}: told last");

        world.pass(150).await;
        let said = needed(&world.group(&id));
        assert_eq!(
            said,
            [
                "Cleo Diaz is being asked to step in as specialist for Ben Cho.",
                "Dan Eze is being asked to step in as specialist for Ben Cho.",
                "*Still missing:* specialist. Nobody is left to ask. If you can take it, or know who can, please \
                 write it here. *Also called:* Eve Lund",
            ],
            "{engine}"
        );
        assert_eq!(world.seats(&id).await["eve"], "invited by link", "{engine}");
        assert_eq!(turns(&world, &id).await, ["remind", "stand_in", "stand_in", "short"], "{engine}");
        world.pass(3600).await;
        assert_eq!(needed(&world.group(&id)), said, "{engine}: nothing is said twice");
        for digits in [BEN, CLEO, DAN, EVE] {
            assert_eq!(invitations(&world, digits), 1, "{engine}: {digits}");
            assert_eq!(reminders(&world, digits), usize::from(digits == BEN), "{engine}: {digits}");
        }
        let console = attention(&world, &id).await;
        assert_eq!(console, ["Nobody is there for: specialist. All stand-ins were asked."], "{engine}");
        world.assert_sound(&id).await;
    }
}

/// What waits for a person, as the API tells it.
async fn attention(world: &World, id: &str) -> Vec<String> {
    let url = format!("http://{}/api/incidents/{id}", world.operator);
    let json: serde_json::Value = world.http.get(url).send().await.unwrap().json().await.unwrap();
    let each = json["attention"].as_array().unwrap();
    each.iter().map(|item| item["what"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn whoever_comes_in_between_ends_it_and_hears_no_more() {
    let world = without(&[BEN, CLEO], options(ROSTER)).await;
    let id = world.fire("Down").await;
    world.pass(320).await;
    assert_eq!(reminders(&world, BEN), 1);
    world.sandbox.join_by_link(BEN, &world.group(&id).invite_link).unwrap();
    world.pass(3600).await;
    assert_eq!(world.seats(&id).await["ben"], "in");
    assert_eq!(turns(&world, &id).await, ["remind"]);
    assert_eq!(needed(&world.group(&id)), Vec::<String>::new(), "nothing was raised, so nothing is said");
    assert_eq!(world.seats(&id).await.len(), 3);
}

#[tokio::test]
async fn whoever_comes_before_it_is_time_is_not_looked_for_once_more() {
    let world = without(&[], options(ROSTER)).await;
    let id = world.fire("Down").await;
    world.pass(3600).await;
    assert_eq!(turns(&world, &id).await, Vec::<String>::new());
    // Three soon after the beginning, and one every quarter of an hour to see who has left.
    assert_eq!(world.room(&id).await.reads, 6, "the planned ones only");
}

#[tokio::test]
async fn somebody_who_comes_after_it_was_raised_is_said_once() {
    let world = without(&[BEN, CLEO, DAN, EVE], options(ROSTER)).await;
    let id = world.fire("Down").await;
    world.pass(720).await;
    assert_eq!(needed(&world.group(&id)).len(), 3);
    world.sandbox.join_by_link(CLEO, &world.group(&id).invite_link).unwrap();
    world.pass(3600).await;
    let said = needed(&world.group(&id));
    assert_eq!(said[3..], ["*Everyone we need is here:* Cleo Diaz (specialist)"]);
    assert_eq!(world.seats(&id).await["cleo"], "in", "replaced before, and in all the same");
    assert_eq!(world.seats(&id).await["ben"], "invited, replaced by Cleo Diaz");
    assert_eq!(attention(&world, &id).await, Vec::<String>::new());
    world.assert_sound(&id).await;
}

#[tokio::test]
async fn a_step_that_reaches_nobody_is_skipped_at_once() {
    // Nobody to remind: the specialist is not on the network, so the stand-in is asked as soon as it is time.
    let world = without(&[], options(ROSTER)).await;
    world.sandbox.set_person(BEN, Person::with_privacy(Privacy::NotOnWhatsapp404));
    let id = world.fire("Down").await;
    world.pass(330).await;
    assert_eq!(world.seats(&id).await["cleo"], "in");
    assert_eq!(world.seats(&id).await["ben"], "not on WhatsApp", "the reason stays");
    assert_eq!(turns(&world, &id).await, ["stand_in"]);

    // Nobody to ask instead: it is raised one step after the reminder.
    let alone = ROSTER.replace("people: [ ben, cleo ]", "people: [ ben ]").replace(", stand_in: dan", "");
    let alone = alone.replace("client: [ fay ]", "client: [ fay, cleo, dan ]");
    let world = without(&[BEN], options(&alone)).await;
    let id = world.fire("Down").await;
    world.pass(440).await;
    assert_eq!(turns(&world, &id).await, ["remind", "short"]);

    // Nobody to remind and nobody to ask: at once.
    let world = without(&[], options(&alone)).await;
    world.sandbox.set_person(BEN, Person::with_privacy(Privacy::NotOnWhatsapp404));
    let id = world.fire("Down").await;
    world.pass(310).await;
    assert_eq!(turns(&world, &id).await, ["short"]);
    assert_eq!(invitations(&world, EVE), 1);

    // And nobody to tell.
    let world =
        without(&[], options(&alone.replace(", otherwise: [ eve ]", "").replace("[ fay, ", "[ fay, eve, ")))
            .await;
    world.sandbox.set_person(BEN, Person::with_privacy(Privacy::NotOnWhatsapp404));
    let id = world.fire("Down").await;
    world.pass(310).await;
    assert_eq!(
        needed(&world.group(&id)),
        [
            "*Still missing:* specialist. Nobody is left to ask. If you can take it, or know who can, please write it here."
        ]
    );
}

#[tokio::test]
async fn a_stand_in_who_never_opted_in_is_invited_and_not_added() {
    let roster = ROSTER.replace("\"+15550100003\", opted_in: true", "\"+15550100003\"");
    let world = without(&[BEN, DAN], options(&roster)).await;
    let id = world.fire("Down").await;
    world.pass(460).await;
    assert_eq!(world.seats(&id).await["cleo"], "invited by link");
    assert!(!world.group(&id).has(CLEO));
    assert_eq!(invitations(&world, CLEO), 1);

    // Where strangers are left out, the next one is asked at once.
    let rooms = "  not_opted_in: leave_out".to_owned();
    let world = without(&[BEN], Options { rooms, ..options(&roster) }).await;
    let id = world.fire("Down").await;
    world.pass(460).await;
    let seats = world.seats(&id).await;
    assert_eq!(seats["dan"], "in");
    assert!(!seats.contains_key("cleo"));
    assert_eq!(invitations(&world, CLEO), 0);
}

#[tokio::test]
async fn two_roles_are_pursued_side_by_side_and_a_person_with_both_is_reminded_once() {
    let roster = ROSTER
        .replace(
            "commander: [ ada ]\n      specialist: [ rotation:experts ]",
            "commander: [ ben ]\n      specialist: [ rotation:experts ]",
        )
        .replace("client: [ fay ]", "client: [ fay, ada ]")
        .replace("roles: [ specialist ]", "roles: [ commander, specialist ]");
    let world = without(&[BEN, CLEO, DAN, EVE], options(&roster)).await;
    let id = world.fire("Down").await;
    world.pass(330).await;
    assert_eq!(reminders(&world, BEN), 1);
    world.pass(120).await;
    // Dan is asked in the place of the commander, Cleo in that of the specialist.
    let room = world.room(&id).await;
    let role = |room: &Room, person: &str| {
        room.seats.iter().find(|s| s.who.person == person).map(|s| s.who.role.clone())
    };
    assert_eq!(role(&room, "dan").as_deref(), Some("commander"));
    assert_eq!(role(&room, "cleo").as_deref(), Some("specialist"));
    world.pass(140).await;
    // Nobody is left for the commander. Dan, who was asked already, is asked for the other role too.
    let room = world.room(&id).await;
    assert_eq!(role(&room, "dan").as_deref(), Some("commander, specialist"));
    assert_eq!(invitations(&world, DAN), 1);
    let said = needed(&world.group(&id));
    assert!(said.iter().any(|text| text.starts_with("*Still missing:* lead.")), "{said:#?}");
    world.sandbox.join_by_link(DAN, &world.group(&id).invite_link).unwrap();
    world.pass(1800).await;
    let said = needed(&world.group(&id));
    assert!(!said.iter().any(|text| text.contains("Still missing:* specialist")), "{said:#?}");
    assert_eq!(said.last().unwrap(), "*Everyone we need is here:* Dan Eze (lead), Dan Eze (specialist)");
    world.assert_sound(&id).await;
}

#[tokio::test]
async fn somebody_who_cannot_be_told_is_left_in_peace_and_the_room_is_asked() {
    let world = World::with(options(ROSTER)).await;
    // One nameless row, and two people it could be.
    let hidden = |privacy| Person { lid: LidKnowledge::LidOnly, privacy, ..Person::default() };
    world.sandbox.set_person(BEN, hidden(Privacy::Ok));
    world.sandbox.set_person(FAY, hidden(Privacy::SilentlyAbsent));
    let id = world.fire("Down").await;
    world.pass(1800).await;
    assert_eq!(world.seats(&id).await["ben"], "cannot tell");
    assert_eq!(reminders(&world, BEN), 0);
    assert_eq!(
        needed(&world.group(&id)),
        ["*Not sure whether we have:* specialist. If that is you, please write one word."]
    );
    assert_eq!(turns(&world, &id).await, ["unsure"]);
}

#[tokio::test]
async fn nothing_of_it_happens_once_the_incident_is_over() {
    let rooms = "  close_after: 30m".to_owned();
    let world = without(&[BEN, CLEO, DAN], Options { rooms, ..options(ROSTER) }).await;
    let id = world.fire("Down").await;
    world.pass(320).await;
    world.resolve("Down").await;
    world.pass(1000).await;
    assert_eq!(turns(&world, &id).await, ["remind"]);
    // It fires again in the quiet time: it goes on where it stood.
    world.fire("Down").await;
    world.pass(30).await;
    assert_eq!(turns(&world, &id).await, ["remind", "stand_in"]);
    world.resolve("Down").await;
    world.pass(3600).await;
    assert_eq!(turns(&world, &id).await, ["remind", "stand_in"]);
    assert_eq!(world.room(&id).await.phase.name(), PhaseName::Closed);
    world.assert_sound(&id).await;
}

#[tokio::test]
async fn a_stand_in_who_was_never_asked_is_told_of_as_such_when_it_is_over() {
    let rooms = "  close_after: 10m".to_owned();
    let world = without(&[BEN], Options { rooms, ..options(ROSTER) }).await;
    let id = world.fire("Down").await;
    world.pass(419).await;
    // The number goes down in the moment in which the stand-in is to be added.
    world.sandbox.set_session(Setup::INSTANCE_ID, "SCAN_QR_CODE");
    world.pass(600).await;
    world.resolve("Down").await;
    world.sandbox.set_session(Setup::INSTANCE_ID, "WORKING");
    world.pass(3600).await;
    assert!(!world.group(&id).has(CLEO));
    assert_eq!(invitations(&world, CLEO), 0);
    let room = world.room(&id).await;
    assert_eq!(room.phase.name(), PhaseName::Closed);
    assert!(room.seats.iter().all(warroom::room::Seat::is_settled), "{:#?}", room.seats);
}

#[tokio::test]
async fn while_the_number_is_down_nobody_is_judged() {
    let world = without(&[BEN], options(ROSTER)).await;
    let id = world.fire("Down").await;
    world.pass(200).await;
    world.sandbox.set_session(Setup::INSTANCE_ID, "SCAN_QR_CODE");
    world.pass(3600).await;
    assert_eq!(turns(&world, &id).await, Vec::<String>::new());
    world.sandbox.join_by_link(BEN, &world.group(&id).invite_link).unwrap();
    world.sandbox.set_session(Setup::INSTANCE_ID, "WORKING");
    world.pass(600).await;
    assert_eq!(world.seats(&id).await["ben"], "in");
    assert_eq!(turns(&world, &id).await, Vec::<String>::new(), "a fresh list comes first");
}

#[tokio::test]
async fn those_beyond_the_size_of_a_room_are_named_and_the_commander_is_not_among_them() {
    let roster = ROSTER.replace(
        "commander: [ ada ]\n      specialist",
        "client: [ fay ]\n      account manager: [ dan ]\n      specialist",
    );
    let roster = roster.replace("client: [ fay ]\n    quorum", "commander: [ ada ]\n    size: 3\n    quorum");
    let world = without(&[], options(&roster)).await;
    let id = world.fire("Down").await;
    world.pass(60).await;
    let group = world.group(&id);
    assert!(group.has(ADA) && group.has(FAY) && group.has(DAN) && !group.has(BEN));
    let room = world.room(&id).await;
    let ben = room.seats.iter().find(|s| s.who.person == "ben").unwrap();
    assert_eq!(ben.state, SeatState::Refused { why: Refused::OverSize });
    assert!(group.texts()[1].contains("Ben Cho (too many for one group)"), "{}", group.texts()[1]);
    assert_eq!(invitations(&world, BEN), 0);
}

/// The roster above, read once.
fn roster() -> Roster {
    static READ: OnceLock<Roster> = OnceLock::new();
    let read = || {
        let folder = TempDir::new().unwrap();
        load(&folder, &options(ROSTER), ([127, 0, 0, 1], 1).into()).roster
    };
    READ.get_or_init(read).clone()
}

#[test]
#[ignore = "a sweep: tests/ladder.sh runs it"]
fn the_chain_survives_a_crash_at_every_gate_and_says_nothing_twice() {
    // What comes before it is time is the story of every room.
    let first = sweep(&[()], async |()| (gates_before_it_is_time().await, Vec::new())).results[0];
    let clean = sweep(&[()], async |()| crash(None).await);
    let gates = clean.results[0];
    assert!(first < gates && clean.violations.is_empty(), "{clean:?}");
    let all: Vec<Option<usize>> = (first..gates).map(Some).collect();
    let swept = sweep(&all, async |gate| crash(*gate).await);
    swept.conclude(&format!("the chain of stand-ins, crash at each gate from {first} to {gates}"));
}

/// Where nobody comes but the commander and the client, and the alert ends when all is said.
async fn place() -> Place {
    let mut place = Place::on(Engine::Gows).await;
    place.loaded.roster = roster();
    place.story = story_until(1800);
    for digits in [BEN, CLEO, DAN] {
        place.sandbox.set_person(digits, Person::with_privacy(Privacy::Refuses403));
    }
    place
}

async fn gates_before_it_is_time() -> usize {
    let place = place().await;
    let gates = Gates::new(&[], &[]);
    let gate: Arc<dyn Gate> = gates.clone();
    let process = place.start(&gate);
    place.post_what_is_due(&process).await;
    place.pass_until(later(beginning(), SignedDuration::from_secs(299)), &process).await;
    gates.count()
}

async fn crash(gate: Option<usize>) -> (usize, Vec<String>) {
    let place = place().await;
    let stops: Vec<usize> = gate.into_iter().collect();
    let gates = Gates::new(&stops, &[]);
    place.tell_all(&gates).await;
    let mut bad = Vec::new();
    let store = place.open();
    let dossier = store.dossier(warroom::incident::IncidentId(1)).await.unwrap().unwrap();
    let room = dossier.room.as_ref().unwrap();
    if replay(&store, &dossier).await.as_ref() != Ok(&room.phase) {
        bad.push("I6: the journal tells another story".to_owned());
    }
    let groups = place.sandbox.groups();
    if groups.len() != 1 {
        bad.push(format!("I2: {} groups", groups.len()));
    }
    let said = needed(&groups[0]);
    let beginnings = ["Cleo Diaz is being", "Dan Eze is being", "*Still missing:* specialist"];
    let in_order =
        said.len() == 3 && said.iter().zip(beginnings).all(|(text, first)| text.starts_with(first));
    if !in_order {
        bad.push(format!("I4: {said:#?}"));
    }
    for (digits, texts) in [(BEN, 2), (CLEO, 1), (DAN, 1), (EVE, 0)] {
        let got = place.sandbox.chat(digits).len();
        if got != texts && !(digits == EVE && got == 1) {
            bad.push(format!("I4: {digits} got {got} messages"));
        }
    }
    if !room.seats.iter().all(warroom::room::Seat::is_settled) {
        bad.push(format!("I3: {:#?}", room.seats));
    }
    if room.phase.name() != PhaseName::Closed {
        bad.push(format!("it ended in {:?}", room.phase));
    }
    let bad = bad.into_iter().map(|violation| format!("crash at {gate:?}: {violation}")).collect();
    (gates.count(), bad)
}
