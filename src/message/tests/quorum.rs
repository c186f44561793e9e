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
    insta::assert_snapshot!(said(&sample, Wording::Reminder), @"
    *SEV1 · INCIDENT-1042* · acme/checkout_api
    Hello Amira Haddad, you are needed as client, and nobody has come in that role so far.
    *What:* Checkout answers 502
    *Since:* 2026-03-01 12:00 UTC (16:00 Asia/Dubai)
    Please join the group by this link:
    https://chat.whatsapp.com/Abc_123-xyz
    If you cannot come, you need not do anything: this is not said again.
    ");
}

#[test]
fn a_stand_in_is_named_with_the_one_in_whose_place_they_come() {
    let sample = Sample::full();
    insta::assert_snapshot!(said_of(&sample, &sample.matters[0]), @"
    *SEV1 · INCIDENT-1042 · who is needed*
    *Stand-in:* Lea Sand is asked to come as account manager, in place of Ines Ruiz.
    ");
}

#[test]
fn a_role_that_nobody_fills_is_raised_and_one_that_cannot_be_told_is_asked_about() {
    let mut sample = Sample::full();
    insta::assert_snapshot!(said_of(&sample, &sample.matters[1]), @"
    *SEV1 · INCIDENT-1042 · who is needed*
    *Nobody for:* account manager. There is nobody left to ask.
    Told directly: Amira Haddad
    If you can take it, or know who can, say so here.
    ");
    let lea = sample.room.seats.iter_mut().find(|s| s.who.person == "lea").unwrap();
    lea.state = crate::room::SeatState::CannotTell { look_at: sample.now };
    insta::assert_snapshot!(said_of(&sample, &sample.matters[2]), @"
    *SEV1 · INCIDENT-1042 · who is needed*
    *Not certain:* whether anybody is here as account manager. If you see them, say so.
    ");
}

#[test]
fn that_everybody_is_there_after_all_is_one_line() {
    let mut sample = Sample::full();
    let lea = sample.room.seats.iter_mut().find(|s| s.who.person == "lea").unwrap();
    lea.state = crate::room::SeatState::In { since: sample.now };
    insta::assert_snapshot!(said_of(&sample, &sample.matters[3]), @"
    *SEV1 · INCIDENT-1042 · who is needed*
    *Everybody needed is here now:* account manager Lea Sand
    ");
}
