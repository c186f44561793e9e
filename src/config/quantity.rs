//! Lengths of time and sizes as people write them: `30s`, `1h30m`, `1 week`, `1MiB`.

use crate::clock::SignedDuration;

const UNITS: [(&[&str], i64); 6] = [
    (&["ms", "millisecond", "milliseconds"], 1),
    (&["s", "sec", "second", "seconds"], 1_000),
    (&["m", "min", "minute", "minutes"], 60_000),
    (&["h", "hour", "hours"], 3_600_000),
    (&["d", "day", "days"], 86_400_000),
    (&["w", "week", "weeks"], 604_800_000),
];

/// Reads a length of time: whole numbers with units, largest first by custom but in any order. The error
/// is a hint.
pub fn duration(text: &str) -> Result<SignedDuration, String> {
    let expected =
        || "write a number and a unit, such as `500ms`, `30s`, `5m`, `1h30m` or `1 week`".to_owned();
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(expected());
    }
    let mut total: i64 = 0;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, tail) = rest.split_at(digits);
        let number: i64 = number.parse().map_err(|_too_large_or_none| expected())?;
        let tail = tail.trim_start();
        let letters = tail.len() - tail.trim_start_matches(|c: char| c.is_alphabetic()).len();
        let (unit, tail) = tail.split_at(letters);
        if unit.is_empty() && tail.is_empty() {
            return Err(format!("the unit is missing: `{number}s`, `{number}m` or `{number}h`?"));
        }
        let millis = UNITS
            .iter()
            .find(|(names, _)| names.contains(&unit))
            .map(|(_, millis)| *millis)
            .ok_or_else(expected)?;
        total = number
            .checked_mul(millis)
            .and_then(|part| total.checked_add(part))
            .ok_or_else(|| "that is longer than any clock runs".to_owned())?;
        rest = tail.trim_start();
    }
    Ok(SignedDuration::from_millis(total))
}

/// Writes a length of time in the largest units that fit, such as `1h30m` or `1 week`.
#[must_use]
pub fn show(length: SignedDuration) -> String {
    let millis = i64::try_from(length.as_millis()).unwrap_or(i64::MAX);
    if millis <= 0 {
        return "0s".to_owned();
    }
    for (unit, size) in [("week", 604_800_000), ("day", 86_400_000)] {
        if millis % size == 0 {
            let n = millis / size;
            return format!("{n} {unit}{}", if n == 1 { "" } else { "s" });
        }
    }
    let parts = [
        (millis / 3_600_000, "h"),
        (millis / 60_000 % 60, "m"),
        (millis / 1_000 % 60, "s"),
        (millis % 1_000, "ms"),
    ];
    let shown = parts.iter().filter(|(n, _)| *n > 0);
    let shown: Vec<String> = shown.map(|(n, unit)| format!("{n}{unit}")).collect();
    shown.concat()
}

/// Reads a number of bytes: a plain number, or one with `B`, `KB`, `KiB`, `MB`, `MiB`.
pub(super) fn size(text: &str) -> Option<usize> {
    let text = text.trim();
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let factor = match unit.trim() {
        "" | "B" => 1,
        "KB" | "kB" => 1_000,
        "KiB" => 1 << 10,
        "MB" => 1_000_000,
        "MiB" => 1 << 20,
        _ => return None,
    };
    number.parse::<usize>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lengths_of_time_as_people_write_them() {
        let cases = [
            ("30s", 30_000),
            ("1h30m", 5_400_000),
            ("1 h 30 min", 5_400_000),
            ("500ms", 500),
            ("1 week", 604_800_000),
            ("12 hours", 43_200_000),
            ("2 days", 172_800_000),
            ("0s", 0),
        ];
        for (text, millis) in cases {
            assert_eq!(duration(text), Ok(SignedDuration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn what_is_no_length_of_time_says_what_to_write() {
        assert_eq!(duration("30").unwrap_err(), "the unit is missing: `30s`, `30m` or `30h`?");
        for text in
            ["", "s", "5 fortnights", "-5s", "1.5h", "30 s 5", "99999999999999w", "99999999999999999999s"]
        {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes() {
        assert_eq!(size("1MiB"), Some(1_048_576));
        assert_eq!(size("1 MiB"), Some(1_048_576));
        assert_eq!(size("262144"), Some(262_144));
        assert_eq!(size("256 KB"), Some(256_000));
        assert_eq!(size("1 mile"), None);
        assert_eq!(size("MiB"), None);
        assert_eq!(size("99999999999999999MiB"), None);
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(millis in 0_i64..10_000_000_000) {
            let length = SignedDuration::from_millis(millis);
            prop_assert_eq!(duration(&show(length)), Ok(length));
        }

        #[test]
        fn any_text_is_a_quantity_or_not(text in "\\PC{0,20}") {
            let _ = size(&text);
            let _ = duration(&text).map(show);
        }
    }
}
