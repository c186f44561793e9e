//! StatusCake's token, which stands among the fields of its form.

use warroom::clock::Clock as _;
use warroom::source::SourceKind;

use super::Delivery;
use crate::harness::{Options, World};

const NEW: &str = "9f0c2d4e6a8b1c3d5e7f9a0b2c4d6e8f";
const OLD: &str = "00112233445566778899aabbccddeeff";

async fn world() -> World {
    World::with(Options {
        sources: format!(
            "  cake:\n    kind: statuscake\n    verify: {{ form_field: {{ name: Token, secret: [ {NEW}, \"{OLD}\" ] }} }}\n"
        ),
        ..Options::default()
    })
    .await
}

fn delivery(body: String) -> Delivery {
    let headers = vec![("content-type", "application/x-www-form-urlencoded".to_owned())];
    Delivery { to: "cake".to_owned(), headers, query: None, body: body.into_bytes() }
}

#[tokio::test]
async fn a_form_with_the_token_opens_a_room_and_the_token_is_not_kept() {
    let world = world().await;
    for (token, key) in [(NEW, "101"), (OLD, "102")] {
        let form = SourceKind::StatusCake.sample(world.clock.now(), key).body;
        let answer = world.take(&delivery(format!("Token={token}&{form}"))).await;
        assert_eq!(answer.outcome(), "opened");
        world.pass(20).await;
        let end = SourceKind::StatusCake.sample_resolved(world.clock.now(), key).body;
        assert_eq!(world.take(&delivery(format!("{end}&Token={token}"))).await.outcome(), "resolved");
    }
    let bodies = world.kept.bytes("SELECT body FROM bodies");
    assert_eq!(bodies.len(), 4);
    for body in bodies {
        let body = String::from_utf8(body).unwrap();
        assert!(body.contains("TestID") && !body.contains("Token"), "{body}");
    }
}

#[tokio::test]
async fn a_form_without_the_token_or_with_another_is_turned_away() {
    let world = world().await;
    let form = SourceKind::StatusCake.sample(world.clock.now(), "103").body;
    let wrong = NEW.replace('9', "8");
    for body in [
        form.clone(),
        format!("Token=&{form}"),
        format!("Token={wrong}&{form}"),
        format!("Token={NEW}&Token={NEW}&{form}"),
        format!("token={NEW}&{form}"),
        format!("{{\"Token\":\"{NEW}\",\"Status\":\"Down\",\"TestID\":\"103\"}}"),
    ] {
        world.take(&delivery(body)).await.assert_problem(401, "unauthorized");
    }
    assert_eq!((world.incidents().await, world.receipts()), (0, 0));
}
