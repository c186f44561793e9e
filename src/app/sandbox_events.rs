//! Posts what the sandbox has to tell, until the end.

use std::time::Duration;

use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;

use crate::gateway::posting::Poster;
use crate::sandbox::Sandbox;

/// Between two looks whether there is something to tell.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Posts events as they become due. Those that are due together go out together: no order is promised.
pub(super) async fn tell(sandbox: Sandbox, poster: Poster, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let posted = sandbox.due_events().into_iter().map(|event| {
            let (sandbox, poster) = (&sandbox, &poster);
            async move {
                let status = poster.post(&event.url, &event.headers, event.body).await;
                sandbox.event_answered(event.ticket, status);
            }
        });
        tokio::select! {
            _all = join_all(posted.collect::<Vec<_>>()) => {}
            () = stop.cancelled() => return,
        }
        tokio::select! { () = tokio::time::sleep(POLL_INTERVAL) => {} () = stop.cancelled() => {} }
    }
}
