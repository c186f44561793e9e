//! Where to look and to talk: the links of an incident's alert and of its route, in the order in which they
//! are shown.

use std::collections::BTreeMap;

use minijinja::Value;

use super::{SHORT, address, plain};
use crate::alert::LinkKind;
use crate::incident::Incident;
use crate::message::catalog::Catalog;
use crate::message::phrase::Phrase;
use crate::room::Room;

/// A link as it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shown<'a> {
    pub(super) kind: LinkKind,
    /// What it leads to, where the route says that.
    title: Option<&'a str>,
    pub(super) url: &'a str,
}

impl Shown<'_> {
    /// As a template sees it.
    pub(super) fn value(&self, catalog: &Catalog) -> Value {
        let name = self.title.map_or_else(|| name(catalog, self.kind), |title| plain(title, SHORT));
        Value::from(BTreeMap::from([("name", name), ("url", address(self.url))]))
    }
}

/// At most so many links: runbooks (the route's first), where the alert came from, dashboards, calls; of each
/// kind the alert's own before the route's, and no address twice. A way to silence the alert is not shown: not
/// everybody in the room is to use it. If they are too many, dashboards give way first, the last one before
/// the others.
pub(super) fn shown<'a>(incident: &'a Incident, room: &'a Room, most: usize) -> Vec<Shown<'a>> {
    let (summons, handout) = (&room.summons, &room.summons.handout);
    let plainly = |kind, url: &'a str| Shown { kind, title: None, url };
    let own = summons.runbook.as_deref().map(|url| plainly(LinkKind::Runbook, url));
    let sent = incident.links.iter().map(|link| plainly(link.kind, &link.url));
    let dashboards = handout.dashboards.iter().map(|dashboard| Shown {
        title: dashboard.title.as_deref(),
        ..plainly(LinkKind::Dashboard, &dashboard.url)
    });
    let call = handout.call.as_deref().map(|url| plainly(LinkKind::Call, url));
    let mut ranked: Vec<(u8, Shown<'a>)> = Vec::new();
    for link in own.into_iter().chain(sent).chain(dashboards).chain(call) {
        let Some(rank) = rank(link.kind) else { continue };
        match ranked.iter_mut().find(|(_, known)| known.url == link.url) {
            // The same page: whoever wrote the route knows what it shows.
            Some((_, known)) => known.title = known.title.or(link.title),
            None => ranked.push((rank, link)),
        }
    }
    ranked.sort_by_key(|(rank, _)| *rank);
    while ranked.len() > most {
        let dashboard = ranked.iter().rposition(|(_, link)| link.kind == LinkKind::Dashboard);
        ranked.remove(dashboard.unwrap_or(ranked.len() - 1));
    }
    ranked.into_iter().map(|(_, link)| link).collect()
}

fn rank(kind: LinkKind) -> Option<u8> {
    match kind {
        LinkKind::Runbook => Some(0),
        LinkKind::Source => Some(1),
        LinkKind::Dashboard => Some(2),
        LinkKind::Call => Some(3),
        LinkKind::Silence => None,
    }
}

fn name(catalog: &Catalog, kind: LinkKind) -> Value {
    Value::from(catalog.words(match kind {
        LinkKind::Runbook => Phrase::Runbook,
        LinkKind::Source | LinkKind::Silence => Phrase::Alert,
        LinkKind::Dashboard => Phrase::Dashboard,
        LinkKind::Call => Phrase::Call,
    }))
}
