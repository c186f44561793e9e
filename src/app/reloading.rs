//! Takes a changed roster over: when its file changes, and when SIGHUP asks to look.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::clock::Clock;
use crate::roster_in_force::RosterInForce;
use crate::telemetry::Metrics;

/// How often the roster's file is looked at. A change is taken when it is seen twice.
const GAP: Duration = Duration::from_secs(1);

/// SIGHUP, from the moment of this call on.
pub(super) fn asked_for() -> io::Result<Signal> {
    signal(SignalKind::hangup())
}

/// Looks at the roster now and then, and whenever `asked`.
pub(super) async fn reload(
    roster: Arc<RosterInForce>,
    metrics: Arc<Metrics>,
    clock: Arc<dyn Clock>,
    mut asked: Signal,
    stop: CancellationToken,
) {
    loop {
        let by_signal = tokio::select! {
            Some(()) = asked.recv() => true,
            () = tokio::time::sleep(GAP) => false,
            () = stop.cancelled() => return,
        };
        let (roster, metrics, clock) = (Arc::clone(&roster), Arc::clone(&metrics), Arc::clone(&clock));
        // A large roster takes a while to read and check, in which hooks want to be answered.
        let looked = tokio::task::spawn_blocking(move || look(&roster, &metrics, &*clock, by_signal));
        if let Err(error) = looked.await {
            error!(%error, "looking at the roster broke off; the one in force stays");
        }
    }
}

fn look(roster: &RosterInForce, metrics: &Metrics, clock: &dyn Clock, by_signal: bool) {
    if !by_signal {
        roster.follow(metrics, clock.now());
        return;
    }
    let outcome = roster.reload(metrics, clock.now());
    info!(
        outcome = outcome.as_str(),
        "looked at the roster as asked by SIGHUP; other settings need a restart"
    );
}
