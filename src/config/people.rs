//! Reads `roster.yaml`: people, rotations, routes.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::DateTime;

use crate::alert::{Severity, is_web_address};
use crate::clock::SignedDuration;
use crate::config::section::{Item, Section, closest, shortened};
use crate::config::server::seconds;
use crate::config::source_text::Cover;
use crate::config::yaml::Value;
use crate::jid::Jid;
use crate::matcher::{Labels, Matcher};
use crate::roster::{COMMANDER, FALLBACK, Invite, Invitee, Override, Person, Roster, Rotation, Route, zone};

/// More people than this in one route are an audience, not a team.
const CROWD: usize = 10;

/// The roster, or what could be made of it; the caller looks at the findings before using it.
pub(super) fn roster(root: &Section<'_>, open_at: Severity) -> Roster {
    let mut seen = Seen::default();
    let people = root
        .need(
            "people",
            "say who there is: `amira: { name: …, phone: \"+1555…\" }`",
        )
        .map(|item| people(&item, &mut seen))
        .unwrap_or_default();
    let rotations = root
        .get("rotations")
        .map(|item| rotations(&item, &mut seen))
        .unwrap_or_default();
    let mut roster = Roster {
        people,
        rotations,
        routes: Vec::new(),
        fallback: empty_route(FALLBACK),
    };
    let mut catch_all: Option<usize> = None;
    if let Some(item) = root.get("routes") {
        for (n, item) in item.list(false).iter().enumerate() {
            let errors = item.desk.errors();
            let route = item.section(|s| route(s, n, &mut seen));
            if roster.routes.iter().any(|r| r.name == route.name) {
                item.error_with(
                    format!("is a second route named `{}`", route.name),
                    "names tell routes apart in the room's history",
                );
            }
            if let Some(earlier) = catch_all.and_then(|n| roster.routes.get(n)) {
                item.warning(
                    format!("is never reached: `{}` before it has no matchers", earlier.name),
                    "move the route without matchers to the end, or use `fallback`",
                );
            } else if route.matchers.is_empty() {
                catch_all = Some(n);
            }
            if item.desk.errors() == errors {
                remarks(item, &route, &roster, open_at);
            }
            roster.routes.push(route);
        }
    }
    let hint = "whom to call when no route matches: `fallback: { invite: { commander: [ … ] } }`";
    if let Some(item) = root.need("fallback", hint) {
        let errors = item.desk.errors();
        roster.fallback = item.section(|s| Route {
            name: FALLBACK.to_owned(),
            matchers: Vec::new(),
            invite: invites(s, &mut seen),
            runbook: runbook(s),
        });
        if item.desk.errors() == errors {
            if roster.fallback.invite.iter().all(|i| i.whom.is_empty()) {
                item.error_with("names nobody, but somebody must always be called", hint);
            }
            remarks(&item, &roster.fallback, &roster, open_at);
        }
    }
    // A misspelt name leaves somebody unused, which the error about it says better.
    if root.desk.errors() == 0 {
        for person in seen.unused() {
            person.warning(
                "is in no rotation and no route",
                "remove this person, or add them to a route",
            );
        }
    }
    roster
}

/// Which people and rotations there are, and which of them anybody asked for.
#[derive(Default)]
struct Seen<'a> {
    people: BTreeMap<String, Item<'a>>,
    rotations: BTreeSet<String>,
    used: BTreeSet<String>,
}

impl<'a> Seen<'a> {
    fn unused(&self) -> impl Iterator<Item = &Item<'a>> {
        self.people
            .iter()
            .filter(|(key, _)| !self.used.contains(*key))
            .map(|(_, item)| item)
    }

    /// Notes that `item` asks for a person, who must exist.
    fn person(&mut self, item: &Item<'a>) -> Option<String> {
        let key = item.text()?;
        self.used.insert(key.to_owned());
        if self.people.contains_key(key) {
            return Some(key.to_owned());
        }
        if key.chars().filter(char::is_ascii_digit).count() >= 7 {
            item.cover(Cover::Number);
            item.error_with(
                "names nobody among `people`",
                "this looks like a phone number; name people by their key",
            );
            return None;
        }
        let keys: Vec<&str> = self.people.keys().map(String::as_str).collect();
        let message = format!("names `{}`, who is not among `people`", shortened(key));
        if self.rotations.contains(key) {
            item.error_with(message, format!("write `rotation:{key}` for the rotation"));
        } else if let Some(meant) = closest(key, &keys) {
            item.error_with(message, format!("did you mean `{meant}`?"));
        } else {
            item.error_with(message, "add the person under `people`");
        }
        None
    }
}

fn people<'a>(item: &Item<'a>, seen: &mut Seen<'a>) -> BTreeMap<String, Person> {
    let mut people: BTreeMap<String, Person> = BTreeMap::new();
    for (key, item) in item.named() {
        if let Some((at, person)) = item.section(|s| person(s, key)) {
            if let Some(other) = people.values().find(|p| p.jid == person.jid) {
                at.error_with(
                    format!("is the number of `{}` too", other.key),
                    "two people cannot share one number; use one entry with both roles",
                );
            }
            people.insert(key.to_owned(), person);
        }
        // Somebody with a mistake in their entry exists all the same.
        seen.people.insert(key.to_owned(), item);
    }
    if people.is_empty() && seen.people.is_empty() && item.is_map() {
        item.error("names nobody");
    }
    people
}

fn person<'a>(s: &Section<'a>, key: &str) -> Option<(Item<'a>, Person)> {
    let name = s
        .need("name", "the name that the others will read")
        .and_then(|i| i.line().map(str::to_owned));
    let phone = s.get("phone");
    let jid = s.get("jid");
    let email = s.get("email").and_then(|i| email(&i));
    let timezone = s.get("timezone").and_then(|i| zone_name(&i));
    let introduced = s.truth("introduced", false);
    for item in phone.iter().chain(&jid) {
        item.cover(Cover::Number);
    }
    let (at, jid) = match (phone, jid) {
        (Some(phone), None) => {
            let jid = number(&phone);
            (phone, jid)
        }
        (None, Some(jid)) => {
            let parsed = chat_id(&jid);
            (jid, parsed)
        }
        (Some(_), Some(jid)) => {
            jid.error_with("stands beside `phone`", "one of them is enough; remove the other");
            return None;
        }
        (None, None) => {
            if s.is_sound() {
                s.desk.error_with(
                    s.span.clone(),
                    format!("`{}` has no number", s.path),
                    "add `phone: \"+15550100123\"` or `jid: \"15550100123@c.us\"`",
                );
            }
            return None;
        }
    };
    Some((
        at,
        Person {
            key: key.to_owned(),
            name: name?,
            jid: jid?,
            email,
            timezone,
            introduced,
        },
    ))
}

fn number(item: &Item<'_>) -> Option<Jid> {
    let text = item.scalar("a phone number in quotes, such as `\"+15550100123\"`")?;
    if matches!(item.node.value, Value::Number(_)) && !text.starts_with('+') {
        item.error_with(
            "is a plain number to YAML",
            "write it in quotes with `+` and the country code: `\"+15550100123\"`",
        );
        return None;
    }
    match Jid::from_phone(text) {
        Ok(jid) => Some(jid),
        Err(e) => {
            let text = text.trim();
            let hint = if text.contains('@') {
                "an id such as `15550100123@c.us` belongs under `jid`"
            } else if text.starts_with("00") {
                "write `+` instead of `00`"
            } else if text.starts_with('0') {
                "replace the leading zero by `+` and the country code"
            } else {
                "for example `\"+15550100123\"`"
            };
            item.error_with(format!("is not a phone number: {e}"), hint);
            None
        }
    }
}

fn chat_id(item: &Item<'_>) -> Option<Jid> {
    let text = item.scalar("an id such as `\"15550100123@c.us\"`")?;
    match text.parse() {
        Ok(jid) => Some(jid),
        Err(e) => {
            let hint = if text.trim().starts_with('+') {
                "a phone number belongs under `phone`"
            } else {
                "for example `\"15550100123@c.us\"`"
            };
            item.error_with(format!("is not a person's id: {e}"), hint);
            None
        }
    }
}

fn email(item: &Item<'_>) -> Option<String> {
    let text = item.line()?;
    let well_formed = text
        .split_once('@')
        .is_some_and(|(user, host)| !user.is_empty() && host.contains('.') && !host.contains('@'));
    if !well_formed || text.contains(char::is_whitespace) {
        item.error(format!("is not an e-mail address: `{}`", shortened(text)));
        return None;
    }
    Some(text.to_owned())
}

fn zone_name(item: &Item<'_>) -> Option<String> {
    let text = item.text()?;
    if zone(text).is_some() {
        return Some(text.to_owned());
    }
    let names: Vec<String> = jiff::tz::db()
        .available()
        .map(|n| n.as_str().to_owned())
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let message = format!("is not a time zone: `{}`", shortened(text));
    let same = names.iter().find(|n| n.eq_ignore_ascii_case(text)).copied();
    match same.or_else(|| closest(text, &names)) {
        Some(meant) => item.error_with(message, format!("did you mean `{meant}`?")),
        None => item.error_with(message, "write an IANA name such as `Europe/Berlin`"),
    }
    None
}

fn rotations<'a>(item: &Item<'a>, seen: &mut Seen<'a>) -> BTreeMap<String, Rotation> {
    let mut rotations = BTreeMap::new();
    for (key, item) in item.named() {
        seen.rotations.insert(key.to_owned());
        if let Some(rotation) = item.section(|s| rotation(s, key, seen)) {
            rotations.insert(key.to_owned(), rotation);
        }
    }
    rotations
}

fn rotation<'a>(s: &Section<'a>, key: &str, seen: &mut Seen<'a>) -> Option<Rotation> {
    let zone_name = s
        .need(
            "timezone",
            "whose wall clock rules the turns, such as `Europe/Berlin`",
        )
        .and_then(|i| zone_name(&i));
    let starts = s
        .need(
            "starts",
            "when the first person's first turn begins, such as `2026-01-05 09:00`",
        )
        .and_then(|i| moment(&i));
    let shift = s
        .need("shift", "how long a turn is, such as `1 week` or `12 hours`")
        .and_then(|i| shift(&i));
    let people = s.need("people", "who takes turns, in order").map(|item| {
        let items = item.list(true);
        if items.is_empty() && matches!(item.node.value, Value::List(_)) {
            item.error("names nobody, so nobody would ever be on duty");
        }
        items.iter().filter_map(|i| seen.person(i)).collect::<Vec<_>>()
    });
    let overrides = s
        .get("overrides")
        .map(|item| {
            let items = item.list(false);
            items
                .iter()
                .filter_map(|i| i.section(|s| takeover(s, seen)))
                .collect()
        })
        .unwrap_or_default();
    let zone_name = zone_name?;
    Some(Rotation {
        name: key.to_owned(),
        zone: zone(&zone_name)?,
        zone_name,
        starts: starts?,
        shift: shift?,
        people: people?,
        overrides,
    })
}

fn takeover<'a>(s: &Section<'a>, seen: &mut Seen<'a>) -> Option<Override> {
    let from = s.need("from", "the first moment, such as `2026-12-24 09:00`");
    let until = s.need("until", "the moment at which the usual person is back");
    let person = s
        .need("person", "who takes the turn")
        .and_then(|i| seen.person(&i));
    let from = from.and_then(|i| moment(&i));
    let end = until.as_ref().and_then(moment);
    if let (Some(from), Some(end), Some(at)) = (from, end, &until)
        && end <= from
    {
        at.error("is not after `from`");
        return None;
    }
    Some(Override {
        from: from?,
        until: end?,
        person: person?,
    })
}

/// A wall-clock time, to the minute or second, with a blank or a `T` between date and time.
fn moment(item: &Item<'_>) -> Option<DateTime> {
    let text = item.text()?;
    let parsed: Option<DateTime> = text.parse().ok();
    // A zone or an offset would be ignored, and a date alone would silently mean midnight.
    let plain = text
        .chars()
        .all(|c| c.is_ascii_digit() || matches!(c, '-' | ':' | ' ' | 'T'));
    match parsed.filter(|_| plain && text.contains(':')) {
        Some(moment) => Some(moment),
        None => {
            item.error_with(
                format!("is not a date with a time: `{}`", shortened(text)),
                "write `2026-01-05 09:00`, by the wall clock of the rotation's zone",
            );
            None
        }
    }
}

fn shift(item: &Item<'_>) -> Option<SignedDuration> {
    item.duration(seconds(3600)..=seconds(366 * 86_400))
}

fn route<'a>(s: &Section<'a>, n: usize, seen: &mut Seen<'a>) -> Route {
    let name = s
        .need("name", "what the room's history calls this route")
        .and_then(|i| i.line().map(str::to_owned));
    Route {
        name: name.unwrap_or_else(|| format!("route {}", n + 1)),
        matchers: s.get("match").map(|i| i.matchers()).unwrap_or_default(),
        invite: invites(s, seen),
        runbook: runbook(s),
    }
}

fn empty_route(name: &str) -> Route {
    Route {
        name: name.to_owned(),
        matchers: Vec::new(),
        invite: Vec::new(),
        runbook: None,
    }
}

fn runbook(s: &Section<'_>) -> Option<String> {
    let item = s.get("runbook")?;
    let text = item.text()?;
    if is_web_address(text) {
        return Some(text.to_owned());
    }
    item.error_with(
        format!("is not a web address: `{}`", shortened(text)),
        "it begins with `https://`",
    );
    None
}

fn invites<'a>(s: &Section<'a>, seen: &mut Seen<'a>) -> Vec<Invite> {
    let Some(item) = s.need(
        "invite",
        "whom to call: `invite: { commander: [ rotation:platform ] }`",
    ) else {
        return Vec::new();
    };
    let mut invites = Vec::new();
    for (role, item) in item.named() {
        let role = role.trim();
        if role.is_empty() || role.chars().any(|c| c.is_control() || c == ',') || role.chars().count() > 40 {
            item.desk.error_with(
                item.key_span.clone(),
                "a role is a short text without commas",
                "such as `commander`, `specialist` or `account manager`",
            );
            continue;
        }
        let whom = item.list(true).iter().filter_map(|i| invitee(i, seen)).collect();
        invites.push(Invite {
            role: role.to_owned(),
            whom,
        });
    }
    invites
}

fn invitee<'a>(item: &Item<'a>, seen: &mut Seen<'a>) -> Option<Invitee> {
    let Some(name) = item.text()?.strip_prefix("rotation:") else {
        return seen.person(item).map(Invitee::Person);
    };
    let name = name.trim();
    if seen.rotations.contains(name) {
        return Some(Invitee::Rotation(name.to_owned()));
    }
    let message = format!("names the rotation `{}`, which does not exist", shortened(name));
    let names: Vec<&str> = seen.rotations.iter().map(String::as_str).collect();
    match closest(name, &names) {
        Some(meant) => item.error_with(message, format!("did you mean `rotation:{meant}`?")),
        None => item.error_with(message, "add it under `rotations`"),
    }
    None
}

/// What is allowed but probably not meant.
fn remarks(item: &Item<'_>, route: &Route, roster: &Roster, open_at: Severity) {
    let named: BTreeSet<&str> = route
        .invite
        .iter()
        .flat_map(|i| &i.whom)
        .flat_map(|invitee| match invitee {
            Invitee::Person(key) => vec![key.as_str()],
            Invitee::Rotation(key) => roster
                .rotations
                .get(key)
                .map(|r| {
                    let others = r.overrides.iter().map(|o| o.person.as_str());
                    r.people.iter().map(String::as_str).chain(others).collect()
                })
                .unwrap_or_default(),
        })
        .collect();
    let at = |message: String, hint: &str| {
        item.desk
            .warning(item.key_span.clone(), format!("`{}` {message}", route.name), hint);
    };
    let leads = |i: &Invite| i.role == COMMANDER && !i.whom.is_empty();
    if !named.is_empty() && !route.invite.iter().any(leads) {
        at(
            "has no commander".to_owned(),
            "somebody should lead: add the role `commander`",
        );
    }
    if named.is_empty() && route.name != FALLBACK {
        at(
            "names nobody".to_owned(),
            "the fallback's people are called instead",
        );
    }
    if named.len() > CROWD {
        at(
            format!("calls up to {} people", named.len()),
            "more than ten in one room rarely helps; name those who act",
        );
    }
    if !opens(&route.matchers, open_at) {
        return;
    }
    let strangers: Vec<&str> = named
        .into_iter()
        .filter(|key| roster.people.get(*key).is_some_and(|p| !p.introduced))
        .collect();
    if !strangers.is_empty() {
        at(
            format!(
                "would call people who never wrote to our number: {}",
                strangers.join(", ")
            ),
            "let them write to it once and set `introduced: true`; until then `rooms.strangers` says what happens",
        );
    }
}

/// Whether an incident bad enough to open a room can take a route with these matchers, as far as they
/// speak of the severity.
fn opens(matchers: &[Matcher], open_at: Severity) -> bool {
    struct Only(&'static str);
    impl Labels for Only {
        fn value(&self, _name: &str) -> Option<&str> {
            Some(self.0)
        }
    }
    Severity::ALL.iter().filter(|s| s.is_at_least(open_at)).any(|s| {
        matchers
            .iter()
            .filter(|m| m.name() == "severity")
            .all(|m| m.holds(Only(s.as_str()).value("severity")))
    })
}
