//! How many groups a linked number may make, and when: the keys `rooms_…` of an instance; and how far apart it
//! asks people whether they may be called.

use crate::clock::SignedDuration;
use crate::config::item::Item;
use crate::config::quantity::show;
use crate::config::section::Section;
use crate::config::server::seconds;
use crate::pacing::Budget;

/// More than this many groups in an hour, and `WhatsApp` begins to block numbers.
const DARING: u32 = 10;

/// The budget of the instance that `s` is. What is not written fits what is.
pub(super) fn budget(s: &Section<'_>, shared: Budget) -> Budget {
    let rooms_per_hour =
        s.get("rooms_per_hour").and_then(|i| rooms_per_hour(&i)).unwrap_or(shared.rooms_per_hour);
    let burst_item = s.get("rooms_burst");
    let rooms_burst = burst_item.as_ref().and_then(|i| i.number(1..=60)).unwrap_or(shared.rooms_burst);
    let gap_item = s.get("rooms_gap");
    let rooms_gap = gap_item
        .as_ref()
        .and_then(|i| i.duration(seconds(0)..=seconds(3600)))
        .unwrap_or_else(|| shared.rooms_gap.min(seconds(3600 / i64::from(rooms_burst))));
    let recovers = rooms_gap.saturating_mul(i32::try_from(rooms_burst).unwrap_or(i32::MAX));
    if recovers > SignedDuration::from_hours(1)
        && let Some(at) = gap_item.as_ref().or(burst_item.as_ref())
    {
        at.error_with(
            format!(
                "breaks a rule: {rooms_burst} times `rooms_gap` ({}) is more than an hour, in which the \
                 burst must recover",
                show(rooms_gap)
            ),
            "write a shorter `rooms_gap` or a smaller `rooms_burst`",
        );
    }
    let reserved_item = s.get("rooms_reserved");
    let rooms_reserved = reserved_item
        .as_ref()
        .and_then(|i| i.number(0..=59))
        .unwrap_or(shared.rooms_reserved.min(rooms_per_hour.saturating_sub(1)));
    if rooms_reserved >= rooms_per_hour
        && let Some(at) = &reserved_item
    {
        at.error_with(
            format!(
                "breaks a rule: `rooms_reserved` ({rooms_reserved}) must be less than `rooms_per_hour` \
                 ({rooms_per_hour})"
            ),
            "what is kept back is for routes with `important: true` only; leave something for the others",
        );
    }
    let ask_gap = s.duration("ask_gap", seconds(30)..=seconds(86_400), shared.ask_gap);
    Budget { rooms_per_hour, rooms_burst, rooms_gap, rooms_reserved, ask_gap, ..shared }
}

fn rooms_per_hour(item: &Item<'_>) -> Option<u32> {
    let number = item.number(1..=60)?;
    if number > DARING {
        item.warning(
            format!("is more than {DARING}: numbers that make so many groups get blocked"),
            "link a second number instead",
        );
    }
    Some(number)
}
