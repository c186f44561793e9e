//! A running bridge takes a changed roster over by itself, and looks at it when a signal asks to.

use super::{Place, ROSTER, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_roster_is_noticed_and_a_signal_asks_to_look() {
    let place = Place::new(2).await;
    let (bridge, _) = place.serve().await;
    let says = |what: &'static str| {
        let bridge = &bridge;
        async move { until(what, || bridge.log().contains(what).then_some(())).await }
    };
    place.write("roster.yaml", &ROSTER.replace("Ada Obi", "Ada Ume"));
    says("a changed roster is in force").await;
    place.write("roster.yaml", "people: 1\n");
    says("the one before it stays in force").await;
    bridge.signal("HUP");
    says("looked at the roster as asked by SIGHUP").await;
    bridge.terminate();
    assert_eq!(bridge.ended().await.code, Some(0));
}
