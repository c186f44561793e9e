//! `warroom demo`: the main job on a laptop with nothing else installed.
//!
//! Starts the sandbox and the bridge, both on real HTTP on loopback, posts a correctly signed Sev-1 alert
//! and shows what happens as it happens. The bridge reads the shipped roster; two of its people are made
//! hard to reach, because that is the part worth seeing.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::post::{ask, client};
use super::{Failure, load, runtime, start_log};
use crate::app::{Running, start_sandbox, stop_on_signals};
use crate::clock::{Clock, SignedDuration, Timestamp, later, new_id, new_token};
use crate::config::{LogFormat, Strictness};
use crate::incident::IncidentId;
use crate::room::{PhaseName, Room, SeatState};
use crate::roster::Roster;
use crate::sandbox::{Engine, GroupView, Person, Privacy, Sandbox, Setup};
use crate::signature::{Signed, sign};
use crate::source::Source;
use crate::store::{Receipt, Store};

/// How to run the demo.
#[derive(Debug, Args)]
pub struct Options {
    /// Ends when the room is live, briefed and its members checked; fails with the reason otherwise
    #[arg(long)]
    once: bool,
    /// Which engine's answers the simulated API gives: webjs, noweb or gows
    #[arg(long, default_value = "webjs")]
    engine: Engine,
    /// Shows the bridge's log too
    #[arg(long, short)]
    verbose: bool,
}

const ROSTER: &str = include_str!("../../config/roster.yaml");
/// The longest until the room is complete: three member lists take 15 seconds.
const DEADLINE: SignedDuration = SignedDuration::from_secs(60);
/// Between two looks at what has happened.
const GLANCE: Duration = Duration::from_millis(100);

/// Runs the demo.
pub(super) fn run(options: &Options, clock: &Arc<dyn Clock>, out: &mut dyn Write) -> Result<u8, Failure> {
    start_log(if options.verbose { "info,warroom=debug" } else { "error" }, LogFormat::Text);
    let folder = Folder::create(&new_token())?;
    runtime()?.block_on(async {
        let stop = stop_on_signals(|| std::process::exit(130))?;
        let tasks = TaskTracker::new();
        let result = play(options, &folder.0, clock, &stop, &tasks, out).await;
        stop.cancel();
        tasks.close();
        tasks.wait().await;
        result
    })
}

/// A folder that is gone afterwards.
struct Folder(PathBuf);

impl Folder {
    fn create(name: &str) -> std::io::Result<Self> {
        let path = std::env::temp_dir().join(format!("warroom-demo-{name}"));
        std::fs::create_dir(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn play(
    options: &Options,
    folder: &Path,
    clock: &Arc<dyn Clock>,
    stop: &CancellationToken,
    tasks: &TaskTracker,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    let sandbox = Sandbox::new(Setup::with_engine(options.engine), Arc::clone(clock));
    let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
    let phones = start_sandbox(any_port, sandbox.clone(), stop, tasks).await?;
    let config = folder.join("warroom.yaml");
    let secret = new_token();
    write_files(&config, phones, &secret)?;
    let loaded = load(&config, Strictness::Serve)?;
    let trouble = settle_people(&sandbox, &loaded.roster);
    let source = loaded.config.sources.values().next().cloned();
    let source = source.ok_or_else(|| Failure::no("the demo's config has no source"))?;
    let running = Running::start(&loaded, Arc::clone(clock), stop).await?;
    let hook = format!("http://{}/hooks/gateway/demo?secret={secret}", running.public);
    let hooks = serde_json::json!([{ "url": hook, "events": ["*"], "is_active": true }]);
    sandbox.set_webhooks(Setup::INSTANCE_ID, hooks);

    writeln!(out, "sandbox   http://{phones}/  (everybody's phone; engine {})", options.engine)?;
    writeln!(out, "bridge    http://{}/hooks/{}", running.public, source.name)?;
    writeln!(out, "console   http://{}/\n", running.operator)?;
    for line in trouble {
        writeln!(out, "  {line}")?;
    }
    let begun = clock.now();
    let mut story = Story { clock: Arc::clone(clock), begun, out };
    let receipt = post_alert(&source, running.public, clock.now()).await?;
    story.tell(&format!("signed Sev-1 alert posted and accepted, receipt {}", receipt.id))?;
    let id: IncidentId = receipt
        .incidents
        .first()
        .and_then(|i| i.id.as_deref())
        .and_then(|id| id.parse().ok())
        .ok_or_else(|| Failure::no("the bridge opened no incident for the alert"))?;
    let room = watch(&mut story, &running.store, id, stop).await;
    let shown = match &room {
        Ok(room) => show(&sandbox, room, story.out),
        Err(_) => Ok(()),
    };
    if !options.once && room.is_ok() && !stop.is_cancelled() {
        invite_to_play(&config, &source.name, story.out)?;
        stop.cancelled().await;
    }
    stop.cancel();
    running.ended().await?;
    room?;
    shown?;
    Ok(0)
}

fn write_files(config: &Path, gateway: SocketAddr, events: &str) -> Result<(), Failure> {
    let text = format!(
        "# The demo's config: a bridge before the sandbox, everything on loopback.
server: {{ listen: 127.0.0.1:0, admin: 127.0.0.1:0 }}
store: sqlite:warroom.db
roster: roster.yaml
operator: Acme Operations
gateway:
  kind: wawp
  base_url: http://{gateway}
  instances: [ {{ name: demo, id: {id}, access_token: {token}, events: {{ secret: {events} }} }} ]
sources:
  webhook:
    kind: generic
    verify: {{ hmac: {secret} }}
",
        id = Setup::INSTANCE_ID,
        token = Setup::ACCESS_TOKEN,
        secret = new_token(),
    );
    std::fs::write(config, text)?;
    std::fs::write(config.with_file_name("roster.yaml"), ROSTER)?;
    Ok(())
}

/// Makes two people hard to reach; returns what to tell about it.
fn settle_people(sandbox: &Sandbox, roster: &Roster) -> Vec<String> {
    let mut told = Vec::new();
    for person in roster.people.values() {
        let (privacy, told_as) = match person.key.as_str() {
            "amira" => (Privacy::Refuses403, Some("lets nobody add her to groups")),
            "lea" => (Privacy::SilentlyAbsent, Some("is reported as added, but is not")),
            _ => (Privacy::Ok, None),
        };
        let settings = Person { name: person.name.clone(), privacy, ..Person::default() };
        sandbox.set_person(person.jid.digits(), settings);
        if let Some(told_as) = told_as {
            told.push(format!("{} {told_as}", person.name));
        }
    }
    told
}

async fn post_alert(source: &Source, bridge: SocketAddr, now: Timestamp) -> Result<Receipt, Failure> {
    let alert = serde_json::json!({
        "version": 1,
        "id": new_id(now),
        "event": "triggered",
        "dedup_key": "checkout/5xx",
        "severity": 1,
        "title": "Checkout fails for 42 % of customers",
        "description": "5xx from the payment provider since the last deployment",
        "service": "checkout",
        "started_at": now.to_string(),
        "url": "https://grafana.example/d/checkout",
        "labels": { "client": "acme", "environment": "production", "region": "eu-west" },
    });
    let body = alert.to_string().into_bytes();
    let Signed { headers, .. } = sign(&source.verifier, &body, &new_id(now), now)
        .map_err(|error| Failure::no(format!("the alert cannot be signed: {error}")))?;
    let url = format!("http://{bridge}/hooks/{}", source.name);
    let reply = ask(client()?.post(url).headers(headers).body(body), "the bridge").await?;
    if reply.status != 200 {
        return Err(Failure::no(format!("the bridge answered {}: {}", reply.status, reply.body.trim())));
    }
    serde_json::from_str(&reply.body)
        .map_err(|error| Failure::no(format!("the bridge's receipt cannot be read: {error}")))
}

/// What happened, line by line with the time since the beginning.
struct Story<'a> {
    clock: Arc<dyn Clock>,
    begun: Timestamp,
    out: &'a mut dyn Write,
}

impl Story<'_> {
    fn tell(&mut self, line: &str) -> Result<(), Failure> {
        let millis = self.clock.now().duration_since(self.begun).as_millis();
        writeln!(self.out, "{:>3}.{:01} s  {line}", millis / 1000, millis % 1000 / 100)?;
        self.out.flush()?;
        Ok(())
    }
}

/// Tells what changes in the room until it is complete.
async fn watch(
    story: &mut Story<'_>,
    store: &Store,
    id: IncidentId,
    stop: &CancellationToken,
) -> Result<Room, Failure> {
    let deadline = later(story.begun, DEADLINE);
    let mut phase = PhaseName::Wanted;
    let mut told = 0;
    let mut seats: BTreeMap<String, String> = BTreeMap::new();
    loop {
        let dossier = store.dossier(id).await.map_err(|error| Failure::no(error.to_string()))?;
        let room = dossier.and_then(|d| d.room).ok_or_else(|| Failure::no("the incident has no room"))?;
        if room.phase.name() != phase {
            phase = room.phase.name();
            story.tell(&format!("room is {}", phase.as_str()))?;
        }
        let said = room.tasks.all_said();
        for (_, said) in said.iter().skip(told) {
            story.tell(&format!("said: {}", said.message.key()))?;
        }
        told = said.len();
        for seat in &room.seats {
            let words = seat.words();
            if seats.get(&seat.who.person) != Some(&words) {
                story.tell(&format!("{} ({}): {words}", seat.who.name, seat.who.role))?;
                seats.insert(seat.who.person.clone(), words);
            }
        }
        if room.is_complete() {
            return Ok(room);
        }
        if story.clock.now() >= deadline || stop.is_cancelled() {
            return Err(Failure::no(unfinished(&room)));
        }
        tokio::select! { () = tokio::time::sleep(GLANCE) => {} () = stop.cancelled() => {} }
    }
}

/// Why the room is not complete.
fn unfinished(room: &Room) -> String {
    let mut missing = vec![format!("the room is still {}", room.phase.name().as_str())];
    if !room.is_briefed() {
        missing.push("the welcome is not said".to_owned());
    }
    for seat in room.seats.iter().filter(|s| !s.is_settled()) {
        missing.push(format!("{} is not accounted for", seat.who.name));
    }
    for (task, progress) in room.tasks.iter() {
        missing.extend(progress.trouble.as_ref().map(|trouble| format!("{task}: {}", trouble.last)));
    }
    missing.join("; ")
}

/// The room as the gateway and the people have it.
fn show(sandbox: &Sandbox, room: &Room, out: &mut dyn Write) -> Result<(), Failure> {
    let wanted = room.phase.group().map(ToString::to_string);
    let group = sandbox
        .groups()
        .into_iter()
        .find(|g| Some(&g.id) == wanted.as_ref())
        .ok_or_else(|| Failure::no("the gateway has no such group"))?;
    writeln!(out, "\nroom      {}\n          {}\n", group.subject, group.id)?;
    for seat in &room.seats {
        let who = &seat.who;
        let place = if group.has(who.jid.digits()) { "in the group" } else { "not in the group" };
        writeln!(out, "  {:<16} {:<22} {place}{}", who.name, who.role, holds(&seat.state))?;
    }
    writeln!(out, "\nThe first message, as the phones show it:\n")?;
    welcome(&group, out)?;
    writeln!(out)?;
    out.flush()?;
    Ok(())
}

fn holds(state: &SeatState) -> &'static str {
    match state {
        SeatState::Invited { by_gateway: true, .. } => ", holds a private invitation",
        SeatState::Invited { by_gateway: false, .. } => ", holds the invite link",
        SeatState::Wanted
        | SeatState::Asked
        | SeatState::In { .. }
        | SeatState::Left { .. }
        | SeatState::Refused { .. }
        | SeatState::CannotTell { .. }
        | SeatState::Replaced { .. } => "",
    }
}

fn welcome(group: &GroupView, out: &mut dyn Write) -> Result<(), Failure> {
    use crate::chat_text::Style;
    use crate::sandbox::MessageKind;
    let first = group.messages.iter().find(|m| m.kind == MessageKind::Text);
    let Some(message) = first else { return Err(Failure::no("the group has no message")) };
    let mut shown = String::new();
    for run in &message.runs {
        let style: String = run
            .styles
            .iter()
            .map(|style| match style {
                Style::Bold => "\u{1b}[1m",
                Style::Italic => "\u{1b}[3m",
                Style::Strike => "\u{1b}[9m",
                Style::Mono | Style::Quote => "\u{1b}[2m",
                Style::Link => "\u{1b}[4m",
            })
            .collect();
        shown.push_str(&style);
        shown.push_str(&run.text);
        if !style.is_empty() {
            shown.push_str("\u{1b}[0m");
        }
    }
    for line in shown.lines() {
        writeln!(out, "  │ {line}")?;
    }
    Ok(())
}

fn invite_to_play(config: &Path, source: &str, out: &mut dyn Write) -> Result<(), Failure> {
    let command = format!("warroom send {source} --config {}", config.display());
    writeln!(out, "It stays up. Look at the phones and the console, or send more:\n")?;
    writeln!(out, "  {command} --to URL-OF-THE-BRIDGE-ABOVE")?;
    writeln!(out, "\nCtrl-C ends it.")?;
    out.flush()?;
    Ok(())
}
