//! A client's people are in the room of whatever route their incident takes.

use serde_json::json;

use crate::harness::{ADA, BEN, CLEO, DAN, Options, World, firing};

const ROSTER: &str = r#"
people:
  ada:  { name: Ada Obi,   phone: "+15550100001", opted_in: true }
  ben:  { name: Ben Cho,   phone: "+15550100002", opted_in: true, roles: [ specialist ] }
  cleo: { name: Cleo Diaz, phone: "+15550100003", opted_in: true, roles: [ account manager ] }
  dan:  { name: Dan Eze,   phone: "+15550100004", opted_in: true }
teams:
  acme: { people: [ ben, cleo ] }
clients:
  globex: { invite: { client: [ cleo ] } }
  acme: { name: Acme GmbH, also: [ "ACME-Prod" ], invite: { client: [ dan ], account manager: [ team:acme ] } }
routes:
  - { name: checkout, match: 'alertname = Checkout', invite: { commander: [ ada ], specialist: [ team:acme ] } }
  - { name: discreet, match: 'alertname = Discreet', clients: false, invite: { commander: [ ada ] } }
fallback:
  invite: { commander: [ ada ] }
"#;

/// An alert of this client comes in; returns the incident's name.
async fn fire(world: &World, alert: &str, client: &str) -> String {
    let mut body = firing(alert);
    body["commonLabels"]["client"] = json!(client);
    body["alerts"][0]["labels"]["client"] = json!(client);
    let (status, receipt) = world.post(&body).await;
    assert_eq!(status, 200, "{receipt}");
    receipt["incidents"][0]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_clients_contact_is_in_the_room_of_any_route_and_of_the_fallback() {
    let world = World::with(Options { roster: ROSTER.to_owned(), ..Options::default() }).await;
    for (alert, client, expected) in [
        ("Checkout", "acme", &[ADA, BEN, CLEO, DAN][..]),
        ("Else", "ACME-prod", &[ADA, CLEO, DAN]),
        ("Discreet", "acme", &[ADA]),
        ("Other", "initech", &[ADA]),
    ] {
        let id = fire(&world, alert, client).await;
        world.pass(20).await;
        let group = world.group(&id);
        for digits in [ADA, BEN, CLEO, DAN] {
            assert_eq!(group.has(digits), expected.contains(&digits), "{alert} of {client}: {digits}");
        }
        let room = world.room(&id).await;
        assert_eq!(room.summons.client.as_deref(), (client != "initech").then_some("Acme GmbH"), "{alert}");
        if expected.contains(&DAN) {
            let dan = room.seats.iter().find(|seat| seat.who.person == "dan").unwrap();
            assert_eq!((&*dan.who.role, &*dan.who.why), ("client", "contact of client acme"));
        }
        world.assert_sound(&id).await;
    }
}

/// With one group an hour, a second incident of the same client comes into the room of the first. One of another
/// client, or of none, must not: its people and its news have no business there.
#[tokio::test]
async fn no_client_shares_a_room_with_another_even_where_no_more_groups_may_be_made() {
    let options = Options { roster: ROSTER.to_owned(), rooms_per_hour: 1, budget: "", ..Options::default() };
    let world = World::with(options).await;
    let host = fire(&world, "One", "acme").await;
    world.pass(20).await;
    let own = fire(&world, "Two", "ACME-Prod").await;
    let other = fire(&world, "Three", "globex").await;
    let none = fire(&world, "Four", "initech").await;
    world.pass(120).await;

    assert_eq!(world.room(&own).await.guest_of.map(|h| h.to_string()), Some(host.clone()));
    let group = world.group(&host);
    for (id, client) in [(&other, "globex"), (&none, "initech")] {
        assert_eq!(world.room(id).await.guest_of, None, "{client}");
        assert!(
            !group.texts().iter().any(|text| text.contains(id.as_str())),
            "{client}: {:?}",
            group.texts()
        );
    }
    assert!(group.texts().iter().any(|text| text.contains(own.as_str())), "{:?}", group.texts());
    // Who has to wait for a group is told 1:1 all the same.
    assert!(world.sandbox.chat(CLEO).iter().any(|m| m.text.contains(other.as_str())));
}
