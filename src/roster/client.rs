//! Clients: whose people are in the room of any incident that concerns them, whatever route it takes.

use super::naming::Place;
use super::{COMMANDER, Invite, Roster, Stakeholder, Subject, Summons};
use crate::clock::Timestamp;
use crate::matcher::{Labels, Matcher};

/// The label that says which client an incident concerns.
pub const CLIENT_LABEL: &str = "client";

/// The role of a client's own commander where the routes name one, who leads.
pub const CLIENT: &str = "client";

/// Somebody whose incidents these are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// Their key in the roster, which is also a value of the label.
    pub key: String,
    /// As shown to people.
    pub name: String,
    /// Further values of the label.
    pub also: Vec<String>,
    /// Who is called in which role, in the order of the file.
    pub invite: Vec<Invite>,
    /// Where the first steps are written, if no route says.
    pub runbook: Option<String>,
}

impl Client {
    /// The values of the label that mean this client, as they are written in the roster.
    pub fn values(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.key).chain(&self.also).map(String::as_str)
    }

    /// Whether a route with these matchers can be taken for this client, as far as they speak of clients.
    #[must_use]
    pub fn can_take(&self, matchers: &[Matcher]) -> bool {
        let about_it = || matchers.iter().filter(|m| m.name() == CLIENT_LABEL);
        // An incident may write the value in another case, which is this client to us and another value to a route.
        let may_hold = |m: &Matcher, value: &str| {
            let same = |said: &str| !m.is_negative() && plain_value(said) == plain_value(value);
            m.holds(Some(value)) || m.value().is_some_and(same)
        };
        self.values().any(|value| about_it().all(|m| may_hold(m, value)))
    }
}

/// What of a label's value tells clients apart: not its case, nor the white space around it.
#[must_use]
pub fn plain_value(value: &str) -> String {
    value.trim().to_lowercase()
}

impl Summons {
    /// What incidents must have in common to share a group: the route, and the client whose people are in it,
    /// so that no client's people read about another one's incident.
    #[must_use]
    pub fn company(&self) -> String {
        match &self.contacts_of {
            // No route has a line break in its name.
            Some(key) => format!("{}\n{key}", self.route),
            None => self.route.clone(),
        }
    }
}

impl Roster {
    /// The client whom `subject` concerns by its label.
    #[must_use]
    pub fn client_of(&self, subject: &Subject<'_>) -> Option<&Client> {
        let wanted = plain_value(subject.value(CLIENT_LABEL)?);
        self.clients.values().find(|client| client.values().any(|value| plain_value(value) == wanted))
    }

    /// Adds the client's people behind those `found` so far. Whoever leads for the routes goes on to lead.
    pub(super) fn add_contacts(&self, found: &mut Vec<(bool, Stakeholder)>, client: &Client, at: Timestamp) {
        let is_led = found.iter().any(|(leads, _)| *leads);
        for invite in &client.invite {
            let role = if is_led && invite.role == COMMANDER { CLIENT } else { &invite.role };
            self.add_called(found, invite, role, Place::Client(&client.key), at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acme() -> Client {
        Client {
            key: "acme".to_owned(),
            name: "Acme GmbH".to_owned(),
            also: vec!["ACME-Prod".to_owned()],
            invite: Vec::new(),
            runbook: None,
        }
    }

    #[test]
    fn a_client_takes_the_routes_that_do_not_speak_against_it() {
        for (matchers, expected) in [
            (&[][..], true),
            (&["environment = prod"], true),
            (&["client = acme"], true),
            (&["client =~ \"ACME.*\""], true),
            (&["client = acme", "client != ACME-Prod"], true),
            (&["client = acme", "client = ACME-Prod"], false),
            (&["client = globex"], false),
            (&["client !~ \"(?i)acme.*\""], false),
        ] {
            let read: Vec<Matcher> = matchers.iter().map(|m| Matcher::parse(m).unwrap()).collect();
            assert_eq!(acme().can_take(&read), expected, "{matchers:?}");
        }
    }

    #[test]
    fn labels_are_told_apart_by_more_than_case_and_white_space() {
        assert_eq!(plain_value(" ACME-Prod\n"), plain_value("acme-prod"));
        assert_eq!(plain_value("Ärzte"), plain_value("ärzte"));
        assert_ne!(plain_value("acme"), plain_value("acme-prod"));
    }
}
