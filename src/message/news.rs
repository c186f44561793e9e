//! News told together: one message for all that came since the last one.

use crate::incident::News;
use crate::room::NewsItem;

/// Titles listed in one message.
const LISTED: usize = 5;

/// One piece of news that says what all of `items` (oldest first) come to; `None` if there are none. An end
/// overtakes what came before it, and so does a comeback: a flapping alert is told as where it stands.
pub(super) fn fold_news(items: &[NewsItem]) -> Option<NewsItem> {
    let last = items.last()?;
    let news = items.iter().map(|item| item.news.clone()).reduce(join_news)?;
    Some(NewsItem { seq: last.seq, at: last.at, news })
}

/// What two pieces of news come to.
#[must_use]
pub fn join_news(earlier: News, later: News) -> News {
    match (earlier, later) {
        (News::Reopened { title, .. }, News::Changed { severity, .. }) => News::Reopened { severity, title },
        (
            News::Changed {
                was,
                severity: between,
                mut joined,
                joined_count,
                ended_count,
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
                acknowledged: acknowledged || taken,
                taken_by: taken_by.or(first_taker),
                assigned: if assigned.is_empty() { first_owners } else { assigned },
                firing,
            }
        }
        (_, later) => later,
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

    fn items(news: Vec<News>) -> Vec<NewsItem> {
        (1..).zip(news).map(|(seq, news)| NewsItem { seq, at: at(seq), news }).collect()
    }

    fn changed(was: Option<Severity>, severity: Severity, joined: &str) -> News {
        News::Changed {
            was,
            severity,
            joined: vec![joined.to_owned()],
            joined_count: 1,
            ended_count: 0,
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
            acknowledged: taken_by.is_some(),
            taken_by: taken_by.map(str::to_owned),
            assigned: owner.map(str::to_owned).into_iter().collect(),
            firing,
        }
    }

    #[test]
    fn the_last_owner_is_told_and_whoever_took_it_is_not_forgotten() {
        let folded = fold_news(&items(vec![
            owned(Some("Sam Lee"), None),
            owned(None, Some("Mei Tanaka")),
            owned(None, Some("Jo Park")),
            changed(None, Severity::Sev1, "b"),
        ]))
        .unwrap();
        let News::Changed { acknowledged, taken_by, assigned, .. } = folded.news else { panic!() };
        assert_eq!((acknowledged, taken_by.as_deref()), (true, Some("Sam Lee")));
        assert_eq!(assigned, ["Jo Park"]);
    }

    #[test]
    fn no_news_is_no_message() {
        assert_eq!(fold_news(&[]), None);
    }

    #[test]
    fn changes_add_up_and_a_severity_that_came_back_is_no_change() {
        use Severity::{Sev1, Sev2};
        let folded =
            fold_news(&items(vec![changed(Some(Sev1), Sev2, "a"), changed(Some(Sev2), Sev1, "b")])).unwrap();
        assert_eq!((folded.seq, folded.at), (2, at(2)));
        let News::Changed { was, severity, joined, joined_count, .. } = folded.news else { panic!() };
        assert_eq!((was, severity, joined_count), (None, Sev1, 2));
        assert_eq!(joined, ["a", "b"]);
    }

    #[test]
    fn what_flaps_is_told_as_where_it_stands() {
        let end = News::Resolved { closes_at: at(99), reason: None };
        let back = News::Reopened { severity: Severity::Sev1, title: "x".to_owned() };
        let folded = fold_news(&items(vec![end.clone(), back.clone(), end.clone()])).unwrap();
        assert_eq!(folded.news, end);
        let folded = fold_news(&items(vec![end, back.clone()])).unwrap();
        assert_eq!(folded.news, back);
    }
}
