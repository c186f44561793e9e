//! Reads `roster.yaml` as a whole.

use crate::config::Surroundings;
use crate::config::clients::{self, CLIENTS};
use crate::config::item::Section;
use crate::config::keys::{Form, keys};
use crate::config::known::LABELS;
use crate::config::names::Names;
use crate::config::people::{PEOPLE, people};
use crate::config::roles;
use crate::config::rotations::{ROTATIONS, rotations};
use crate::config::routes::{self, FALLBACK_ROUTE, ROUTES};
use crate::config::teams::{TEAMS, teams};
use crate::roster::{FALLBACK, Roster};

keys! {
    /// Who there is, who is on duty when, and who is called for which incident.
    pub(super) ROSTER = "roster.yaml" {
        /// Who there is. The key is how the rest of this file names a person.
        people: Form::Named(&PEOPLE), needed, such_as "{ amira: { name: Amira Haddad, phone: \"+15550100123\" } }";
        /// Who is on duty when.
        rotations: Form::Named(&ROTATIONS);
        /// People and rotations under one name: `team:NAME`.
        teams: Form::Named(&TEAMS);
        /// Whose incidents these are, by the label `client`; their people are added to those of the route.
        clients: Form::Named(&CLIENTS);
        /// Values that you know labels to have; matchers that match none of them are reported.
        labels: Form::Named(&LABELS), such_as "{ environment: [ production, staging ] }";
        /// Which incidents concern whom. The first route whose matchers all hold is taken.
        routes: ROUTES;
        /// Taken when no route matches, so that nobody is never the answer.
        fallback: Form::Map(&FALLBACK_ROUTE), needed, such_as "{ invite: { commander: [ mei ] } }";
    }
}

/// The roster, or what could be made of it; the caller looks at the findings before using it.
pub(super) fn roster(root: &Section<'_>, surroundings: &Surroundings<'_>) -> Roster {
    let Surroundings { open_at, ours, now, .. } = *surroundings;
    let mut names = Names::default();
    let people = root.need("people").map(|item| people(&item, &mut names, ours)).unwrap_or_default();
    let rotations = root.get("rotations").map(|item| rotations(&item, &mut names, now)).unwrap_or_default();
    let teams = root.get("teams").map(|item| teams(&item, &mut names)).unwrap_or_default();
    let clients = root.get("clients").map(|item| clients::clients(&item, &mut names)).unwrap_or_default();
    let mut roster = Roster {
        people,
        rotations,
        teams,
        clients: clients.iter().map(|(client, _)| (client.key.clone(), client.clone())).collect(),
        routes: Vec::new(),
        fallback: routes::empty_route(FALLBACK),
    };
    routes::fill(root, &mut roster, &mut names, surroundings);
    let is_sound = root.context.errors() == 0;
    roles::refuse_empty_teams(&names, &roster);
    // A misspelt name leaves somebody unused, which the error about it says better.
    if is_sound {
        roles::check(&names.invited, &names.roles, &roster);
        clients::remarks(&clients, &roster, open_at);
        for person in names.unused() {
            person.warning(
                "is in no rotation, no team and no route",
                "remove this person, or add them to a route",
            );
        }
        for team in names.unused_teams() {
            team.warning("is a team that nobody calls", "remove it, or name it in a route: `team:NAME`");
        }
    }
    roster
}
