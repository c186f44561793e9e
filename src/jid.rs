//! `WhatsApp` ids: people, hidden ids and groups.
//!
//! One person is written in several ways (`…@c.us` towards the API, `…@s.whatsapp.net` inside replies, with
//! or without a device number), so ids are normalised when parsed and compared only in that form.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

mod country;

/// A person's id: `<digits>@c.us`, or `<digits>@lid` when only the hidden id is known.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Jid {
    user: String,
    hidden: bool,
}

/// A group's id: `<digits>@g.us`, or the older `<digits>-<digits>@g.us`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GroupId(String);

/// Where a message can go.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChatId {
    /// Into a group.
    Group(GroupId),
    /// To one person.
    Person(Jid),
}

/// A text that is not an id of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAnId {
    /// Not a phone number in the international form.
    #[error("a phone number is written `+`, country code, number: 7 to 15 digits, no leading zero")]
    Phone,
    /// A number whose first digits are the code of no country.
    #[error("no country has the code that it begins with")]
    Country,
    /// A number with the zero that is dialled within its country only.
    #[error("behind the country code stands a zero, which nobody dials from abroad")]
    Zero,
    /// Not a person's id.
    #[error("a person's id is `<digits>@c.us` or `<digits>@lid`")]
    Person,
    /// Not a group's id.
    #[error("a group's id is `<digits>@g.us`")]
    Group,
}

impl Jid {
    /// The id that belongs to a phone number in E.164 form (`+` and 7 to 15 digits). Spaces, hyphens,
    /// dots and brackets that people write for reading are dropped.
    pub fn from_phone(phone: &str) -> Result<Self, NotAnId> {
        let digits: String =
            phone.trim().chars().filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')' | '\u{a0}')).collect();
        let digits = digits.strip_prefix('+').ok_or(NotAnId::Phone)?;
        let is_number = is_phone(digits) && digits.bytes().all(|b| b.is_ascii_digit());
        if is_number { Ok(Self { user: digits.to_owned(), hidden: false }) } else { Err(NotAnId::Phone) }
    }

    /// Why nobody can have this as a phone number, if that is so. Ids are taken as a gateway gives them; this is
    /// for one that a person has written. A hidden id is no number.
    pub fn check_number(&self) -> Result<(), NotAnId> {
        if self.hidden {
            Ok(())
        } else if country::is_assigned(&self.user) && is_phone(&self.user) {
            if country::has_trunk_zero(&self.user) { Err(NotAnId::Zero) } else { Ok(()) }
        } else if is_phone(&self.user) {
            Err(NotAnId::Country)
        } else {
            Err(NotAnId::Phone)
        }
    }

    /// The digits before the `@`.
    #[must_use]
    pub fn digits(&self) -> &str {
        &self.user
    }

    /// Whether this is a hidden id, which says nothing about the phone number.
    #[must_use]
    pub fn is_hidden(&self) -> bool {
        self.hidden
    }

    /// Whether a number of this country may be registered in another form than it is dialled in: Brazil's ninth
    /// digit, the 1 of Mexico and the 9 of Argentina.
    #[must_use]
    pub fn has_variants(&self) -> bool {
        !self.hidden
            && (12..=13).contains(&self.user.len())
            && ["55", "52", "54"].iter().any(|country| self.user.starts_with(country))
    }

    /// Whether both are one number, however each is registered or dialled.
    #[must_use]
    pub fn is_same_number(&self, other: &Self) -> bool {
        self == other || (!self.hidden && !other.hidden && self.shortest_form() == other.shortest_form())
    }

    /// The digits without what only one of two forms has.
    fn shortest_form(&self) -> String {
        let digits = self.user.as_str();
        let extra = match (digits.len(), digits.get(..2)) {
            (13, Some("55")) if digits.get(4..5) == Some("9") => 4,
            (13, Some("52")) if digits.get(2..3) == Some("1") => 2,
            (13, Some("54")) if digits.get(2..3) == Some("9") => 2,
            _ => return digits.to_owned(),
        };
        let (before, after) = digits.split_at(extra);
        format!("{before}{}", after.get(1..).unwrap_or_default())
    }

    /// The last two digits behind dots: enough to tell people apart in a log, too little to call them.
    #[must_use]
    pub fn masked(&self) -> String {
        let tail = self.user.len().saturating_sub(2);
        format!("…{}", self.user.get(tail..).unwrap_or_default())
    }
}

/// The length and the beginning of a number in the international form.
fn is_phone(digits: &str) -> bool {
    (7..=15).contains(&digits.len()) && !digits.starts_with('0')
}

impl FromStr for Jid {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let (user, server) = text.trim().split_once('@').ok_or(NotAnId::Person)?;
        let hidden = match server {
            "c.us" | "s.whatsapp.net" => false,
            "lid" => true,
            _ => return Err(NotAnId::Person),
        };
        // `<digits>.<agent>:<device>` names one of the person's devices; the person is the part before.
        let user = user.split([':', '.']).next().unwrap_or_default();
        let well_formed = (5..=20).contains(&user.len()) && user.bytes().all(|b| b.is_ascii_digit());
        if well_formed { Ok(Self { user: user.to_owned(), hidden }) } else { Err(NotAnId::Person) }
    }
}

impl fmt::Display for Jid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.user, if self.hidden { "lid" } else { "c.us" })
    }
}

/// Masked, so that a `{:?}` in a log line never shows a full phone number.
impl fmt::Debug for Jid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Jid({})", self.masked())
    }
}

impl TryFrom<String> for Jid {
    type Error = NotAnId;

    fn try_from(text: String) -> Result<Self, NotAnId> {
        text.parse()
    }
}

impl From<Jid> for String {
    fn from(jid: Jid) -> Self {
        jid.to_string()
    }
}

impl GroupId {
    /// The id as the gateway writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for GroupId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let user = text.strip_suffix("@g.us").ok_or(NotAnId::Group)?;
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        let well_formed = user.len() <= 40
            && match user.split_once('-') {
                Some((creator, made)) => digits(creator) && digits(made),
                None => digits(user),
            };
        if well_formed { Ok(Self(text.to_owned())) } else { Err(NotAnId::Group) }
    }
}

impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for GroupId {
    type Error = NotAnId;

    fn try_from(text: String) -> Result<Self, NotAnId> {
        text.parse()
    }
}

impl From<GroupId> for String {
    fn from(id: GroupId) -> Self {
        id.0
    }
}

impl fmt::Display for ChatId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Group(group) => group.fmt(f),
            Self::Person(person) => person.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_phone_number_becomes_the_api_form() {
        assert_eq!(Jid::from_phone("+49 (170) 123-4567").unwrap().to_string(), "491701234567@c.us");
    }

    #[test]
    fn numbers_without_a_country_code_are_refused() {
        for bad in
            ["01701234567", "+0170123", "0049170123456", "+49", "+49170123456789012", "+49x70123456", ""]
        {
            assert_eq!(Jid::from_phone(bad), Err(NotAnId::Phone), "{bad}");
        }
    }

    #[test]
    fn the_forms_of_one_person_are_equal() {
        let one: Jid = "15550100001@c.us".parse().unwrap();
        for same in ["15550100001@s.whatsapp.net", "15550100001:12@s.whatsapp.net", "15550100001.0:3@c.us"] {
            assert_eq!(same.parse::<Jid>().unwrap(), one);
        }
        assert_ne!("15550100001@lid".parse::<Jid>().unwrap(), one);
    }

    #[test]
    fn a_number_is_the_same_in_the_form_in_which_it_is_registered() {
        let same = |one: &str, other: &str| {
            let parse = |digits: &str| format!("{digits}@c.us").parse::<Jid>().unwrap();
            parse(one).is_same_number(&parse(other)) && parse(other).is_same_number(&parse(one))
        };
        assert!(same("5511900000000", "551100000000"), "Brazil's ninth digit");
        assert!(same("5215500000000", "525500000000"), "the 1 of Mexico");
        assert!(same("5491100000000", "541100000000"), "the 9 of Argentina");
        assert!(same("15550100001", "15550100001"));
        for (one, other) in [
            ("5511900000000", "551100000001"),
            ("5511800000000", "551100000000"),
            ("5215500000000", "521550000000"),
            ("4915500000000", "495500000000"),
            ("15550100001", "15550100002"),
        ] {
            assert!(!same(one, other), "{one} {other}");
        }
        let hidden: Jid = "551100000000@lid".parse().unwrap();
        assert!(!hidden.is_same_number(&"551100000000@c.us".parse().unwrap()));
    }

    #[test]
    fn group_ids_of_both_ages_are_known_and_nothing_else() {
        for good in ["120363111111111111@g.us", "491701234567-1600000000@g.us"] {
            assert_eq!(good.parse::<GroupId>().unwrap().as_str(), good);
        }
        for bad in
            ["", "@g.us", "-1@g.us", "1-@g.us", "1-2-3@g.us", "12@c.us", "12@g.us ", "status@broadcast"]
        {
            assert_eq!(bad.parse::<GroupId>(), Err(NotAnId::Group), "{bad}");
        }
    }

    #[test]
    fn debug_output_hides_the_number() {
        let shown = format!("{:?}", Jid::from_phone("+491701234567").unwrap());
        assert_eq!(shown, "Jid(…67)");
    }

    proptest! {
        #[test]
        fn any_text_parses_or_is_refused(text in ".{0,40}") {
            let _ = text.parse::<Jid>();
            let _ = text.parse::<GroupId>();
            let _ = Jid::from_phone(&text);
        }

        #[test]
        fn a_parsed_id_reads_back_as_itself(digits in "[1-9][0-9]{6,14}", hidden: bool) {
            let text = format!("{digits}@{}", if hidden { "lid" } else { "c.us" });
            let jid: Jid = text.parse().unwrap();
            prop_assert_eq!(jid.to_string(), text);
        }
    }
}
