//! Moments in words: UTC on the clock, and how long ago by the injected clock.

use crate::clock::Timestamp;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// `10:04:05`, with the date in front when it is not the day of `now` (both in UTC).
pub(super) fn clock(at: &Timestamp, now: &Timestamp) -> String {
    let day = |moment: &Timestamp| moment.strftime("%Y-%m-%d").to_string();
    let form = if day(at) == day(now) { "%H:%M:%S" } else { "%Y-%m-%d %H:%M:%S" };
    at.strftime(form).to_string()
}

/// `just now`, `3 min ago`, `in 2 h`.
pub(super) fn ago(at: &Timestamp, now: &Timestamp) -> String {
    match now.duration_since(*at).as_secs() {
        0 => "just now".to_owned(),
        past @ 1.. => format!("{} ago", length(past)),
        future => format!("in {}", length(future.saturating_neg())),
    }
}

/// How long something took, finer the shorter it is: `340 ms`, `2.1 s`, `5 min`.
pub(super) fn took(from: &Timestamp, until: &Timestamp) -> String {
    let took = until.duration_since(*from);
    match took.as_millis() {
        ms @ ..1_000 => format!("{} ms", ms.max(0)),
        1_000..60_000 => format!("{:.1} s", took.as_secs_f64()),
        _ => length(took.as_secs()),
    }
}

fn length(seconds: i64) -> String {
    match seconds {
        ..MINUTE => format!("{seconds} s"),
        MINUTE..HOUR => format!("{} min", seconds / MINUTE),
        HOUR..DAY => format!("{} h {} min", seconds / HOUR, seconds % HOUR / MINUTE),
        DAY.. => format!("{} d", seconds / DAY),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_date_is_left_out_on_the_same_day() {
        let now = at("2026-03-01T10:05:00Z");
        assert_eq!(clock(&at("2026-03-01T00:00:01Z"), &now), "00:00:01");
        assert_eq!(clock(&at("2026-02-28T23:59:59Z"), &now), "2026-02-28 23:59:59");
    }

    #[test]
    fn distances_are_told_in_one_unit_or_two() {
        let now = at("2026-03-01T10:00:00Z");
        for (moment, words) in [
            ("2026-03-01T10:00:00Z", "just now"),
            ("2026-03-01T09:59:18Z", "42 s ago"),
            ("2026-03-01T09:57:00Z", "3 min ago"),
            ("2026-03-01T07:30:00Z", "2 h 30 min ago"),
            ("2026-02-20T10:00:00Z", "9 d ago"),
            ("2026-03-01T10:25:30Z", "in 25 min"),
        ] {
            assert_eq!(ago(&at(moment), &now), words);
        }
    }

    #[test]
    fn short_spans_are_told_finely() {
        let from = at("2026-03-01T10:00:00Z");
        assert_eq!(took(&from, &at("2026-03-01T10:00:00.34Z")), "340 ms");
        assert_eq!(took(&from, &at("2026-03-01T10:00:02.14Z")), "2.1 s");
        assert_eq!(took(&from, &at("2026-03-01T10:05:02Z")), "5 min");
        assert_eq!(took(&at("2026-03-01T10:05:02Z"), &from), "0 ms");
    }

    proptest! {
        #[test]
        fn any_two_moments_have_words(a in -377_705_023_201..253_402_207_200_i64, b in -377_705_023_201..253_402_207_200_i64) {
            let (a, b) = (Timestamp::from_second(a).unwrap(), Timestamp::from_second(b).unwrap());
            prop_assert!(!ago(&a, &b).is_empty() && !took(&a, &b).is_empty() && !clock(&a, &b).is_empty());
        }
    }
}
