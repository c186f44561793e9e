//! `warroom serve`: runs the bridge until it is told to stop.

use std::path::Path;
use std::sync::Arc;

use tracing::{info, warn};

use super::{Failure, load, runtime, start_log};
use crate::app::{Running, stop_on_signals};
use crate::clock::Clock;
use crate::config::Strictness;

/// Runs until the first signal; the steps in hand are finished, nothing is begun any more.
pub(super) fn run(path: &Path, clock: Arc<dyn Clock>) -> Result<u8, Failure> {
    let loaded = load(path, Strictness::Serve)?;
    start_log(&loaded.config.log.level, loaded.config.log.format);
    for warning in loaded.warnings.iter() {
        warn!(at = warning.position(), "{}", warning.message);
    }
    runtime()?.block_on(async move {
        // The second signal does not wait for anything: what was begun is in the journal.
        let stop = stop_on_signals(|| std::process::exit(130))?;
        let running = Running::start(&loaded, clock, &stop).await?;
        stop.cancelled().await;
        running.ended().await?;
        info!("stopped; what waits is stored and goes on at the next start");
        Ok(0)
    })
}
