//! Country codes of E.164, by which a number that nobody can have is told from one that somebody may have.
//!
//! After the list of the ITU ("List of Recommendation ITU-T E.164 assigned country codes"), codes of networks and
//! services without a country included, and those that are reserved for a country: who is in doubt is let through.

/// Codes of one or two digits.
const SHORT: [&str; 46] = [
    "1", "7", "20", "27", "30", "31", "32", "33", "34", "36", "39", "40", "41", "43", "44", "45", "46", "47",
    "48", "49", "51", "52", "53", "54", "55", "56", "57", "58", "60", "61", "62", "63", "64", "65", "66",
    "81", "82", "84", "86", "90", "91", "92", "93", "94", "95", "98",
];

/// Codes of three digits: the first two, and what may follow.
const LONG: [(&str, &str); 23] = [
    ("21", "12368"),
    ("22", "0123456789"),
    ("23", "0123456789"),
    ("24", "0123456789"),
    ("25", "012345678"),
    ("26", "0123456789"),
    ("29", "01789"),
    ("35", "0123456789"),
    ("37", "0123456789"),
    ("38", "01235679"),
    ("42", "013"),
    ("50", "0123456789"),
    ("59", "0123456789"),
    ("67", "023456789"),
    ("68", "012356789"),
    ("69", "012"),
    ("80", "08"),
    ("85", "02356"),
    ("87", "08"),
    ("88", "0123468"),
    ("96", "012345678"),
    ("97", "012345679"),
    ("99", "2345678"),
];

/// Countries in which a number keeps its zero when it is called from abroad: Italy with San Marino and the
/// Vatican, Côte d'Ivoire, Niger, Benin, Gabon, Congo.
const WITH_ZERO: [&str; 8] = ["39", "378", "379", "225", "227", "229", "241", "242"];

/// Whether these digits begin with an assigned country code.
pub(super) fn is_assigned(digits: &str) -> bool {
    code(digits).is_some()
}

/// Whether a zero stands behind the country code that nobody dials from abroad.
pub(super) fn has_trunk_zero(digits: &str) -> bool {
    code(digits).is_some_and(|code| {
        !WITH_ZERO.contains(&code) && digits.get(code.len()..).is_some_and(|rest| rest.starts_with('0'))
    })
}

/// The country code with which these digits begin.
fn code(digits: &str) -> Option<&str> {
    let third = |(first, third): &(&str, &str)| {
        digits.strip_prefix(first).and_then(|rest| rest.chars().next()).is_some_and(|c| third.contains(c))
    };
    let short = SHORT.iter().find(|code| digits.starts_with(**code));
    let length = short.map(|code| code.len()).or_else(|| LONG.iter().any(third).then_some(3))?;
    digits.get(..length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_assigned_or_not() {
        for number in [
            "15550100103",
            "77011234567",
            "201001234567",
            "2111234567",
            "27821234567",
            "2901234567",
            "4915112345678",
            "35312345678",
            "38312345678",
            "420123456789",
            "423123456",
            "5071234567",
            "6701234567",
            "6921234567",
            "80012345678",
            "80812345678",
            "8501234567",
            "870123456789",
            "87812345678",
            "881612345678",
            "883510012345",
            "886912345678",
            "88812345678",
            "919876543210",
            "971501234567",
            "979123456789",
            "992123456789",
            "998901234567",
            "996123456789",
        ] {
            assert!(is_assigned(number), "{number}");
        }
        for number in [
            "2101234567",
            "2191234567",
            "2591234567",
            "2812345678",
            "2921234567",
            "3841234567",
            "4221234567",
            "6711234567",
            "6841234567",
            "6991234567",
            "8011234567",
            "8312345678",
            "8511234567",
            "8891234567",
            "8912345678",
            "9691234567",
            "9781234567",
            "9901234567",
            "999123456789",
        ] {
            assert!(!is_assigned(number), "{number}");
        }
    }

    #[test]
    fn no_code_is_the_beginning_of_another() {
        for (first, _) in LONG {
            assert!(!SHORT.iter().any(|short| first.starts_with(short)), "{first}");
        }
    }
}
