//! What is said about those who must be there.

use super::*;
use crate::room::Matter;

fn said_of(sample: &Sample, matter: &Matter) -> String {
    let scene = scene(&sample.incident, &sample.room, sample.now, Topic::Quorum(matter));
    composer().compose(Wording::Quorum, &scene)
}

#[test]
fn the_reminder_holds_the_link_where_there_is_one() {
    let mut sample = Sample::full();
    let without = said(&sample, Wording::Reminder);
    assert!(without.contains("the invitation that you have in this chat"), "{without}");
    sample.room.link = Some(sample.link.clone());
    let with = said(&sample, Wording::Reminder);
    assert!(with.lines().any(|line| line == sample.link.0), "{with}");
}

#[test]
fn a_stand_in_is_named_with_the_one_in_whose_place_they_come() {
    let sample = Sample::full();
    let text = said_of(&sample, &sample.matters[0]);
    assert!(text.contains("Lea Sand is being asked to step in as account manager for Ines Ruiz."), "{text}");
}

#[test]
fn a_role_that_nobody_fills_is_raised_and_one_that_cannot_be_told_is_asked_about() {
    let mut sample = Sample::full();
    let text = said_of(&sample, &sample.matters[1]);
    assert!(text.contains("*Still missing:* account manager. Nobody is left to ask."), "{text}");
    assert!(text.contains("*Also called:* Amira Haddad"), "{text}");
    let lea = sample.room.seats.iter_mut().find(|s| s.who.person == "lea").unwrap();
    lea.state = crate::room::SeatState::CannotTell { look_at: sample.now };
    let text = said_of(&sample, &sample.matters[2]);
    assert!(text.contains("*Not sure whether we have:* account manager."), "{text}");
}

#[test]
fn that_everybody_is_there_after_all_is_one_line() {
    let mut sample = Sample::full();
    let lea = sample.room.seats.iter_mut().find(|s| s.who.person == "lea").unwrap();
    lea.state = crate::room::SeatState::In { since: sample.now };
    let text = said_of(&sample, &sample.matters[3]);
    assert!(text.contains("*Everyone we need is here:* Lea Sand (account manager)"), "{text}");
}
