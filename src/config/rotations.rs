//! The roster's rotations: who takes turns, and by which wall clock.

use std::collections::BTreeMap;

use jiff::civil::DateTime;

use crate::clock::SignedDuration;
use crate::config::item::Item;
use crate::config::people::Seen;
use crate::config::section::Section;
use crate::config::server::seconds;
use crate::config::words::{closest, shortened};
use crate::config::yaml::Value;
use crate::roster::{Override, Rotation, zone};

/// The rotations that could be read; each problem of the others is a finding.
pub(super) fn rotations<'a>(item: &Item<'a>, seen: &mut Seen<'a>) -> BTreeMap<String, Rotation> {
    let mut rotations = BTreeMap::new();
    for (key, item) in item.named() {
        seen.rotations.insert(key.to_owned());
        if let Some(rotation) = item.section(|s| rotation(s, key, seen)) {
            rotations.insert(key.to_owned(), rotation);
        }
    }
    rotations
}

fn rotation<'a>(s: &Section<'a>, key: &str, seen: &mut Seen<'a>) -> Option<Rotation> {
    let zone_name = s
        .need("timezone", "whose wall clock rules the turns, such as `Europe/Berlin`")
        .and_then(|i| zone_name(&i));
    let starts = s
        .need("starts", "when the first person's first turn begins, such as `2026-01-05 09:00`")
        .and_then(|i| moment(&i));
    let shift = s.need("shift", "how long a turn is, such as `1 week` or `12 hours`").and_then(|i| shift(&i));
    let people = s.need("people", "who takes turns, in order").map(|item| {
        let items = item.list(true);
        if items.is_empty() && matches!(item.node.value, Value::List(_)) {
            item.error("names nobody, so nobody would ever be on duty");
        }
        items.iter().filter_map(|i| seen.person(i)).collect::<Vec<_>>()
    });
    let overrides = s
        .get("overrides")
        .map(|item| {
            let items = item.list(false);
            items.iter().filter_map(|i| i.section(|s| takeover(s, seen))).collect()
        })
        .unwrap_or_default();
    let zone_name = zone_name?;
    Some(Rotation {
        name: key.to_owned(),
        zone: zone(&zone_name)?,
        zone_name,
        starts: starts?,
        shift: shift?,
        people: people?,
        overrides,
    })
}

fn takeover<'a>(s: &Section<'a>, seen: &mut Seen<'a>) -> Option<Override> {
    let from = s.need("from", "the first moment, such as `2026-12-24 09:00`");
    let until = s.need("until", "the moment at which the usual person is back");
    let person = s.need("person", "who takes the turn").and_then(|i| seen.person(&i));
    let from = from.and_then(|i| moment(&i));
    let end = until.as_ref().and_then(moment);
    if let (Some(from), Some(end), Some(at)) = (from, end, &until)
        && end <= from
    {
        at.error("is not after `from`");
        return None;
    }
    Some(Override { from: from?, until: end?, person: person? })
}

/// A wall-clock time, to the minute or second, with a blank or a `T` between date and time.
fn moment(item: &Item<'_>) -> Option<DateTime> {
    let text = item.text()?;
    let parsed: Option<DateTime> = text.parse().ok();
    // A zone or an offset would be ignored, and a date alone would silently mean midnight.
    let plain = text.chars().all(|c| c.is_ascii_digit() || matches!(c, '-' | ':' | ' ' | 'T'));
    let moment = parsed.filter(|_| plain && text.contains(':'));
    if moment.is_none() {
        item.error_with(
            format!("is not a date with a time: `{}`", shortened(text)),
            "write `2026-01-05 09:00`, by the wall clock of the rotation's zone",
        );
    }
    moment
}

fn shift(item: &Item<'_>) -> Option<SignedDuration> {
    item.duration(seconds(3600)..=seconds(366 * 86_400))
}

/// The name of a time zone as the time zone database writes it.
pub(super) fn zone_name(item: &Item<'_>) -> Option<String> {
    let text = item.text()?;
    if zone(text).is_some() {
        return Some(text.to_owned());
    }
    let names: Vec<String> = jiff::tz::db().available().map(|n| n.as_str().to_owned()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let message = format!("is not a time zone: `{}`", shortened(text));
    let same = names.iter().find(|n| n.eq_ignore_ascii_case(text)).copied();
    match same.or_else(|| closest(text, &names)) {
        Some(meant) => item.error_with(message, format!("did you mean `{meant}`?")),
        None => item.error_with(message, "write an IANA name such as `Europe/Berlin`"),
    }
    None
}
