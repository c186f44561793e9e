//! `warroom check`: every problem of config and roster at once, or what was understood.

use std::cell::RefCell;
use std::io::{self, Write};
use std::path::Path;

use secrecy::ExposeSecret;
use serde::Serialize;

use crate::clock::{SignedDuration, Timestamp, later};
use crate::config::{
    self, Colours, Config, Findings, Level, Loaded, StoreAddress, Strictness, UNSET, describe_verifier,
    show_duration,
};
use crate::consent::{Acquaintance, Stances};
use crate::room::policy::NotOptedIn;
use crate::roster::{
    Client, Dashboard, Handout, Invite, Invitee, Person, Roster, Rotation, Route, USUAL_SIZE, wall_clock,
};
use crate::source::{IncidentPer, Source};

/// How far a rotation is looked ahead.
const AHEAD: SignedDuration = SignedDuration::from_hours(24 * 366);

/// How the answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// For people.
    Text(Colours),
    /// For programs: every finding, and nothing of what was understood.
    Json,
}

/// A finding for programs. Its line comes with secrets and numbers covered, as for people.
#[derive(Serialize)]
struct FindingJson<'a> {
    severity: &'static str,
    file: &'a str,
    line: usize,
    column: usize,
    message: &'a str,
    hint: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
}

fn as_json(findings: &Findings) -> Vec<FindingJson<'_>> {
    let all = findings.iter().map(|finding| FindingJson {
        severity: match finding.severity {
            Level::Error => "error",
            Level::Warning => "warning",
        },
        file: &finding.file,
        line: finding.line,
        column: finding.column,
        message: &finding.message,
        hint: &finding.hint,
        text: finding.excerpt.as_ref().map(|excerpt| excerpt.text.as_str()),
    });
    all.collect()
}

/// Findings for programs.
pub(super) fn write_json(findings: &Findings, out: &mut dyn Write) -> io::Result<()> {
    let json = serde_json::to_string_pretty(&as_json(findings)).map_err(io::Error::other)?;
    writeln!(out, "{json}")
}

/// Checks the config at `path` and its roster and writes what came of it. `now` decides who is shown as on
/// duty. Answers with the exit code: 0 if it can be used, warnings or not; 1 if there is an error.
pub fn run(
    path: &Path,
    env: &dyn Fn(&str) -> Option<String>,
    now: Timestamp,
    form: Form,
    out: &mut dyn Write,
) -> io::Result<u8> {
    // A store that is not there, or from before consents were kept, says nothing.
    let people = RefCell::new(Ok(Vec::new()));
    let known = |store: &StoreAddress| {
        *people.borrow_mut() = super::known_people(store);
        people.borrow().as_deref().map(Stances::of).unwrap_or_default()
    };
    let loaded = config::load_knowing(path, env, Strictness::Check, now, &known);
    let people = people.into_inner();
    let colours = match form {
        Form::Text(colours) => colours,
        Form::Json => {
            let findings = loaded.as_ref().map_or_else(|findings| findings, |loaded| &loaded.warnings);
            write_json(findings, out)?;
            return Ok(u8::from(findings.has_errors()));
        }
    };
    match loaded {
        Err(findings) => {
            writeln!(out, "{}", findings.draw(colours))?;
            writeln!(out, "{}", findings.summary())?;
            Ok(1)
        }
        Ok(loaded) => {
            if let Err(error) = &people {
                writeln!(out, "the store could not be asked who wants to be called: {error}\n")?;
            }
            understood(&loaded, &people.unwrap_or_default(), now, out)?;
            if loaded.warnings.is_empty() {
                writeln!(out, "\nno problems")?;
            } else {
                writeln!(out, "\n{}", loaded.warnings.draw(colours))?;
                writeln!(out, "no errors, {}", loaded.warnings.summary())?;
            }
            Ok(0)
        }
    }
}

fn understood(
    loaded: &Loaded,
    known: &[Acquaintance],
    now: Timestamp,
    out: &mut dyn Write,
) -> io::Result<()> {
    let Loaded { config, roster, .. } = loaded;
    writeln!(out, "config  {}", loaded.config_path.display())?;
    writeln!(out, "roster  {}", loaded.roster_path.display())?;
    surroundings(config, roster.has_important(), out)?;
    writeln!(out, "\nsources")?;
    for source in config.sources.values() {
        describe_source(source, out)?;
    }
    writeln!(out, "\npeople")?;
    for person in roster.people.values() {
        describe_person(person, known.iter().find(|known| known.jid == person.jid), out)?;
    }
    if !roster.rotations.is_empty() {
        writeln!(out, "\nrotations")?;
        for rotation in roster.rotations.values() {
            describe_rotation(rotation, roster, now, out)?;
        }
    }
    if !roster.teams.is_empty() {
        writeln!(out, "\nteams")?;
        for team in roster.teams.values() {
            let whom: Vec<String> =
                team.people.iter().map(|member| words(member, None, roster, now)).collect();
            writeln!(out, "  {}: {}", with_name(&team.key, &team.name), whom.join("; "))?;
        }
    }
    if !roster.clients.is_empty() {
        writeln!(out, "\nclients, whose people are added to any route")?;
        for client in roster.clients.values() {
            describe_client(client, roster, now, out)?;
        }
    }
    writeln!(out, "\nroutes, the first that matches")?;
    for route in &roster.routes {
        describe_route(route, roster, now, out)?;
    }
    describe_route(&roster.fallback, roster, now, out)?;
    describe_rooms(config, out)
}

fn surroundings(config: &Config, has_important: bool, out: &mut dyn Write) -> io::Result<()> {
    let server = &config.server;
    let guard = match (&server.admin_token, server.admin.ip().is_loopback()) {
        (Some(_), _) => "with a token",
        (None, true) => "this machine only; through a proxy it needs `server.admin_token`",
        (None, false) => "open",
    };
    writeln!(out, "\nlisteners")?;
    writeln!(
        out,
        "  hooks      http://{}/hooks/…, bodies up to {} KiB",
        server.listen,
        server.max_body / 1024
    )?;
    writeln!(out, "  operators  http://{}/, {guard}", server.admin)?;
    let kind = match &config.store {
        StoreAddress::Sqlite(_) => "SQLite",
        StoreAddress::Postgres(_) => "PostgreSQL",
    };
    writeln!(out, "\nstore\n  {kind}, {}", config.store)?;
    let gateway = &config.gateway;
    writeln!(
        out,
        "\ngateway\n  call time limit {}, settle {}, lease {}",
        show_duration(config.rooms.call_timeout),
        show_duration(gateway.settle),
        show_duration(gateway.lease)
    )?;
    describe_failover(config, out)?;
    for instance in &gateway.instances {
        writeln!(
            out,
            "  {}: {} of {} at {}, {} rooms an hour, {} messages a minute, 1:1 messages {} apart",
            instance.name,
            masked(&instance.id),
            instance.kind,
            instance.base_url,
            instance.budget.rooms_per_hour,
            instance.budget.messages_per_minute,
            show_duration(instance.budget.one_to_one_gap)
        )?;
        let reserve = if has_important {
            format!("{} of an hour's kept for important routes", instance.budget.rooms_reserved)
        } else {
            "none kept back, because no route is important".to_owned()
        };
        writeln!(
            out,
            "    {} rooms at once, then one each {}; {reserve}; opt-in requests {} apart",
            instance.budget.rooms_burst,
            show_duration(instance.budget.rooms_gap),
            show_duration(instance.budget.ask_gap)
        )?;
        let proofs: Vec<String> = instance.events.iter().map(describe_verifier).collect();
        if !proofs.is_empty() {
            writeln!(
                out,
                "    its events at /hooks/gateway/{}, verified by {}",
                instance.name,
                proofs.join(" and ")
            )?;
        }
    }
    Ok(())
}

/// What happens when a number does not work any more.
fn describe_failover(config: &Config, out: &mut dyn Write) -> io::Result<()> {
    let gateway = &config.gateway;
    let after = show_duration(gateway.failover_after);
    match (gateway.instances.len() > 1, config.rooms.second_number) {
        (true, true) => writeln!(out, "  rooms go on through another number {after} after theirs fails")?,
        (true, false) => writeln!(out, "  rooms wait for their number; no second one is in them")?,
        (false, _) => writeln!(out, "  one number only: rooms wait for it")?,
    }
    match &gateway.fallback_webhook {
        Some(way) => {
            let host = way.url.expose_secret().parse::<http::Uri>().ok();
            let host = host.as_ref().and_then(http::Uri::host).unwrap_or_default();
            writeln!(out, "  when no number works for {after}, {host} is told")
        }
        None => writeln!(out, "  when no number works, only the console and the log tell"),
    }
}

/// Enough to tell two ids apart.
fn masked(id: &str) -> String {
    if id.starts_with(UNSET) {
        return "(not set here)".to_owned();
    }
    let length = id.chars().count();
    let tail: String = id.chars().skip(length.saturating_sub(2)).collect();
    if length > 4 { format!("…{tail}") } else { "…".to_owned() }
}

fn describe_source(source: &Source, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "  {} ({}) at /hooks/{}", source.name, source.kind, source.name)?;
    let covers = source.verifier.covers();
    writeln!(out, "    verified by {}; this covers the {covers}", describe_verifier(&source.verifier))?;
    for rule in &source.severity.rules {
        let matchers: Vec<String> = rule.matchers.iter().map(ToString::to_string).collect();
        writeln!(out, "    {} is {}", matchers.join(" and "), rule.is)?;
    }
    let first = if source.severity.rules.is_empty() { "severity as" } else { "otherwise as" };
    writeln!(out, "    {first} the tool says, {} if it says nothing", source.severity.unmapped)?;
    if source.incident_per == IncidentPer::Alert {
        writeln!(out, "    every alert is an incident of its own")?;
    }
    if source.open_tests {
        writeln!(out, "    the test button opens a room")?;
    }
    Ok(())
}

fn describe_person(person: &Person, known: Option<&Acquaintance>, out: &mut dyn Write) -> io::Result<()> {
    let zone = person.timezone.as_deref().unwrap_or("no time zone");
    let known = Acquaintance::words(known, person.opted_in);
    let stand_in = person.stand_in.as_ref().map_or_else(String::new, |key| format!(", then {key}"));
    let language = person.language.as_ref().map_or_else(String::new, |tag| format!(", {tag}"));
    let roles = if person.roles.is_empty() {
        String::new()
    } else {
        format!(", as {} only", person.roles.join(" or "))
    };
    writeln!(
        out,
        "  {}: {}, {}, {zone}{language}, {known}{stand_in}{roles}",
        person.key,
        person.name,
        person.jid.masked()
    )
}

fn describe_rotation(
    rotation: &Rotation,
    roster: &Roster,
    now: Timestamp,
    out: &mut dyn Write,
) -> io::Result<()> {
    // The next change is near as a rule, and a year of hourly turns is long.
    let mut calendar = Vec::new();
    for days in [2, 30, AHEAD.as_hours() / 24] {
        calendar = roster.calendar(rotation, now, later(now, SignedDuration::from_hours(24 * days)));
        if calendar.len() > 1 {
            break;
        }
    }
    let Some(present) = calendar.first() else { return Ok(()) };
    let names = |people: &[String]| {
        if people.is_empty() { "nobody".to_owned() } else { people.join(" and ") }
    };
    let overridden = roster.on_duty(rotation, now).iter().any(|duty| duty.overridden);
    let note = if overridden { " (override)" } else { "" };
    write!(out, "  {}: {}{note} on duty now", rotation.name, names(&present.people))?;
    match calendar.get(1) {
        Some(next) => {
            let from = wall_clock(rotation.zone.to_datetime(next.from));
            writeln!(out, ", {} from {from} {}", names(&next.people), rotation.zone_name)
        }
        None => writeln!(out, ", and for the next {} days", AHEAD.as_hours() / 24),
    }
}

/// The person or people on duty in the rotation called `key`, for a line of text.
fn now_on_duty(roster: &Roster, key: &str, now: Timestamp) -> String {
    let duties = roster.rotations.get(key).map(|rotation| roster.on_duty(rotation, now)).unwrap_or_default();
    if duties.is_empty() {
        return "nobody".to_owned();
    }
    duties.iter().map(|duty| duty.person.key.as_str()).collect::<Vec<_>>().join(" and ")
}

/// The people and rotations that `invitee` stands for in `role`, or in any.
fn words(invitee: &Invitee, role: Option<&str>, roster: &Roster, now: Timestamp) -> String {
    match invitee {
        Invitee::Person(key) => key.clone(),
        Invitee::Rotation(key) => format!("rotation {key}, now {}", now_on_duty(roster, key, now)),
        Invitee::Team(key) => {
            let members = role.map(|role| roster.members(invitee, role)).unwrap_or_default();
            let members: Vec<String> =
                members.into_iter().map(|member| words(member, role, roster, now)).collect();
            let members = if members.is_empty() { "nobody".to_owned() } else { members.join("; ") };
            format!("team {key} ({members})")
        }
    }
}

/// A key, and the name that people read if it is another one.
fn with_name(key: &str, name: &str) -> String {
    if key == name { key.to_owned() } else { format!("{key} ({name})") }
}

fn describe_client(client: &Client, roster: &Roster, now: Timestamp, out: &mut dyn Write) -> io::Result<()> {
    let values: Vec<&str> = client.values().collect();
    writeln!(out, "  {}: client = {}", with_name(&client.key, &client.name), values.join(" or "))?;
    describe_invites(&client.invite, roster, now, out)?;
    match &client.runbook {
        Some(runbook) => writeln!(out, "    runbook {runbook}, if no route has one"),
        None => Ok(()),
    }
}

fn describe_invites(
    invites: &[Invite],
    roster: &Roster,
    now: Timestamp,
    out: &mut dyn Write,
) -> io::Result<()> {
    for invite in invites {
        let whom: Vec<String> =
            invite.whom.iter().map(|invitee| words(invitee, Some(&invite.role), roster, now)).collect();
        writeln!(out, "    {}: {}", invite.role, whom.join("; "))?;
    }
    Ok(())
}

fn describe_route(route: &Route, roster: &Roster, now: Timestamp, out: &mut dyn Write) -> io::Result<()> {
    let matchers: Vec<String> = route.matchers.iter().map(ToString::to_string).collect();
    let rule = if matchers.is_empty() { "everything else".to_owned() } else { matchers.join(" and ") };
    writeln!(out, "  {}: {rule}", route.name)?;
    describe_invites(&route.invite, roster, now, out)?;
    if !route.clients && !roster.clients.is_empty() {
        writeln!(out, "    no people of the client")?;
    }
    if route.important {
        writeln!(out, "    important: may use what each number keeps back")?;
    }
    if route.goes_on {
        writeln!(out, "    continue: the next route that matches adds its people")?;
    }
    if let Some(runbook) = &route.runbook {
        writeln!(out, "    runbook {runbook}")?;
    }
    describe_handout(&route.handout, out)?;
    if route.size != USUAL_SIZE {
        writeln!(out, "    at most {} people", route.size)?;
    }
    if let Some(quorum) = &route.quorum {
        let roles = quorum.roles.join(", ");
        let (within, step) = (show_duration(quorum.within), show_duration(quorum.step));
        writeln!(out, "    must be there within {within}: {roles}; each step after that {step}")?;
    }
    for deputies in &route.deputies {
        let whom = deputies.whom.iter().map(|invitee| words(invitee, Some(&deputies.role), roster, now));
        let whom: Vec<String> = whom.collect();
        writeln!(out, "    deputies for {}: {}", deputies.role, whom.join("; "))?;
    }
    Ok(())
}

/// What a route gives into its rooms.
fn describe_handout(handout: &Handout, out: &mut dyn Write) -> io::Result<()> {
    for Dashboard { title, url } in &handout.dashboards {
        let title = title.as_ref().map_or_else(String::new, |title| format!("{title}, "));
        writeln!(out, "    dashboard {title}{url}")?;
    }
    if let Some(call) = &handout.call {
        writeln!(out, "    call {call}")?;
    }
    if let Some(text) = &handout.text {
        writeln!(out, "    a text of {} characters", text.chars().count())?;
    }
    if !handout.messages.is_empty() {
        let names: Vec<&str> = handout.messages.keys().map(String::as_str).collect();
        writeln!(out, "    wording of its own: {}", names.join(", "))?;
    }
    Ok(())
}

fn describe_rooms(config: &Config, out: &mut dyn Write) -> io::Result<()> {
    let rooms = &config.rooms;
    let strangers = match rooms.not_opted_in {
        NotOptedIn::Invite => "get one message with the link",
        NotOptedIn::Add => "are added like everybody else",
        NotOptedIn::LeaveOut => "are left out",
    };
    let yes = |b: bool| if b { "yes" } else { "no" };
    writeln!(out, "\nrooms")?;
    writeln!(out, "  opened for {} and worse, named {}", rooms.open_at, config.room_name)?;
    writeln!(out, "  closed {} after the last resolve", show_duration(rooms.close_after))?;
    writeln!(
        out,
        "  marked stale after {} without a word from its source",
        show_duration(rooms.stale_after)
    )?;
    if rooms.share_when_over_budget {
        writeln!(out, "  an incident whose group has to wait goes into an open room of its route")?;
    }
    writeln!(out, "  people who never opted in {strangers}")?;
    if rooms.chat_history_counts {
        writeln!(out, "  whoever wrote to our number lately counts as opted in")?;
    }
    writeln!(
        out,
        "  second admin: {}; settings locked: {}",
        yes(rooms.second_admin),
        yes(rooms.lock_settings)
    )?;
    writeln!(
        out,
        "  a person is asked after {} tries to make a group, or {} in one phase",
        rooms.create_attempts,
        show_duration(rooms.phase_deadline)
    )?;
    if !config.messages.is_empty() {
        let names: Vec<&str> = config.messages.keys().map(String::as_str).collect();
        writeln!(out, "  wording of your own: {}", names.join(", "))?;
    }
    for (language, texts) in &config.translations {
        let names: Vec<&str> = texts.keys().map(String::as_str).collect();
        writeln!(out, "  to one person in {language}: {}", names.join(", "))?;
    }
    Ok(())
}
