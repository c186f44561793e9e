//! News told together: one message for all that came since the last one.

use super::News;

/// Titles listed in one message.
const LISTED: usize = 5;

impl News {
    /// What this and the next piece of news come to. An end overtakes what came before it, and so does a comeback: a
    /// flapping alert is told as where it stands.
    #[must_use]
    pub fn followed_by(self, later: Self) -> Self {
        match (self, later) {
            (News::Reopened { title, .. }, News::Changed { severity, .. }) => {
                News::Reopened { severity, title }
            }
            (
                News::Changed {
                    was,
                    severity: between,
                    mut joined,
                    joined_count,
                    ended_count,
                    reason: first_reason,
                    acknowledged,
                    taken_by: first_taker,
                    assigned: first_owners,
                    ..
                },
                News::Changed {
                    was: was_between,
                    severity,
                    joined: more,
                    joined_count: more_joined,
                    ended_count: more_ended,
                    reason,
                    acknowledged: taken,
                    taken_by,
                    assigned,
                    firing,
                },
            ) => {
                joined.extend(more);
                joined.truncate(LISTED);
                News::Changed {
                    was: was.or(was_between.map(|_| between)).filter(|was| *was != severity),
                    severity,
                    joined,
                    joined_count: joined_count + more_joined,
                    ended_count: ended_count + more_ended,
                    reason: reason.or(first_reason),
                    acknowledged: acknowledged || taken,
                    taken_by: taken_by.or(first_taker),
                    assigned: if assigned.is_empty() { first_owners } else { assigned },
                    firing,
                }
            }
            (_, later) => later,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::Severity;
    use crate::clock::Timestamp;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_772_000_000 + second).unwrap()
    }

    fn together(news: impl IntoIterator<Item = News>) -> News {
        news.into_iter().reduce(News::followed_by).unwrap()
    }

    fn changed(was: Option<Severity>, severity: Severity, joined: &str) -> News {
        News::Changed {
            was,
            severity,
            joined: vec![joined.to_owned()],
            joined_count: 1,
            ended_count: 0,
            reason: None,
            acknowledged: false,
            taken_by: None,
            assigned: vec![],
            firing: 2,
        }
    }

    fn owned(taken_by: Option<&str>, owner: Option<&str>) -> News {
        let News::Changed { severity, firing, .. } = changed(None, Severity::Sev1, "a") else { panic!() };
        News::Changed {
            was: None,
            severity,
            joined: vec![],
            joined_count: 0,
            ended_count: 0,
            reason: None,
            acknowledged: taken_by.is_some(),
            taken_by: taken_by.map(str::to_owned),
            assigned: owner.map(str::to_owned).into_iter().collect(),
            firing,
        }
    }

    #[test]
    fn the_last_owner_is_told_and_whoever_took_it_is_not_forgotten() {
        let folded = together([
            owned(Some("Sam Lee"), None),
            owned(None, Some("Mei Tanaka")),
            owned(None, Some("Jo Park")),
            changed(None, Severity::Sev1, "b"),
        ]);
        let News::Changed { acknowledged, taken_by, assigned, .. } = folded else { panic!() };
        assert_eq!((acknowledged, taken_by.as_deref()), (true, Some("Sam Lee")));
        assert_eq!(assigned, ["Jo Park"]);
    }

    #[test]
    fn changes_add_up_and_a_severity_that_came_back_is_no_change() {
        use Severity::{Sev1, Sev2};
        let folded = together([changed(Some(Sev1), Sev2, "a"), changed(Some(Sev2), Sev1, "b")]);
        let News::Changed { was, severity, joined, joined_count, .. } = folded else { panic!() };
        assert_eq!((was, severity, joined_count), (None, Sev1, 2));
        assert_eq!(joined, ["a", "b"]);
    }

    #[test]
    fn what_flaps_is_told_as_where_it_stands() {
        let end = News::Resolved { closes_at: at(99), reason: None };
        let back = News::Reopened { severity: Severity::Sev1, title: "x".to_owned() };
        assert_eq!(together([end.clone(), back.clone(), end.clone()]), end);
        assert_eq!(together([end, back.clone()]), back);
    }
}
