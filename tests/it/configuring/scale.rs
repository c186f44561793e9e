//! A large company's roster.

use warroom::config::Strictness;

use super::{Files, GOOD_CONFIG};

#[path = "../../../benches/roster/large.rs"]
mod large;

#[test]
fn five_thousand_people_and_five_hundred_routes_are_read_without_a_finding() {
    let files = Files::new(GOOD_CONFIG, &large::roster(0, large::Turns::Usual));
    let loaded = match files.load(Strictness::Serve) {
        Ok(loaded) => loaded,
        Err(findings) => panic!("{findings}"),
    };
    assert!(loaded.warnings.is_empty(), "{}", loaded.warnings);
    let roster = &loaded.roster;
    assert_eq!((roster.people.len(), roster.routes.len(), roster.rotations.len()), (5_000, 500, 200));
}

#[test]
fn five_thousand_mistakes_are_all_told() {
    let files = Files::new(GOOD_CONFIG, &large::roster(5_000, large::Turns::Usual));
    let findings = files.load(Strictness::Serve).unwrap_err();
    assert_eq!(findings.len(), 5_000);
    assert!(findings.iter().all(|f| f.line > 0 && f.excerpt.is_some()));
}

/// Found by a reader: each hand-over in three months was looked at for each route.
#[test]
fn turns_of_an_hour_are_looked_ahead_as_well() {
    let files = Files::new(GOOD_CONFIG, &large::roster(0, large::Turns::Hourly));
    let loaded = match files.load(Strictness::Serve) {
        Ok(loaded) => loaded,
        Err(findings) => panic!("{findings}"),
    };
    let gaps = loaded.warnings.iter().filter(|f| f.message.contains("has nobody as commander from"));
    assert_eq!(gaps.count(), 500, "each route has nights without its commander");
}
