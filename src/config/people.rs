//! Reads `roster.yaml`, beginning with its people; rotations, teams, clients and routes have files of their own.

use std::collections::BTreeMap;

use crate::config::item::{Item, Section};
use crate::config::keys::{Form, Named, STRING, TEXT, Text, keys};
use crate::config::names::Names;
use crate::config::roles::{ROLE, roles_of};
use crate::config::rotations::{ABSENCE, absences};
use crate::config::source_text::Cover;
use crate::config::values::{LANGUAGE, PHONE, ZONE, chat_id, email, language, number, zone_name};
use crate::config::words::shortened;
use crate::jid::Jid;
use crate::roster::Person;

keys! {
    /// Somebody who can be called: `phone` or `jid` says where.
    PERSON = "person" rules r#"{ "oneOf": [{ "required": ["phone"] }, { "required": ["jid"] }] }"#
    such_as [
        "{ name: Amira Haddad, phone: \"+15550100123\" }",
        "{ name: Amira Haddad, jid: \"15550100123@c.us\" }"
    ] {
        /// What the others read in the room.
        name: TEXT, needed, such_as "Amira Haddad";
        /// With + and country code, in quotes.
        phone: PHONE;
        /// The chat id instead of the number.
        jid: Form::Text(&CHAT_ID);
        /// Whom a monitoring tool has assigned is called too, if the address stands here.
        email: Form::Text(&EMAIL);
        /// Where this person lives.
        timezone: ZONE;
        /// Whether this person has agreed to be called, told to you rather than to the bridge's number.
        opted_in: Form::Bool, usual "false";
        /// The language in which this person is written to alone, if `messages.translations` has it.
        language: LANGUAGE;
        /// When this person is away, by their own clock.
        absences: Form::List(&Form::Map(&ABSENCE), 0);
        /// Who is called instead while this person is away, or asked when they do not come.
        stand_in: TEXT, such_as "mei";
        /// The roles that this person may have; any, if this is left out.
        roles: Form::Some(&ROLE, 1);
    }
}

static CHAT_ID: Text = Text {
    name: "chat id",
    says: "A person's id at WhatsApp.",
    pattern: "[0-9]{5,20}([:.][^@]*)?@(c\\.us|s\\.whatsapp\\.net|lid)",
    types: STRING,
    example: "\"15550100123@c.us\"",
};
static EMAIL: Text = Text {
    name: "e-mail address",
    says: "As a monitoring tool says whom it has assigned.",
    pattern: "[^@\\s]+@[^@\\s]*\\.[^@\\s]*",
    types: STRING,
    example: "amira@acme.example",
};

pub(super) static PEOPLE: Named = Named { of: Form::Map(&PERSON), names: "{}", example: "amira", least: 1 };

/// The people who could be read; each problem of the others is a finding.
pub(super) fn people<'a>(item: &Item<'a>, names: &mut Names<'a>, ours: &[Jid]) -> BTreeMap<String, Person> {
    let mut people: BTreeMap<String, Person> = BTreeMap::new();
    let mut owners: BTreeMap<Jid, (&str, Item<'a>)> = BTreeMap::new();
    let mut mailboxes: BTreeMap<String, &str> = BTreeMap::new();
    let mut stand_ins: Vec<(&str, Item<'a>)> = Vec::new();
    for (key, item) in item.named() {
        let read = item.section(&PERSON, |s| {
            stand_ins.extend(s.get("stand_in").map(|item| (key, item)));
            let roles = s.get("roles").map(|item| roles_of(&item)).unwrap_or_default();
            let person = person(s, key, roles.iter().map(|(role, _)| role.clone()).collect());
            names.roles.extend(roles);
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
        names.people.insert(key.to_owned(), item);
    }
    if people.is_empty() && names.people.is_empty() && item.is_map() {
        item.error_with("names nobody", "add a person: `amira: { name: …, phone: \"+1555…\" }`");
    }
    // Only now all people are known.
    for (key, item) in stand_ins {
        let named = names.person(&item);
        if named.as_deref() == Some(key) {
            item.error_with("names the person itself", "name somebody else, or leave it out");
        } else if let Some(person) = people.get_mut(key) {
            person.stand_in = named;
        }
    }
    people
}

fn person<'a>(s: &Section<'a>, key: &str, roles: Vec<String>) -> Option<(Item<'a>, Person)> {
    let name = s.need("name").and_then(|i| i.line().map(str::to_owned));
    let phone = s.get("phone");
    let jid = s.get("jid");
    let email = s.get("email").and_then(|i| email(&i));
    let timezone = s.get("timezone").and_then(|i| zone_name(&i));
    let opted_in = s.truth("opted_in");
    let language = s.get("language").and_then(|i| language(&i));
    let away = s.get("absences");
    if let Some(item) = away.as_ref().filter(|i| s.get("timezone").is_none() && !i.members().is_empty()) {
        item.error_with("needs a `timezone`: days away begin and end by it", "add `timezone: Europe/Berlin`");
    }
    let absences = away.map(|item| absences(&item, timezone.as_deref())).unwrap_or_default();
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
