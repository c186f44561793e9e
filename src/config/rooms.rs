//! How rooms behave and what they are called.

use crate::alert::Severity;
use crate::clock::SignedDuration;
use crate::config::gateway::GatewaySettings;
use crate::config::item::{Item, Section};
use crate::config::keys::{Form, STRING, Text, keys};
use crate::config::messages::{NAME, USUAL_NAME, template};
use crate::config::values::{LANGUAGE, SEVERITY, language};
use crate::room::policy::{NotOptedIn, Policy};
use crate::roster::Language;

keys! {
    /// How rooms behave.
    pub(super) ROOMS = "rooms" {
        /// This severity and worse opens a room.
        open_at: SEVERITY, usual "sev1";
        /// What a room is called. It begins with `INCIDENT-{{ id }}` and a blank.
        name: ROOM_NAME, usual "\"INCIDENT-{{ id }} | {{ title }}\"";
        /// The language of rooms whose route has none, and of people without one: en (if absent), ar, de, es, fr, hi,
        /// id, pt, or one that `messages.translations` has.
        language: LANGUAGE, such_as "de";
        /// Quiet time after the last resolve before a room is closed.
        close_after: Form::Duration("0s", "30d"), usual "30m";
        /// An incident of which nothing was heard for so long is marked, told once and offered for closing.
        stale_after: Form::Duration("1h", "30d"), usual "12h";
        /// Least time between two messages about what changed.
        update_interval: Form::Duration("10s", "1h"), usual "5m";
        /// How long after its end our number leaves a group. Never if absent.
        leave_after: Form::Duration("1h", "365d"), such_as "30d";
        /// When the budget of groups is used up: let an incident into an open room of its route.
        share_when_over_budget: Form::Bool, usual "true";
        /// People who never agreed to be called: invite (one 1:1 message with the link), add or leave_out.
        not_opted_in: Form::Word(|| vec!["invite", "add", "leave_out"]), usual "invite";
        /// Whether somebody who has written to our number within the last half year is added like people who agreed
        /// to be called.
        chat_history_counts: Form::Bool, usual "false";
        /// Make one of the people an admin too, so that a blocked number does not lose the group.
        second_admin: Form::Bool, usual "true";
        /// Bring a second linked number into each room as an admin, so that the room can go on there.
        second_number: Form::Bool, usual "true";
        /// Only admins may change the group's name and description.
        lock_settings: Form::Bool, usual "true";
        /// How often making the group is tried before a person must decide.
        create_attempts: Form::Number(1, 10), usual "3";
        /// How long a room may stay in a passing phase before a person must decide.
        phase_deadline: Form::Duration("1m", "1d"), usual "15m";
    }
}

const ROOM_NAME: Form = Form::Text(&Text {
    name: "room name",
    says: "A template that begins with the incident's id.",
    pattern: "INCIDENT-\\s*\\{\\{\\s*id\\s*\\}\\}( .*)?",
    types: STRING,
    example: "\"INCIDENT-{{ id }} | {{ title }}\"",
});

pub(super) fn rooms(
    root: &Section<'_>,
    gateway: Option<&GatewaySettings>,
) -> (Policy, String, Option<Language>) {
    let mut usual = Policy::default();
    if let Some(gateway) = gateway {
        usual.settle = gateway.settle;
        usual.lease = gateway.lease;
        usual.failover_after = gateway.failover_after;
        usual.fallback_webhook = gateway.fallback_webhook.is_some();
        usual.call_timeout = SignedDuration::try_from(gateway.call_timeout).unwrap_or(usual.call_timeout);
    }
    root.section("rooms", &ROOMS, |s| {
        let not_opted_in = [NotOptedIn::Invite, NotOptedIn::Add, NotOptedIn::LeaveOut];
        let policy = Policy {
            open_at: s.choice("open_at", &Severity::ALL).unwrap_or(usual.open_at),
            close_after: s.duration("close_after"),
            stale_after: s.duration("stale_after"),
            update_interval: s.duration("update_interval"),
            leave_after: s.written_duration("leave_after"),
            share_when_over_budget: s.truth("share_when_over_budget"),
            not_opted_in: s.choice("not_opted_in", &not_opted_in).unwrap_or(usual.not_opted_in),
            chat_history_counts: s.truth("chat_history_counts"),
            second_admin: s.truth("second_admin"),
            second_number: s.truth("second_number"),
            lock_settings: s.truth("lock_settings"),
            create_attempts: s.number("create_attempts"),
            phase_deadline: s.duration("phase_deadline"),
            ..usual
        };
        let name = s.get("name").and_then(|i| name(&i));
        let language = s.get("language").and_then(|i| language(&i));
        (policy, name.unwrap_or_else(|| USUAL_NAME.to_owned()), language)
    })
}

/// The id comes first and stands alone, because a lost group is found again by it.
fn name(item: &Item<'_>) -> Option<String> {
    let text = item.line()?;
    let tight: String = text.split("}}").next().unwrap_or_default().split_whitespace().collect();
    let rest = text.split_once("}}").map(|(_, rest)| rest);
    let stands_alone = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '));
    if tight != "INCIDENT-{{id" || !stands_alone {
        item.error_with(
            "must begin with `INCIDENT-{{ id }}` and a blank: a room whose creation got lost is found again by that",
            format!("write `{USUAL_NAME}`"),
        );
        return None;
    }
    template(item, NAME, text)
}
