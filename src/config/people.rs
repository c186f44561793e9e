//! Reads `roster.yaml`, beginning with its people; rotations, teams, clients and routes have files of their own.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::Surroundings;
use crate::config::clients;
use crate::config::item::Item;
use crate::config::roles::{self, Invited, roles_of};
use crate::config::rotations::{absences, rotations, zone_name};
use crate::config::routes;
use crate::config::section::Section;
use crate::config::source_text::Cover;
use crate::config::teams::teams;
use crate::config::translations::language;
use crate::config::words::shortened;
use crate::config::yaml::Value;
use crate::jid::{Jid, NotAnId};
use crate::roster::{FALLBACK, Person, Roster};

/// The roster, or what could be made of it; the caller looks at the findings before using it.
pub(super) fn roster(root: &Section<'_>, surroundings: &Surroundings<'_>) -> Roster {
    let Surroundings { open_at, ours, now, .. } = *surroundings;
    let mut seen = Seen::default();
    let people = root
        .need("people", "say who there is: `amira: { name: …, phone: \"+1555…\" }`")
        .map(|item| people(&item, &mut seen, ours))
        .unwrap_or_default();
    let rotations = root.get("rotations").map(|item| rotations(&item, &mut seen, now)).unwrap_or_default();
    let teams = root.get("teams").map(|item| teams(&item, &mut seen)).unwrap_or_default();
    let clients = root.get("clients").map(|item| clients::clients(&item, &mut seen)).unwrap_or_default();
    let mut roster = Roster {
        people,
        rotations,
        teams,
        clients: clients.iter().map(|(client, _)| (client.key.clone(), client.clone())).collect(),
        routes: Vec::new(),
        fallback: routes::empty_route(FALLBACK),
    };
    routes::fill(root, &mut roster, &mut seen, surroundings);
    // A misspelt name leaves somebody unused, which the error about it says better.
    if root.context.errors() == 0 {
        roles::check(&seen.invited, &seen.roles, &roster);
        clients::remarks(&clients, &roster, open_at);
        for person in seen.unused() {
            person.warning(
                "is in no rotation, no team and no route",
                "remove this person, or add them to a route",
            );
        }
        for team in seen.unused_teams() {
            team.warning("is a team that nobody calls", "remove it, or name it in a route: `team:NAME`");
        }
    }
    roster
}

/// Which people, rotations and teams there are, and which of them anybody asked for.
#[derive(Default)]
pub(super) struct Seen<'a> {
    people: BTreeMap<String, Item<'a>>,
    pub(super) rotations: BTreeSet<String>,
    pub(super) teams: BTreeMap<String, Item<'a>>,
    /// Where the rotations stand.
    pub(super) turns: BTreeMap<String, Item<'a>>,
    used: BTreeSet<String>,
    used_teams: BTreeSet<String>,
    /// The roles that people may have, in the order of the file.
    roles: Vec<(String, Item<'a>)>,
    /// Who is named in which role so far.
    pub(super) invited: Vec<Invited<'a>>,
}

impl<'a> Seen<'a> {
    fn unused(&self) -> impl Iterator<Item = &Item<'a>> {
        self.people.iter().filter(|(key, _)| !self.used.contains(*key)).map(|(_, item)| item)
    }

    /// Where the person under `key` stands.
    pub(super) fn entry(&self, key: &str) -> Option<&Item<'a>> {
        self.people.get(key)
    }

    fn keys(&self) -> Vec<&str> {
        self.people.keys().map(String::as_str).collect()
    }

    fn unused_teams(&self) -> impl Iterator<Item = &Item<'a>> {
        self.teams.iter().filter(|(key, _)| !self.used_teams.contains(*key)).map(|(_, item)| item)
    }

    /// Notes that `item` asks for the team called `name`, which must exist.
    pub(super) fn team(&mut self, item: &Item<'a>, name: &str) -> Option<String> {
        if self.teams.contains_key(name) {
            self.used_teams.insert(name.to_owned());
            return Some(name.to_owned());
        }
        let message = format!("names the team `{}`, which does not exist", shortened(name));
        let names = || self.teams.keys().map(String::as_str).collect();
        match item.context.closest_of(name, self.teams.len(), names) {
            Some(meant) => item.error_with(message, format!("did you mean `team:{meant}`?")),
            None => item.error_with(message, "add it under `teams`"),
        }
        None
    }

    /// Notes that `item` asks for a person, who must exist.
    pub(super) fn person(&mut self, item: &Item<'a>) -> Option<String> {
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
        let message = format!("names `{}`, who is not among `people`", shortened(key));
        if self.rotations.contains(key) {
            item.error_with(message, format!("write `rotation:{key}` for the rotation"));
        } else if self.teams.contains_key(key) {
            item.error_with(message, format!("write `team:{key}` for the team"));
        } else if let Some(meant) = item.context.closest_of(key, self.people.len(), || self.keys()) {
            item.error_with(message, format!("did you mean `{meant}`?"));
        } else {
            item.error_with(message, "add the person under `people`");
        }
        None
    }
}

fn people<'a>(item: &Item<'a>, seen: &mut Seen<'a>, ours: &[Jid]) -> BTreeMap<String, Person> {
    let mut people: BTreeMap<String, Person> = BTreeMap::new();
    let mut owners: BTreeMap<Jid, (&str, Item<'a>)> = BTreeMap::new();
    let mut mailboxes: BTreeMap<String, &str> = BTreeMap::new();
    let mut stand_ins: Vec<(&str, Item<'a>)> = Vec::new();
    for (key, item) in item.named() {
        let read = item.section(|s| {
            stand_ins.extend(s.get("stand_in").map(|item| (key, item)));
            let roles = s.get("roles").map(|item| roles_of(&item)).unwrap_or_default();
            let person = person(s, key, roles.iter().map(|(role, _)| role.clone()).collect());
            seen.roles.extend(roles);
            person
        });
        if let Some((at, person)) = read {
            if let Some((other, there)) = owners.insert(person.jid.clone(), (key, at.clone())) {
                let place = at.context.elsewhere(&there.span(), &at.span());
                at.error_with(
                    format!("is the number of `{}` too, in {place}", shortened(other)),
                    "two people cannot share one number; use one entry with both roles",
                );
            }
            let mailbox = person.email.as_deref().map(str::to_lowercase);
            if let Some(other) = mailbox.and_then(|mail| mailboxes.insert(mail, key)) {
                at.context.warning(
                    item.key_span.clone(),
                    format!("`{}` has the e-mail address of `{}` too", item.path, shortened(other)),
                    "whom a monitoring tool assigns by it is the first of them by key; give each their own",
                );
            }
            if ours.contains(&person.jid) {
                at.error_with(
                    "is one of our own linked numbers (`gateway.instances`)",
                    "write the number that the person reads; our numbers are in the room anyway",
                );
            }
            people.insert(key.to_owned(), person);
        }
        // Somebody with a mistake in their entry exists all the same.
        seen.people.insert(key.to_owned(), item);
    }
    if people.is_empty() && seen.people.is_empty() && item.is_map() {
        item.error_with("names nobody", "add a person: `amira: { name: …, phone: \"+1555…\" }`");
    }
    // Only now all people are known.
    for (key, item) in stand_ins {
        let named = seen.person(&item);
        if named.as_deref() == Some(key) {
            item.error_with("names the person itself", "name somebody else, or leave it out");
        } else if let Some(person) = people.get_mut(key) {
            person.stand_in = named;
        }
    }
    people
}

fn person<'a>(s: &Section<'a>, key: &str, roles: Vec<String>) -> Option<(Item<'a>, Person)> {
    let name = s.need("name", "the name that the others will read").and_then(|i| i.line().map(str::to_owned));
    let phone = s.get("phone");
    let jid = s.get("jid");
    let email = s.get("email").and_then(|i| email(&i));
    let timezone = s.get("timezone").and_then(|i| zone_name(&i));
    let opted_in = s.truth("opted_in", false);
    let language = s.get("language").and_then(|i| language(&i));
    let absences = s.get("absences").map(|item| absences(&item, timezone.as_deref())).unwrap_or_default();
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
                s.context.error_with(
                    s.span.clone(),
                    format!("`{}` has no number", s.path),
                    "add `phone: \"+15550100123\"` or `jid: \"15550100123@c.us\"`",
                );
            }
            return None;
        }
    };
    let person = Person {
        key: key.to_owned(),
        name: name?,
        jid: jid?,
        email,
        timezone,
        opted_in,
        stand_in: None,
        roles,
        absences,
        language,
    };
    Some((at, person))
}

/// A phone number in the international form.
pub(super) fn number(item: &Item<'_>) -> Option<Jid> {
    let text = item.scalar("a phone number in quotes, such as `\"+15550100123\"`")?;
    if matches!(item.node.value, Value::Number(_)) && !text.starts_with('+') {
        item.error_with(
            "is a plain number to YAML",
            "write it in quotes with `+` and the country code: `\"+15550100123\"`",
        );
        return None;
    }
    let tight: String = text.split_whitespace().collect();
    if tight.contains("(0)") {
        item.error_with(
            "is not a phone number: it holds `(0)`, which nobody dials from abroad",
            "leave the zero out: `+49 170 …`",
        );
        return None;
    }
    match Jid::from_phone(text) {
        Ok(jid) => assigned(item, jid, "is not a phone number"),
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
    match text.parse::<Jid>() {
        Ok(jid) => assigned(item, jid, "is not a person's id"),
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

/// `jid`, unless nobody can have it as their number.
fn assigned(item: &Item<'_>, jid: Jid, is_not: &str) -> Option<Jid> {
    let Err(e) = jid.check_number() else { return Some(jid) };
    let (why, hint) = match e {
        NotAnId::Country => {
            (e.to_string(), "look at the first digits: they are the country code, such as 49 or 971")
        }
        NotAnId::Zero => (e.to_string(), "leave the zero out: `+49 170 …`"),
        NotAnId::Phone | NotAnId::Person | NotAnId::Group => (
            "before `@c.us` stands a phone number, country code first: 7 to 15 digits, no leading zero"
                .to_owned(),
            "for example `\"15550100123@c.us\"`",
        ),
    };
    item.error_with(format!("{is_not}: {why}"), hint);
    None
}

fn email(item: &Item<'_>) -> Option<String> {
    let text = item.line()?;
    let well_formed = text
        .split_once('@')
        .is_some_and(|(user, host)| !user.is_empty() && host.contains('.') && !host.contains('@'));
    if !well_formed || text.contains(char::is_whitespace) {
        item.error_with(
            format!("is not an e-mail address: `{}`", shortened(text)),
            "write it as a monitoring tool says whom it has assigned, such as `mei@ops.example`",
        );
        return None;
    }
    Some(text.to_owned())
}
