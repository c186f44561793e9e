//! Three replicas on one PostgreSQL, behind a balancer: killed, stopped past their leases, with clocks minutes apart,
//! their database restarted and away. Each incident gets its one room all the same.
//!
//! `WARROOM_INCIDENTS=500 cargo test --locked --test it -- --ignored process::replicas --nocapture` tells more of them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use secrecy::SecretString;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use warroom::clock::{Clock, SystemClock};
use warroom::signature::{Scheme, Verifier, sign};
use warroom::source::SourceKind;

use super::cluster::Cluster;
use super::{PATIENCE, Place, Process, SECRET, until};
use crate::database::ask;
use crate::sweep::times;

/// Incidents, unless the environment says how many.
const INCIDENTS: u64 = 40;
/// They come over so long at least: all that is to happen happens meanwhile.
const LASTS: Duration = Duration::from_mins(1);
/// Between two of them at least.
const GAP: Duration = Duration::from_millis(300);
/// Between two kills.
const KILL_GAP: Duration = Duration::from_secs(4);
/// How long one replica stands still: longer than others wait for it.
const STANDSTILL: Duration = Duration::from_secs(22);
/// The longest a sender waits for an answer.
const ANSWER: Duration = Duration::from_secs(5);
/// A killed replica's rooms are free for others within this time, and go on as soon as their number's pace allows it:
/// twelve seconds after it was heard of last, or after the database was back if that was away meanwhile.
const GOES_ON: Duration = Duration::from_secs(30);
/// Shifts a program's clock.
const FAKETIME: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";

/// After the last alert all have their welcome within this time: a group that may have been made is looked for first.
const ALL_BRIEFED: Duration = Duration::from_mins(4);

/// Passes connections on to replicas that take them, in turn.
#[derive(Clone)]
struct Balancer {
    address: SocketAddr,
    replicas: Arc<Mutex<Vec<SocketAddr>>>,
}

impl Balancer {
    async fn start(tasks: &mut JoinSet<()>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let replicas = Arc::new(Mutex::new(Vec::<SocketAddr>::new()));
        let balancer = Self { address: listener.local_addr().unwrap(), replicas: Arc::clone(&replicas) };
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            for turn in 0_usize.. {
                let (mut from, _) = listener.accept().await.unwrap();
                let mut order = replicas.lock().unwrap().clone();
                let first = turn % order.len().max(1);
                order.rotate_left(first);
                connections.spawn(async move {
                    for replica in order {
                        if let Ok(mut to) = TcpStream::connect(replica).await {
                            let _ = copy_bidirectional(&mut from, &mut to).await;
                            return;
                        }
                    }
                });
            }
        });
        balancer
    }

    fn take_out(&self, replica: SocketAddr) {
        self.replicas.lock().unwrap().retain(|one| *one != replica);
    }

    fn put_in(&self, replica: SocketAddr) {
        self.replicas.lock().unwrap().push(replica);
    }
}

/// What a sender was answered, and how long that took.
type Answers = Arc<Mutex<Vec<(Instant, Option<u16>, Duration)>>>;

/// Sends one incident until it is taken, as a monitoring tool does.
async fn send(http: reqwest::Client, to: SocketAddr, key: String, answers: Answers) -> String {
    let now = SystemClock.now();
    let body = Vec::from(SourceKind::Generic.sample(now, &key));
    let verifier = Verifier::new(Scheme::StandardWebhooks { secrets: vec![SecretString::from(SECRET)] });
    let signed = sign(&verifier, &body, &format!("msg_{key}"), now).unwrap();
    let url = format!("http://{to}/hooks/generic");
    loop {
        let began = Instant::now();
        let request = http.post(&url).headers(signed.headers.clone()).body(body.clone());
        let answer = request.timeout(ANSWER).send().await;
        let status = answer.as_ref().ok().map(|answer| answer.status().as_u16());
        answers.lock().unwrap().push((began, status, began.elapsed()));
        match answer {
            Ok(answer) if answer.status() == 200 => {
                let receipt: serde_json::Value = answer.json().await.unwrap();
                return receipt["incidents"][0]["id"].as_str().unwrap().to_owned();
            }
            Ok(answer) => {
                assert_eq!(answer.status(), 503, "{}", answer.text().await.unwrap());
            }
            Err(_lost) => {}
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// One replica, whose clock is so many minutes off where that can be done.
async fn replica(place: &Place, minutes: i32) -> (Process, SocketAddr) {
    let shift = format!("{minutes:+}m");
    let shifted = [("LD_PRELOAD", FAKETIME), ("FAKETIME", &shift), ("FAKETIME_DONT_FAKE_MONOTONIC", "1")];
    let env: &[(&str, &str)] = if Path::new(FAKETIME).exists() { &shifted } else { &[] };
    Place::listening(Process::start(&["serve", "--config", &place.config()], env)).await
}

/// A place whose replicas share the database of a cluster.
async fn place_on(cluster: &Cluster, incidents: usize) -> Place {
    let place = Place::for_rooms(incidents).await;
    let config = std::fs::read_to_string(place.config()).unwrap();
    place.write("warroom.yaml", &config.replace("sqlite:warroom.db", &cluster.url()));
    place
}

/// The leases of rooms that somebody works on, which have no welcome yet.
fn in_hand(url: &str) -> Vec<String> {
    ask(url, async |client| {
        let sql = "SELECT lease_token FROM rooms WHERE lease_token IS NOT NULL AND urgency <= 1";
        client.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
    })
}

/// How long it takes until none of these leases is there any more: what a dead process had is free then, and what a
/// living one had is done. When a room's next call is made is another matter: its number's pace decides.
async fn until_free(url: String, leases: Vec<String>) -> Duration {
    let begun = Instant::now();
    loop {
        // The database may be away.
        if let Ok((client, connection)) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await {
            let sql = "SELECT count(*) FROM rooms WHERE lease_token = ANY($1)";
            let of: [&(dyn tokio_postgres::types::ToSql + Sync); 1] = [&leases];
            let left = tokio::select! {
                left = client.query_one(sql, &of) => left.ok().map(|row| row.get::<_, i64>(0)),
                _ = connection => None,
            };
            if left == Some(0) {
                return begun.elapsed();
            }
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// What is known of a room, for a person who wonders.
fn state_of(url: &str, id: &str) -> String {
    let number: i64 = id.trim_start_matches("INCIDENT-").parse().unwrap();
    ask(url, async move |client| {
        let sql = "SELECT concat_ws(' ', r.phase, 'due in ms', r.wake_at - (extract(epoch FROM clock_timestamp()) * 1000)::bigint, \
                   'leased by', r.lease_token, 'queued', r.budget_at, (SELECT string_agg(concat_ws(',', kind, step, event, spent), ' ' ORDER BY id) \
                   FROM journal j WHERE j.incident = r.incident)) FROM rooms r WHERE r.incident = $1";
        client.query_one(sql, &[&number]).await.unwrap().get(0)
    })
}

/// No incident has two groups, none is without a welcome, and no number has made too many; returns how many welcomes
/// were said twice.
fn one_group_each(place: &Place, ids: &[String]) -> usize {
    let (mut made, mut repeats) = (BTreeMap::<String, usize>::new(), 0);
    for id in ids {
        let groups = place.groups(id);
        assert_eq!(groups.len(), 1, "{id}: one incident, one group");
        let welcomes = groups[0].texts().iter().filter(|text| text.contains("needs you here")).count();
        assert!(welcomes >= 1, "{id}: {:?}", groups[0].texts());
        repeats += welcomes - 1;
        *made.entry(groups[0].instance_id.clone()).or_default() += 1;
    }
    assert_eq!(place.sandbox.groups().len(), ids.len(), "no other groups");
    assert!(made.values().all(|made| *made <= 10), "budgets: {made:?}");
    repeats
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL's programs: .ci/run runs it"]
async fn each_incident_gets_its_one_room_whatever_happens_to_replicas_and_database() {
    let incidents = usize::try_from(times("WARROOM_INCIDENTS", INCIDENTS)).unwrap();
    let cluster = Cluster::start();
    // A call whose answer died with a replica has used the budget too.
    let place = place_on(&cluster, incidents * 3 / 2).await;
    let mut tasks = JoinSet::new();
    let balancer = Balancer::start(&mut tasks).await;
    // Together, on a database that is empty.
    let shifts = [-4, 0, 4];
    let (a, b, c) =
        tokio::join!(replica(&place, shifts[0]), replica(&place, shifts[1]), replica(&place, shifts[2]));
    let mut replicas = vec![a, b, c];
    for (_, address) in &replicas {
        balancer.put_in(*address);
    }

    let (answers, mut senders) = (Answers::default(), JoinSet::new());
    let (http, to) =
        (reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().unwrap(), balancer.address);
    let (every_answer, client) = (Arc::clone(&answers), http.clone());
    senders.spawn(async move {
        let mut sending = JoinSet::new();
        let gap = (LASTS / u32::try_from(incidents).unwrap()).max(GAP);
        for n in 0..incidents {
            sending.spawn(send(client.clone(), to, format!("many-{n}"), Arc::clone(&every_answer)));
            tokio::time::sleep(gap).await;
        }
        sending.join_all().await
    });
    let (mut freed, mut in_hand_at_a_kill, mut kills) = (JoinSet::new(), 0, 0);
    let mut stopped_until: Option<Instant> = None;
    let mut was_away: Option<(Instant, Instant)> = None;
    let mut ids = None;
    while ids.is_none() {
        let next = tokio::time::timeout(KILL_GAP, senders.join_next()).await;
        if let Ok(Some(sent)) = next {
            ids = Some(sent.unwrap());
        }
        // One stands still; of the other two one is killed each time.
        if kills == 2 && stopped_until.is_none() {
            replicas[2].0.signal("STOP");
            balancer.take_out(replicas[2].1);
            stopped_until = Some(Instant::now() + STANDSTILL);
        }
        if stopped_until.is_some_and(|until| Instant::now() >= until && was_away.is_none()) {
            replicas[2].0.signal("CONT");
            balancer.put_in(replicas[2].1);
            let began = Instant::now();
            cluster.stop();
            cluster.go_on();
            was_away = Some((began, Instant::now() + Duration::from_secs(3)));
        }
        let which = kills % 2;
        let open = in_hand(&cluster.url());
        let (process, address) = replicas.remove(which);
        balancer.take_out(address);
        process.kill();
        kills += 1;
        in_hand_at_a_kill += open.len();
        freed.spawn(until_free(cluster.url(), open));
        let next = replica(&place, shifts[which]).await;
        balancer.put_in(next.1);
        replicas.insert(which, next);
    }
    let mut ids = ids.unwrap();
    ids.sort_by_key(|id| id.strip_prefix("INCIDENT-").unwrap().parse::<usize>().unwrap());
    let wanted: Vec<String> = (1..=incidents).map(|n| format!("INCIDENT-{n}")).collect();
    assert_eq!(ids, wanted, "no alert was forgotten and none was taken for another");
    let sent = Instant::now();
    for id in &ids {
        while place.groups(id).iter().all(|group| group.texts().is_empty()) {
            assert!(sent.elapsed() < ALL_BRIEFED, "{id} has no welcome: {}", state_of(&cluster.url(), id));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    assert!(stopped_until.is_some() && was_away.is_some(), "all of it happened: {kills} kills");
    let waits = freed.join_all().await;

    for (process, _) in replicas.drain(..) {
        process.terminate();
        let ended = process.ended().await;
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    }
    let repeats = one_group_each(&place, &ids);
    let longest = waits.iter().max().copied().unwrap_or_default();
    let answers = answers.lock().unwrap();
    let (began, ended) = was_away.unwrap();
    let mut took: Vec<Duration> = answers
        .iter()
        .filter(|(at, status, _)| *status == Some(200) && !(began..ended).contains(at))
        .map(|(_, _, took)| *took)
        .collect();
    took.sort();
    let p99 = took[took.len() * 99 / 100];
    println!(
        "{incidents} incidents, {kills} kills, {in_hand_at_a_kill} rooms in hand at a kill, free after {longest:?} at \
         most; {} answers, {} of them 200, 99 % of these within {p99:?}; welcomes said twice: {repeats}",
        answers.len(),
        took.len()
    );
    assert!(longest < GOES_ON, "{waits:?}");
    // Of a few answers the slowest is one of a busy machine.
    assert!(took.len() < 100 || p99 < Duration::from_secs(1), "{took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL's programs: .ci/run runs it"]
async fn while_the_database_is_away_senders_are_asked_to_come_again() {
    let away = Duration::from_secs(times("WARROOM_AWAY", 12));
    let incidents = 10 + usize::try_from(away.as_secs()).unwrap();
    let cluster = Cluster::start();
    let place = place_on(&cluster, incidents).await;
    let (bridge, address) = replica(&place, 0).await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let (answers, mut sending) = (Answers::default(), JoinSet::new());
    let mut send_one = |n: usize| {
        sending.spawn(send(http.clone(), address, format!("away-{n}"), Arc::clone(&answers)));
    };
    for n in 0..10 {
        send_one(n);
    }
    cluster.stop();
    let until_then = Instant::now() + away;
    for n in 10..incidents {
        send_one(n);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let ready = http.get(format!("http://{address}/readyz")).send().await.unwrap();
    assert_eq!(ready.status(), 503);
    let parts: serde_json::Value = ready.json().await.unwrap();
    assert_ne!(parts["store"], "ok", "{parts}");
    assert_eq!(parts["worker"], "ok", "{parts}");
    tokio::time::sleep_until(until_then.into()).await;
    cluster.go_on();
    let ids = tokio::time::timeout(PATIENCE, sending.join_all()).await.expect("all are taken");
    for (_, status, took) in answers.lock().unwrap().iter() {
        assert!(matches!(status, Some(200 | 503)) && *took < ANSWER, "{status:?} after {took:?}");
    }
    for id in &ids {
        place.briefed(id).await;
        place.assert_one_briefed_group(id);
    }
    let is_ready =
        async || http.get(format!("http://{address}/readyz")).send().await.unwrap().status() == 200;
    assert!(is_ready().await);
    let took: Vec<Duration> = answers.lock().unwrap().iter().map(|answer| answer.2).collect();
    println!("away for {away:?}: {} answers, the longest after {:?}", took.len(), took.iter().max());
    drop(bridge);
    until("the groups are all there", || (place.sandbox.groups().len() == incidents).then_some(())).await;
}
