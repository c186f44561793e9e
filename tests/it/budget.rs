//! More incidents than groups may be made: nobody is left in the dark, and the budget holds.
//!
//! Each story counts at the simulator: creations in every hour, and for every person of every incident the
//! first thing that reached them about it: a group they are in, a link, or a 1:1 message that names it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use warroom::clock::{Clock, SignedDuration, Timestamp, later};
use warroom::gateway::subject_has_token;
use warroom::room::{PhaseName, SeatState};
use warroom::sandbox::{Fault, FaultKind, GroupView, Operation, Setup};

use crate::harness::{ADA, BEN, Options, SECOND_ID, World, firing};

/// The shipped defaults of a number, with six rooms an hour.
const USUAL: &str = ", rooms_burst: 3, rooms_gap: 1m";
const HOUR: i64 = 3600;

/// Digits of the person `n`.
pub(crate) fn digits(n: usize) -> String {
    format!("155502{n:05}")
}

/// A roster of `people` persons; `routes` says whom each route calls, and which alerts take it.
pub(crate) fn roster(people: usize, routes: &[(String, Vec<usize>, bool)]) -> String {
    let list = |whom: &[usize]| whom.iter().map(|p| format!("p{p}")).collect::<Vec<_>>().join(", ");
    let person = |n| format!("  p{n}: {{ name: Person {n}, phone: \"+{}\", opted_in: true }}", digits(n));
    let route = |(n, (pattern, whom, important)): (usize, &(String, Vec<usize>, bool))| {
        format!(
            "  - name: route {n}\n    match: [ 'alertname =~ \"{pattern}\"' ]\n    important: {important}\n    \
             invite: {{ commander: [ {} ], specialist: [ {} ] }}",
            list(&whom[..1]),
            list(&whom[1..])
        )
    };
    let mut lines = vec!["people:".to_owned()];
    lines.extend((0..people).map(person));
    lines.push("routes:".to_owned());
    lines.extend(routes.iter().enumerate().map(route));
    lines.push("fallback:\n  invite: { commander: [ p0 ] }\n".to_owned());
    lines.join("\n")
}

#[tokio::test]
async fn a_number_under_another_name_has_the_same_budget() {
    use std::sync::Arc;
    use warroom::app::{Bridge, link_numbers};
    use warroom::roster_in_force::RosterInForce;
    let world = World::with(Options { rooms_per_hour: 3, ..Options::default() }).await;
    for alert in ["one", "two", "three"] {
        world.fire(alert).await;
        world.pass(10).await;
    }
    assert_eq!(world.sandbox.creations().len(), 3);
    let mut loaded = world.loaded.clone();
    "the other name".clone_into(&mut loaded.config.gateway.instances[0].name);
    let clock: Arc<dyn Clock> = world.clock.clone();
    let renamed = Bridge::assemble(
        &loaded.config,
        RosterInForce::of(&loaded, clock.now()),
        world.store.clone(),
        link_numbers(&loaded.config, &clock).unwrap(),
        Arc::clone(&clock),
    )
    .unwrap();
    world.fire("four").await;
    renamed.worker.run_until_idle().await.unwrap();
    assert_eq!(world.sandbox.creations().len(), 3, "it has made three within the hour");
}

/// A story of many incidents, as far as it went.
struct Story {
    world: World,
    /// Id, when it opened, and its people.
    incidents: Vec<(String, Timestamp, Vec<usize>)>,
    /// How many people were first reached in which way.
    ways: BTreeMap<&'static str, usize>,
    /// The longest that anybody waited to be reached.
    longest: SignedDuration,
}

impl Story {
    /// One incident every other second, each with the people of its route, until all of them had two minutes.
    /// Everybody must be reached within one.
    async fn tell(options: Options, alerts: Vec<(String, Vec<usize>)>) -> Self {
        let world = World::with(options).await;
        let (ways, longest) = (BTreeMap::new(), SignedDuration::ZERO);
        let mut story = Self { world, incidents: Vec::new(), ways, longest };
        let mut alerts = alerts.into_iter();
        let mut waiting: Vec<(String, Timestamp, usize)> = Vec::new();
        for _ in 0..90 {
            if let Some((name, people)) = alerts.next() {
                let opened_at = story.world.clock.now();
                let id = story.world.fire(&name).await;
                if story.incidents.iter().all(|(known, ..)| *known != id) {
                    waiting.extend(people.iter().map(|person| (id.clone(), opened_at, *person)));
                    story.incidents.push((id, opened_at, people));
                }
            }
            story.world.pass(2).await;
            let now = story.world.clock.now();
            let mut left = Vec::new();
            for (id, opened_at, person) in waiting {
                let waited = now.duration_since(opened_at);
                assert!(waited <= SignedDuration::from_mins(1), "{id}: nobody told person {person}");
                if let Some(way) = story.reached(&id, person).await {
                    *story.ways.entry(way).or_insert(0) += 1;
                    story.longest = story.longest.max(waited);
                } else {
                    left.push((id, opened_at, person));
                }
            }
            waiting = left;
        }
        assert!(waiting.is_empty() && alerts.next().is_none());
        story
    }

    /// What is known at the gateway of one person and one incident: whether they are reached, and how.
    async fn reached(&self, id: &str, person: usize) -> Option<&'static str> {
        let digits = digits(person);
        let room = self.world.room(id).await;
        let group = room.phase.group().map(ToString::to_string);
        let groups = self.world.sandbox.groups();
        let group = groups.iter().find(|g| Some(&g.id) == group.as_ref());
        let names_it = |text: &str| subject_has_token(text, id);
        if group.is_some_and(|g| g.has(&digits) && g.texts().iter().any(|text| names_it(text))) {
            return Some(if room.guest_of.is_some() {
                "in the group of another"
            } else {
                "in its own group"
            });
        }
        let told = self.world.sandbox.chat(&digits);
        let told = told.iter().find(|m| names_it(&m.text))?;
        if told.text.contains("https://chat.whatsapp.com/") { Some("by a link") } else { Some("1:1") }
    }

    /// What was measured, for whoever wants to see it.
    fn print(&self, what: &str, housed: (usize, usize), densest: usize) {
        println!(
            "{what}: {} rooms, {} guests, at most {densest} creations in an hour; people first reached {:?}, \
             after {:#} at most",
            housed.0, housed.1, self.ways, self.longest
        );
    }

    /// Never more than `most` creations in any hour.
    fn assert_budget(&self, most: usize) -> usize {
        let made: Vec<Timestamp> = self.world.sandbox.creations().iter().map(|c| c.at).collect();
        let hour = SignedDuration::from_hours(1);
        let within =
            |first: &Timestamp| made.iter().filter(|at| *at >= first && **at < later(*first, hour)).count();
        let densest = made.iter().map(within).max().unwrap_or(0);
        assert!(densest <= most, "{densest} in an hour");
        densest
    }

    /// How many have a group of their own, and how many are guests; all must be one of these, and sound.
    async fn assert_all_housed(&self) -> (usize, usize) {
        let (mut own, mut guests) = (0, 0);
        for (id, ..) in &self.incidents {
            let room = self.world.room(id).await;
            assert!(room.is_complete(), "{id}: {:?}", room.phase);
            let groups = self.world.groups(id);
            if room.guest_of.is_some() {
                assert!(groups.is_empty(), "{id} is a guest and has a group");
                guests += 1;
            } else {
                assert_eq!(groups.len(), 1, "{id}");
                own += 1;
            }
            self.world.assert_sound(id).await;
        }
        (own, guests)
    }
}

/// Alerts `Down00` … and whom each calls.
fn alerts(count: usize, whom: impl Fn(usize) -> Vec<usize>) -> Vec<(String, Vec<usize>)> {
    (0..count).map(|n| (format!("Down{n:02}"), whom(n))).collect()
}

fn private_texts(world: &World, person: usize) -> Vec<String> {
    world.sandbox.chat(&digits(person)).into_iter().map(|m| m.text).collect()
}

#[tokio::test]
async fn thirty_incidents_of_one_route_with_a_budget_of_six() {
    let people = vec![0, 1, 2, 3];
    let options = Options {
        roster: roster(4, &[("Down.*".to_owned(), people.clone(), false)]),
        budget: USUAL,
        messages_per_minute: 30,
        ..Options::default()
    };
    let story = Story::tell(options, alerts(30, |_| people.clone())).await;
    story.world.pass(8 * HOUR).await;
    let densest = story.assert_budget(6);
    let (own, guests) = story.assert_all_housed().await;
    assert_eq!(own + guests, 12, "further ones at once are told in the first");
    assert!(guests >= 5, "{guests} guests");
    for person in 0..4 {
        // In the rooms they read why; nobody needs a message of their own on top of it.
        assert!(private_texts(&story.world, person).len() <= 2, "{:#?}", private_texts(&story.world, person));
    }
    let told =
        |g: &GroupView| g.texts().iter().filter(|t| t.contains("Another incident in this group")).count();
    let why: usize = story.world.sandbox.groups().iter().map(told).sum();
    assert_eq!(why, guests, "each guest says why it is where it is");
    story.print("30 incidents, one route", (own, guests), densest);
}

#[tokio::test]
async fn thirty_incidents_of_thirty_routes_with_a_budget_of_six() {
    let whom = |n: usize| vec![n];
    let routes: Vec<(String, Vec<usize>, bool)> =
        (0..30).map(|n| (format!("Down{n:02}"), whom(n), false)).collect();
    let options =
        Options { roster: roster(30, &routes), budget: USUAL, messages_per_minute: 60, ..Options::default() };
    let story = Story::tell(options, alerts(30, whom)).await;
    for (id, _, people) in &story.incidents {
        for text in people.iter().flat_map(|p| private_texts(&story.world, *p)) {
            assert!(text.contains("only a few groups an hour"), "{id}: {text}");
        }
    }
    story.world.pass(8 * HOUR).await;
    let densest = story.assert_budget(6);
    let (own, guests) = story.assert_all_housed().await;
    assert_eq!((own, guests), (30, 0));
    for person in 0..30 {
        assert!(private_texts(&story.world, person).len() <= 1, "{:#?}", private_texts(&story.world, person));
    }
    story.print("30 incidents, 30 routes", (own, guests), densest);
}

#[tokio::test]
async fn thirty_incidents_for_the_same_people_become_a_few_messages_to_each() {
    let whom = |_: usize| vec![0, 1, 2];
    let routes: Vec<(String, Vec<usize>, bool)> =
        (0..30).map(|n| (format!("Down{n:02}"), whom(n), false)).collect();
    let options =
        Options { roster: roster(3, &routes), budget: USUAL, messages_per_minute: 30, ..Options::default() };
    let story = Story::tell(options, alerts(30, whom)).await;
    let mut most = 0;
    for person in 0..3 {
        let texts = private_texts(&story.world, person);
        most = most.max(texts.len());
        assert!(texts.len() <= 6, "one each twenty seconds: {}", texts.len());
        for (id, ..) in &story.incidents {
            let naming = texts.iter().filter(|text| subject_has_token(text, id)).count();
            assert!(naming <= 1, "{id} was told {naming} times");
        }
    }
    story.world.pass(8 * HOUR).await;
    let densest = story.assert_budget(6);
    let (own, _) = story.assert_all_housed().await;
    for person in 0..3 {
        assert!(private_texts(&story.world, person).len() <= most, "nobody is told again");
    }
    story.print(&format!("30 incidents, 3 people, at most {most} 1:1 messages each"), (own, 0), densest);
}

#[tokio::test]
async fn several_at_once_are_one_message_and_the_timeline_says_so() {
    let whom = |_: usize| vec![0, 1];
    let routes: Vec<(String, Vec<usize>, bool)> =
        (0..16).map(|n| (format!("Down{n:02}"), whom(n), false)).collect();
    let options =
        Options { roster: roster(2, &routes), rooms_per_hour: 1, budget: USUAL, ..Options::default() };
    let world = World::with(options).await;
    let mut ids = Vec::new();
    for n in 0..16 {
        ids.push(world.fire(&format!("Down{n:02}")).await);
    }
    world.pass(120).await;
    let texts = private_texts(&world, 0);
    assert!(texts.len() <= 2, "{texts:#?}");
    for id in &ids[1..] {
        let naming: Vec<&String> = texts.iter().filter(|text| subject_has_token(text, id)).collect();
        assert_eq!(naming.len(), 1, "{id}: {texts:#?}");
        let room = world.room(id).await;
        assert!(room.seats.iter().all(|s| room.is_told(&s.who.person)), "{id}: {:?}", room.seats);
    }
    // Whichever of them writes for all: in the others' timelines both people are covered.
    let mut covered_page = None;
    for id in &ids[1..] {
        let page = world.http.get(format!("http://{}/api/incidents/{id}", world.operator)).send().await;
        let page: Value = page.unwrap().json().await.unwrap();
        let rows = page["timeline"].as_array().unwrap();
        let covered: Vec<Value> = rows.iter().filter(|row| row["kind"] == "covered").cloned().collect();
        if covered.len() == 2 {
            covered_page = Some((page, covered));
        }
    }
    let (page, covered) = covered_page.expect("somebody else's message tells of most of them");
    assert!(covered[0]["detail"].as_str().unwrap().starts_with("told in the message of INCIDENT-"));
    let waits = &page["attention"][0];
    assert_eq!(waits["kind"], "no_budget", "{page:#}");
    let home =
        world.http.get(format!("http://{}/", world.operator)).send().await.unwrap().text().await.unwrap();
    assert!(home.contains("14 more incidents wait behind this one."));
}

#[tokio::test]
async fn a_message_for_several_that_certainly_failed_is_said_again_by_somebody() {
    let whom = |_: usize| vec![0];
    let routes: Vec<(String, Vec<usize>, bool)> =
        (0..6).map(|n| (format!("Down{n:02}"), whom(n), false)).collect();
    for kind in [FaultKind::TooManyRequests { retry_after: None }, FaultKind::Reset] {
        let options =
            Options { roster: roster(1, &routes), rooms_per_hour: 1, budget: USUAL, ..Options::default() };
        let world = World::with(options).await;
        let first = world.fire("Down00").await;
        world.pass(30).await;
        world.sandbox.add_fault(Fault::on(Operation::SendText, kind.clone()));
        let mut ids = Vec::new();
        for n in 1..6 {
            ids.push(world.fire(&format!("Down{n:02}")).await);
        }
        world.pass(240).await;
        let texts = private_texts(&world, 0);
        for id in &ids {
            let naming = texts.iter().filter(|text| subject_has_token(text, id)).count();
            assert_eq!(naming, 1, "{kind:?}: {id} in {texts:#?}");
            let room = world.room(id).await;
            assert!(room.is_told(&room.seats[0].who.person));
        }
        assert!(world.room(&first).await.is_complete());
    }
}

#[tokio::test]
async fn an_important_route_finds_the_reserve_and_goes_before_the_others() {
    let routes = [("Down.*".to_owned(), vec![0, 1], false), ("Vital.*".to_owned(), vec![2, 3], true)];
    let rooms = "  share_when_over_budget: false".to_owned();
    let options = Options { roster: roster(4, &routes), budget: USUAL, rooms, ..Options::default() };
    let world = World::with(options).await;
    for n in 0..12 {
        world.fire(&format!("Down{n:02}")).await;
    }
    world.pass(1200).await;
    assert_eq!(world.sandbox.creations().len(), 5, "one is kept back");
    let vital = world.fire("Vital").await;
    world.pass(30).await;
    assert!(world.room(&vital).await.is_complete(), "it has its room at once");
    assert_eq!(world.sandbox.creations().len(), 6);
    let second = world.fire("Vital2").await;
    let third = world.fire("Down99").await;
    world.pass(3 * HOUR).await;
    let live_since = |room: &warroom::room::Room| match &room.phase {
        warroom::room::Phase::Live { since, .. } => *since,
        other => panic!("{other:?}"),
    };
    let (second, third) = (world.room(&second).await, world.room(&third).await);
    assert!(live_since(&second) < live_since(&third));
    let others = 5..12;
    for n in others {
        let room = world.room(&format!("INCIDENT-{}", n + 1)).await;
        assert!(
            live_since(&second) <= live_since(&room),
            "an important one goes before those that wait longer"
        );
    }
}

#[tokio::test]
async fn a_group_that_is_over_keeps_its_link_and_name_until_its_guests_are_over_too() {
    let options = Options {
        rooms_per_hour: 1,
        rooms: "  close_after: 5m".to_owned(),
        budget: ", rooms_burst: 1, rooms_gap: 1m",
        ..Options::default()
    };
    let world = World::with(options).await;
    let host = world.fire("One").await;
    world.pass(30).await;
    let guest = world.fire("Two").await;
    world.pass(30).await;
    let room = world.room(&guest).await;
    assert_eq!(room.guest_of.map(|h| h.to_string()), Some(host.clone()));
    assert!(room.is_complete(), "{room:#?}");
    assert!(world.sandbox.chat(ADA).is_empty(), "who is in the group reads it there");
    world.resolve("One").await;
    world.pass(900).await;
    let group = world.group(&host);
    assert_eq!(world.room(&host).await.phase.name(), PhaseName::Live);
    assert!(!group.announce && !group.subject.contains("closed: "));
    assert!(group.texts().iter().any(|t| t.contains(&format!("stays open for {guest}"))));
    world.resolve("Two").await;
    world.pass(900).await;
    let group = world.group(&host);
    assert!(group.announce && group.subject.contains("closed: "), "{}", group.subject);
    for id in [&host, &guest] {
        assert_eq!(world.room(id).await.phase.name(), PhaseName::Closed);
        let last = group.texts().iter().filter(|t| t.contains(&format!("{id} · closed"))).count();
        assert_eq!(last, 1, "{id}");
        world.assert_sound(id).await;
    }
    assert_eq!(world.store.next_wake().await.unwrap(), None);
}

#[tokio::test]
async fn people_of_a_guest_who_are_not_in_the_group_get_its_link() {
    let roster = roster(4, &[("Down.*".to_owned(), vec![0, 1], false)]);
    let options = Options {
        roster,
        rooms_per_hour: 1,
        budget: ", rooms_burst: 1, rooms_gap: 1m",
        ..Options::default()
    };
    let world = World::with(options).await;
    let host = world.fire("Down1").await;
    world.pass(30).await;
    // Somebody leaves the group before the second incident.
    let group = world.group(&host);
    world.sandbox.leave(&digits(1), &group.id);
    let guest = world.fire("Down2").await;
    world.pass(60).await;
    let room = world.room(&guest).await;
    assert!(matches!(room.seats[1].state, SeatState::Invited { .. }), "{:?}", room.seats[1]);
    let texts = private_texts(&world, 1);
    assert!(texts.iter().any(|t| t.contains(&guest) && t.contains(&format!("bears the name of {host}"))));
}

#[tokio::test]
async fn a_guest_whose_host_is_ended_by_an_operator_gets_a_room_of_its_own() {
    let options =
        Options { rooms_per_hour: 1, budget: ", rooms_burst: 1, rooms_gap: 1m", ..Options::default() };
    let world = World::with(options).await;
    let host = world.fire("One").await;
    world.pass(30).await;
    let guest = world.fire("Two").await;
    world.pass(30).await;
    assert!(world.room(&guest).await.guest_of.is_some());
    let id = host.parse().unwrap();
    world.store.wish(id, warroom::room::Wish::Cancel, world.clock.now()).await.unwrap();
    world.pass(60).await;
    assert_eq!(world.room(&guest).await.phase.name(), PhaseName::Wanted);
    assert_eq!(world.sandbox.chat(ADA).len(), 1, "and meanwhile they are told 1:1");
    world.pass(2 * HOUR).await;
    let room = world.room(&guest).await;
    assert!(room.is_complete() && room.guest_of.is_none(), "{room:#?}");
    world.group(&guest);
    world.assert_sound(&guest).await;
}

#[tokio::test]
async fn the_number_with_most_left_is_taken_and_one_that_is_down_is_passed_over() {
    let options = Options { second_number: true, rooms_per_hour: 4, ..Options::default() };
    let world = World::with(options).await;
    let made_by = |number: &str| world.sandbox.creations().iter().filter(|c| c.instance_id == number).count();
    for n in 0..4 {
        world.fire(&format!("Down{n}")).await;
        world.pass(30).await;
    }
    assert_eq!((made_by(Setup::INSTANCE_ID), made_by(SECOND_ID)), (2, 2), "they take turns");
    world.sandbox.set_session(Setup::INSTANCE_ID, "FAILED");
    for n in 4..6 {
        world.fire(&format!("Down{n}")).await;
        world.pass(30).await;
    }
    assert_eq!((made_by(Setup::INSTANCE_ID), made_by(SECOND_ID)), (2, 4));
    world.bridge.worker.ask_sessions().await;
    let metrics = world.http.get(format!("http://{}/metrics", world.operator)).send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    for line in [
        "warroom_rooms_left{instance=\"main\",routes=\"any\"} 2",
        "warroom_rooms_left{instance=\"second\",routes=\"any\"} 0",
    ] {
        assert!(metrics.contains(line), "{metrics}");
    }
}

#[tokio::test]
async fn two_replicas_tell_a_person_of_many_incidents_in_the_same_few_messages() {
    use crate::gates::{Gate, Gates};
    use crate::place::Place;
    let mut place = Place::on(warroom::sandbox::Engine::Webjs).await;
    place.loaded.config.gateway.instances[0].budget.rooms_per_hour = 1;
    place.loaded.config.rooms.share_when_over_budget = false;
    let gate: std::sync::Arc<dyn Gate> = Gates::new(&[], &[]);
    let (one, other) = (place.start(&gate), place.start(&gate));
    let mut ids = BTreeSet::new();
    for n in 0..40 {
        let (_, receipt) = one.post(&firing(&format!("Down{n}"))).await;
        ids.insert(receipt["incidents"][0]["id"].as_str().unwrap().to_owned());
    }
    for _ in 0..50 {
        tokio::join!(one.work(), other.work());
        place.clock.advance(SignedDuration::from_secs(1));
    }
    let first = place.sandbox.groups().remove(0);
    for digits in [ADA, BEN] {
        let texts: Vec<String> = place.sandbox.chat(digits).into_iter().map(|m| m.text).collect();
        assert!(texts.len() <= 4, "{} messages", texts.len());
        for id in ids.iter().filter(|id| !subject_has_token(&first.subject, id)) {
            let naming = texts.iter().filter(|text| subject_has_token(text, id)).count();
            assert_eq!(naming, 1, "{id}: {texts:#?}");
        }
    }
}
