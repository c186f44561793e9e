//! The roster's rotations: who takes turns, and by which wall clock.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::clock::{Timestamp, wall_day, wall_moment};
use crate::config::ahead;
use crate::config::item::{Item, Section};
use crate::config::keys::{Form, Named, SCALAR, STRING, TEXT, Text, keys};
use crate::config::names::Names;
use crate::config::values::{ZONE, zone_name};
use crate::config::words::shortened;
use crate::config::yaml::Value;
use crate::roster::rotation::occurrences;
use crate::roster::{Absence, Hours, Layer, Override, Rotation, wall_clock, zone};

keys! {
    /// People who take turns, by the wall clock of one place; several `layers`, or one whose keys stand here.
    ROTATION = "rotation"
    rules r#"{ "anyOf": [
        { "required": ["layers"], "not": { "anyOf": [
            { "required": ["start"] }, { "required": ["shift_length"] }, { "required": ["people"] },
            { "required": ["only"] } ] } },
        { "required": ["start", "shift_length", "people"], "not": { "required": ["layers"] } }
    ] }"#
    such_as [
        "{ timezone: Europe/Berlin, start: 2026-01-05 09:00, shift_length: 1 week, people: [ mei ] }",
        "{ timezone: Europe/Berlin, layers: [ { start: 2026-01-05 09:00, shift_length: 1 week, people: [ mei ] } ] }"
    ] {
        /// Shifts change by this place's wall clock.
        timezone: ZONE, needed;
        /// Several layers, the first that has somebody counts.
        layers: Form::List(&Form::Map(&LAYER), 1);
        /// Shifts that somebody else takes. If several cover a moment, the last one counts.
        overrides: Form::List(&Form::Map(&OVERRIDE), 0);
        /// Called when no shift has anybody.
        fallback: TEXT, such_as "mei";
        ..SHIFTS;
    }
    /// One set of shifts of a rotation.
    LAYER = "layer"
    rules r#"{ "required": ["start", "shift_length", "people"], "type": "object" }"#
    such_as [ "{ start: 2026-01-05 09:00, shift_length: 1 week, people: [ mei ] }" ] {
        /// What calendars call this layer.
        name: TEXT, such_as "days";
        ..SHIFTS;
    }
    /// Who takes turns.
    SHIFTS {
        /// When the first person's first shift begins, by the rotation's clock.
        start: MOMENT, such_as "2026-01-05 09:00";
        /// How long a shift is.
        shift_length: Form::Duration("1h", "366d"), such_as "1 week";
        /// Who takes turns, in order.
        people: Form::Some(&TEXT, 1), such_as "[ mei, jonas ]";
        /// Parts of the week to which the shifts are limited.
        only: Form::Some(&HOURS, 0);
    }
    /// A shift that somebody else takes.
    OVERRIDE = "override" {
        /// The first moment.
        from: MOMENT, needed, such_as "2026-12-24 09:00";
        /// The moment at which the usual person is back.
        until: MOMENT, needed, such_as "2026-12-27 09:00";
        /// Who takes the shift.
        person: TEXT, needed, such_as "mei";
    }
    /// A time in which a person is away.
    pub(super) ABSENCE = "absence" {
        /// The first day away, or a moment.
        from: DAY, needed, such_as "2026-08-03";
        /// The last day away, or the moment of the return.
        until: DAY, needed, such_as "2026-08-14";
    }
}

const MOMENT: Form = Form::Text(&Text {
    name: "moment",
    says: "Date and time by the wall clock.",
    pattern: "[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?",
    types: STRING,
    example: "2026-01-05 09:00",
});
const DAY: Form = Form::Text(&Text {
    name: "day or moment",
    says: "A date, or date and time by the wall clock.",
    pattern: "[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?)?",
    types: SCALAR,
    example: "2026-08-14 12:00",
});
const HOURS: Form = Form::Text(&Text {
    name: "part of the week",
    says: "Days and times of day, such as `weekdays 09:00-18:00`, `mon,wed 08:00-12:00` or `fri-sun 20:00-06:00`.",
    pattern: "[A-Za-z][A-Za-z,-]*\\s+[0-9]{2}:[0-9]{2}\\s*-\\s*[0-9]{2}:[0-9]{2}",
    types: STRING,
    example: "weekdays 09:00-18:00",
});

pub(super) static ROTATIONS: Named =
    Named { of: Form::Map(&ROTATION), names: "{}", example: "platform", least: 0 };

/// The rotations that could be read; each problem of the others is a finding.
pub(super) fn rotations<'a>(
    item: &Item<'a>,
    names: &mut Names<'a>,
    now: Timestamp,
) -> BTreeMap<String, Rotation> {
    let mut rotations = BTreeMap::new();
    for (key, item) in item.named() {
        names.rotations.insert(key.to_owned());
        let errors = item.context.errors();
        if let Some(rotation) = item.section(&ROTATION, |s| rotation(s, key, names)) {
            // Where somebody is missing because of a mistake, that says it better.
            if item.context.errors() == errors {
                remarks(&item, &rotation, now);
            }
            rotations.insert(key.to_owned(), rotation);
        }
        names.turns.insert(key.to_owned(), item);
    }
    rotations
}

/// What is allowed but probably not meant.
fn remarks(item: &Item<'_>, rotation: &Rotation, now: Timestamp) {
    let at = |message: String, hint: &str| {
        item.context.warning(item.key_span.clone(), format!("`{}` {message}", rotation.name), hint);
    };
    let always = always_there(&rotation.layers, rotation.zone.to_datetime(now));
    let layers = rotation.layers.iter().take(always.map_or(usize::MAX, |(n, _)| n + 1));
    let last = rotation.fallback.iter().filter(|_| always.is_none());
    let turns: BTreeSet<&String> = layers.flat_map(|layer| &layer.people).chain(last).collect();
    if turns.len() == 1 {
        at(
            "is one person, who always has the turn".to_owned(),
            "name somebody else beside them under `people`, so that they take turns",
        );
    }
    if let Some((n, layer)) = always {
        idle(item, n, layer);
    }
    for layer in &rotation.layers {
        if let Some((from, until)) = closed_turn(layer) {
            let show = |civil: DateTime| civil.strftime("%a %Y-%m-%d %H:%M").to_string();
            let name = if layer.name.is_empty() { String::new() } else { format!(" in `{}`", layer.name) };
            at(
                format!(
                    "has turns{name} that fall into closed hours, such as that from {} to {}",
                    show(from),
                    show(until)
                ),
                "turns count on through the hours outside `only`, so somebody is passed over; take turns of whole \
                 weeks, or give those hours a layer of their own",
            );
        }
    }
    let gaps = rotation.weekly_gaps();
    if let Some((from, until)) = gaps.first() {
        let show = |civil: &DateTime| civil.strftime("%a %H:%M").to_string();
        let more = if gaps.len() > 1 { format!(", and {} more", gaps.len() - 1) } else { String::new() };
        let next = ahead::next_gap(rotation, now).map_or_else(String::new, |next| format!("; {next}"));
        at(
            format!("has nobody on duty each week from {} to {}{more}{next}", show(from), show(until)),
            "add a layer without `only` at the end, or a `fallback` person",
        );
    }
}

/// The first turn of a layer with several people in which it has nobody, because all of it is outside its hours.
fn closed_turn(layer: &Layer) -> Option<(DateTime, DateTime)> {
    /// After so many hours everything comes again, if turns are whole hours.
    const WEEK: usize = 7 * 24;
    if layer.hours.is_empty() || layer.people.len() < 2 {
        return None;
    }
    let mut turns = (0..WEEK).map_while(|n| {
        let after = layer.shift_length.checked_mul(i32::try_from(n).ok()?)?;
        let from = layer.start.checked_add(after).ok()?;
        Some((from, from.checked_add(layer.shift_length).ok()?))
    });
    turns.find(|(from, until)| !layer.hours.iter().any(|hours| hours.meet(*from, *until)))
}

/// The first layer that has somebody at all times.
fn always_there(layers: &[Layer], today: DateTime) -> Option<(usize, &Layer)> {
    let is_always = |layer: &Layer| layer.hours.is_empty() || layer.hours.contains(&Hours::ALWAYS);
    let has_begun = |n: usize, layer: &Layer| layer.start <= today || n + 1 == layers.len();
    layers.iter().enumerate().find(|(n, layer)| is_always(layer) && has_begun(*n, layer))
}

/// Says which layers, and whether the fallback, never have a turn, because `layer` before them, the one at
/// place `n`, always has somebody.
fn idle(item: &Item<'_>, n: usize, layer: &Layer) {
    let layers = item.entry("layers");
    let behind = layers.iter().flat_map(Item::members).skip(n + 1);
    for idle in behind.chain(item.entry("fallback")) {
        let (before, key) = if layers.is_some() {
            (format!("layer `{}` before it always has somebody", shortened(&layer.name)), "give that layer")
        } else {
            ("the turns before it always have somebody".to_owned(), "add")
        };
        idle.warning(
            format!("never has a turn: {before}"),
            format!("{key} `only`, or remove this one; for somebody who is away name a `stand_in`"),
        );
    }
}

fn rotation<'a>(s: &Section<'a>, key: &str, names: &mut Names<'a>) -> Option<Rotation> {
    let zone_name = s.need("timezone").and_then(|i| zone_name(&i));
    let layers: Option<Vec<Layer>> = if let Some(item) = s.get("layers") {
        for key in SHIFTS.iter().map(|key| key.name) {
            if let Some(item) = s.get(key) {
                item.error_with("stands beside `layers`", "write it in one of the layers");
            }
        }
        let items = item.list(false);
        if items.is_empty() && matches!(item.node.value, Value::List(_)) {
            item.error_with(
                "holds no layer, so nobody would ever be on duty",
                "add one: `- { start: 2026-01-05 09:00, shift_length: 1 week, people: [ … ] }`",
            );
        }
        let read = |(n, item): (usize, &Item<'a>)| {
            item.section(&LAYER, |s| {
                let name =
                    s.get("name").map_or_else(|| Some((n + 1).to_string()), |i| i.line().map(str::to_owned));
                let layer = layer(s, names);
                Some(Layer { name: name?, ..layer? })
            })
        };
        let layers: Vec<Layer> = items.iter().enumerate().filter_map(read).collect();
        (!layers.is_empty() && layers.len() == items.len()).then_some(layers)
    } else {
        layer(s, names).map(|layer| vec![layer])
    };
    let overrides = s
        .get("overrides")
        .map(|item| {
            let items = item.list(false);
            items.iter().filter_map(|i| i.section(&OVERRIDE, |s| takeover(s, names))).collect()
        })
        .unwrap_or_default();
    let fallback = s.get("fallback").map(|item| names.person(&item));
    let fallback = match fallback {
        Some(person) => Some(person?),
        None => None,
    };
    Some(Rotation { overrides, fallback, ..Rotation::of(key, &zone_name?, layers?)? })
}

fn layer<'a>(s: &Section<'a>, names: &mut Names<'a>) -> Option<Layer> {
    let start = s.need("start").and_then(|i| moment(&i));
    let shift_length = s.need("shift_length").and_then(|_| s.written_duration("shift_length"));
    let people = s.need("people").map(|item| {
        let items = item.list(true);
        if items.is_empty() && matches!(item.node.value, Value::List(_)) {
            item.error_with("names nobody, so nobody would ever be on duty", "name people by their keys");
        }
        items.iter().filter_map(|i| names.person(i)).collect::<Vec<_>>()
    });
    let parts = s.get("only").map(|item| item.list(true)).unwrap_or_default();
    let hours: Vec<Hours> = parts.iter().filter_map(hours).collect();
    let people = people.filter(|people| !people.is_empty());
    if hours.len() < parts.len() {
        return None;
    }
    Some(Layer { name: String::new(), start: start?, shift_length: shift_length?, people: people?, hours })
}

/// Days and the times of day between which a layer has somebody.
fn hours(item: &Item<'_>) -> Option<Hours> {
    let text = item.text()?;
    let read = read_hours(text);
    if read.is_none() {
        item.error_with(
            format!("is not a part of the week: `{}`", shortened(text)),
            "write days and times, such as `weekdays 09:00-18:00`, `mon,wed 08:00-12:00` or `fri-sun 20:00-06:00`",
        );
    }
    read
}

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

fn read_hours(text: &str) -> Option<Hours> {
    let (days, times) = text.trim().split_once(char::is_whitespace)?;
    let (from, until) = times.trim().split_once('-')?;
    let (from, until) = (time_of_day(from)?, time_of_day(until)?);
    let length = if until > from { until - from } else { until + 86_400 - from };
    // The same time twice would mean either nothing or a whole day.
    (until != from && from < 86_400).then_some(Hours { days: read_days(days)?, from, length })
}

fn read_days(text: &str) -> Option<[bool; 7]> {
    let text = text.to_ascii_lowercase();
    match text.as_str() {
        "daily" => return Some([true; 7]),
        "weekdays" => return Some([true, true, true, true, true, false, false]),
        "weekends" => return Some([false, false, false, false, false, true, true]),
        _ => {}
    }
    let day = |word: &str| DAYS.iter().position(|d| *d == word.trim());
    let mut days = [false; 7];
    for part in text.split(',') {
        let (first, last) = match part.split_once('-') {
            Some((first, last)) => (day(first)?, day(last)?),
            None => (day(part)?, day(part)?),
        };
        let length = (last + 7 - first) % 7;
        for n in 0..=length {
            *days.get_mut((first + n) % 7)? = true;
        }
    }
    Some(days)
}

/// Seconds from midnight; `24:00` is the end of the day.
fn time_of_day(text: &str) -> Option<i64> {
    let (hours, minutes) = text.trim().split_once(':')?;
    let two_digits = |s: &str| (s.len() == 2).then(|| s.parse::<u8>().ok()).flatten();
    let (hours, minutes) = (i64::from(two_digits(hours)?), i64::from(two_digits(minutes)?));
    let in_a_day = (hours < 24 && minutes < 60) || (hours == 24 && minutes == 0);
    in_a_day.then_some(hours * 3600 + minutes * 60)
}

/// The times in which a person is away, by the wall clock of `zone_name`, or by UTC.
pub(super) fn absences(item: &Item<'_>, zone_name: Option<&str>) -> Vec<Absence> {
    let zone = zone_name.and_then(zone).unwrap_or(TimeZone::UTC);
    let read = |s: &Section<'_>| {
        let (from, until) = (s.need("from"), s.need("until"));
        let from = from.and_then(|i| day_or_moment(&i, false));
        let end = until.as_ref().and_then(|i| day_or_moment(i, true));
        let (from, end) = (from?, end?);
        let moments = |civil| occurrences(&zone, civil);
        let (from, ends) = (moments(from).first().copied()?, moments(end).last().copied()?);
        if ends <= from {
            until?.error_with("is before `from`", "a day given as `until` is the last day away");
            return None;
        }
        let until_there = format!("{} {}", wall_clock(end), zone_name.unwrap_or("UTC"));
        Some(Absence { from, until: ends, until_there })
    };
    item.list(false).iter().filter_map(|item| item.section(&ABSENCE, read)).collect()
}

/// A moment, or a day: its beginning, or, as the last one of several, its end.
fn day_or_moment(item: &Item<'_>, last: bool) -> Option<DateTime> {
    let text = item.text()?;
    let Some(day) = wall_day(text) else {
        return moment_or(
            item,
            "is neither a day nor a date with a time",
            "`2026-08-14`, or `2026-08-14 12:00`",
        );
    };
    let day = if last { day.tomorrow().ok()? } else { day };
    Some(day.at(0, 0, 0, 0))
}

fn takeover<'a>(s: &Section<'a>, names: &mut Names<'a>) -> Option<Override> {
    let (from, until) = (s.need("from"), s.need("until"));
    let person = s.need("person").and_then(|i| names.person(&i));
    let from = from.and_then(|i| moment(&i));
    let end = until.as_ref().and_then(moment);
    if let (Some(from), Some(end), Some(at)) = (from, end, &until)
        && end <= from
    {
        at.error_with("is not after `from`", "it is the moment at which the usual person is back");
        return None;
    }
    Some(Override { from: from?, until: end?, person: person? })
}

/// A wall-clock time, to the minute or second, with a blank or a `T` between date and time.
fn moment(item: &Item<'_>) -> Option<DateTime> {
    moment_or(
        item,
        "is not a date with a time",
        "`2026-01-05 09:00`, by the wall clock of the rotation's zone",
    )
}

fn moment_or(item: &Item<'_>, is_not: &str, such_as: &str) -> Option<DateTime> {
    let text = item.text()?;
    let moment = wall_moment(text);
    if moment.is_none() {
        item.error_with(format!("{is_not}: `{}`", shortened(text)), format!("write {such_as}"));
    }
    moment
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn parts_of_the_week_as_people_write_them() {
        let nine_to_six = |days| Some(Hours { days, from: 9 * 3600, length: 9 * 3600 });
        assert_eq!(
            read_hours("weekdays 09:00-18:00"),
            nine_to_six([true, true, true, true, true, false, false])
        );
        assert_eq!(
            read_hours("Mon,Wed 09:00 - 18:00"),
            nine_to_six([true, false, true, false, false, false, false])
        );
        assert_eq!(
            read_hours("sat-mon 09:00-18:00"),
            nine_to_six([true, false, false, false, false, true, true])
        );
        let night = Hours { days: [true; 7], from: 22 * 3600, length: 8 * 3600 };
        assert_eq!(read_hours("daily 22:00-06:00"), Some(night));
        assert_eq!(read_hours("daily 00:00-24:00"), Some(Hours::ALWAYS));
        for wrong in [
            "",
            "daily",
            "09:00-18:00",
            "daily 9-18",
            "daily 09:00-09:00",
            "someday 09:00-18:00",
            "daily 25:00-26:00",
            "daily 24:00-06:00",
        ] {
            assert_eq!(read_hours(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_part_of_the_week_or_not(text in "\\PC{0,30}") {
            if let Some(hours) = read_hours(&text) {
                prop_assert!(hours.length > 0 && hours.length <= 86_400 && hours.days.contains(&true));
            }
        }
    }
}
