//! How many groups a linked number may make, and when: the keys `rooms_…` of an instance; and how far apart it
//! asks people whether they may be called.

use crate::clock::SignedDuration;
use crate::config::item::Section;
use crate::config::keys::{Form, keys};
use crate::config::quantity::show;
use crate::config::values::seconds;
use crate::pacing::Budget;

/// More than this many groups in an hour, and `WhatsApp` begins to block numbers.
const DARING: u32 = 10;

keys! {
    /// How often a number may do what makes WhatsApp block numbers.
    pub(super) BUDGET {
        /// New groups in any hour; beyond 10 numbers get blocked.
        rooms_per_hour: Form::Number(1, 60), usual "6";
        /// How many of them may be made right after each other.
        rooms_burst: Form::Number(1, 60), usual "3";
        /// How long it takes until the burst has grown by one again; less if the burst is large.
        rooms_gap: Form::Duration("0s", "1h"), usual "1m";
        /// How many of an hour's groups are kept back for routes with `important: true`.
        rooms_reserved: Form::Number(0, 59), usual "1";
        /// How far apart this number asks people whether they may be called.
        ask_gap: Form::Duration("30s", "1d"), usual "2m";
    }
}

/// The budget of the instance that `s` is. What is not written fits what is.
pub(super) fn budget(s: &Section<'_>, shared: Budget) -> Budget {
    let rooms_per_hour = s.number("rooms_per_hour");
    if let Some(item) = s.get("rooms_per_hour").filter(|_| rooms_per_hour > DARING) {
        item.warning(
            format!("is more than {DARING}: numbers that make so many groups get blocked"),
            "link a second number instead",
        );
    }
    let (burst_item, rooms_burst) = (s.get("rooms_burst"), s.number("rooms_burst"));
    let gap_item = s.get("rooms_gap");
    let fitting = seconds(3600 / i64::from(rooms_burst.max(1)));
    let rooms_gap = s.written_duration("rooms_gap").unwrap_or_else(|| shared.rooms_gap.min(fitting));
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
    let rooms_reserved = s
        .written_number("rooms_reserved")
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
    Budget {
        rooms_per_hour,
        rooms_burst,
        rooms_gap,
        rooms_reserved,
        ask_gap: s.duration("ask_gap"),
        ..shared
    }
}
