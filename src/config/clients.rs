//! The roster's clients: whose incidents these are, and whom of theirs to call.

use std::collections::{BTreeMap, BTreeSet};

use crate::alert::Severity;
use crate::config::item::{Item, Section};
use crate::config::keys::{Form, Named, TEXT, keys};
use crate::config::names::Names;
use crate::config::names::{INVITE, empty_roles, invites};
use crate::config::unwilling::{stand_ins, unwilling};
use crate::config::values::{WEB_ADDRESS, web_address};
use crate::config::words::shortened;
use crate::roster::client::plain_value;
use crate::roster::{Client, Roster};

keys! {
    /// A client, by the label `client`.
    CLIENT = "client" {
        /// What people read; the key if absent.
        name: TEXT, such_as "Globex Ltd";
        /// Other values of the label `client` that mean this one.
        also: Form::Some(&TEXT, 0), such_as "[ Globex-Prod ]";
        /// Role: who, in addition to the route's people.
        invite: Form::Named(&INVITE);
        /// Counts where the route has none.
        runbook: WEB_ADDRESS, such_as "https://runbooks.example/globex";
    }
}

pub(super) static CLIENTS: Named = Named { of: Form::Map(&CLIENT), names: "{}", example: "globex", least: 0 };

/// The clients with where they are written.
pub(super) type Written<'a> = Vec<(Client, Item<'a>)>;

/// The clients that could be read; each problem of the others is a finding.
pub(super) fn clients<'a>(item: &Item<'a>, names: &mut Names<'a>) -> Written<'a> {
    let mut owners: BTreeMap<String, &str> = BTreeMap::new();
    let named = item.named();
    // Keys first: an `also` that is somebody's key is what is wrong, wherever it stands.
    for (key, item) in &named {
        if let Some(other) = owners.insert(plain_value(key), key) {
            item.context.error_with(
                item.key_span.clone(),
                format!("`{}` and `{}` are the same client", shortened(other), shortened(key)),
                "the label `client` is compared without regard to case; make one entry of both",
            );
        }
    }
    let mut written = Vec::new();
    for (key, item) in named {
        let client = item.section(&CLIENT, |s| client(s, key, &mut owners, names));
        if client.runbook.is_none() && client.invite.iter().all(|i| i.whom.is_empty()) {
            item.context.warning(
                item.key_span.clone(),
                format!("client `{}` adds nobody to a room", shortened(key)),
                "say whom to call: `invite: { client: [ amira ] }`",
            );
        }
        written.push((client, item));
    }
    written
}

fn client<'a>(
    s: &Section<'a>,
    key: &'a str,
    owners: &mut BTreeMap<String, &'a str>,
    names: &mut Names<'a>,
) -> Client {
    let name = s.get("name").and_then(|item| item.line()).unwrap_or(key).to_owned();
    let mut also: Vec<String> = Vec::new();
    for item in s.get("also").map(|item| item.list(true)).unwrap_or_default() {
        let Some(value) = item.text() else { continue };
        match owners.get(&plain_value(value)) {
            Some(other) if *other == key => item.warning(
                "means this client anyway",
                "the label `client` is compared without regard to case; remove it",
            ),
            Some(other) => item.error_with(
                format!("means the client `{}` too", shortened(other)),
                "a value of the label `client` belongs to one client; remove one of them",
            ),
            None => {
                owners.insert(plain_value(value), key);
                also.push(value.to_owned());
            }
        }
    }
    let (invite, empty) = s.get("invite").map(|item| invites(&item, names)).unwrap_or_default();
    empty_roles(&empty, &invite, None);
    Client {
        key: key.to_owned(),
        name,
        also,
        invite,
        runbook: s.get("runbook").and_then(|item| web_address(&item)),
    }
}

/// What is allowed but probably not meant, once the routes are known.
pub(super) fn remarks(written: &Written<'_>, roster: &Roster, open_at: Severity) {
    for (client, item) in written {
        let at = |message: String, hint: &str| {
            item.context.warning(
                item.key_span.clone(),
                format!("client `{}` {message}", shortened(&client.key)),
                hint,
            );
        };
        let named: BTreeSet<&str> = client
            .invite
            .iter()
            .flat_map(|invite| invite.whom.iter().flat_map(|whom| roster.everybody(whom, &invite.role)))
            .collect();
        let mut routes = roster.routes.iter().chain([&roster.fallback]);
        let taken: Vec<_> =
            routes.by_ref().filter(|route| route.clients && client.can_take(&route.matchers)).collect();
        if !named.is_empty() && taken.is_empty() {
            at(
                "has people whom no route calls".to_owned(),
                "every route that it can take says `clients: false`",
            );
        }
        if !taken.iter().any(|route| route.takes_from(open_at)) {
            continue;
        }
        let at_need = named.iter().flat_map(|key| stand_ins(key, roster).take(1)).collect();
        unwilling(item, &format!("client `{}`", shortened(&client.key)), &named, &at_need, roster);
    }
}
