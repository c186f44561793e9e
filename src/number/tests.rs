use super::*;

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_772_000_000 + second).unwrap()
}

fn down(words: &str) -> GatewayError {
    GatewayError::SessionDown { detail: words.to_owned() }
}

/// Notes a failure; returns the outage that begins with it.
fn fails(health: &mut Health, asked: Asked, error: &GatewayError, now: Timestamp) -> Option<Outage> {
    let before = health.clone();
    health.note(&Sign::Failed(asked, error.clone()), now);
    health.begun_since(&before).cloned()
}

fn until(health: &Health, create: bool, now: Timestamp) -> Option<Timestamp> {
    health.resting(create, now).map(|outage| outage.until)
}

#[test]
fn going_down_is_told_once_and_ends_with_the_first_success() {
    let mut health = Health::default();
    let scan = down("SCAN_QR_CODE");
    assert!(fails(&mut health, Asked::Create, &scan, at(0)).is_some());
    assert!(fails(&mut health, Asked::Create, &scan, at(20)).is_none(), "one alarm");
    assert_eq!(health.outage.as_ref().unwrap().since, at(0));
    assert_eq!((until(&health, true, at(21)), until(&health, true, at(35))), (Some(at(35)), None));
    health.note(&Sign::Worked(Asked::Create), at(99));
    assert_eq!((&health.outage, health.last_down_at()), (&None, Some(at(99))));
    assert!(fails(&mut health, Asked::Create, &scan, at(160)).is_some(), "a new outage, a new alarm");
}

#[test]
fn messages_to_strangers_that_come_back_are_a_lock_when_there_are_two() {
    let mut health = Health::default();
    health.note(&Sign::CameBack, at(0));
    assert!(!health.is_locked(at(1)), "one can be lost");
    health.note(&Sign::CameBack, at(7 * 3600));
    assert!(!health.is_locked(at(7 * 3600)), "the other one was long ago");
    health.note(&Sign::CameBack, at(8 * 3600));
    assert!(health.is_locked(at(13 * 3600)) && !health.is_locked(at(14 * 3600)));
}

#[test]
fn failures_of_single_calls_are_no_outage() {
    let mut health = Health::default();
    for error in [
        GatewayError::NotSent { detail: "x".into() },
        GatewayError::Unknown { detail: "x".into() },
        GatewayError::Gone { detail: "x".into() },
        GatewayError::Refused { reason: Refusal::Invalid, detail: "x".into() },
    ] {
        assert!(fails(&mut health, Asked::Create, &error, at(0)).is_none());
        assert_eq!(health.outage, None);
    }
}

#[test]
fn a_provider_that_does_not_answer_is_an_outage_like_any_other() {
    let not_sent = GatewayError::NotSent { detail: "connection refused".into() };
    let unknown = GatewayError::Unknown { detail: "502".into() };
    for (first, error) in
        [(Asked::Session, &not_sent), (Asked::Session, &unknown), (Asked::Create, &not_sent)]
    {
        let (asked, mut health) = (Asked::Session, Health::default());
        assert!(fails(&mut health, first, error, at(0)).is_none(), "one can be lost");
        assert!(health.is_in_doubt() && health.goes_last());
        fails(&mut health, asked, error, at(5));
        assert!(first == asked || health.outage.is_none(), "only the question decides");
        fails(&mut health, asked, error, at(30));
        let outage = health.outage.as_ref().unwrap();
        assert_eq!((outage.reason, outage.since), (Reason::Unreachable, at(0)), "{first:?}");
        assert!(fails(&mut health, asked, error, at(45)).is_none(), "one alarm");
        assert_eq!(health.loss(MINUTE).unwrap().believed_at, at(60));
        health.note(&Sign::Session(Session::Working { own: None }), at(80));
        assert_eq!((&health.outage, health.answered_at, health.last_down_at()), (&None, Some(at(80)), None));
        assert!(fails(&mut health, asked, error, at(90)).is_none(), "a new one begins anew");
    }
    let mut health = Health::default();
    for second in 0..9 {
        assert!(fails(&mut health, Asked::Read, &not_sent, at(second)).is_none(), "one list");
        assert!(fails(&mut health, Asked::Create, &unknown, at(second)).is_none(), "one group");
    }
}

#[test]
fn a_ban_in_so_many_words_is_believed_at_once_and_a_state_is_not() {
    for (words, wait) in [("FAILED", 60), ("SCAN_QR_CODE", 60), ("422: account_banned", 0), ("Logged out", 0)]
    {
        let mut health = Health::default();
        fails(&mut health, Asked::Effect, &down(words), at(0));
        assert_eq!(health.loss(MINUTE).unwrap().believed_at, at(wait), "{words}");
    }
}

#[test]
fn one_outage_is_one_alarm_whatever_the_provider_calls_it() {
    let mut health = Health::default();
    let refused = GatewayError::Refused { reason: Refusal::Credentials, detail: "401".into() };
    assert!(fails(&mut health, Asked::Effect, &down("FAILED"), at(0)).is_some());
    assert!(fails(&mut health, Asked::Effect, &refused, at(20)).is_none());
    assert_eq!(health.loss(MINUTE), Some(Loss { since: at(0), believed_at: at(60) }));
}

#[test]
fn a_throttled_number_rests_as_long_as_it_was_told() {
    let mut health = Health::default();
    let hour = std::time::Duration::from_hours(1);
    let throttled = GatewayError::Throttled { retry_after: Some(hour), detail: "x".into() };
    fails(&mut health, Asked::Create, &throttled, at(0));
    assert_eq!((until(&health, true, at(3599)), until(&health, false, at(1))), (Some(at(3600)), None));
    health.note(&Sign::Worked(Asked::Effect), at(99));
    assert!(health.outage.is_some(), "messages go on, and say nothing about groups");
    assert_eq!((health.loss(MINUTE), health.last_down_at()), (None, None));
}

#[test]
fn a_plan_without_groups_leaves_messages_alone() {
    let mut health = Health::default();
    let plan = GatewayError::Refused { reason: Refusal::Plan, detail: "x".into() };
    assert!(fails(&mut health, Asked::Create, &plan, at(0)).is_some());
    assert!(health.resting(true, at(1)).is_some() && health.resting(false, at(1)).is_none());
    fails(&mut health, Asked::Effect, &plan, at(2));
    assert!(health.resting(false, at(3)).is_some(), "nor does it take messages");
}

#[test]
fn a_number_that_is_throttled_again_rests_twice_as_long() {
    let mut health = Health::default();
    let throttled = GatewayError::Throttled { retry_after: None, detail: "x".into() };
    fails(&mut health, Asked::Create, &throttled, at(0));
    assert_eq!(until(&health, true, at(0)), Some(at(60)));
    fails(&mut health, Asked::Create, &throttled, at(60));
    assert_eq!(until(&health, true, at(60)), Some(at(180)));
    for _ in 0..20 {
        fails(&mut health, Asked::Create, &throttled, at(180));
    }
    assert_eq!(until(&health, true, at(180)), Some(at(180 + 3600)));
}

#[test]
fn what_the_provider_tells_late_twice_or_of_the_future_says_nothing() {
    let told = |down: bool, second: i64| {
        let session = if down { Session::Down("FAILED".into()) } else { Session::Working { own: None } };
        Sign::Told(session, at(second))
    };
    let mut health = Health::default();
    for (sign, now, is_down) in [
        (told(true, 100), 701, false),
        (told(true, 1000), 900, false),
        (told(true, 930), 900, true),
        (told(false, 899), 901, true),
        (told(false, 901), 902, false),
        (told(true, 900), 903, false),
    ] {
        health.note(&sign, at(now));
        assert_eq!(health.outage.is_some(), is_down, "{sign:?}");
    }
    let refused = GatewayError::Refused { reason: Refusal::Credentials, detail: "401".into() };
    fails(&mut health, Asked::Effect, &refused, at(910));
    health.note(&told(false, 911), at(911));
    assert!(health.outage.is_some(), "a linked phone says nothing of a token");
}

#[test]
fn an_answer_that_is_as_expected_changes_nothing_for_some_seconds() {
    let works = Sign::Session(Session::Working { own: None });
    let mut health = Health::default();
    health.note(&works, at(0));
    assert!(!health.is_changed_by(&works, at(19)) && health.is_changed_by(&works, at(20)));
    assert!(!health.is_changed_by(&Sign::Worked(Asked::Create), at(99)));
}

#[test]
fn nothing_lies_after_now_once_the_clock_was_put_back() {
    let mut health = Health::default();
    fails(&mut health, Asked::Effect, &down("FAILED"), at(10_800));
    let refused = GatewayError::Refused { reason: Refusal::Strangers, detail: "463".into() };
    fails(&mut health, Asked::Effect, &refused, at(10_800));
    let health = health.put_back(at(20));
    assert_eq!(health.loss(MINUTE).unwrap().believed_at, at(80));
    assert!(health.resting(false, at(20)).is_none() && health.is_locked(at(21)));
    assert!(!health.is_locked(at(20 + 6 * 3600)));
}
