//! A moment as its readers' clocks show it.

use jiff::Zoned;
use jiff::tz::TimeZone;

use super::catalog::{Catalog, Safe};
use super::phrase::Phrase;
use crate::clock::Timestamp;
use crate::roster::zone;

/// `at` by the first of `clocks` (names of zones), and by the second where that shows something else; UTC stands at
/// their end. The day is said where it is not the one of `now`.
pub(super) fn moment(catalog: &Catalog, at: Timestamp, now: Option<Timestamp>, clocks: &[&str]) -> Safe {
    let known = clocks.iter().filter_map(|name| Some((place(name), zone(name)?)));
    let mut shown: Vec<(String, Zoned)> = Vec::new();
    for (place, zone) in known.chain([("UTC".to_owned(), TimeZone::UTC)]) {
        let local = at.to_zoned(zone);
        if shown.iter().all(|(_, other)| other.datetime() != local.datetime()) {
            shown.push((place, local));
        }
    }
    let mut said = shown.iter().map(|(place, local)| {
        let today = now.map(|now| now.to_zoned(local.time_zone().clone()).date());
        (local.date(), today, place, local)
    });
    let Some((date, today, place, local)) = said.next() else { return Safe(String::new()) };
    let own = by_clock(catalog, local, place, today != Some(date));
    match said.next() {
        Some((other_date, _, place, local)) => {
            let other = by_clock(catalog, local, place, other_date != date);
            catalog.say(Phrase::Elsewhere, &[("own", &own), ("other", &other)])
        }
        None => own,
    }
}

fn by_clock(catalog: &Catalog, local: &Zoned, place: &str, with_date: bool) -> Safe {
    let time = local.strftime("%H:%M").to_string();
    let time = if with_date { format!("{} {time}", date(catalog, local).0) } else { time };
    catalog.say(Phrase::Place, &[("time", &Safe(time)), ("place", &catalog.foreign(place))])
}

fn date(catalog: &Catalog, local: &Zoned) -> Safe {
    let name = |list: Phrase, place: i8| {
        let place = usize::try_from(place - 1).unwrap_or_default();
        Safe(catalog.raw(list).split(',').nth(place).unwrap_or_default().trim().to_owned())
    };
    let weekday = name(Phrase::Weekdays, local.weekday().to_monday_one_offset());
    let (day, month) = (Safe(local.day().to_string()), name(Phrase::Months, local.month()));
    catalog.say(Phrase::Date, &[("weekday", &weekday), ("day", &day), ("month", &month)])
}

/// The city in the name of a zone.
fn place(zone: &str) -> String {
    let city = zone.rsplit('/').next().unwrap_or(zone);
    city.replace('_', " ")
}
