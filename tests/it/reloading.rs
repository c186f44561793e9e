//! The roster is exchanged while the bridge runs: whole or not at all, and no hook notices.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use warroom::room::Room;
use warroom::roster_in_force::ReloadOutcome;
use warroom::store::IncidentQuery;

use crate::harness::{Options, TOKEN, World, firing};

/// A roster whose people all carry `team` in their keys, so that a mixture would show.
fn roster(team: &str, n: u32) -> String {
    let person = |role: &str, number: u32| {
        format!(
            "  {team}-{role}: {{ name: {team} {role}, phone: \"+1555010{number:04}\", opted_in: true }}\n"
        )
    };
    let base = if team == "red" { 1000 } else { 2000 };
    format!(
        "# edition {n}\npeople:\n{}{}{}fallback:\n  invite: {{ commander: {team}-lead, specialist: {team}-eng, client: {team}-client }}\n",
        person("lead", base),
        person("eng", base + 1),
        person("client", base + 2),
    )
}

const BROKEN: &str =
    "people:\n  ada: { name: Ada, phone: \"+15550100001\" }\nfallback: { invite: { commander: adda } }\n";

impl World {
    fn roster_file(&self) -> PathBuf {
        self.loaded.roster_path.clone()
    }

    fn exchange(&self) -> ReloadOutcome {
        use warroom::clock::Clock;
        self.bridge.roster.reload(&self.bridge.worker.metrics, self.clock.now())
    }

    async fn reload(&self) -> (u16, Value) {
        let url = format!("http://{}/-/reload", self.operator);
        let answer = self.http.post(url).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    async fn rooms(&self) -> Vec<Room> {
        let all = self.store.incidents(IncidentQuery { state: None, limit: 5000 }).await.unwrap();
        all.into_iter().filter_map(|summary| summary.room).collect()
    }
}

fn people(room: &Room) -> Vec<&str> {
    room.seats.iter().map(|seat| seat.who.person.as_str()).collect()
}

#[tokio::test]
async fn a_changed_roster_is_taken_a_broken_one_is_not_and_both_are_told() {
    let world = World::new().await;
    let metrics = || world.bridge.worker.metrics.render();
    assert_eq!(world.reload().await.1["outcome"], json!("same"));

    fs::write(world.roster_file(), roster("red", 1)).unwrap();
    let (status, answer) = world.reload().await;
    assert_eq!((status, &answer["outcome"]), (200, &json!("taken")));
    let hash = answer["roster"]["hash"].as_str().unwrap().to_owned();
    assert!(metrics().contains(&format!("warroom_roster{{hash=\"{}\"}} 1", &hash[..12])), "{}", metrics());
    world.fire("one").await;
    assert_eq!(people(&world.rooms().await[0]), ["red-lead", "red-eng", "red-client"]);

    fs::write(world.roster_file(), BROKEN).unwrap();
    let (status, answer) = world.reload().await;
    assert_eq!((status, &answer["outcome"]), (422, &json!("refused")));
    assert_eq!(answer["roster"]["hash"], json!(hash), "the one before stays");
    let problem = answer["roster"]["refused"]["problems"][0].as_str().unwrap();
    assert!(problem.contains("roster.yaml:3:") && problem.contains("did you mean `ada`?"), "{problem}");
    assert!(metrics().contains("warroom_roster_sound 0"), "{}", metrics());
    let page =
        world.http.get(format!("http://{}/", world.operator)).send().await.unwrap().text().await.unwrap();
    assert!(
        page.contains("The roster's file has errors") || page.contains("The roster&#39;s file has errors"),
        "{page}"
    );
    world.fire("two").await;
    assert_eq!(people(&world.rooms().await[0]), ["red-lead", "red-eng", "red-client"]);

    fs::write(world.roster_file(), roster("blue", 2)).unwrap();
    assert_eq!(world.exchange(), ReloadOutcome::Taken);
    world.fire("three").await;
    let rooms = world.rooms().await;
    assert_eq!(people(&rooms[0]), ["blue-lead", "blue-eng", "blue-client"]);
    assert_eq!(people(&rooms[1]), ["red-lead", "red-eng", "red-client"], "a room keeps who it has");
    assert!(metrics().contains("warroom_roster_sound 1"), "{}", metrics());
}

#[tokio::test]
async fn half_a_file_is_never_in_force() {
    use warroom::clock::Clock;
    let world = World::new().await;
    let follow = || world.bridge.roster.follow(&world.bridge.worker.metrics, world.clock.now());
    // Cut before its routes, it is a good roster still.
    let routes = "routes:\n  - { name: rest, match: x = y, invite: { commander: red-lead } }\n";
    let whole = format!("{}{routes}", roster("red", 1));
    let half = &whole[..whole.len() - routes.len()];
    for written in [&whole[..40], half, &whole[..half.len() + 9]] {
        fs::write(world.roster_file(), written).unwrap();
        assert_eq!(follow(), None, "it was seen once");
    }
    fs::write(world.roster_file(), &whole).unwrap();
    assert_eq!((follow(), follow(), follow()), (None, Some(ReloadOutcome::Taken), None));
    assert!(world.bridge.roster.status().refused.is_none(), "nobody was told of half a file");
}

#[tokio::test]
async fn a_file_that_is_gone_for_a_moment_changes_nothing() {
    let world = World::new().await;
    fs::remove_file(world.roster_file()).unwrap();
    assert!(world.bridge.roster.has_changed());
    assert_eq!(world.exchange(), ReloadOutcome::Refused);
    assert!(!world.bridge.roster.has_changed(), "it is looked at once");
    fs::write(world.roster_file(), roster("red", 1)).unwrap();
    assert!(world.bridge.roster.has_changed());
    assert_eq!(world.exchange(), ReloadOutcome::Taken);
    assert!(!world.bridge.roster.has_changed());
}

/// As Kubernetes does it: the file is a link into a folder that is itself a link, and that one is swapped.
#[tokio::test]
async fn a_mounted_volume_that_swaps_links_is_noticed() {
    let world = World::new().await;
    let file = world.roster_file();
    let folder = file.parent().unwrap();
    for (name, team) in [("..1", "red"), ("..2", "blue")] {
        fs::create_dir(folder.join(name)).unwrap();
        fs::write(folder.join(name).join("roster.yaml"), roster(team, 1)).unwrap();
    }
    symlink("..1", folder.join("..data")).unwrap();
    fs::remove_file(&file).unwrap();
    symlink("..data/roster.yaml", &file).unwrap();
    assert!(world.bridge.roster.has_changed());
    assert_eq!(world.exchange(), ReloadOutcome::Taken);
    symlink("..2", folder.join("..new")).unwrap();
    fs::rename(folder.join("..new"), folder.join("..data")).unwrap();
    assert!(world.bridge.roster.has_changed());
    assert_eq!(world.exchange(), ReloadOutcome::Taken);
    world.fire("one").await;
    assert_eq!(people(&world.rooms().await[0])[0], "blue-lead");
}

/// The same with a roster of several files: what is mounted is a folder of links through `..data`.
#[tokio::test]
async fn a_mounted_folder_of_files_is_exchanged_when_one_is_added_changed_removed_or_all_are_swapped() {
    let world = World::new().await;
    let folder = world.roster_file();
    fs::remove_file(&folder).unwrap();
    for (name, team) in [("..1", "red"), ("..2", "blue")] {
        fs::create_dir_all(folder.join(name)).unwrap();
        fs::write(folder.join(name).join("roster.yaml"), roster(team, 1)).unwrap();
    }
    symlink("..1", folder.join("..data")).unwrap();
    symlink("..data/roster.yaml", folder.join("roster.yaml")).unwrap();
    let changes = || {
        assert!(world.bridge.roster.has_changed());
        assert!(!world.bridge.roster.has_changed(), "it is looked at once");
        world.exchange()
    };
    assert_eq!(changes(), ReloadOutcome::Taken);

    let more = folder.join("more.yaml");
    fs::write(&more, "routes: [ { name: one, match: alertname = one, invite: { commander: dee } } ]\n")
        .unwrap();
    assert_eq!(changes(), ReloadOutcome::Refused, "nobody is called dee");
    let dee = "people: { dee: { name: Dee, phone: \"+15550109999\", opted_in: true } }\n";
    fs::write(folder.join("people.yml"), dee).unwrap();
    assert_eq!(changes(), ReloadOutcome::Taken);
    fs::write(folder.join("people.yml"), dee.replace("Dee", "Dee Dee")).unwrap();
    assert_eq!(changes(), ReloadOutcome::Taken);
    fs::remove_file(more).unwrap();
    assert_eq!(changes(), ReloadOutcome::Taken);

    symlink("..2", folder.join("..new")).unwrap();
    fs::rename(folder.join("..new"), folder.join("..data")).unwrap();
    assert_eq!(changes(), ReloadOutcome::Taken);
    world.fire("one").await;
    assert_eq!(people(&world.rooms().await[0])[0], "blue-lead");
    assert!(!world.bridge.roster.has_changed());
}

/// A thousand hooks in ten senders' hands while the file is written a hundred times, every other time broken.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_hooks_during_a_hundred_exchanges_each_use_one_whole_roster() {
    const HOOKS: usize = 1000;
    const SENDERS: usize = 20;
    const EXCHANGES: u32 = 100;
    // From a source of its own each, so that what one of them reports is no outbreak.
    let source =
        |n: usize| format!("  sender-{n}: {{ kind: alertmanager, verify: {{ bearer: {TOKEN} }} }}\n");
    let sources = (0..SENDERS).map(source).collect();
    let world = World::with(Options { sources, rooms_per_hour: 60, ..Options::default() }).await;
    fs::write(world.roster_file(), roster("red", 0)).unwrap();
    assert_eq!(world.exchange(), ReloadOutcome::Taken);

    let done = AtomicUsize::new(0);
    let send = |sender: usize| {
        let (world, done) = (&world, &done);
        async move {
            for n in 0..HOOKS / SENDERS {
                let to = format!("http://{}/hooks/sender-{sender}", world.public);
                let alert = firing(&format!("{sender}-{n}"));
                let sent = world.http.post(to).bearer_auth(TOKEN).json(&alert).send().await.unwrap();
                assert_eq!(sent.status(), 200);
                done.fetch_add(1, Ordering::SeqCst);
            }
        }
    };
    let senders = futures_util::future::join_all((0..SENDERS).map(send));
    let exchanges = async {
        let (mut taken, mut refused) = (0, 0);
        for n in 0..EXCHANGES {
            // Spread over the whole time of the hooks.
            while done.load(Ordering::SeqCst) * usize::try_from(EXCHANGES).unwrap()
                < usize::try_from(n).unwrap() * HOOKS
            {
                tokio::task::yield_now().await;
            }
            let team = if n % 4 == 1 { "red" } else { "blue" };
            let text = if n % 2 == 0 { format!("{BROKEN}# {n}\n") } else { roster(team, n) };
            fs::write(world.roster_file(), text).unwrap();
            match world.reload().await.1["outcome"].as_str().unwrap() {
                "taken" => taken += 1,
                "refused" => refused += 1,
                other => panic!("{other}"),
            }
        }
        (taken, refused)
    };
    let (_, counted) = tokio::join!(senders, exchanges);
    assert_eq!(counted, (50, 50));

    let rooms = world.rooms().await;
    assert_eq!(rooms.len(), HOOKS, "none was lost, none was doubled");
    let (mut red, mut blue) = (0, 0);
    for room in &rooms {
        match people(room)[..] {
            ["red-lead", "red-eng", "red-client"] => red += 1,
            ["blue-lead", "blue-eng", "blue-client"] => blue += 1,
            ref mixed => panic!("{mixed:?}"),
        }
    }
    println!("{red} incidents by the one roster, {blue} by the other, none by a mixture");
    assert!(red > 0 && blue > 0, "{red} {blue}");
}
