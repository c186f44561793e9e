//! Made-up incidents to try templates on: one of which everything is known, one of which almost nothing is.

use std::collections::BTreeMap;

use super::scene::{Scene, Topic};
use super::wording::Wording;
use crate::alert::{DedupKey, Link, LinkKind, Severity};
use crate::clock::{SignedDuration, Timestamp};
use crate::gateway::InviteLink;
use crate::incident::{Incident, IncidentId, News, State};
use crate::jid::Jid;
use crate::room::seat::Refused;
use crate::room::{Also, Matter, NewsItem, Room, SeatState, Why};
use crate::roster::{
    Dashboard, FALLBACK, Handout, Required, RequiredRole, Stakeholder, StandIn, Summons, USUAL_SIZE,
};

/// An incident with its room and whatever there may be to say about them.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    pub(super) incident: Incident,
    pub(super) room: Room,
    pub(super) news: Vec<NewsItem>,
    pub(super) link: InviteLink,
    pub(super) matters: [Matter; 4],
    pub(super) why: Why,
    pub(super) also: Also,
    pub(super) guest: Room,
    pub(super) now: Timestamp,
}

const NOON: i64 = 1_772_366_400;

/// So many seconds after 12:00 UTC of the made-up day.
const fn at(seconds: i64) -> Timestamp {
    Timestamp::constant(NOON + seconds, 0)
}

impl Sample {
    /// Everything is known.
    pub(super) fn full() -> Self {
        let incident = Incident {
            links: vec![
                link(LinkKind::Silence, "https://alerts.example/silence"),
                link(LinkKind::Call, "https://call.example/war"),
                link(LinkKind::Dashboard, "https://graphs.example/d/checkout_api"),
                link(LinkKind::Source, "https://alerts.example/7f3"),
            ],
            labels: BTreeMap::from(
                [
                    ("client", "acme"),
                    ("service", "checkout_api"),
                    ("environment", "production"),
                    ("impact", "one in five orders fails"),
                ]
                .map(|(name, value)| (name.to_owned(), value.to_owned())),
            ),
            summary: "94 % of requests to /pay end with status 502.\nThe last deploy was 40 minutes ago."
                .to_owned(),
            assignees: vec!["jonas@ops.example".to_owned()],
            firing: [2, 1, 0, 0, 0],
            acknowledged: true,
            ..incident(1042, "prometheus", "Checkout answers 502")
        };
        let mut room = Room::wanted(
            &incident,
            Summons {
                route: "acme production".to_owned(),
                rule: "client = acme, environment =~ \"prod.*\"".to_owned(),
                stakeholders: stakeholders(),
                runbook: Some("https://runbooks.example/acme".to_owned()),
                timezone: Some("Europe/Berlin".to_owned()),
                quorum: Some(required()),
                size: USUAL_SIZE,
                important: true,
                client: Some("Acme GmbH".to_owned()),
                contacts_of: Some("acme".to_owned()),
                handout: handout(),
            },
            at(240),
        );
        if let Some(seat) = room.seats.last_mut() {
            seat.late = true;
        }
        room.read_at = Some(at(260));
        let states = [
            SeatState::In { since: at(250) },
            SeatState::Asked,
            SeatState::Invited { since: at(255), by_gateway: false },
            SeatState::Refused { why: Refused::NotOnNetwork },
        ];
        for (seat, state) in room.seats.iter_mut().zip(states) {
            seat.state = state;
        }
        let changed = News::Changed {
            was: Some(Severity::Sev2),
            severity: Severity::Sev1,
            joined: vec!["Payments queue is growing".to_owned(), "Login is slow".to_owned()],
            joined_count: 4,
            ended_count: 1,
            reason: None,
            acknowledged: true,
            taken_by: Some("Sam Roe".to_owned()),
            assigned: vec!["Sam Roe".to_owned(), "Jonas Weber".to_owned()],
            firing: 6,
        };
        Self {
            news: news(changed),
            link: InviteLink("https://chat.whatsapp.com/Abc_123-xyz".to_owned()),
            matters: matters(),
            also: Also {
                listed: vec![
                    self::incident(1043, "prometheus", "Payments queue is growing"),
                    self::incident(1044, "prometheus", "Login is slow"),
                ],
                more: 3,
            },
            guest: Room { guest_of: Some(IncidentId(1041)), ..room.clone() },
            why: why("the hourly budget of new groups is used up"),
            now: at(300),
            incident,
            room,
        }
    }

    /// Almost nothing is known.
    pub(super) fn sparse() -> Self {
        let incident = incident(7, "probe", "untitled alert");
        let room = Room::wanted(
            &incident,
            Summons {
                route: FALLBACK.to_owned(),
                rule: "no route matched".to_owned(),
                stakeholders: fallback_people(),
                runbook: None,
                timezone: None,
                quorum: None,
                size: USUAL_SIZE,
                important: false,
                client: None,
                contacts_of: None,
                handout: Handout::default(),
            },
            at(10),
        );
        let changed = News::Changed {
            was: None,
            severity: Severity::Sev1,
            joined: Vec::new(),
            joined_count: 0,
            ended_count: 0,
            reason: None,
            acknowledged: true,
            taken_by: None,
            assigned: Vec::new(),
            firing: 1,
        };
        Self {
            news: news(changed),
            link: InviteLink("https://chat.whatsapp.com/Q".to_owned()),
            matters: matters(),
            also: Also::default(),
            guest: Room { guest_of: Some(IncidentId(6)), ..room.clone() },
            why: why("the chat provider refused"),
            now: at(20),
            incident,
            room,
        }
    }

    /// The same incident, over.
    pub(super) fn over(mut self) -> Self {
        self.incident.state = State::Closed { closed_at: at(7200) };
        self.incident.firing = [0; 5];
        self.now = at(7200);
        for key in ["revoke_link", "lock_messages"] {
            self.room.tasks.done(key, at(7200));
        }
        self
    }

    /// One scene for each kind of text; for updates one more for each kind of news.
    pub(super) fn scenes(&self) -> Vec<(Wording, Scene<'_>)> {
        let scene = |topic| super::scene(&self.incident, &self.room, self.now, topic);
        let mut scenes = vec![
            (Wording::Subject, Scene::of(&self.incident, Topic::Picture)),
            (Wording::Welcome, scene(Topic::Picture)),
            (Wording::Guest, Scene { room: Some(&self.guest), ..scene(Topic::Picture) }),
            (Wording::Description, scene(Topic::Picture)),
        ];
        scenes.extend(self.news.iter().map(|item| (Wording::of(&item.news), scene(Topic::News(item)))));
        if let Some(seat) = self.room.seats.last() {
            scenes.push((Wording::Invite, scene(Topic::Invite(seat, &self.link))));
            scenes.push((Wording::Reminder, scene(Topic::Reminder(seat))));
            scenes.push((Wording::Brief, scene(Topic::Brief(seat, &self.why, &self.also))));
            scenes.push((Wording::Quiet, scene(Topic::Brief(seat, &Why::Muted, &self.also))));
        }
        scenes.push((Wording::Presence, scene(Topic::Presence)));
        scenes.extend(self.matters.iter().map(|m| (Wording::Quorum, scene(Topic::Quorum(m)))));
        scenes.push((Wording::LastWords, scene(Topic::End)));
        scenes.push((Wording::Pointer, scene(Topic::Pointer)));
        scenes
    }
}

fn why(reason: &str) -> Why {
    Why::GivenUp { reason: reason.to_owned() }
}

fn link(kind: LinkKind, url: &str) -> Link {
    Link { kind, url: url.to_owned() }
}

fn incident(id: i64, source: &str, title: &str) -> Incident {
    Incident {
        id: IncidentId(id),
        key: DedupKey::new("sample", 1, "sample"),
        source: source.to_owned(),
        state: State::Open,
        severity: Severity::Sev1,
        worst: Severity::Sev1,
        title: title.to_owned(),
        summary: String::new(),
        labels: BTreeMap::new(),
        links: Vec::new(),
        assignees: Vec::new(),
        started_at: at(0),
        opened_at: at(5),
        changed_at: at(5),
        heard_at: at(5),
        look_at: None,
        stale_since: None,
        end_reason: None,
        unseen: 0,
        firing: [1, 0, 0, 0, 0],
        acknowledged: false,
        truncated: false,
        has_room: true,
    }
}

fn news(changed: News) -> Vec<NewsItem> {
    let resolved = News::Resolved { closes_at: at(2220 + 1800), reason: None };
    let ended = News::Resolved {
        closes_at: at(2230 + 1800),
        reason: Some("its rule was paused in Grafana".to_owned()),
    };
    let stale = News::Stale { heard_at: at(600) };
    let reopened = News::Reopened { severity: Severity::Sev1, title: "Checkout answers 502".to_owned() };
    [(1, 600, changed), (2, 2220, resolved), (3, 2700, reopened), (4, 2230, ended), (5, 43_800, stale)]
        .into_iter()
        .map(|(seq, seconds, news)| NewsItem { seq, at: at(seconds), news })
        .collect()
}

/// What its route gives into the room: one page that the alert names too, and one that it does not.
fn handout() -> Handout {
    let dashboard =
        |title: Option<&str>, url: &str| Dashboard { title: title.map(str::to_owned), url: url.to_owned() };
    Handout {
        dashboards: vec![
            dashboard(Some("Orders"), "https://graphs.example/d/orders"),
            dashboard(Some("Checkout"), "https://graphs.example/d/checkout_api"),
            dashboard(None, "https://graphs.example/d/payments"),
        ],
        call: Some("https://meet.example/acme".to_owned()),
        text: Some(
            "*Ask Acme's hotline* before you restart anything.\nPayments are frozen on Fridays.".to_owned(),
        ),
        language: None,
        messages: BTreeMap::new(),
    }
}

/// What there may be to say about who must be there.
fn matters() -> [Matter; 4] {
    let roles = || vec!["account manager".to_owned()];
    let stand_in = Matter::StandIn { person: "lea".to_owned(), role: "account manager".to_owned() };
    [stand_in, Matter::Short { roles: roles() }, Matter::Unsure { roles: roles() }, Matter::Reached]
}

fn required() -> Required {
    let mut people = stakeholders();
    let otherwise = people.split_off(people.len().min(3));
    let role = "account manager".to_owned();
    let stand_ins = people.into_iter().filter(|who| who.role == role);
    let stand_ins = stand_ins.map(|who| StandIn { who, instead_of: "Ines Ruiz".to_owned() }).collect();
    Required {
        within: SignedDuration::from_mins(5),
        step: SignedDuration::from_mins(2),
        roles: vec![RequiredRole { role, stand_ins }],
        otherwise,
    }
}

fn fallback_people() -> Vec<Stakeholder> {
    let specialist = stakeholders().into_iter().filter(|s| s.role == "specialist");
    specialist.map(|s| Stakeholder { why: "named in the fallback".to_owned(), ..s }).collect()
}

fn stakeholders() -> Vec<Stakeholder> {
    let people = [
        (
            "jonas",
            "Jonas Weber",
            "commander",
            "rotation platform, on duty until 2026-03-02 09:00 Europe/Berlin",
        ),
        ("sam", "Sam Roe", "specialist", "named in route acme production"),
        ("lea", "Lea Sand", "account manager", "named in route acme production"),
        ("amira", "Amira Haddad", "client", "named in route acme production"),
    ];
    people
        .into_iter()
        .zip(1..)
        .filter_map(|((person, name, role, why), n)| {
            Some(Stakeholder {
                person: person.to_owned(),
                name: name.to_owned(),
                // Numbers that are set aside for fiction.
                jid: Jid::from_phone(&format!("+1555010000{n}")).ok()?,
                role: role.to_owned(),
                opted_in: true,
                email: None,
                timezone: (person == "amira").then(|| "Asia/Dubai".to_owned()),
                why: why.to_owned(),
                language: None,
            })
        })
        .collect()
}
