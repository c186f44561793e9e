//! Small pieces of text: the phrases of a language by name, counts, lengths of time, and foreign words of bounded length.

use super::catalog::{Catalog, Safe};
use super::length::fit;
use crate::alert::one_line;
use crate::clock::Timestamp;

macro_rules! phrases {
    ($($name:ident = $key:literal,)*) => {
        /// A piece of text that every language has.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Phrase { $($name,)* }

        impl Phrase {
            #[cfg(test)]
            pub(super) const ALL: &[Self] = &[$(Self::$name,)*];

            /// Its name in the file of a language.
            pub(super) fn key(self) -> &'static str {
                match self { $(Self::$name => $key,)* }
            }
        }
    };
}

phrases! {
    Operator = "operator",
    Unknown = "unknown",
    Comma = "comma",
    AndMore = "and_more",
    WithRole = "with_role",
    UnderAMinute = "under_a_minute",
    Minutes = "minutes",
    Hours = "hours",
    Days = "days",
    TwoUnits = "two_units",
    Weekdays = "weekdays",
    Months = "months",
    Date = "date",
    Place = "place",
    Elsewhere = "elsewhere",
    Alerts = "alerts",
    AtLeast = "at_least",
    SomeAlerts = "some_alerts",
    Origin = "origin",
    SignedOrigin = "signed_origin",
    UnverifiedOrigin = "unverified_origin",
    Update = "update",
    WhoIsHere = "who_is_here",
    WhoIsNeeded = "who_is_needed",
    WhoLeft = "who_left",
    Left = "left",
    Closed = "closed",
    WrongGroup = "wrong_group",
    ClosedName = "closed_name",
    WrongGroupName = "wrong_group_name",
    Commander = "commander",
    Deputy = "deputy",
    Specialist = "specialist",
    Client = "client",
    AccountManager = "account_manager",
    Communications = "communications",
    Runbook = "runbook",
    Alert = "alert",
    Dashboard = "dashboard",
    Call = "call",
    SeatAsked = "seat_asked",
    SeatIn = "seat_in",
    SeatInvited = "seat_invited",
    SeatLeft = "seat_left",
    SeatUnclear = "seat_unclear",
    SeatReplaced = "seat_replaced",
    NotOnNetwork = "not_on_network",
    Blocked = "blocked",
    LeftRecently = "left_recently",
    Full = "full",
    Stranger = "stranger",
    Undeliverable = "undeliverable",
    OverSize = "over_size",
    NotNeeded = "not_needed",
    Stopped = "stopped",
    NoGroup = "no_group",
    NoGroupBefore = "no_group_before",
    NoGroupToday = "no_group_today",
    NoGroupEither = "no_group_either",
    NoGroupSoFar = "no_group_so_far",
    UnsureOfGroup = "unsure_of_group",
    NothingSaid = "nothing_said",
    UnseenInGroup = "unseen_in_group",
    UnseenWithoutLink = "unseen_without_link",
    Unlinked = "unlinked",
    Muted = "muted",
    LinkFollows = "link_follows",
    HookNumbersDown = "hook_numbers_down",
    HookParked = "hook_parked",
    HookLate = "hook_late",
}

/// `text` on one line, at most `longest` UTF-16 units.
pub(super) fn one(text: &str, longest: usize) -> String {
    fit(&one_line(beginning(text, longest), usize::MAX), longest)
}

/// As much of `text` as can matter for `longest` units of it, so that a huge value costs no more than a
/// long one.
pub(super) fn beginning(text: &str, longest: usize) -> &str {
    let most = longest.saturating_mul(4).saturating_add(64);
    text.char_indices().nth(most).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

impl Catalog {
    /// How many alerts are active. `truncated`: the source may have left some out.
    pub(super) fn alerts(&self, firing: u32, truncated: bool) -> Safe {
        let alerts = self.count(Phrase::Alerts, firing.into(), &[]);
        match (firing, truncated) {
            (0, true) => self.words(Phrase::SomeAlerts),
            (_, true) => self.say(Phrase::AtLeast, &[("alerts", &alerts)]),
            (_, false) => alerts,
        }
    }

    /// The length of time between two moments.
    pub(super) fn span(&self, from: Timestamp, until: Timestamp) -> Safe {
        self.length(until.as_second().saturating_sub(from.as_second()))
    }

    /// A length of time as people say it, in its two largest units.
    pub(super) fn length(&self, seconds: i64) -> Safe {
        let minutes = seconds.max(0).unsigned_abs() / 60;
        let (days, hours, minutes) = (minutes / 1440, minutes / 60 % 24, minutes % 60);
        let say = |phrase, n| self.count(phrase, n, &[]);
        let (larger, smaller) = match (days, hours, minutes) {
            (0, 0, 0) => return self.words(Phrase::UnderAMinute),
            (0, 0, m) => return say(Phrase::Minutes, m),
            (0, h, 0) => return say(Phrase::Hours, h),
            (d, 0, _) => return say(Phrase::Days, d),
            (0, h, m) => (say(Phrase::Hours, h), say(Phrase::Minutes, m)),
            (d, h, _) => (say(Phrase::Days, d), say(Phrase::Hours, h)),
        };
        self.say(Phrase::TwoUnits, &[("larger", &larger), ("smaller", &smaller)])
    }

    /// What somebody is called in for; a role that the roster made up is said as it stands there.
    pub(super) fn role(&self, role: &str) -> Safe {
        let each = role.split(", ").map(|role| match role {
            "commander" => self.words(Phrase::Commander),
            "deputy" => self.words(Phrase::Deputy),
            "specialist" => self.words(Phrase::Specialist),
            "client" => self.words(Phrase::Client),
            "account manager" => self.words(Phrase::AccountManager),
            "communications" => self.words(Phrase::Communications),
            other => self.foreign(&one(other, super::SHORT)),
        });
        self.list(&each.collect::<Vec<_>>(), usize::MAX)
    }

    /// "Jonas Weber (lead)".
    pub(super) fn with_role(&self, name: &str, role: &str) -> Safe {
        let name = self.foreign(&one(name, super::SHORT));
        self.say(Phrase::WithRole, &[("name", &name), ("role", &self.role(role))])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_said_in_two_units() {
        let english = Catalog::english();
        let said: Vec<String> =
            [-5, 59, 60, 3600, 5400, 86_400, 93_600].into_iter().map(|s| english.length(s).0).collect();
        assert_eq!(
            said,
            ["less than a minute", "less than a minute", "1 min", "1 h", "1 h 30 min", "1 d", "1 d 2 h"]
        );
    }

    #[test]
    fn a_list_says_how_many_it_leaves_out() {
        let each = ["a", "b", "c"].map(|one| Safe(one.to_owned()));
        assert_eq!(Catalog::english().list(&each, 3).0, "a, b, c");
        assert_eq!(Catalog::english().list(&each, 1).0, "a and 2 more");
    }

    #[test]
    fn a_number_decides_the_form_of_a_word() {
        let alerts = |tag: &str, n| Catalog::tagged(tag).unwrap().alerts(n, false).0;
        assert_eq!([alerts("en", 0), alerts("en", 1), alerts("en", 2)], ["0 alerts", "1 alert", "2 alerts"]);
        assert_eq!(
            [alerts("fr", 0), alerts("fr", 1), alerts("fr", 2)],
            ["0 alerte", "1 alerte", "2 alertes"]
        );
        let arabic = [1, 2, 3, 11, 100, 103].map(|n| alerts("ar", n));
        assert_eq!(arabic, ["تنبيه واحد", "تنبيهان", "3 تنبيهات", "11 تنبيهًا", "100 تنبيه", "103 تنبيهات"]);
    }
}
