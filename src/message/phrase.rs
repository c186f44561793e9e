//! Small pieces of text: the phrases of a language by name, and foreign words of bounded length.

use super::length::fit;
use crate::alert::one_line;

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

/// The longest single value, such as a name.
pub(super) const SHORT: usize = 120;

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
