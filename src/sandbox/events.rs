//! What the API tells by itself: events, put into the shapes of the engines and queued for the addresses
//! that a client has set.
//!
//! The sandbox cannot send: whoever runs it takes what is due ([`OutgoingEvent`]), posts it, and reports the
//! answer; what was not answered 2xx is due again two seconds later, up to fifteen times, as WAHA does it.
//! Actors: the rules of coming, going and writing tell; [`EventStyle`] says how well it is done.

use std::collections::VecDeque;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::Sha512;

use super::group::{Entry, GroupEvent, Message};
use super::person::LidKnowledge;
use super::quirks::wire;
use super::setup::{Addressing, Engine};
use super::talk::Chat;
use super::transcript;
use super::world::World;
use crate::clock::{SignedDuration, Timestamp, later};

/// Tries after the first one.
const RETRIES: u32 = 15;
/// Between two of them.
const RETRY_GAP: SignedDuration = SignedDuration::from_secs(2);
/// Deliveries remembered.
const RECORDS: usize = 1000;

/// How events are told: in which of the two documented shapes, and how badly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each habit stands alone")]
pub struct EventStyle {
    /// As Wawp's pages describe them, instead of as the engines behind it do.
    pub as_wawp_documents: bool,
    /// A list with one event in it.
    pub in_lists: bool,
    /// Everything twice, with the same id.
    pub twice: bool,
    /// What is due together comes in the wrong order.
    pub backwards: bool,
    /// Nothing is sent at all.
    pub lost: bool,
    /// The envelope does not say whose number it is.
    pub nameless: bool,
}

/// One event on its way to an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutgoingEvent {
    /// What to report the answer under.
    pub ticket: u64,
    /// Where it goes, as the client set it.
    pub url: String,
    /// Headers besides the content type, which is JSON.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: String,
}

/// One try to deliver an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EventRecord {
    /// When.
    pub at: Timestamp,
    /// The event's name.
    pub event: String,
    /// Its id.
    pub id: String,
    /// The status that was answered, if any was.
    pub status: Option<u16>,
}

#[derive(Debug, Clone)]
struct Queued {
    outgoing: OutgoingEvent,
    event: String,
    id: String,
    due_at: Timestamp,
    tries: u32,
    /// Handed to whoever sends, no answer so far.
    under_way: bool,
}

/// Everything about events.
#[derive(Debug, Default)]
pub(super) struct EventBook {
    pub(super) style: EventStyle,
    queue: Vec<Queued>,
    pub(super) records: VecDeque<EventRecord>,
    tickets: u64,
}

impl EventBook {
    /// What is due, handed out once until its answer is reported.
    pub(super) fn due(&mut self, now: Timestamp) -> Vec<OutgoingEvent> {
        let style = self.style;
        let mut due: Vec<OutgoingEvent> = Vec::new();
        for queued in self.queue.iter_mut().filter(|q| q.due_at <= now && !q.under_way) {
            queued.under_way = true;
            due.push(queued.outgoing.clone());
            if style.twice {
                due.push(queued.outgoing.clone());
            }
        }
        if style.backwards {
            due.reverse();
        }
        due
    }

    pub(super) fn answered(&mut self, ticket: u64, status: Option<u16>, now: Timestamp) {
        let Some(place) = self.queue.iter().position(|q| q.outgoing.ticket == ticket) else { return };
        let Some(queued) = self.queue.get_mut(place) else { return };
        let record = EventRecord { at: now, event: queued.event.clone(), id: queued.id.clone(), status };
        let taken = status.is_some_and(|status| (200..300).contains(&status));
        queued.tries += 1;
        if taken || queued.tries > RETRIES {
            self.queue.remove(place);
        } else {
            queued.under_way = false;
            queued.due_at = later(now, RETRY_GAP);
        }
        if self.records.len() >= RECORDS {
            self.records.pop_front();
        }
        self.records.push_back(record);
    }
}

impl World {
    /// Tells all numbers in a group what happened to it.
    pub(super) fn tell_group_event(
        &mut self,
        group_id: &str,
        actor: &str,
        event: &GroupEvent,
        at: Timestamp,
    ) {
        let Some(group) = self.group(group_id) else { return };
        // Whoever is there from the beginning is in the event of the group's making.
        let at_creation = group.created_at == at && matches!(event, GroupEvent::Added(_));
        let listening: Vec<String> = self
            .accounts
            .iter()
            .filter(|account| {
                let digits = &account.number.digits;
                let concerned = match event {
                    GroupEvent::Left => actor == digits,
                    GroupEvent::Removed(who) => who == digits,
                    _ => false,
                };
                group.has(digits, at) || concerned
            })
            .map(|account| account.number.instance_id.clone())
            .collect();
        if at_creation {
            return;
        }
        for instance in listening {
            let Ok(bot) = self.bot(&instance) else { continue };
            for (name, payload) in self.group_event(group_id, &bot, actor, event, at) {
                self.tell(&instance, name, &payload, at);
            }
        }
    }

    /// One happening, as the number `bot` is told of it.
    fn group_event(
        &self,
        group_id: &str,
        bot: &str,
        actor: &str,
        event: &GroupEvent,
        at: Timestamp,
    ) -> Vec<(&'static str, Value)> {
        let people = |way: &str, who: &str| vec![self.people_event(group_id, way, who, at)];
        let update = |field: &str, value: Value| {
            let mut group = Map::from_iter([("id".to_owned(), json!(group_id))]);
            group.insert(field.to_owned(), value);
            vec![("group.v2.update", json!({"group": group, "timestamp": self.event_time(at), "_data": {}}))]
        };
        let ours = |name, group: Value| {
            vec![(name, json!({"group": group, "timestamp": self.event_time(at), "_data": {}}))]
        };
        match event {
            GroupEvent::Created => ours("group.v2.join", self.described(group_id, at)),
            GroupEvent::Added(who) if who == bot => ours("group.v2.join", self.described(group_id, at)),
            GroupEvent::JoinedByLink if actor == bot => ours("group.v2.join", self.described(group_id, at)),
            GroupEvent::Left if actor == bot => ours("group.v2.leave", json!({"id": group_id})),
            GroupEvent::Removed(who) if who == bot => ours("group.v2.leave", json!({"id": group_id})),
            GroupEvent::Added(who) => people("join", who),
            GroupEvent::JoinedByLink => people("join", actor),
            GroupEvent::Left => people("leave", actor),
            GroupEvent::Removed(who) => people("leave", who),
            GroupEvent::Promoted(who) => people("promote", who),
            GroupEvent::Demoted(who) => people("demote", who),
            GroupEvent::Subject(subject) => update("subject", json!(subject)),
            GroupEvent::Announce(on) => update("membersCanSendMessages", json!(on)),
            GroupEvent::Locked(_) | GroupEvent::Description => {
                let text = self.group(group_id).map(|g| g.description.clone());
                update("description", json!(text))
            }
            GroupEvent::LinkReset => Vec::new(),
        }
    }

    /// The group as the event of its making shows it.
    fn described(&self, group_id: &str, at: Timestamp) -> Value {
        let Some(group) = self.group(group_id) else { return Value::Null };
        let members: Vec<Value> =
            group.members(at).map(|m| self.event_row(&m.digits, "participant")).collect();
        json!({
            "id": group.id,
            "subject": group.subject,
            "description": group.description,
            "participants": members,
            "membersCanAddNewMember": group.locked,
            "membersCanSendMessages": group.announce,
            "newMembersApprovalRequired": false,
        })
    }

    fn people_event(&self, group_id: &str, way: &str, who: &str, at: Timestamp) -> (&'static str, Value) {
        if self.events.style.as_wawp_documents {
            let name = match way {
                "join" => "group.v2.join",
                "leave" => "group.v2.leave",
                _ => "group.v2.participants",
            };
            let row = self.event_row(who, "participant");
            let mut payload = json!({"chatId": group_id, "participants": {"0": row.get("id")}});
            if let (Some(fields), "group.v2.participants") = (payload.as_object_mut(), name) {
                fields.insert("action".to_owned(), json!(way));
            }
            return (name, payload);
        }
        let role = match (way, self.engine) {
            ("promote", _) | ("demote", Engine::Noweb) => "admin",
            ("leave", _) => "left",
            _ => "participant",
        };
        let payload = json!({
            "type": way,
            "group": {"id": group_id},
            "participants": [self.event_row(who, role)],
            "timestamp": self.event_time(at),
            "_data": {},
        });
        ("group.v2.participants", payload)
    }

    fn event_row(&self, digits: &str, role: &str) -> Value {
        let knowledge = self.person(digits).lid;
        let by_lid = self.addressing == Addressing::Lid || knowledge != LidKnowledge::KnownMapping;
        if !by_lid {
            return json!({"id": format!("{digits}@c.us"), "role": role});
        }
        let id = format!("{}@lid", self.known_lid(digits).unwrap_or_default());
        // whatsmeow's rows have no number in groups of hidden ids.
        if self.engine == Engine::Gows || knowledge != LidKnowledge::KnownMapping {
            return json!({"id": id, "role": role});
        }
        json!({"id": id, "pn": format!("{digits}@c.us"), "role": role})
    }

    /// Group events carry seconds on WEBJS and milliseconds elsewhere.
    fn event_time(&self, at: Timestamp) -> i64 {
        if self.engine == Engine::Webjs { at.as_second() } else { at.as_millisecond() }
    }

    /// Tells of a message: to all numbers in the group, or to the one in the chat.
    pub(super) fn tell_message(&mut self, chat: &Chat, bot: Option<&str>, message: &Message, now: Timestamp) {
        if !matches!(message.entry, Entry::Text(_)) {
            return;
        }
        let numbers = self.accounts.iter().map(|account| account.number.clone());
        let listening: Vec<(String, String)> = numbers
            .filter(|number| match (chat, bot) {
                (Chat::Group(id), _) => self.group(id).is_some_and(|group| group.has(&number.digits, now)),
                (Chat::Person { .. }, bot) => bot == Some(number.digits.as_str()),
            })
            .map(|number| (number.instance_id, number.digits))
            .collect();
        for (instance, digits) in listening {
            let payload = transcript::read(self, &digits, chat, message, now);
            if message.author != digits {
                self.tell(&instance, "message", &payload, now);
            }
            self.tell(&instance, "message.any", &payload, now);
        }
    }

    /// Tells that a message could not be sent after all.
    pub(super) fn tell_failure(&mut self, chat: &Chat, bot: &str, message: &Message, now: Timestamp) {
        let number = self.accounts.iter().map(|account| &account.number).find(|n| n.digits == bot);
        let Some(instance) = number.map(|number| number.instance_id.clone()) else { return };
        let payload = transcript::read(self, bot, chat, message, now);
        self.tell(&instance, "message.ack", &payload, now);
    }

    /// Tells of a session's state.
    pub(super) fn tell_session(&mut self, instance: &str, now: Timestamp) {
        let Ok(status) = self.account(instance).map(|account| account.status.clone()) else { return };
        let states = json!([{"status": status, "timestamp": now.as_millisecond()}]);
        let payload = json!({"name": "default", "status": status, "statuses": states, "data": {}});
        self.tell(instance, "session.status", &payload, now);
    }

    /// Queues an event for every address of an instance that wants it.
    fn tell(&mut self, instance: &str, event: &'static str, payload: &Value, at: Timestamp) {
        let Ok(account) = self.account(instance) else { return };
        let (digits, name) = (account.number.digits.clone(), account.number.name.clone());
        let hooks: Vec<Value> = account.webhooks.as_array().cloned().unwrap_or_default();
        let wanted: Vec<Value> = hooks.into_iter().filter(|hook| wants(hook, event)).collect();
        let style = self.events.style;
        if wanted.is_empty() || style.lost {
            return;
        }
        let id = format!("evt_01{}", self.new_code().to_lowercase());
        let lid = self.lid(&digits);
        let flat = style.as_wawp_documents && event == "session.status";
        let body = if flat {
            json!({"instance_id": instance, "status": payload.get("status"), "qr": "", "ts": at.as_second()})
        } else {
            let me = json!({"id": format!("{digits}@c.us"), "lid": format!("{lid}@lid"), "pushName": name});
            json!({
                "id": id,
                "timestamp": at.as_millisecond(),
                "session": "default",
                "metadata": {},
                "engine": self.engine.official_name(),
                "event": event,
                "payload": payload,
                "me": if style.nameless { Value::Null } else { me },
                "environment": {"tier": "PLUS", "version": "2026.1.1"},
            })
        };
        let body = if style.in_lists { json!([body]) } else { body };
        let body = wire(&body);
        for hook in wanted {
            self.events.tickets += 1;
            let url = hook.get("url").and_then(Value::as_str).unwrap_or_default().to_owned();
            let headers = headers(&hook, &body, &id, at);
            let outgoing = OutgoingEvent { ticket: self.events.tickets, url, headers, body: body.clone() };
            let event = event.to_owned();
            let id = id.clone();
            self.events.queue.push(Queued { outgoing, event, id, due_at: at, tries: 0, under_way: false });
        }
    }
}

/// Whether an address takes this event: it is active, and names it, everything, or nothing at all.
fn wants(hook: &Value, event: &str) -> bool {
    let active = match hook.get("is_active") {
        Some(Value::Bool(active)) => *active,
        Some(Value::Number(number)) => number.as_i64() != Some(0),
        _ => true,
    };
    let named = match hook.get("events").and_then(Value::as_array) {
        Some(events) => events.iter().any(|e| e.as_str() == Some(event) || e.as_str() == Some("*")),
        None => true,
    };
    active && named
}

fn headers(hook: &Value, body: &str, id: &str, at: Timestamp) -> Vec<(&'static str, String)> {
    let mut headers = vec![
        ("X-Webhook-Request-Id", id.replace("evt", "req")),
        ("X-Webhook-Timestamp", at.as_millisecond().to_string()),
    ];
    let key = hook.get("hmac").and_then(|hmac| hmac.get("key")).and_then(Value::as_str);
    let mac = key.and_then(|key| Hmac::<Sha512>::new_from_slice(key.as_bytes()).ok());
    if let Some(mac) = mac {
        headers.push(("X-Webhook-Hmac", hex::encode(mac.chain_update(body).finalize().into_bytes())));
        headers.push(("X-Webhook-Hmac-Algorithm", "sha512".to_owned()));
    }
    headers
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::{Clock, TestClock};
    use crate::sandbox::{Sandbox, Setup};

    const ADA: &str = "15550100001";
    const BEN: &str = "15550100002";

    fn sandbox(engine: Engine) -> (Sandbox, Arc<TestClock>) {
        let clock = Arc::new(TestClock::at("2026-03-02T09:00:00Z".parse().unwrap()));
        let sandbox = Sandbox::new(Setup::with_engine(engine), clock.clone());
        let hooks = json!([
            {"url": "http://bridge.example/?secret=s", "events": ["*"], "is_active": 1, "hmac": {"key": "k"}},
            {"url": "http://other.example/", "events": ["*"], "is_active": 0},
        ]);
        sandbox.set_webhooks(Setup::INSTANCE_ID, hooks);
        (sandbox, clock)
    }

    fn bodies(events: &[OutgoingEvent]) -> Vec<Value> {
        events.iter().map(|e| serde_json::from_str(&e.body).unwrap()).collect()
    }

    fn make_group(sandbox: &Sandbox) -> String {
        sandbox.with(|world, now| {
            let asked = [format!("{ADA}@c.us")];
            world.create_group(Setup::INSTANCE_ID, "INCIDENT-1", &asked, now).unwrap().0
        })
    }

    #[test]
    fn what_happens_in_a_group_is_told_once_in_the_shape_of_the_engine() {
        for engine in Engine::ALL {
            let (sandbox, _) = sandbox(engine);
            let group = make_group(&sandbox);
            let [made] = &bodies(&sandbox.due_events())[..] else { panic!("one event for the making") };
            assert_eq!(
                (&made["event"], &made["payload"]["group"]["subject"]),
                (&json!("group.v2.join"), &json!("INCIDENT-1"))
            );
            let link = sandbox.groups()[0].invite_link.clone();
            sandbox.join_by_link(BEN, &link).unwrap();
            sandbox.leave(BEN, &group);
            let told = bodies(&sandbox.due_events());
            let types: Vec<&Value> = told.iter().map(|t| &t["payload"]["type"]).collect();
            assert_eq!(types, ["join", "leave"], "{engine}");
            let has_number = told[0]["payload"]["participants"][0]["pn"].is_string();
            assert_eq!(has_number, engine != Engine::Gows, "{engine}");
        }
    }

    #[test]
    fn what_is_not_taken_comes_again_with_the_same_body_and_not_for_ever() {
        let (sandbox, clock) = sandbox(Engine::Gows);
        make_group(&sandbox);
        let first = sandbox.due_events();
        assert_eq!(first.len(), 1);
        assert!(sandbox.due_events().is_empty(), "it is under way");
        let mut tries = 1;
        sandbox.event_answered(first[0].ticket, Some(503));
        assert!(sandbox.due_events().is_empty(), "not at once");
        loop {
            clock.advance(RETRY_GAP);
            let again = sandbox.due_events();
            let [one] = &again[..] else { break };
            assert_eq!(one, &first[0]);
            sandbox.event_answered(one.ticket, None);
            tries += 1;
        }
        assert_eq!(tries, 1 + RETRIES);
        assert!(clock.now() > "2026-03-02T09:00:30Z".parse().unwrap());
    }

    #[test]
    fn the_body_is_signed_with_the_key_that_was_set() {
        let (sandbox, _) = sandbox(Engine::Webjs);
        sandbox.set_session(Setup::INSTANCE_ID, "FAILED");
        let [event] = &sandbox.due_events()[..] else { panic!("one address is active") };
        let given = event.headers.iter().find(|(name, _)| *name == "X-Webhook-Hmac").unwrap();
        let mac = Hmac::<Sha512>::new_from_slice(b"k").unwrap().chain_update(&event.body);
        assert_eq!(given.1, hex::encode(mac.finalize().into_bytes()));
    }

    #[test]
    fn bad_habits_can_be_had() {
        let (sandbox, _) = sandbox(Engine::Noweb);
        let style =
            EventStyle { as_wawp_documents: true, in_lists: true, twice: true, ..EventStyle::default() };
        sandbox.set_event_style(style);
        let group = make_group(&sandbox);
        sandbox.leave(ADA, &group);
        let told = bodies(&sandbox.due_events());
        assert_eq!(told.len(), 4);
        assert_eq!(told[0], told[1]);
        assert_eq!(told[2][0]["event"], "group.v2.leave");
        assert!(told[2][0]["payload"]["participants"]["0"].is_string());
        sandbox.set_event_style(EventStyle { lost: true, ..EventStyle::default() });
        sandbox.say(BEN, &format!("{}@c.us", Setup::BOT_DIGITS), "hello");
        assert!(sandbox.due_events().is_empty());
    }

    #[test]
    fn a_message_is_told_as_message_and_as_any_and_an_own_one_only_as_any() {
        let (sandbox, _) = sandbox(Engine::Gows);
        sandbox.say(BEN, &format!("{}@c.us", Setup::BOT_DIGITS), "hello");
        let names: Vec<Value> = bodies(&sandbox.due_events()).iter().map(|b| b["event"].clone()).collect();
        assert_eq!(names, ["message", "message.any"]);
        sandbox.with(|world, now| {
            let chat = world.chat(&format!("{BEN}@c.us")).unwrap();
            world.send_text(Setup::INSTANCE_ID, &chat, "hi", None, now).unwrap();
        });
        let told = bodies(&sandbox.due_events());
        assert_eq!(
            (told.len(), &told[0]["payload"]["fromMe"], &told[0]["payload"]["source"]),
            (1, &json!(true), &json!("api"))
        );
    }
}
