use super::*;
use proptest::prelude::*;

fn layer(starts: &str, hours: i64, people: &[&str]) -> Layer {
    Layer {
        name: String::new(),
        start: starts.parse().unwrap(),
        shift_length: SignedDuration::from_hours(hours),
        people: people.iter().map(|p| (*p).to_owned()).collect(),
        hours: Vec::new(),
    }
}

fn rotation(zone: &str, layers: Vec<Layer>) -> Rotation {
    Rotation::of("platform", zone, layers).unwrap()
}

fn simple(zone: &str, starts: &str, hours: i64, people: &[&str]) -> Rotation {
    rotation(zone, vec![layer(starts, hours, people)])
}

fn take(from: &str, until: &str, person: &str) -> Override {
    Override { from: from.parse().unwrap(), until: until.parse().unwrap(), person: person.to_owned() }
}

/// Monday to Friday, nine to six.
const OFFICE: Hours =
    Hours { days: [true, true, true, true, true, false, false], from: 9 * 3600, length: 9 * 3600 };

fn who(rotation: &Rotation, at: &str) -> String {
    let duties = rotation.on_duty(at.parse().unwrap());
    let people: Vec<&str> = duties.iter().map(|d| d.person).collect();
    people.join("+")
}

const WEEK: i64 = 7 * 24;

#[test]
fn a_week_changes_at_the_same_local_time_before_and_after_the_clocks_go_forward() {
    let r = simple("Europe/Berlin", "2026-03-16T09:00", WEEK, &["jonas", "mei"]);
    // Winter time: 09:00 is 08:00 UTC. Summer time since 29 March: 09:00 is 07:00 UTC.
    assert_eq!(who(&r, "2026-03-23T07:59:59Z"), "jonas");
    assert_eq!(who(&r, "2026-03-23T08:00:00Z"), "mei");
    assert_eq!(who(&r, "2026-03-30T06:59:59Z"), "mei");
    assert_eq!(who(&r, "2026-03-30T07:00:00Z"), "jonas");
}

#[test]
fn a_week_changes_at_the_same_local_time_before_and_after_the_clocks_go_back() {
    let r = simple("Europe/Berlin", "2026-10-12T09:00", WEEK, &["jonas", "mei"]);
    assert_eq!(who(&r, "2026-10-19T06:59:59Z"), "jonas");
    assert_eq!(who(&r, "2026-10-19T07:00:00Z"), "mei");
    assert_eq!(who(&r, "2026-10-26T07:59:59Z"), "mei");
    assert_eq!(who(&r, "2026-10-26T08:00:00Z"), "jonas");
}

#[test]
fn a_hand_over_in_the_repeated_hour_happens_the_first_time() {
    let r = simple("Europe/Berlin", "2026-10-24T02:30", 24, &["jonas", "mei"]);
    // 25 October 2026: 02:30 comes at 00:30 UTC and again at 01:30 UTC.
    assert_eq!(who(&r, "2026-10-25T00:29:59Z"), "jonas");
    assert_eq!(who(&r, "2026-10-25T00:30:00Z"), "mei");
    assert_eq!(who(&r, "2026-10-25T01:00:00Z"), "mei", "02:00 again");
    assert_eq!(who(&r, "2026-10-25T01:29:59Z"), "mei");
    assert_eq!(who(&r, "2026-10-25T01:30:00Z"), "mei");
    assert_eq!(who(&r, "2026-10-26T01:30:00Z"), "jonas");
}

#[test]
fn a_hand_over_as_the_repeated_hour_begins_happens_once() {
    let r = simple("Europe/Berlin", "2026-10-24T02:00", 24, &["jonas", "mei"]);
    assert_eq!(who(&r, "2026-10-24T23:59:59Z"), "jonas");
    assert_eq!(who(&r, "2026-10-25T00:00:00Z"), "mei");
    assert_eq!(who(&r, "2026-10-25T00:59:59Z"), "mei");
    assert_eq!(who(&r, "2026-10-25T01:00:00Z"), "mei");
    let after = simple("Europe/Berlin", "2026-10-24T03:00", 24, &["jonas", "mei"]);
    assert_eq!(who(&after, "2026-10-25T01:59:59Z"), "jonas", "03:00 comes once");
    assert_eq!(who(&after, "2026-10-25T02:00:00Z"), "mei");
}

#[test]
fn a_turn_that_begins_in_the_skipped_hour_begins_as_the_clocks_jump() {
    let r = simple("Europe/Berlin", "2026-03-28T02:30", 24, &["jonas", "mei"]);
    assert_eq!(who(&r, "2026-03-29T00:59:59Z"), "jonas");
    assert_eq!(who(&r, "2026-03-29T01:00:00Z"), "mei");
}

#[test]
fn a_leap_day_is_a_day_like_any_other() {
    let r = simple("UTC", "2028-02-28T00:00", 24, &["a", "b", "c"]);
    assert_eq!(who(&r, "2028-02-28T12:00:00Z"), "a");
    assert_eq!(who(&r, "2028-02-29T12:00:00Z"), "b");
    assert_eq!(who(&r, "2028-03-01T12:00:00Z"), "c");
}

#[test]
fn half_hour_zones_change_at_their_own_nine_o_clock() {
    let india = simple("Asia/Kolkata", "2026-01-05T09:00", 12, &["a", "b"]);
    assert_eq!(who(&india, "2026-01-05T03:30:00Z"), "a");
    assert_eq!(who(&india, "2026-01-05T15:29:59Z"), "a");
    assert_eq!(who(&india, "2026-01-05T15:30:00Z"), "b");
    // Lord Howe Island puts its clocks by half an hour: 5 April 2026, 02:00 becomes 01:30.
    let howe = simple("Australia/Lord_Howe", "2026-04-04T01:45", 24, &["a", "b"]);
    assert_eq!(who(&howe, "2026-04-04T14:44:59Z"), "a");
    assert_eq!(who(&howe, "2026-04-04T14:45:00Z"), "b");
    assert_eq!(who(&howe, "2026-04-04T15:05:00Z"), "b", "01:35 for the second time");
    assert_eq!(who(&howe, "2026-04-04T15:15:00Z"), "b");
}

#[test]
fn before_it_starts_the_first_person_is_on_duty() {
    let r = simple("Europe/Berlin", "2026-01-05T09:00", WEEK, &["jonas", "mei"]);
    assert_eq!(who(&r, "2025-12-30T00:00:00Z"), "jonas");
    assert_eq!(who(&r, "1970-01-01T00:00:00Z"), "jonas");
}

#[test]
fn a_layer_begins_when_it_begins_and_only_the_last_one_reaches_back() {
    let now = layer("2026-01-05T09:00", WEEK, &["jonas"]);
    let next = layer("2027-01-04T09:00", WEEK, &["mei"]);
    let r = rotation("UTC", vec![next, now]);
    assert_eq!(who(&r, "2025-06-01T00:00:00Z"), "jonas");
    assert_eq!(who(&r, "2027-01-04T08:59:59Z"), "jonas");
    assert_eq!(who(&r, "2027-01-04T09:00:00Z"), "mei");
    let duty = &r.on_duty("2026-12-01T00:00:00Z".parse().unwrap())[0];
    assert_eq!(duty.until, Some("2027-01-04T09:00".parse().unwrap()));
    let (from, until) = ("2027-01-01T00:00:00Z".parse().unwrap(), "2027-02-01T00:00:00Z".parse().unwrap());
    assert_eq!(r.changes(from, until), ["2027-01-04T09:00:00Z".parse::<Timestamp>().unwrap()]);
    assert!(r.weekly_gaps().is_empty());
}

#[test]
fn a_shift_ends_where_it_ends_however_often_its_hours_begin_before() {
    let mut r = simple("UTC", "2026-01-05T00:00", 52 * WEEK, &["a", "b"]);
    let half = |from| Hours { days: [true; 7], from, length: 12 * 3600 };
    r.layers[0].hours = vec![half(0), half(12 * 3600)];
    let duty = &r.on_duty("2026-02-01T00:00:00Z".parse().unwrap())[0];
    assert_eq!(duty.until, Some("2027-01-04T00:00".parse().unwrap()));
}

#[test]
fn an_override_wins_and_the_last_one_listed_wins_over_others() {
    let mut r = simple("Europe/Berlin", "2026-01-05T09:00", WEEK, &["jonas", "mei"]);
    r.overrides = vec![
        take("2026-12-24T09:00", "2026-12-27T09:00", "sam"),
        take("2026-12-25T09:00", "2026-12-26T09:00", "lea"),
    ];
    assert_eq!(who(&r, "2026-12-24T07:59:59Z"), "jonas");
    assert_eq!(who(&r, "2026-12-24T08:00:00Z"), "sam");
    assert_eq!(who(&r, "2026-12-25T12:00:00Z"), "lea");
    assert_eq!(who(&r, "2026-12-26T12:00:00Z"), "sam");
    assert_eq!(who(&r, "2026-12-27T08:00:00Z"), "jonas");
    let duty = &r.on_duty("2026-12-24T12:00:00Z".parse().unwrap())[0];
    assert_eq!(duty.by, By::Override);
    assert_eq!(duty.until.unwrap().to_string(), "2026-12-25T09:00:00");
}

#[test]
fn an_override_that_ends_in_the_repeated_hour_ends_the_first_time() {
    let mut r = simple("Europe/Berlin", "2026-01-05T09:00", WEEK, &["jonas"]);
    r.overrides = vec![take("2026-10-24T12:00", "2026-10-25T02:30", "sam")];
    assert_eq!(who(&r, "2026-10-25T00:29:00Z"), "sam");
    assert_eq!(who(&r, "2026-10-25T00:30:00Z"), "jonas");
    assert_eq!(who(&r, "2026-10-25T01:29:00Z"), "jonas");
    assert_eq!(who(&r, "2026-10-25T01:30:00Z"), "jonas");
}

#[test]
fn the_first_layer_that_has_somebody_counts_and_the_fallback_is_there_for_the_rest() {
    let mut r = rotation("Europe/Berlin", vec![layer("2026-01-05T09:00", WEEK, &["jonas", "mei"])]);
    r.layers[0].hours = vec![OFFICE];
    assert_eq!(who(&r, "2026-01-06T12:00:00Z"), "jonas");
    assert_eq!(who(&r, "2026-01-06T20:00:00Z"), "", "a gap");
    r.layers.push(Layer { name: "nights".to_owned(), ..layer("2026-01-05T09:00", WEEK, &["sam", "lea"]) });
    assert_eq!(who(&r, "2026-01-06T20:00:00Z"), "sam");
    assert_eq!(who(&r, "2026-01-10T12:00:00Z"), "sam", "a Saturday");
    assert_eq!(who(&r, "2026-01-12T07:59:59Z"), "sam");
    assert_eq!(who(&r, "2026-01-12T08:00:00Z"), "mei");
    r.layers.pop();
    r.fallback = Some("boss".to_owned());
    let at = "2026-01-06T20:00:00Z".parse().unwrap();
    assert_eq!(r.on_duty(at)[0].by, By::Fallback);
    assert_eq!(r.on_duty(at)[0].until.unwrap().to_string(), "2026-01-07T09:00:00");
}

#[test]
fn the_gaps_of_a_week_are_named() {
    let gaps = |r: &Rotation| -> Vec<String> {
        let show = |at: DateTime| at.strftime("%a %H:%M").to_string();
        r.weekly_gaps().into_iter().map(|(from, until)| format!("{} {}", show(from), show(until))).collect()
    };
    let mut r = simple("UTC", "2026-01-05T09:00", WEEK, &["a", "b"]);
    assert!(r.weekly_gaps().is_empty());
    r.layers[0].hours = vec![Hours { days: [true; 7], from: 6 * 3600, length: 23 * 3600 }];
    assert_eq!(gaps(&r)[0], "Mon 05:00 Mon 06:00");
    assert_eq!(gaps(&r).len(), 7);
    r.layers[0].hours = vec![OFFICE];
    assert_eq!(gaps(&r)[5..], ["Fri 18:00 Mon 00:00"]);
    r.layers.push(layer("2026-01-05T00:00", WEEK, &["c"]));
    assert!(r.weekly_gaps().is_empty());
}

#[test]
fn hours_reach_over_midnight_from_the_day_on_which_they_begin() {
    let mut r = simple("UTC", "2026-01-05T00:00", WEEK, &["a"]);
    // Fridays, 22:00 to 06:00.
    let friday = [false, false, false, false, true, false, false];
    r.layers[0].hours = vec![Hours { days: friday, from: 22 * 3600, length: 8 * 3600 }];
    assert_eq!(who(&r, "2026-01-09T21:59:59Z"), "");
    assert_eq!(who(&r, "2026-01-09T22:00:00Z"), "a");
    assert_eq!(who(&r, "2026-01-10T05:59:59Z"), "a", "Saturday morning");
    assert_eq!(who(&r, "2026-01-10T06:00:00Z"), "");
    assert_eq!(who(&r, "2026-01-10T23:00:00Z"), "");
}

#[test]
fn those_who_follow_are_asked_first_and_the_fallback_last() {
    let mut r = simple("UTC", "2026-01-05T00:00", WEEK, &["a", "b", "c", "b"]);
    r.fallback = Some("z".to_owned());
    assert_eq!(r.others("b").collect::<Vec<_>>(), ["c", "a", "z"]);
    assert_eq!(r.others("c").collect::<Vec<_>>(), ["b", "a", "z"]);
    assert_eq!(r.others("x").collect::<Vec<_>>(), ["a", "b", "c", "z"]);
}

#[test]
fn nobody_is_on_duty_only_where_nobody_is_listed() {
    assert_eq!(who(&simple("UTC", "2026-01-05T09:00", WEEK, &[]), "2026-01-06T00:00:00Z"), "");
    assert_eq!(who(&rotation("UTC", Vec::new()), "2026-01-06T00:00:00Z"), "");
}

#[test]
fn an_override_ends_when_it_says_however_many_turns_it_covers() {
    let mut r = simple("UTC", "2026-01-05T09:00", 1, &["a", "b"]);
    r.layers[0].hours = vec![OFFICE];
    r.overrides = vec![take("2026-01-06T00:00", "2028-01-06T00:00", "z")];
    let duty = r.on_duty("2026-01-06T12:00:00Z".parse().unwrap());
    assert_eq!(duty[0].until, Some("2028-01-06T00:00".parse().unwrap()));
    // Another one that takes over meanwhile ends it.
    r.overrides.push(take("2027-01-06T00:00", "2027-01-07T00:00", "y"));
    let duty = r.on_duty("2026-01-06T12:00:00Z".parse().unwrap());
    assert_eq!(duty[0].until, Some("2027-01-06T00:00".parse().unwrap()));
}

const ZONES: [&str; 8] = [
    "Europe/Berlin",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "America/Santiago",
    "America/New_York",
    "Africa/Casablanca",
    "Pacific/Apia",
    "UTC",
];

proptest! {
    #[test]
    fn one_person_is_always_on_duty_without_hours(
        zone in prop::sample::select(ZONES.to_vec()),
        hours in 1_i64..200,
        at in 0_i64..4_000_000_000,
    ) {
        let r = simple(zone, "2011-12-20T02:30", hours, &["a", "b", "c"]);
        let at = Timestamp::from_second(at).unwrap();
        prop_assert_eq!(r.on_duty(at).len(), 1);
    }

    #[test]
    fn nothing_changes_but_at_the_moments_that_are_named(
        zone in prop::sample::select(ZONES.to_vec()),
        hours in 1_i64..60,
        from in 1_300_000_000_i64..1_900_000_000,
        length in 1_i64..2_000_000,
        inside in 0.0..1.0_f64,
    ) {
        let mut r = simple(zone, "2011-12-20T02:30", hours, &["a", "b", "c"]);
        r.layers[0].hours = vec![OFFICE];
        let (from, until) = (Timestamp::from_second(from).unwrap(), Timestamp::from_second(from + length).unwrap());
        let people = |at| r.on_duty(at).into_iter().map(|d| d.person).collect::<Vec<_>>();
        let mut edges = vec![from];
        edges.extend(r.changes(from, until));
        edges.push(until);
        for pair in edges.windows(2) {
            let gap = pair[1].as_second() - pair[0].as_second();
            #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "any moment inside will do")]
            let at = Timestamp::from_second(pair[0].as_second() + (gap as f64 * inside) as i64).unwrap();
            prop_assert_eq!(people(pair[0]), people(at), "between {} and {}", pair[0], pair[1]);
        }
    }

    #[test]
    fn its_coverage_has_somebody_exactly_when_it_has(
        zone in prop::sample::select(ZONES.to_vec()),
        hours in 1_i64..60,
        from in 0_i64..86_400,
        length in 1_i64..86_400,
        away in any::<bool>(),
        at in 1_300_000_000_i64..1_900_000_000,
    ) {
        let mut r = simple(zone, "2011-12-20T02:30", hours, &["a", "b", "c"]);
        r.layers[0].hours = vec![OFFICE, Hours { from, length, ..OFFICE }];
        let at = Timestamp::from_second(at).unwrap();
        if away {
            let here = r.zone.to_datetime(at);
            r.overrides = vec![Override { from: here, until: here.checked_add(1.hour()).unwrap(), person: "z".to_owned() }];
        }
        for minute in (-180..180).step_by(7) {
            let at = at.checked_add(SignedDuration::from_mins(minute)).unwrap();
            prop_assert_eq!(r.people_at(at).is_empty(), r.coverage().people_at(at).is_empty(), "{}", at);
        }
    }

    #[test]
    fn extreme_moments_do_not_break_it(at in prop::sample::select(vec![Timestamp::MIN, Timestamp::MAX])) {
        let mut r = simple("Europe/Berlin", "2026-01-05T09:00", 1, &["a", "b"]);
        prop_assert_eq!(r.on_duty(at).len(), 1);
        r.layers[0].hours = vec![OFFICE];
        let _ = r.on_duty(at);
        let _ = r.changes(at, at);
    }
}
