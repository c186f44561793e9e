use super::*;
use crate::alert::{Draft, Omitted, SeverityOrigin, Stated};
use proptest::prelude::*;

const RULES: Rules = Rules {
    open_at: Severity::Sev1,
    close_after: SignedDuration::from_mins(30),
    stale_after: SignedDuration::from_hours(12),
};

fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(1_772_000_000 + minute * 60).unwrap()
}

fn alert(id: &str, state: AlertState, severity: Severity) -> Alert {
    Draft { id: id.into(), title: format!("alert {id}"), ..Draft::default() }.finish(
        DedupKey::new("t", 1, "k"),
        state,
        (severity, SeverityOrigin::Field),
    )
}

/// What was stated, or the default; a rule makes everything of one client a Severity 2.
fn by_client(alert: &Alert) -> (Severity, SeverityOrigin) {
    if alert.labels.get("client").is_some_and(|client| client == "globex") {
        return (Sev2, SeverityOrigin::Rule);
    }
    let stated = alert.stated.meaning.map(|severity| (severity, SeverityOrigin::Field));
    stated.unwrap_or((Sev3, SeverityOrigin::Unmapped))
}

/// As a source makes one: with labels, and a severity if it is stated.
fn stated(state: AlertState, title: &str, labels: &[(&str, &str)], severity: Option<Severity>) -> Alert {
    let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let draft = Draft { id: "a".into(), title: title.into(), labels, ..Draft::default() };
    let alert = draft.finish(DedupKey::new("t", 1, "k"), state, (Sev3, SeverityOrigin::Unmapped));
    let alert = Alert { stated: Stated { text: None, meaning: severity }, ..alert };
    let (severity, severity_origin) = by_client(&alert);
    Alert { severity, severity_origin, ..alert }
}

/// A store of one key, to tell stories.
#[derive(Default)]
struct Story {
    incident: Option<Incident>,
    alerts: BTreeMap<String, KnownAlert>,
    numbers: i64,
    room_is_over: bool,
}

impl Story {
    fn hear(&mut self, minute: i64, alerts: &[Alert]) -> Folded {
        let mut numbers = self.numbers;
        let number = || {
            numbers += 1;
            IncidentId(numbers)
        };
        let reporter = Reporter { source: "test", resolve_severity: &by_client };
        let before = Before {
            incident: self.incident.clone(),
            known: self.alerts.clone(),
            room_is_over: self.room_is_over,
        };
        let folded = fold(before, alerts, reporter, number, RULES, at(minute));
        self.room_is_over &= folded.closed.is_none();
        self.numbers = numbers;
        if folded.closed.is_some() {
            self.alerts.clear();
            self.incident = None;
        }
        if folded.incident.is_some() {
            self.incident.clone_from(&folded.incident);
        }
        self.alerts.extend(folded.alerts.clone());
        folded
    }
}

use AlertState::{Acknowledged, Firing, Resolved};
use Severity::{Sev1, Sev2, Sev3};

#[test]
fn a_severe_alert_opens_a_room_and_its_repeats_do_nothing() {
    let mut story = Story::default();
    let first = story.hear(0, &[alert("a", Firing, Sev1)]);
    assert_eq!((first.outcome, first.opens_room, first.news), (Outcome::Opened, true, None));
    let again = story.hear(5, &[alert("a", Firing, Sev1)]);
    assert_eq!((again.outcome, again.opens_room, again.news), (Outcome::Repeated, false, None));
    assert_eq!(again.incident.unwrap().id, IncidentId(1));
}

#[test]
fn a_lesser_alert_is_recorded_and_a_later_rise_opens_the_room() {
    let mut story = Story::default();
    let low = story.hear(0, &[alert("a", Firing, Sev3)]);
    assert_eq!((low.outcome, low.opens_room), (Outcome::Ignored, false));
    assert_eq!(low.incident.as_ref().unwrap().id, IncidentId(1));
    let risen = story.hear(1, &[alert("a", Firing, Sev1)]);
    assert_eq!((risen.outcome, risen.opens_room), (Outcome::Opened, true));
    assert_eq!(risen.incident.unwrap().id, IncidentId(1), "still the same incident");
}

#[test]
fn it_is_over_only_when_the_last_alert_is() {
    let mut story = Story::default();
    story.hear(0, &[alert("a", Firing, Sev1), alert("b", Firing, Sev1)]);
    let half = story.hear(1, &[alert("a", Resolved, Sev1), alert("b", Firing, Sev1)]);
    assert_eq!(half.outcome, Outcome::Updated);
    let done = story.hear(2, &[alert("b", Resolved, Sev1)]);
    assert_eq!(done.outcome, Outcome::Resolved);
    assert_eq!(done.news, Some(News::Resolved { closes_at: at(32), reason: None }));
}

#[test]
fn the_order_inside_a_body_does_not_matter() {
    let mut story = Story::default();
    story.hear(0, &[alert("a", Firing, Sev1)]);
    let swapped = story.hear(1, &[alert("a", Resolved, Sev1), alert("b", Firing, Sev1)]);
    assert_eq!(swapped.outcome, Outcome::Updated);
    assert_eq!(swapped.incident.unwrap().state, State::Open);
}

/// As Alertmanager tells one: since when it fires, in a list of all that it knows.
fn listed(id: &str, state: AlertState, since: i64) -> Alert {
    Alert { outbreak_at: Some(at(since)), is_listed: true, ..alert(id, state, Sev1) }
}

#[test]
fn an_outbreak_whose_end_was_never_told_does_not_hide_the_next_one() {
    let mut story = Story::default();
    story.hear(0, &[listed("a", Firing, 0)]);
    story.hear(20, &[listed("a", Firing, 0)]);
    // It ended meanwhile, silenced for example; and it is back within the quiet time.
    let back = story.hear(45, &[listed("a", Firing, 44)]);
    assert_eq!((back.outcome, back.closed), (Outcome::Updated, None));
    assert!(matches!(back.news, Some(News::Reopened { .. })), "{:?}", back.news);
    assert_eq!(back.incident.unwrap().firing_count(), 1);
    // Months later other people are on duty.
    let anew = story.hear(50_000, &[listed("a", Firing, 49_999)]);
    assert_eq!((anew.outcome, anew.opens_room), (Outcome::Opened, true));
    assert!(anew.closed.unwrap().is_closed());
    assert_eq!(anew.incident.unwrap().id, IncidentId(2));
    // A repeat is still one.
    assert_eq!(story.hear(50_300, &[listed("a", Firing, 49_999)]).outcome, Outcome::Repeated);
}

#[test]
fn two_reporters_who_saw_it_begin_at_different_moments_tell_of_one_outbreak() {
    let mut story = Story::default();
    let outcomes: Vec<Outcome> =
        [0, 1, 0, 1, 0, 1].map(|since| story.hear(2, &[listed("a", Firing, since)]).outcome).into();
    assert_eq!(outcomes[0], Outcome::Opened);
    assert!(outcomes[1..].iter().all(|outcome| *outcome == Outcome::Repeated), "{outcomes:?}");
}

#[test]
fn an_outbreak_beside_others_that_go_on_is_told_in_the_same_room() {
    let mut story = Story::default();
    story.hear(0, &[listed("a", Firing, 0), listed("b", Firing, 0)]);
    let again = story.hear(500, &[listed("a", Firing, 0), listed("b", Firing, 499)]);
    assert_eq!((again.outcome, again.closed), (Outcome::Updated, None));
    let Some(News::Changed { joined_count: 1, firing: 2, .. }) = again.news else {
        panic!("{:?}", again.news)
    };
}

#[test]
fn what_a_complete_list_does_not_name_any_more_is_over() {
    let mut story = Story::default();
    story.hear(0, &[listed("a", Firing, 0), listed("b", Firing, 0)]);
    let other = Alert { key: DedupKey::new("t", 1, "other group"), ..listed("c", Firing, 0) };
    let more = story.hear(1, std::slice::from_ref(&other));
    assert_eq!(more.incident.unwrap().firing_count(), 3, "the list of another one says nothing of these");
    // A list without an author is none.
    let half = story.hear(2, &[alert("b", Resolved, Sev1)]);
    assert_eq!(half.incident.unwrap().firing_count(), 2);
    let half = story.hear(3, &[listed("b", Resolved, 0)]);
    assert_eq!(half.incident.unwrap().firing_count(), 2, "one list alone proves nothing");
    let half = story.hear(4, &[listed("b", Resolved, 0)]);
    assert_eq!(half.incident.unwrap().firing_count(), 1, "a is over too");
    let over = story.hear(5, &[Alert { state: Resolved, ..other }]);
    assert_eq!(over.outcome, Outcome::Resolved);
    assert_eq!(story.hear(6, &[listed("a", Firing, 0)]).outcome, Outcome::Updated, "and back");
}

#[test]
fn after_the_end_of_its_room_only_what_begins_or_gets_worse_opens_another() {
    let mut story = Story::default();
    story.hear(0, &[alert("a", Firing, Sev1)]);
    story.room_is_over = true;
    assert_eq!(story.hear(1, &[alert("a", Firing, Sev1)]).outcome, Outcome::Repeated, "somebody closed it");
    let other = story.hear(2, &[alert("b", Firing, Sev1)]);
    assert_eq!((other.outcome, other.opens_room), (Outcome::Opened, true));
    assert_eq!((other.closed.unwrap().id, other.incident.unwrap().id), (IncidentId(1), IncidentId(2)));

    story.room_is_over = true;
    assert_eq!(story.hear(3, &[alert("b", Resolved, Sev1)]).outcome, Outcome::Resolved);
    let back = story.hear(4, &[alert("b", Firing, Sev1)]);
    assert_eq!((back.opens_room, back.incident.unwrap().id), (true, IncidentId(3)));
}

#[test]
fn a_truncated_body_never_ends_an_incident() {
    let mut story = Story::default();
    story.hear(0, &[alert("a", Firing, Sev1)]);
    let cut = Alert { truncated: true, ..alert("a", Resolved, Sev1) };
    let still = story.hear(1, &[cut]);
    assert_eq!(still.incident.unwrap().state, State::Open);
    let whole = story.hear(2, &[alert("a", Resolved, Sev1)]);
    assert_eq!(whole.outcome, Outcome::Resolved);
}

#[test]
fn firing_again_in_the_quiet_time_comes_back_to_the_same_room() {
    let mut story = Story::default();
    story.hear(0, &[alert("a", Firing, Sev1)]);
    story.hear(1, &[alert("a", Resolved, Sev1)]);
    let back = story.hear(30, &[alert("a", Firing, Sev1)]);
    assert!(matches!(back.news, Some(News::Reopened { .. })));
    assert_eq!((back.outcome, back.opens_room), (Outcome::Updated, false));
    assert_eq!(back.incident.unwrap().id, IncidentId(1));
}

#[test]
fn firing_after_the_quiet_time_is_a_new_incident_and_the_old_one_is_closed() {
    let mut story = Story::default();
    story.hear(0, &[alert("a", Firing, Sev1)]);
    story.hear(1, &[alert("a", Resolved, Sev1)]);
    let next = story.hear(31, &[alert("a", Firing, Sev1)]);
    assert_eq!(next.closed.unwrap().id, IncidentId(1));
    assert_eq!((next.outcome, next.incident.unwrap().id), (Outcome::Opened, IncidentId(2)));
}

#[test]
fn the_end_of_something_unknown_is_ignored() {
    let folded = Story::default().hear(0, &[alert("a", Resolved, Sev1)]);
    assert_eq!((folded.outcome, folded.incident), (Outcome::Ignored, None));
}

#[test]
fn being_taken_at_the_source_is_told_once() {
    let mut story = Story::default();
    story.hear(0, &[alert("a", Firing, Sev1)]);
    let taken = story.hear(1, &[alert("a", Acknowledged, Sev1)]);
    assert!(matches!(taken.news, Some(News::Changed { acknowledged: true, .. })));
    assert_eq!(story.hear(2, &[alert("a", Acknowledged, Sev1)]).outcome, Outcome::Repeated);
}

#[test]
fn who_took_it_and_who_owns_it_is_told_when_it_changes() {
    let mut story = Story::default();
    let owned = |state, owners: &[&str], taken_by: Option<&str>| Alert {
        assignees: owners.iter().map(|&o| o.to_owned()).collect(),
        taken_by: taken_by.map(str::to_owned),
        ..alert("a", state, Sev1)
    };
    story.hear(0, &[owned(Firing, &["Mei Tanaka"], None)]);
    assert_eq!(story.hear(1, &[owned(Firing, &["Mei Tanaka"], None)]).outcome, Outcome::Repeated);
    let taken = story.hear(2, &[owned(Acknowledged, &["Mei Tanaka"], Some("Sam Lee"))]);
    let Some(News::Changed { acknowledged: true, taken_by, assigned, .. }) = taken.news else { panic!() };
    assert_eq!((taken_by.as_deref(), assigned.len()), (Some("Sam Lee"), 0));
    let moved = story.hear(3, &[owned(Acknowledged, &["Jo Park"], None)]);
    assert_eq!(moved.incident.unwrap().assignees, ["Jo Park"], "not added to those before");
    let Some(News::Changed { acknowledged: false, taken_by: None, assigned, .. }) = moved.news else {
        panic!()
    };
    assert_eq!(assigned, ["Jo Park"]);
    assert_eq!(story.hear(4, &[owned(Acknowledged, &[], None)]).outcome, Outcome::Repeated, "not said");
}

#[test]
fn the_worst_firing_alert_gives_severity_and_name() {
    let mut story = Story::default();
    story.hear(0, &[alert("a", Firing, Sev1), alert("b", Firing, Sev2)]);
    let eased = story.hear(1, &[alert("a", Resolved, Sev1)]).incident.unwrap();
    assert_eq!((eased.severity, eased.worst, eased.title.as_str()), (Sev2, Sev1, "alert a"));
}

#[test]
fn what_a_follow_up_does_not_say_stays_as_it_was_said() {
    let mut story = Story::default();
    let labels = [("client", "acme"), ("service", "checkout")];
    story.hear(0, &[stated(Firing, "Checkout down", &labels, Some(Sev1))]);
    let taken = story.hear(1, &[stated(Acknowledged, "", &[("service", "checkout-eu")], None)]);
    let incident = taken.incident.unwrap();
    assert_eq!((incident.severity, incident.title.as_str()), (Sev1, "Checkout down"));
    assert!(incident.acknowledged);
    let merged: Vec<_> = incident.labels.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    assert_eq!(merged, [("client", "acme"), ("service", "checkout-eu")], "the new value over the old");
    let over = story.hear(2, &[stated(Resolved, "", &[], None)]);
    assert_eq!((over.outcome, over.alerts["a"].title.as_str()), (Outcome::Resolved, "Checkout down"));
    let back = story.hear(3, &[stated(Firing, "", &[], None)]);
    let Some(News::Reopened { severity: Sev1, title }) = back.news else { panic!("{:?}", back.news) };
    assert_eq!(title, "Checkout down");
}

#[test]
fn a_later_rise_without_labels_opens_the_room_of_the_first_labels() {
    let mut story = Story::default();
    story.hear(0, &[stated(Firing, "Checkout slow", &[("client", "acme")], Some(Sev3))]);
    let risen = story.hear(1, &[stated(Firing, "Checkout slow", &[], Some(Sev1))]);
    assert!(risen.opens_room);
    assert_eq!(risen.incident.unwrap().labels["client"], "acme");
}

#[test]
fn rules_see_the_labels_of_the_first_body_in_the_later_ones_too() {
    let mut story = Story::default();
    story.hear(0, &[stated(Firing, "Checkout down", &[("client", "globex")], Some(Sev1))]);
    let taken = story.hear(1, &[stated(Acknowledged, "Checkout down", &[], Some(Sev1))]);
    assert_eq!(taken.incident.unwrap().severity, Sev2, "as the rule says, with the label or without");
}

#[test]
fn a_default_that_the_operator_has_changed_is_taken_at_the_next_body() {
    let mut story = Story::default();
    story.hear(0, &[stated(Firing, "Checkout down", &[], None)]);
    let unmapped = (Sev1, SeverityOrigin::Unmapped);
    let again = Alert {
        severity: unmapped.0,
        severity_origin: unmapped.1,
        ..stated(Firing, "Checkout down", &[], None)
    };
    assert!(story.hear(1, &[again]).opens_room);
}

#[test]
fn a_body_about_the_priority_alone_neither_reopens_nor_takes_back() {
    let priority = |severity| Alert {
        omitted: Omitted { state: true, ..Omitted::default() },
        ..stated(Firing, "Checkout down", &[], Some(severity))
    };
    let mut story = Story::default();
    story.hear(0, &[stated(Firing, "Checkout down", &[], Some(Sev1))]);
    story.hear(1, &[stated(Acknowledged, "Checkout down", &[], Some(Sev1))]);
    let eased = story.hear(2, &[priority(Sev2)]).incident.unwrap();
    assert_eq!((eased.acknowledged, eased.severity), (true, Sev2));
    story.hear(3, &[stated(Resolved, "Checkout down", &[], Some(Sev2))]);
    let after = story.hear(4, &[priority(Sev1)]);
    assert_eq!((after.outcome, after.incident.unwrap().firing_count()), (Outcome::Repeated, 0));
    assert!(Story::default().hear(0, &[priority(Sev1)]).opens_room, "what is unknown fires");
}

#[test]
fn a_body_that_is_not_about_the_severity_raises_it_and_never_lowers_it() {
    let aside = |severity| Alert {
        omitted: Omitted { severity: true, ..Omitted::default() },
        ..stated(Acknowledged, "Checkout down", &[], Some(severity))
    };
    let mut story = Story::default();
    story.hear(0, &[stated(Firing, "Checkout down", &[], Some(Sev2))]);
    assert_eq!(story.hear(1, &[aside(Sev3)]).incident.unwrap().severity, Sev2);
    assert_eq!(story.hear(2, &[aside(Sev1)]).incident.unwrap().severity, Sev1);
}

#[test]
fn the_events_of_one_body_build_upon_each_other() {
    let mut story = Story::default();
    let create = stated(Firing, "Checkout down", &[("client", "acme")], Some(Sev3));
    let rise = stated(Firing, "", &[], Some(Sev1));
    let incident = story.hear(0, &[create, rise]).incident.unwrap();
    assert_eq!((incident.severity, incident.title.as_str()), (Sev1, "Checkout down"));
    assert_eq!((incident.labels["client"].as_str(), incident.firing_count()), ("acme", 1));
}

#[test]
fn labels_that_keep_changing_stay_within_the_limit() {
    let mut story = Story::default();
    for n in 0..300 {
        let name = format!("pod-{n:03}");
        story.hear(n, &[stated(Firing, "Checkout down", &[(&name, "x")], Some(Sev1))]);
    }
    let labels = story.incident.unwrap().labels;
    assert_eq!(labels.len(), limits::LABELS);
    assert!(labels.contains_key("pod-299"), "the newest are kept");
}

#[test]
fn ids_read_back() {
    assert_eq!("INCIDENT-12".parse(), Ok(IncidentId(12)));
    assert_eq!("12".parse(), Ok(IncidentId(12)));
    for bad in ["INCIDENT-0", "INCIDENT-", "+1", "-1", "x", "INCIDENT-1x"] {
        assert_eq!(bad.parse::<IncidentId>(), Err(NotAnIncident), "{bad}");
    }
}

fn any_alert() -> impl Strategy<Value = Alert> {
    let state = prop_oneof![Just(Firing), Just(Acknowledged), Just(Resolved)];
    let omitted = any::<[bool; 3]>().prop_map(|[state, severity, title]| Omitted { state, severity, title });
    ("[ab]", state, prop_oneof![Just(Sev1), Just(Sev2), Just(Sev3)], omitted)
        .prop_map(|(id, s, v, omitted)| Alert { omitted, ..alert(&id, s, v) })
}

proptest! {
    #[test]
    fn counts_always_agree_with_the_alerts(bodies in proptest::collection::vec(
        (0i64..40, proptest::collection::vec(any_alert(), 1..4)), 1..20))
    {
        let mut story = Story::default();
        let mut minute = 0;
        let mut rooms = std::collections::BTreeSet::new();
        for (gap, body) in bodies {
            minute += gap;
            let folded = story.hear(minute, &body);
            if let Some(incident) = &story.incident {
                let firing = story.alerts.values().filter(|a| a.state != Resolved).count();
                prop_assert_eq!(usize::try_from(incident.firing_count()).unwrap(), firing);
                prop_assert_eq!(incident.state == State::Open, firing > 0);
                prop_assert!(!folded.opens_room || rooms.insert(incident.id), "a room opens once");
            }
        }
    }
}
