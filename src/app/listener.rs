//! Accepting connections: bounded in number, in the time a request's head may take, and at the end.
//!
//! An own loop, because `axum::serve` sets no timer: half a request head would hold a connection for ever.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

/// Connections open at the same time.
const CONNECTIONS: usize = 1024;
/// After the system refused a connection, most likely for want of file descriptors.
const ACCEPT_GAP: Duration = Duration::from_millis(100);

/// Serves `router` until `stop`, then lets open requests finish for at most `grace`.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    header_timeout: Duration,
    grace: Duration,
    stop: CancellationToken,
) {
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(header_timeout).max_buf_size(64 * 1024);
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let connections = TaskTracker::new();
    let graceful = GracefulShutdown::new();
    while let Some(stream) = accept(&listener, &stop).await {
        let stream = match stream {
            Ok(stream) => stream,
            Err(error) => {
                warn!(error = %error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_GAP).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            // Turned away at once rather than left waiting: the sender comes again.
            warn!("too many connections; one was turned away");
            continue;
        };
        let service = TowerToHyperService::new(router.clone());
        let connection = graceful.watch(server.serve_connection(TokioIo::new(stream), service));
        spawn(&connections, async move {
            if let Err(error) = connection.await {
                debug!(error = %error, "a connection broke off");
            }
            drop(place);
        });
    }
    drop(listener);
    connections.close();
    let drained = async {
        graceful.shutdown().await;
        connections.wait().await;
    };
    if tokio::time::timeout(grace, drained).await.is_err() {
        warn!("requests were still open at the end of the grace time");
    }
}

async fn accept(listener: &TcpListener, stop: &CancellationToken) -> Option<io::Result<TcpStream>> {
    let accepted = pin!(listener.accept());
    tokio::select! {
        () = stop.cancelled() => None,
        accepted = accepted => Some(accepted.map(|(stream, _from)| {
            // An answer is one small write: waiting to fill a packet only makes it late.
            let _ = stream.set_nodelay(true);
            stream
        })),
    }
}

/// Starts a task that somebody waits for.
pub(super) fn spawn<F>(tasks: &TaskTracker, task: F)
where
    F: Future<Output = ()> + Send + 'static,
{
    tasks.spawn(task);
}
