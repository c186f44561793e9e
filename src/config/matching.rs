//! What routes match: nothing, no known value, or only what an earlier route takes already.

use crate::alert::Severity;
use crate::config::item::Item;
use crate::config::known::Known;
use crate::matcher::Matcher;
use crate::matcher::implication::{Domains, Reach};
use crate::roster::{Roster, Route};

/// One route as it is written.
pub(super) struct Written<'a> {
    /// The route.
    pub(super) item: Item<'a>,
    /// Its matchers, one for each of the route's, unless one could not be read.
    pub(super) matchers: Option<Vec<Item<'a>>>,
}

impl<'a> Written<'a> {
    pub(super) fn new(item: &Item<'a>, route: &Route) -> Self {
        let matchers = item.entry("match").map(|item| item.members()).unwrap_or_default();
        let matchers = (matchers.len() == route.matchers.len()).then_some(matchers);
        Self { item: item.clone(), matchers }
    }
}

/// Remarks on the matchers of all routes, which are written like this, in the same order.
pub(super) fn remarks(written: &[Written<'_>], roster: &Roster, known: &Known, open_at: Severity) {
    let mut earlier: Vec<&Route> = Vec::new();
    let mut is_caught = false;
    for (Written { item, matchers: places }, route) in written.iter().zip(&roster.routes) {
        let Some(places) = places else { continue };
        let said = places.iter().zip(&route.matchers).filter(|(place, m)| known.remark(place, m)).count() > 0;
        if contradiction(item, &route.matchers) || said {
            continue;
        }
        never_opens(item, route, open_at);
        if !is_caught {
            shadow(item, route, &earlier, known);
        }
        if !route.goes_on {
            // What comes after a route without matchers is said where routes are read.
            is_caught |= route.matchers.is_empty();
            earlier.push(route);
        }
    }
}

/// Says if a route's matchers can never hold together.
fn contradiction(item: &Item<'_>, matchers: &[Matcher]) -> bool {
    let nothing = Domains::new();
    let reach = Reach::of(matchers, &nothing);
    let Some((_, about)) = reach.contradiction() else { return false };
    let texts: Vec<String> = about.iter().map(|m| format!("`{m}`")).collect();
    let place = item.entry("match").unwrap_or_else(|| item.clone());
    place.error_with(
        format!("can never hold: {} contradict each other", texts.join(" and ")),
        "all matchers of a route must hold; for one value or another write `label =~ \"x|y\"`, or two routes",
    );
    true
}

/// Says if no incident that takes this route is bad enough for a room.
fn never_opens(item: &Item<'_>, route: &Route, open_at: Severity) {
    let holds = |severity: &&Severity| {
        let mut about = route.matchers.iter().filter(|m| m.name() == "severity");
        about.all(|m| m.holds(Some(severity.as_str())))
    };
    let taken: Vec<Severity> = Severity::ALL.iter().filter(holds).copied().collect();
    if !taken.is_empty() && !taken.iter().any(|severity| severity.is_at_least(open_at)) {
        let taken: Vec<&str> = taken.iter().map(|severity| severity.as_str()).collect();
        item.context.warning(
            item.key_span.clone(),
            format!("`{}` never opens a room: it takes {} only", route.name, taken.join(", ")),
            format!(
                "rooms open for {open_at} and worse (`rooms.open_at`); change either, or remove the route"
            ),
        );
    }
}

/// Says if an earlier route takes everything that this one matches.
fn shadow(item: &Item<'_>, route: &Route, earlier: &[&Route], known: &Known) {
    let reach = Reach::of(&route.matchers, &known.always);
    let takes_all = |before: &&&Route| before.matchers.iter().all(|m| reach.implies(m));
    let Some(before) = earlier.iter().find(takes_all) else { return };
    let why = before.matchers.iter().find(|m| !route.matchers.contains(m));
    let why = match why {
        Some(m) => {
            let about: Vec<String> = route
                .matchers
                .iter()
                .filter(|own| own.name() == m.name())
                .map(|own| format!("`{own}`"))
                .collect();
            if about.is_empty() {
                format!("`{m}` always holds")
            } else {
                format!("`{m}` holds whenever {} does", about.join(" and "))
            }
        }
        None => "all its matchers stand here too".to_owned(),
    };
    item.context.warning(
        item.key_span.clone(),
        format!(
            "`{}` is never reached: `{}` before it takes the same incidents; {why}",
            route.name, before.name
        ),
        format!("move it before `{}`, or let that one say `continue: true`", before.name),
    );
}
