//! Tells the fallback webhook that a source which opens rooms is not understood any more.

use serde_json::json;
use tracing::{error, info};

use super::Worker;
use crate::clock::Timestamp;
use crate::store::StoreError;
use crate::store::source_troubles::{SourceTrouble, TroubleKind};

impl Worker {
    /// Tells what is due, at most once an hour for each source.
    pub(super) async fn tell_source_troubles(&self) -> Result<(), StoreError> {
        let Some(way) = &self.fallback_webhook else { return Ok(()) };
        while let Some(trouble) = self.store.take_trouble_call(self.clock.now()).await? {
            let now = self.clock.now();
            let (source, kind) = (trouble.seen.source.as_str(), trouble.seen.kind.as_str());
            // The same for every repeat, until it is seen again.
            let id = format!("{source}-{kind}-{}", trouble.last_at.as_millisecond());
            match way.tell(&id, &words(&trouble, now)).await {
                Ok(()) => {
                    info!(source.name = source, kind, "the fallback webhook was told of a source's trouble");
                    self.store.trouble_told(&trouble, now).await?;
                }
                Err(error) => error!(
                    source.name = source, kind, error = %error,
                    "the fallback webhook could not be told of a source's trouble; it is tried again"
                ),
            }
        }
        Ok(())
    }
}

fn words(trouble: &SourceTrouble, now: Timestamp) -> String {
    let seen = &trouble.seen;
    let (reason, what) = match seen.kind {
        TroubleKind::NotUnderstood => ("not-understood", "what it sent was not understood"),
        TroubleKind::TooLarge | TroubleKind::TooLargeUnproven | TroubleKind::NoSuchSource => {
            ("too-large", "what it sent was too large")
        }
    };
    json!({
        "type": "warroom.source_trouble",
        "reason": reason,
        "why": format!(
            "a source that opens rooms may be silent now: {what} ({}), {} times since {}; nobody is called for it",
            seen.why, seen.times, trouble.since.strftime("%F %H:%M UTC")
        ),
        "at": now,
        "source": { "name": seen.source, "bytes": seen.bytes, "times": seen.times, "since": trouble.since },
    })
    .to_string()
}
