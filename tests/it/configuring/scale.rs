//! A large company's roster.

use warroom::config::Strictness;

use super::{Files, GOOD_CONFIG};

#[path = "../../../benches/roster/large.rs"]
mod large;

#[test]
fn five_thousand_people_and_five_hundred_routes_are_read_without_a_finding() {
    let files = Files::new(GOOD_CONFIG, &large::roster(0));
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
    let files = Files::new(GOOD_CONFIG, &large::roster(5_000));
    let findings = files.load(Strictness::Serve).unwrap_err();
    assert_eq!(findings.len(), 5_000);
    assert!(findings.iter().all(|f| f.line > 0 && f.excerpt.is_some()));
}
