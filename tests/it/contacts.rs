//! A client's people are in the room of whatever route their incident takes.

use serde_json::json;

use crate::harness::{ADA, BEN, CLEO, DAN, Options, World, firing};

const ROSTER: &str = r#"
people:
  ada:  { name: Ada Obi,   phone: "+15550100001", introduced: true }
  ben:  { name: Ben Cho,   phone: "+15550100002", introduced: true, roles: [ specialist ] }
  cleo: { name: Cleo Diaz, phone: "+15550100003", introduced: true, roles: [ account manager ] }
  dan:  { name: Dan Eze,   phone: "+15550100004", introduced: true }
teams:
  acme: { people: [ ben, cleo ] }
clients:
  acme: { name: Acme GmbH, also: [ "ACME-Prod" ], invite: { client: [ dan ], account manager: [ team:acme ] } }
routes:
  - { name: checkout, match: 'alertname = Checkout', invite: { commander: [ ada ], specialist: [ team:acme ] } }
  - { name: discreet, match: 'alertname = Discreet', clients: false, invite: { commander: [ ada ] } }
fallback:
  invite: { commander: [ ada ] }
"#;

#[tokio::test]
async fn a_clients_contact_is_in_the_room_of_any_route_and_of_the_fallback() {
    let world = World::with(Options { roster: ROSTER.to_owned(), ..Options::default() }).await;
    for (alert, client, expected) in [
        ("Checkout", "acme", &[ADA, BEN, CLEO, DAN][..]),
        ("Else", "ACME-prod", &[ADA, CLEO, DAN]),
        ("Discreet", "acme", &[ADA]),
        ("Other", "globex", &[ADA]),
    ] {
        let mut body = firing(alert);
        body["commonLabels"]["client"] = json!(client);
        body["alerts"][0]["labels"]["client"] = json!(client);
        let (status, receipt) = world.post(&body).await;
        assert_eq!(status, 200, "{receipt}");
        let id = receipt["incidents"][0]["id"].as_str().unwrap().to_owned();
        world.pass(20).await;
        let group = world.group(&id);
        for digits in [ADA, BEN, CLEO, DAN] {
            assert_eq!(group.has(digits), expected.contains(&digits), "{alert} of {client}: {digits}");
        }
        let room = world.room(&id).await;
        assert_eq!(room.summons.client.as_deref(), (client != "globex").then_some("Acme GmbH"), "{alert}");
        if expected.contains(&DAN) {
            let dan = room.seats.iter().find(|seat| seat.who.person == "dan").unwrap();
            assert_eq!((&*dan.who.role, &*dan.who.why), ("client", "contact of client acme"));
        }
        world.assert_sound(&id).await;
    }
}
