//! From a verified alert to a briefed room, and on to its end.

use warroom::room::{PhaseName, SeatState};
use warroom::sandbox::{Engine, Person, Privacy};

use crate::harness::{ADA, BEN, CLEO, DAN, World};

#[tokio::test]
async fn an_alert_becomes_one_briefed_room_on_every_engine() {
    for engine in Engine::ALL {
        let world = World::on(engine).await;
        let id = world.fire("Down").await;
        world.pass(20).await;

        let group = world.group(&id);
        assert!(group.subject.starts_with("INCIDENT-1 | Down is broken"), "{}", group.subject);
        for digits in [ADA, BEN, CLEO, DAN] {
            assert!(group.has(digits), "{engine}: {digits}");
        }
        assert!(group.texts()[0].contains("INCIDENT-1"), "{engine}: the welcome is the first message");
        assert_eq!(group.texts().len(), 1, "{engine}: {:?}", group.texts());
        assert!(group.description.contains("INCIDENT-1"), "{engine}");
        let room = world.room(&id).await;
        assert_eq!(room.phase.name(), PhaseName::Live);
        assert!(room.is_complete(), "{engine}: {room:#?}");
        assert!(room.seats.iter().all(|s| matches!(s.state, SeatState::In { .. })), "{engine}");
        world.assert_sound(&id).await;
    }
}

#[tokio::test]
async fn a_person_kept_out_by_privacy_holds_a_link_and_nobody_else_does() {
    for engine in Engine::ALL {
        let world = World::on(engine).await;
        world.sandbox.set_person(BEN, Person { privacy: Privacy::SilentlyAbsent, ..Person::default() });
        let id = world.fire("Down").await;
        world.pass(20).await;
        let seats = world.seats(&id).await;
        assert_eq!(seats["ben"], "invited by link", "{engine}: {seats:?}");
        assert_eq!(world.links_of(BEN), 1, "{engine}");
        for digits in [ADA, CLEO, DAN] {
            assert_eq!(world.links_of(digits), 0, "{engine}");
        }
    }
}
