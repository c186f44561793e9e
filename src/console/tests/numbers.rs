//! What is said of our numbers, and of people's: what does not work comes first, what is green is known to be
//! so, and full phone numbers are shown only on the record.

use super::*;
use crate::clock::SignedDuration;
use crate::gateway::Session;
use crate::number::{Asked, Sign};

fn down(words: &str) -> GatewayError {
    GatewayError::SessionDown { detail: words.to_owned() }
}

impl Desk {
    /// The number answered just now.
    async fn number_works(&self) {
        self.sees(Sign::Session(Session::Working { own: None })).await;
    }

    async fn number_fails(&self, error: GatewayError) {
        self.sees(Sign::Failed(Asked::Create, error)).await;
    }

    async fn sees(&self, sign: Sign) {
        let minute = SignedDuration::from_mins(1);
        self.store.note_number("number-1", sign, minute, self.clock.now()).await.unwrap();
    }

    async fn reveal(&self, id: IncidentId) -> Reply {
        let request = Request::post(format!("/api/incidents/{id}/phones"))
            .header("host", "ops.example")
            .header("authorization", format!("Bearer {TOKEN}"))
            .body(Body::empty())
            .unwrap();
        self.ask(request).await
    }
}

#[tokio::test]
async fn a_number_that_is_logged_out_is_the_first_thing_on_every_page() {
    let desk = Desk::open();
    let id = desk.live("Checkout is down").await;
    desk.parked("Search is down").await;
    desk.number_fails(down("SCAN_QR_CODE")).await;
    desk.later(200_000);
    for path in ["/".to_owned(), format!("/incidents/{id}"), "/people".to_owned(), "/incidents/99".to_owned()]
    {
        let text = desk.get(&path).await.text;
        let main = text.split("<main>").nth(1).unwrap();
        let first = main.find("<article").unwrap();
        assert!(main[first..].starts_with(r#"<article class="number down">"#), "{path}: {main}");
        assert!(main.contains("is not linked to a phone any more since 10:00:0"), "{path}: {main}");
        assert!(main.contains("scan its QR code with the phone"), "{path}");
    }
}

#[tokio::test]
async fn what_is_shown_of_a_room_is_called_old_while_its_number_does_not_answer() {
    let desk = Desk::open();
    let id = desk.live("Checkout is down").await;
    let paths = ["/".to_owned(), format!("/incidents/{id}")];
    desk.number_works().await;
    for path in &paths {
        let text = desk.get(path).await.text;
        assert!(text.contains(r#"<article class="number working">"#), "{text}");
        assert!(!text.contains("As it was known last"), "{path}");
    }
    desk.later(91_000);
    for path in &paths {
        let text = desk.get(path).await.text;
        assert!(text.contains(r#"<article class="number unknown">"#), "nobody has heard of it since: {text}");
        assert!(text.contains("As it was known last"), "{path}");
    }
}

#[tokio::test]
async fn a_throttled_number_is_restricted_and_its_rooms_are_still_known() {
    let desk = Desk::open();
    desk.live("Checkout is down").await;
    desk.number_fails(GatewayError::Throttled { retry_after: None, detail: "429".into() }).await;
    let text = desk.get("/").await.text;
    assert!(
        text.contains(r#"<article class="number restricted">"#) && text.contains("may make no new groups")
    );
    assert!(!text.contains("As it was known last"), "{text}");
}

#[tokio::test]
async fn while_no_number_works_a_room_without_a_group_speaks_of_that_at_once() {
    let desk = Desk::open();
    desk.incident("Checkout is down").await;
    desk.number_fails(down("logged out")).await;
    let text = desk.get("/").await.text;
    assert!(
        text.contains("<b>No group yet.</b> None of our numbers works. 0 of 4 people were told 1:1."),
        "{text}"
    );
    assert!(!text.contains("It goes on by itself"));
}

#[tokio::test]
async fn nobody_in_is_said_only_where_nobody_is_in() {
    let desk = Desk::open();
    desk.incident("Checkout is down").await;
    desk.later(240_000);
    let text = desk.get("/").await.text;
    assert!(text.contains("<b>No group yet.</b>") && !text.contains("Nobody in"), "{text}");
}

#[tokio::test]
async fn the_last_error_stands_beside_a_room_that_was_given_up() {
    let desk = Desk::open();
    let id = desk.incident("Checkout is down").await;
    let failed = GatewayError::NotSent { detail: "connection refused".into() };
    desk.create(id, Answer::Failed(failed)).await;
    desk.moves(id, Event::Spent { why: "the group could not be made in time".into() }).await;
    let text = desk.get("/").await.text;
    assert!(text.contains("The group could not be made in time. The last error: Create: not sent"), "{text}");
    assert!(text.contains("connection refused"), "{text}");
}

#[tokio::test]
async fn buttons_say_what_they_do() {
    let desk = Desk::open();
    desk.parked("Search is down").await;
    let text = desk.get("/").await.text;
    for words in [">Try again now<", ">Use an existing group…<", ">Make a new group<", ">Give up: no group<"]
    {
        assert!(text.contains(words), "{words}: {text}");
    }
}

#[tokio::test]
async fn full_numbers_are_shown_to_whoever_has_logged_in_and_the_timeline_records_it() {
    let desk = Desk::with_token(Some(TOKEN));
    let id = desk.live("Checkout is down").await;
    let reply = desk.reveal(id).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert_eq!(
        reply.json()["people"][0],
        serde_json::json!({
            "person": "p0", "name": PEOPLE[0].0, "phone": format!("+{}", PEOPLE[0].2),
        })
    );
    let timeline = desk.store.dossier(id).await.unwrap().unwrap().timeline;
    let asked = |entry: &&crate::store::Entry| matches!(&entry.what, crate::store::Happening::Asked { what } if what == "show the phone numbers");
    assert_eq!(timeline.iter().filter(asked).count(), 1);
}

#[tokio::test]
async fn without_a_login_no_full_number_is_shown() {
    let desk = Desk::open();
    let id = desk.live("Checkout is down").await;
    let reply = desk.post(&format!("/api/incidents/{id}/phones")).await;
    assert_eq!(reply.problem(), (403, "needs_login".to_owned()));
    assert!(!reply.text.contains(PEOPLE[0].2));
}
