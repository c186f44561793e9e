//! A route's `deputies`: who is asked first in place of whoever does not come.

use crate::config::item::{Item, Section};
use crate::config::names::Names;
use crate::config::names::invitee;
use crate::config::words::{closest, one_of, shortened};
use crate::roster::{Invite, Invitee, Quorum};

/// The deputies by role. They only matter for roles that `quorum` requires.
pub(super) fn deputies<'a>(
    s: &Section<'a>,
    invite: &[Invite],
    quorum: Option<&Quorum>,
    names: &mut Names<'a>,
) -> Vec<Invite> {
    let Some(item) = s.get("deputies") else { return Vec::new() };
    let known: Vec<&str> = invite.iter().map(|i| i.role.as_str()).collect();
    let mut deputies = Vec::new();
    for (role, item) in item.named() {
        let role = role.trim();
        let whom: Vec<(Item<'a>, Invitee)> =
            item.list(true).into_iter().filter_map(|i| invitee(&i, names).map(|whom| (i, whom))).collect();
        if !known.contains(&role) {
            refuse(&item, role, &known);
            continue;
        }
        if quorum.is_none_or(|quorum| quorum.roles.iter().all(|r| r != role)) {
            item.context.warning(
                item.key_span.clone(),
                format!("`{}` has no effect, because `quorum` does not require this role", item.path),
                format!("write `quorum: {{ roles: [ {role} ] }}` so that somebody must come"),
            );
        }
        for (item, whom) in &whom {
            if let Some(other) = invite.iter().find(|i| is_person(whom) && i.whom.contains(whom)) {
                item.warning(
                    "is never asked as a deputy: this route calls them anyway",
                    format!("they are its {}; name somebody else", other.role),
                );
            }
        }
        deputies
            .push(Invite { role: role.to_owned(), whom: whom.into_iter().map(|(_, whom)| whom).collect() });
    }
    deputies
}

fn is_person(whom: &Invitee) -> bool {
    matches!(whom, Invitee::Person(_))
}

fn refuse(item: &Item<'_>, role: &str, known: &[&str]) {
    let message =
        format!("`{}` is for the role `{}`, which this route does not invite", item.path, shortened(role));
    let hint = match closest(role, known) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None if known.is_empty() => "add it under `invite`".to_owned(),
        None => format!("add it under `invite`, or name {}", one_of(known)),
    };
    item.context.error_with(item.key_span.clone(), message, hint);
}
