//! Who there is, who is on duty, and which incidents concern whom.
//!
//! Actors: [`Person`]s, [`Rotation`]s in which they take turns, [`Team`]s of them, [`Route`]s that say who is
//! called for which incident, and [`Client`]s whose people are called for all that concerns them.
//! [`Roster::summon`] asks them all and answers with a [`Summons`]: the people, each with a role and the reason why. It is pure and never answers "nobody" as long as the fallback names a person.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::alert::Severity;
use crate::clock::Timestamp;
use crate::jid::Jid;
use crate::matcher::{Labels, Matcher, all_hold};

pub mod client;
pub mod coverage;
pub mod duty;
pub mod handout;
pub mod language;
pub mod naming;
pub mod quorum;
pub mod rehearsal;
pub mod rotation;
pub mod team;

pub use client::{CLIENT, CLIENT_LABEL, Client};
pub use duty::{Absence, OnDuty, Reassignment, Span, reassignments};
pub use handout::{Dashboard, Handout};
pub use language::Language;
pub use naming::Giving;
pub use quorum::{Quorum, Required, RequiredRole, StandIn};
pub use rotation::{By, Duty, Hours, Layer, Override, Rotation, occurrences};
pub use team::Team;

use naming::Place;

/// The role that leads; listed first, and its clock is used for local times.
pub const COMMANDER: &str = "commander";

/// The role of somebody who is called only because the source has assigned them.
pub const ASSIGNEE: &str = "assignee";

/// Everybody who can be called, and for what.
#[derive(Debug, Clone)]
pub struct Roster {
    /// By key.
    pub people: BTreeMap<String, Person>,
    /// By key.
    pub rotations: BTreeMap<String, Rotation>,
    /// By key.
    pub teams: BTreeMap<String, Team>,
    /// By key.
    pub clients: BTreeMap<String, Client>,
    /// In the order of the file; the first that matches counts.
    pub routes: Vec<Route>,
    /// For incidents that no route matches.
    pub fallback: Route,
}

/// Somebody who can be called.
#[derive(Debug, Clone)]
pub struct Person {
    /// Key in the roster.
    pub key: String,
    /// As shown to the others.
    pub name: String,
    /// Where to reach them.
    pub jid: Jid,
    /// For matching what a monitoring tool says about assignees.
    pub email: Option<String>,
    /// IANA name of the zone they live in.
    pub timezone: Option<String>,
    /// Whether they have talked 1:1 with the bridge's number before.
    pub opted_in: bool,
    /// Key of the person who is asked when this one does not come.
    pub stand_in: Option<String>,
    /// The roles that this person may have; any, if there are none.
    pub roles: Vec<String>,
    /// When they are away, in the order of the file.
    pub absences: Vec<Absence>,
    /// In which language they are written to, where that is translated.
    pub language: Option<Language>,
}

/// Which incidents concern whom.
#[derive(Debug, Clone)]
pub struct Route {
    /// As written; `fallback` for the fallback.
    pub name: String,
    /// All must hold; none at all holds always.
    pub matchers: Vec<Matcher>,
    /// Whether the next route that matches adds its people too.
    pub goes_on: bool,
    /// Who is called in which role, in the order of the file.
    pub invite: Vec<Invite>,
    /// Where the first steps are written.
    pub runbook: Option<String>,
    /// Who must be there, and by when.
    pub quorum: Option<Quorum>,
    /// Who is asked first in place of whoever does not come, by role.
    pub deputies: Vec<Invite>,
    /// What it gives into its rooms.
    pub handout: Handout,
    /// The most people in one room; the rest are not called.
    pub size: usize,
    /// Whether its rooms may use what each number keeps back.
    pub important: bool,
    /// Whether the people of the client that an incident concerns are called too.
    pub clients: bool,
}

/// The most people in one room unless the route says otherwise: more are an audience, who do not act.
pub const USUAL_SIZE: usize = 20;

/// One role of a route or a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invite {
    /// In which capacity.
    pub role: String,
    /// Who.
    pub whom: Vec<Invitee>,
}

/// How a route names somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Invitee {
    /// By their key.
    Person(String),
    /// Whoever is on duty in this rotation.
    Rotation(String),
    /// The members of this team who may have the role.
    Team(String),
}

/// The incident that people are wanted for.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// As reported.
    pub labels: &'a BTreeMap<String, String>,
    /// Key of the source in the config.
    pub source: &'a str,
    /// How bad it is.
    pub severity: Severity,
    /// What broke.
    pub title: &'a str,
    /// Whom the source has assigned: e-mail addresses and names, as it says them.
    pub assignees: &'a [String],
}

/// `source`, `severity` and `title` are ours and win over labels of the same name, so that what the
/// sender puts into a label cannot turn an incident into another route.
impl Labels for Subject<'_> {
    fn value(&self, name: &str) -> Option<&str> {
        match name {
            "source" => Some(self.source),
            "severity" => Some(self.severity.as_str()),
            "title" => Some(self.title),
            _ => self.labels.get(name).map(String::as_str),
        }
    }
}

/// Who is wanted for an incident, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summons {
    /// Name of the route.
    pub route: String,
    /// Why this route: its matchers, or that no other matched.
    pub rule: String,
    /// The people, commander first.
    pub stakeholders: Vec<Stakeholder>,
    /// Where the first steps are written.
    pub runbook: Option<String>,
    /// IANA name of the zone in which local times are shown: the commander's.
    pub timezone: Option<String>,
    /// Who must be there, and who is asked instead of whoever is not.
    #[serde(default)]
    pub quorum: Option<Required>,
    /// The most people in the room, counted in the order of `stakeholders`.
    #[serde(default = "usual_size")]
    pub size: usize,
    /// Whether its room may use what each number keeps back.
    #[serde(default)]
    pub important: bool,
    /// The client whom the incident concerns, as shown to people.
    #[serde(default)]
    pub client: Option<String>,
    /// Key of the client whose people are among the stakeholders.
    #[serde(default)]
    pub contacts_of: Option<String>,
    /// What the route gives into the room.
    #[serde(default, skip_serializing_if = "Handout::is_empty")]
    pub handout: Handout,
}

fn usual_size() -> usize {
    USUAL_SIZE
}

impl Summons {
    /// Those who have a place in the room.
    #[must_use]
    pub fn fitting(&self) -> &[Stakeholder] {
        self.stakeholders.get(..self.size).unwrap_or(&self.stakeholders)
    }
}

/// A person wanted in the room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stakeholder {
    /// Key in the roster.
    pub person: String,
    /// As shown to the others.
    pub name: String,
    /// Where to reach them.
    pub jid: Jid,
    /// In which capacity; several are joined by a comma.
    pub role: String,
    /// Whether they have talked 1:1 with the bridge's number before.
    pub opted_in: bool,
    /// Where to reach them when no number can.
    #[serde(default)]
    pub email: Option<String>,
    /// IANA name of the zone they live in.
    pub timezone: Option<String>,
    /// How they came to be wanted.
    pub why: String,
    /// In which language they are written to, where that is translated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
}

impl Roster {
    /// The people wanted for `subject` at `at`: those of the first route whose matchers all hold, and of the
    /// next ones for as long as each says `continue`; the fallback's if there is none or they name nobody. Then
    /// the people of the client whom it concerns, unless one of the routes wants none, and whom the source has
    /// assigned, if the roster knows the address.
    #[must_use]
    pub fn summon(&self, subject: &Subject<'_>, at: Timestamp) -> Summons {
        let mut routes: Vec<&Route> = Vec::new();
        for route in self.routes.iter().filter(|r| all_hold(&r.matchers, subject)) {
            routes.push(route);
            if !route.goes_on {
                break;
            }
        }
        let mut rule = rule_of(&routes);
        if routes.is_empty() {
            routes.push(&self.fallback);
        }
        let (lead, named) = (routes.first().copied().unwrap_or(&self.fallback), routes.clone());
        let mut found = self.called(&routes, at);
        if found.is_empty() {
            rule = format!("{rule}; it names nobody, so the fallback's people");
            routes = vec![&self.fallback];
            found = self.called(&routes, at);
        }
        let client = self.client_of(subject);
        let contacts = client.filter(|_| named.iter().chain(&routes).all(|route| route.clients));
        if let Some(client) = contacts {
            self.add_contacts(&mut found, client, at);
        }
        self.add_assignees(&mut found, subject, at);
        found.sort_by_key(|(leads, _)| !leads);
        let stakeholders: Vec<Stakeholder> = found.into_iter().map(|(_, s)| s).collect();
        let timezone = stakeholders
            .first()
            .and_then(|s| s.timezone.clone())
            .or_else(|| stakeholders.iter().find_map(|s| s.timezone.clone()));
        let needs = routes.iter().find(|route| route.quorum.is_some());
        let size = routes.iter().map(|route| route.size).max().unwrap_or(USUAL_SIZE);
        // Whom `size` leaves out may still be asked.
        let fitting = stakeholders.get(..size).unwrap_or(&stakeholders);
        Summons {
            route: lead.name.clone(),
            rule,
            quorum: needs.and_then(|route| self.required(route, fitting, at)),
            size,
            runbook: named
                .iter()
                .find_map(|route| route.runbook.clone())
                .or_else(|| client.and_then(|client| client.runbook.clone())),
            important: named.iter().any(|route| route.important),
            client: client.map(|client| client.name.clone()),
            contacts_of: contacts.map(|client| client.key.clone()),
            handout: Handout::joined(&named.iter().map(|route| &route.handout).collect::<Vec<_>>()),
            stakeholders,
            timezone,
        }
    }

    /// Whether any route may use what the numbers keep back.
    #[must_use]
    pub fn has_important(&self) -> bool {
        self.fallback.important || self.routes.iter().any(|route| route.important)
    }

    /// Whom a source means that has assigned `text`: the person with this e-mail address, or with this name if
    /// nobody else has it. Case does not matter. `PagerDuty` tells no address.
    #[must_use]
    pub fn assigned(&self, text: &str) -> Option<&Person> {
        if text.contains('@') {
            let is_theirs = |p: &&Person| p.email.as_deref().is_some_and(|e| e.eq_ignore_ascii_case(text));
            return self.people.values().find(is_theirs);
        }
        let name = text.trim().to_lowercase();
        let mut called_so = self.people.values().filter(|p| p.name.trim().to_lowercase() == name);
        called_so.next().filter(|_| called_so.next().is_none())
    }

    /// Whose number it is, also in another form than the roster has it in.
    #[must_use]
    pub fn person_of_number(&self, number: &Jid) -> Option<&Person> {
        let exactly = self.people.values().find(|person| person.jid == *number);
        exactly.or_else(|| self.people.values().find(|person| person.jid.is_same_number(number)))
    }

    /// Everybody whom these routes name, in their order, and whether they lead.
    fn called(&self, routes: &[&Route], at: Timestamp) -> Vec<(bool, Stakeholder)> {
        let mut found: Vec<(bool, Stakeholder)> = Vec::new();
        for route in routes {
            for invite in &route.invite {
                self.add_called(&mut found, invite, &invite.role, Place::Route(&route.name), at);
            }
        }
        found
    }

    /// Adds the people of `invite`, who are called as `role`.
    fn add_called(
        &self,
        found: &mut Vec<(bool, Stakeholder)>,
        invite: &Invite,
        role: &str,
        place: Place<'_>,
        at: Timestamp,
    ) {
        let leads = role == COMMANDER;
        for named in invite.whom.iter().flat_map(|invitee| self.resolve(invitee, Some(role), place, at)) {
            if let Some((led, known)) = found.iter_mut().find(|(_, s)| s.person == named.person.key) {
                *led |= leads;
                known.join(role, leads, &named.why);
            } else {
                found.push((leads, named.person.stakeholder(role, named.why)));
            }
        }
    }

    /// Adds those whom the source has assigned, in the first role that they may have; addresses and names that
    /// nobody here has are passed over. An assignment does not change who leads.
    fn add_assignees(&self, found: &mut Vec<(bool, Stakeholder)>, subject: &Subject<'_>, at: Timestamp) {
        let why = match subject.source {
            "" => "assigned by the source".to_owned(),
            source => format!("assigned by {source}"),
        };
        for person in subject.assignees.iter().filter_map(|text| self.assigned(text)) {
            let (person, why) = self.present_for(person, std::iter::empty(), None, why.clone(), at);
            match found.iter_mut().find(|(_, s)| s.person == person.key) {
                Some((_, known)) if known.why.ends_with(&why) => {}
                Some((_, known)) => known.why = format!("{}; {why}", known.why),
                None => {
                    let role = person.roles.iter().find(|role| *role != COMMANDER);
                    found.push((false, person.stakeholder(role.map_or(ASSIGNEE, String::as_str), why)));
                }
            }
        }
    }
}

/// The name that the fallback carries as a route.
pub const FALLBACK: &str = "fallback";

/// Why an incident comes to these routes.
fn rule_of(routes: &[&Route]) -> String {
    let Some((first, more)) = routes.split_first() else { return "no route matched".to_owned() };
    let more = more.iter().map(|route| format!("; and {} ({})", route.name, route.rule()));
    std::iter::once(first.rule()).chain(more).collect()
}

impl Route {
    /// Whether an incident of `open_at` or worse can come here, as far as the matchers speak of the severity.
    #[must_use]
    pub fn takes_from(&self, open_at: Severity) -> bool {
        Severity::ALL.iter().filter(|severity| severity.is_at_least(open_at)).any(|severity| {
            let mut about_it = self.matchers.iter().filter(|m| m.name() == "severity");
            about_it.all(|m| m.holds(Some(severity.as_str())))
        })
    }

    /// Why an incident comes here.
    fn rule(&self) -> String {
        if self.matchers.is_empty() {
            return "it has no matchers, so everything".to_owned();
        }
        let texts: Vec<String> = self.matchers.iter().map(ToString::to_string).collect();
        texts.join(", ")
    }
}

impl Person {
    fn stakeholder(&self, role: &str, why: String) -> Stakeholder {
        Stakeholder {
            person: self.key.clone(),
            name: self.name.clone(),
            jid: self.jid.clone(),
            role: role.to_owned(),
            opted_in: self.opted_in,
            email: self.email.clone(),
            timezone: self.timezone.clone(),
            why,
            language: self.language.clone(),
        }
    }
}

impl Stakeholder {
    /// Whether this person is wanted as `role`, among others perhaps.
    #[must_use]
    pub fn has_role(&self, role: &str) -> bool {
        self.role.split(", ").any(|r| r == role)
    }

    /// Adds a second role; the leading one comes first.
    pub(crate) fn join(&mut self, role: &str, leads: bool, why: &str) {
        if self.role.split(", ").all(|r| r != role) {
            self.role =
                if leads { format!("{role}, {}", self.role) } else { format!("{}, {role}", self.role) };
        }
        // A reason may itself have several parts, so that it is looked for as a whole.
        if !format!("; {};", self.why).contains(&format!("; {why};")) {
            self.why = format!("{}; {why}", self.why);
        }
    }
}

/// A wall-clock time as people write it: `2026-01-12 09:00`.
#[must_use]
pub fn wall_clock(at: jiff::civil::DateTime) -> String {
    at.strftime("%Y-%m-%d %H:%M").to_string()
}

/// The zone of an IANA name; `None` for a name that is unknown or written in the wrong case.
#[must_use]
pub fn zone(name: &str) -> Option<TimeZone> {
    let zone = TimeZone::get(name).ok()?;
    (zone.iana_name() == Some(name)).then_some(zone)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(key: &str, zone: Option<&str>) -> Person {
        Person {
            key: key.to_owned(),
            name: format!("{key} Example"),
            jid: Jid::from_phone(&format!("+1555010{:04}", key.len() * 100 + usize::from(key.as_bytes()[0])))
                .unwrap(),
            email: Some(format!("{key}@ops.example")),
            timezone: zone.map(str::to_owned),
            opted_in: true,
            stand_in: None,
            roles: Vec::new(),
            absences: Vec::new(),
            language: None,
        }
    }

    fn invite(role: &str, whom: &[&str]) -> Invite {
        Invite {
            role: role.to_owned(),
            whom: whom
                .iter()
                .map(|w| match w.strip_prefix("rotation:") {
                    Some(name) => Invitee::Rotation(name.to_owned()),
                    None => Invitee::Person((*w).to_owned()),
                })
                .collect(),
        }
    }

    fn route(name: &str, matchers: &[&str], invites: Vec<Invite>) -> Route {
        Route {
            name: name.to_owned(),
            matchers: matchers.iter().map(|m| Matcher::parse(m).unwrap()).collect(),
            invite: invites,
            runbook: Some(format!("https://runbooks.example/{}", name.len())),
            quorum: None,
            deputies: Vec::new(),
            handout: Handout::default(),
            size: USUAL_SIZE,
            important: false,
            clients: true,
            goes_on: false,
        }
    }

    fn roster() -> Roster {
        let people =
            [("amira", Some("Asia/Dubai")), ("jonas", Some("Europe/Berlin")), ("mei", None), ("sam", None)];
        Roster {
            people: people.into_iter().map(|(key, zone)| (key.to_owned(), person(key, zone))).collect(),
            rotations: BTreeMap::from([(
                "platform".to_owned(),
                Rotation::of(
                    "platform",
                    "Europe/Berlin",
                    vec![Layer {
                        name: String::new(),
                        start: "2026-01-05T09:00".parse().unwrap(),
                        shift_length: jiff::SignedDuration::from_hours(168),
                        people: vec!["jonas".to_owned(), "mei".to_owned()],
                        hours: Vec::new(),
                    }],
                )
                .unwrap(),
            )]),
            teams: BTreeMap::new(),
            clients: BTreeMap::new(),
            routes: vec![
                route(
                    "acme production",
                    &["client = acme", "environment =~ \"prod.*\""],
                    vec![
                        invite("specialist", &["sam", "jonas"]),
                        invite(COMMANDER, &["rotation:platform"]),
                        invite("client", &["amira"]),
                    ],
                ),
                route("nobody", &["client = ghost"], vec![]),
                route("ours", &["source = pager", "severity = sev2"], vec![invite("specialist", &["sam"])]),
            ],
            fallback: route(FALLBACK, &[], vec![invite(COMMANDER, &["rotation:platform"])]),
        }
    }

    fn summon(labels: &[(&str, &str)], severity: Severity, at: &str) -> Summons {
        let labels: BTreeMap<String, String> =
            labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let subject =
            Subject { labels: &labels, source: "pager", severity, title: "checkout is down", assignees: &[] };
        roster().summon(&subject, at.parse().unwrap())
    }

    #[test]
    fn the_first_route_whose_matchers_all_hold_is_taken() {
        let summons = summon(
            &[("client", "acme"), ("environment", "production")],
            Severity::Sev1,
            "2026-01-06T12:00:00Z",
        );
        assert_eq!(summons.route, "acme production");
        assert_eq!(summons.rule, "client = acme, environment =~ \"prod.*\"");
        assert_eq!(summons.timezone.as_deref(), Some("Europe/Berlin"));
        assert!(summons.runbook.is_some());
    }

    #[test]
    fn a_person_in_two_roles_appears_once_and_the_commander_comes_first() {
        let summons = summon(
            &[("client", "acme"), ("environment", "production")],
            Severity::Sev1,
            "2026-01-06T12:00:00Z",
        );
        let people: Vec<(&str, &str)> =
            summons.stakeholders.iter().map(|s| (s.person.as_str(), s.role.as_str())).collect();
        assert_eq!(people, [("jonas", "commander, specialist"), ("sam", "specialist"), ("amira", "client")]);
        assert_eq!(
            summons.stakeholders[0].why,
            "named in route acme production; rotation platform, week 2, on duty until 2026-01-12 09:00 Europe/Berlin"
        );
    }

    #[test]
    fn whoever_is_on_duty_at_the_time_is_called() {
        let one = summon(&[], Severity::Sev1, "2026-01-06T12:00:00Z");
        let other = summon(&[], Severity::Sev1, "2026-01-13T12:00:00Z");
        assert_eq!(one.stakeholders[0].person, "jonas");
        assert_eq!(other.stakeholders[0].person, "mei");
        assert_eq!((one.route.as_str(), one.rule.as_str()), (FALLBACK, "no route matched"));
    }

    #[test]
    fn a_route_that_names_nobody_calls_the_fallbacks_people() {
        let summons = summon(&[("client", "ghost")], Severity::Sev1, "2026-01-06T12:00:00Z");
        assert_eq!(summons.route, "nobody");
        assert_eq!(summons.stakeholders[0].person, "jonas");
        assert!(summons.rule.contains("fallback"), "{}", summons.rule);
    }

    #[test]
    fn a_label_cannot_pass_itself_off_as_our_source_or_severity() {
        let forged = [("source", "other"), ("severity", "sev2")];
        assert_eq!(summon(&forged, Severity::Sev1, "2026-01-06T12:00:00Z").route, FALLBACK);
        assert_eq!(summon(&[], Severity::Sev2, "2026-01-06T12:00:00Z").route, "ours");
    }

    #[test]
    fn a_route_that_continues_adds_the_people_of_the_next_that_matches() {
        let mut roster = roster();
        roster.routes[0].goes_on = true;
        roster.routes.push(route(
            "lagos",
            &["client = acme"],
            vec![invite("account manager", &["mei", "sam"])],
        ));
        roster.routes.push(route("never", &[], vec![invite("x", &["jonas"])]));
        let labels = [("client", "acme"), ("environment", "prod")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        let subject = Subject {
            labels: &labels.into(),
            source: "pager",
            severity: Severity::Sev1,
            title: "checkout is down",
            assignees: &[],
        };
        let summons = roster.summon(&subject, "2026-01-06T12:00:00Z".parse().unwrap());
        let people: Vec<(&str, &str)> =
            summons.stakeholders.iter().map(|s| (s.person.as_str(), s.role.as_str())).collect();
        assert_eq!(
            people,
            [
                ("jonas", "commander, specialist"),
                ("sam", "specialist, account manager"),
                ("amira", "client"),
                ("mei", "account manager"),
            ]
        );
        assert_eq!(summons.route, "acme production");
        assert_eq!(summons.rule, "client = acme, environment =~ \"prod.*\"; and lagos (client = acme)");
    }

    #[test]
    fn whom_the_source_has_assigned_is_called_if_the_roster_knows_the_address_or_the_name() {
        let assignees = ["SAM@ops.example", "stranger@else.example", "Jonas  Example", "jonas example "];
        let subject = Subject {
            labels: &BTreeMap::new(),
            source: "pager",
            severity: Severity::Sev1,
            title: "checkout is down",
            assignees: &assignees.map(str::to_owned),
        };
        let summons = roster().summon(&subject, "2026-01-06T12:00:00Z".parse().unwrap());
        let people: Vec<(&str, &str)> =
            summons.stakeholders.iter().map(|s| (s.person.as_str(), s.role.as_str())).collect();
        assert_eq!(people, [("jonas", COMMANDER), ("sam", ASSIGNEE)]);
        assert_eq!(summons.stakeholders[1].why, "assigned by pager");
        assert!(
            summons.stakeholders[0].why.ends_with("; assigned by pager"),
            "{}",
            summons.stakeholders[0].why
        );
    }

    #[test]
    fn summons_are_stored_and_read_back() {
        let summons = summon(&[], Severity::Sev1, "2026-01-06T12:00:00Z");
        let text = serde_json::to_string(&summons).unwrap();
        assert_eq!(serde_json::from_str::<Summons>(&text).unwrap(), summons);
    }

    #[test]
    fn people_are_found_by_their_address_or_by_a_name_that_only_one_has() {
        let mut roster = roster();
        assert_eq!(roster.assigned("Sam@Ops.example").unwrap().key, "sam");
        assert!(roster.assigned("nobody@ops.example").is_none());
        let name = roster.people["sam"].name.clone();
        assert_eq!(roster.assigned(&name.to_uppercase()).unwrap().key, "sam");
        assert!(roster.assigned("").is_none());
        let twin = Person { key: "sam-two".to_owned(), ..roster.people["sam"].clone() };
        roster.people.insert(twin.key.clone(), twin);
        assert!(roster.assigned(&name).is_none(), "which of them is meant nobody knows");
    }

    #[test]
    fn a_zone_is_known_by_its_exact_name_only() {
        assert!(zone("Europe/Berlin").is_some());
        assert!(zone("europe/berlin").is_none());
        assert!(zone("Mars/Olympus").is_none());
    }
}
