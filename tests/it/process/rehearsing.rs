//! A changed roster, rehearsed with incidents that were recorded.

use std::fs;

use serde_json::{Value, json};
use warroom::clock::{Clock, SignedDuration};
use warroom::consent::Verdict;
use warroom::gateway::Whom;
use warroom::store::Heard;

use super::run;
use crate::harness::{ADA, BEN, CLEO, Options, World};

const PEOPLE: &str = r#"
people:
  ada: { name: Ada Obi, phone: "+15550100001", opted_in: true }
  ben: { name: Ben Cho, phone: "+15550100002", opted_in: true }
  cleo: { name: Cleo Diaz, phone: "+15550100003", opted_in: true }
"#;

/// Two people in turn by week, and one route by label.
fn roster(turns: &str, route: &str) -> String {
    format!(
        "{PEOPLE}
rotations:
  platform: {{ timezone: UTC, start: 2026-02-23 09:00, shift_length: 1 week, people: [ {turns} ] }}
routes:
  - {{ name: checkout, match: 'alertname = two', invite: {{ commander: rotation:platform, {route} }} }}
fallback:
  invite: {{ commander: rotation:platform, specialist: [ cleo ] }}
"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rehearsal_shows_the_planted_differences_and_nothing_else() {
    let world =
        World::with(Options { roster: roster("ada, ben", "client: cleo"), ..Options::default() }).await;
    let begun = world.clock.now();
    // One in each week, and one on another route in the second.
    world.fire("one").await;
    world.clock.advance(SignedDuration::from_hours(7 * 24));
    world.fire("two").await;
    world.fire("three").await;
    world.clock.advance(SignedDuration::from_hours(7 * 24));
    world.fire("four").await;
    assert_eq!(begun.to_string(), "2026-03-02T10:00:00Z", "the weeks below are counted from here");

    let folder = world.folder.path();
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let config = path("warroom.yaml");
    let old = path("old.yaml");
    let exported = run(&["rehearse", "--export", "--since", "36500d", "--config", &config]).await;
    assert_eq!(exported.code, Some(0), "{}", exported.stderr);
    assert_eq!(exported.stdout.lines().count(), 4);
    fs::write(path("incidents.jsonl"), &exported.stdout).unwrap();

    // The same roster as before: nothing is different.
    fs::copy(path("roster.yaml"), &old).unwrap();
    let rehearse = ["rehearse", "--config", &config, "--against", &old, "--file", &path("incidents.jsonl")];
    let same = run(&rehearse).await;
    assert_eq!(same.code, Some(0), "{}", same.stderr);
    assert_eq!(same.stdout, "4 incidents of sev1 and worse rehearsed, 0 would call other people, 0 nobody\n");

    // Another person in the second place of the rotation, and another role on the route.
    fs::write(path("roster.yaml"), roster("ada, cleo", "specialist: ben")).unwrap();
    let different = run(&rehearse).await;
    assert_eq!(different.code, Some(0), "{}", different.stderr);
    insta::assert_snapshot!(different.stdout, @r"
    INCIDENT-1: − ben (rotation platform, week 10, on duty until 2026-03-09 09:00 UTC), ~ cleo (commander, specialist instead of specialist)
    INCIDENT-2: + ben (named in route checkout), − cleo (named in route checkout)
    INCIDENT-4: − ben (rotation platform, week 12, on duty until 2026-03-23 09:00 UTC), ~ cleo (commander, specialist instead of specialist)
    4 incidents of sev1 and worse rehearsed, 3 would call other people, 0 nobody
    ");

    let by_program = run(&[&rehearse[..], &["--json"]].concat()).await;
    let answers: Value = serde_json::from_str(&by_program.stdout).unwrap();
    assert_eq!(answers.as_array().unwrap().len(), 4);
    assert_eq!(answers[0]["added"], json!([]));

    // By the store itself, the same.
    let by_store = run(&["rehearse", "--config", &config, "--against", &old, "--since", "36500d"]).await;
    assert_eq!(by_store.stdout, different.stdout, "{}", by_store.stderr);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_of_strangers_who_are_left_out_still_has_its_commander() {
    let options = Options {
        roster: roster("ada, ben", "client: cleo"),
        rooms: "  not_opted_in: leave_out".to_owned(),
        ..Options::default()
    };
    let world = World::with(options).await;
    world.fire("one").await;
    let folder = world.folder.path();
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    fs::copy(path("roster.yaml"), path("old.yaml")).unwrap();
    let strangers = roster("ada, ben", "client: cleo").replace("opted_in: true", "opted_in: false");
    fs::write(path("roster.yaml"), strangers).unwrap();
    let (config, old) = (path("warroom.yaml"), path("old.yaml"));
    let ended = run(&["rehearse", "--config", &config, "--against", &old, "--since", "36500d"]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    insta::assert_snapshot!(ended.stdout, @r"
    INCIDENT-1: ~ ben (not opted in any more), ~ cleo (not opted in any more)
    1 incident of sev1 and worse rehearsed, 1 would call other people, 0 nobody
    ");
    let missing = run(&["rehearse", "--config", &config, "--against", &path("none.yaml")]).await;
    assert_eq!(missing.code, Some(1));
    assert!(missing.stderr.contains("this file cannot be read"), "{}", missing.stderr);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_has_no_place_in_a_smaller_room_is_not_called_by_it() {
    let sized = |size: u32| {
        roster("ada, ben", "specialist: ada, client: cleo")
            .replace(" } }\nfallback", &format!(" }}, size: {size} }}\nfallback"))
    };
    let world = World::with(Options { roster: sized(2), ..Options::default() }).await;
    let folder = world.folder.path();
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    // Ben is on duty.
    let line = json!({ "at": "2026-03-02T10:00:00Z", "severity": "sev1", "source": "tests", "labels": { "alertname": "two" } });
    fs::write(path("incidents.jsonl"), line.to_string()).unwrap();
    fs::write(path("other.yaml"), sized(3)).unwrap();
    let (config, other, incidents) = (path("warroom.yaml"), path("other.yaml"), path("incidents.jsonl"));
    let rehearse = ["rehearse", "--config", &config, "--against", &other, "--file", &incidents];
    let smaller = run(&rehearse).await;
    insta::assert_snapshot!(smaller.stdout, @r"
    line 1: − cleo (named in route checkout; too many for a room of 2)
    1 incident of sev1 and worse rehearsed, 1 would call other people, 0 nobody
    ");
    fs::write(path("roster.yaml"), sized(3)).unwrap();
    fs::write(path("other.yaml"), sized(2)).unwrap();
    let larger = run(&rehearse).await;
    insta::assert_snapshot!(larger.stdout, @r"
    line 1: + cleo (named in route checkout; was too many for a room of 2)
    1 incident of sev1 and worse rehearsed, 1 would call other people, 0 nobody
    ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_mends_a_broken_roster_is_compared_with_what_can_be_read_of_it() {
    let world =
        World::with(Options { roster: roster("ada, ben", "client: cleo"), ..Options::default() }).await;
    world.fire("two").await;
    let folder = world.folder.path();
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    fs::write(path("old.yaml"), roster("ada, ben", "client: [ cleo, nobody ]")).unwrap();
    fs::write(path("roster.yaml"), roster("ada, ben", "client: ben")).unwrap();
    let (config, old) = (path("warroom.yaml"), path("old.yaml"));
    let rehearse = ["rehearse", "--config", &config, "--against", &old, "--since", "36500d"];
    let ended = run(&rehearse).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("names `nobody`, who is not among `people`"), "{}", ended.stderr);
    assert!(ended.stderr.contains("what can be read of it is compared"), "{}", ended.stderr);
    insta::assert_snapshot!(ended.stdout, @r"
    INCIDENT-1: − cleo (named in route checkout), ~ ben (commander, client instead of commander)
    1 incident of sev1 and worse rehearsed, 1 would call other people, 0 nobody
    ");
    fs::write(&old, "people: [").unwrap();
    let ended = run(&rehearse).await;
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("the roster to compare with cannot be read"), "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_said_stop_is_nobody_whom_a_rehearsal_reaches() {
    let world =
        World::with(Options { roster: roster("ada, ben", "client: cleo"), ..Options::default() }).await;
    world.fire("one").await;
    let config = world.folder.path().join("warroom.yaml").to_str().unwrap().to_owned();
    let roster = world.folder.path().join("roster.yaml").to_str().unwrap().to_owned();
    let rehearse = ["rehearse", "--config", &config, "--against", &roster, "--since", "36500d"];
    assert_eq!(run(&rehearse).await.code, Some(0));
    for digits in [ADA, BEN, CLEO] {
        let phone = Some(format!("{digits}@c.us").parse().unwrap());
        let now = world.clock.now();
        let heard = Heard {
            id: None,
            from: Whom { phone, hidden: None },
            person: None,
            verdict: Verdict::Stop,
            at: now,
        };
        world.store.take_answers("main", vec![heard], now).await.unwrap();
    }
    let ended = run(&rehearse).await;
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(ended.stdout.contains("INCIDENT-1: NOBODY would be called"), "{}", ended.stdout);
}
