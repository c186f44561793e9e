//! Accepting connections: bounded in number, in the time a request's head may take, in the time an answer may
//! wait to be read, in their whole life, and at the end.
//!
//! An own loop, because `axum::serve` sets no timer: half a request head would hold a connection for ever.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{HttpService, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;
use tracing::{debug, warn};

use crate::peer::Peer;

type Stream = TokioIo<Pin<Box<TimeoutStream<TcpStream>>>>;

/// Connections open at the same time.
const CONNECTIONS: usize = 1024;
/// After this a connection gets its last answer: whoever reads a byte now and then does not keep it for ever.
const LIFE: Duration = Duration::from_mins(5);
/// What a request in hand may take from then on: its body, what is fetched to judge it, and its commit.
const LAST_ANSWER: Duration = Duration::from_secs(30);
/// After the system refused a connection, most likely for want of file descriptors.
const ACCEPT_GAP: Duration = Duration::from_millis(100);

/// How long the other side and we may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    /// Until a request's head is there.
    pub(super) head: Duration,
    /// Until somebody reads on in an answer.
    pub(super) unread: Duration,
    /// For open requests, once we stop.
    pub(super) grace: Duration,
}

/// Serves `router` until `stop`, then lets open requests finish.
pub(super) async fn serve(listener: TcpListener, router: Router, times: Times, stop: CancellationToken) {
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(times.head).max_buf_size(64 * 1024);
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let connections = TaskTracker::new();
    while let Some(stream) = accept(&listener, &stop).await {
        let (stream, from) = match stream {
            Ok(accepted) => accepted,
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
        let (router, peer) = (router.clone(), Peer::direct(from.ip()));
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer);
            router.clone().oneshot(request)
        });
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(times.unread));
        let connection = server.serve_connection(TokioIo::new(Box::pin(stream)), service);
        let stop = stop.clone();
        spawn(&connections, async move {
            let life = async {
                tokio::select! { () = stop.cancelled() => {} () = tokio::time::sleep(LIFE) => {} }
            };
            attend(connection, life).await;
            drop(place);
        });
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(times.grace, connections.wait()).await.is_err() {
        warn!("requests were still open at the end of the grace time");
    }
}

/// Answers on one connection until it ends or its `life` does. A request in hand is still answered.
async fn attend<S>(connection: http1::Connection<Stream, S>, life: impl Future<Output = ()>)
where
    S: HttpService<Incoming, ResBody = Body>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = life => {
            connection.as_mut().graceful_shutdown();
            match tokio::time::timeout(LAST_ANSWER, connection).await {
                Ok(ended) => ended,
                Err(_elapsed) => {
                    debug!("a connection was cut");
                    return;
                }
            }
        }
    };
    if let Err(error) = ended {
        debug!(error = %error, "a connection broke off");
    }
}

async fn accept(
    listener: &TcpListener,
    stop: &CancellationToken,
) -> Option<io::Result<(TcpStream, SocketAddr)>> {
    let accepted = pin!(listener.accept());
    tokio::select! {
        () = stop.cancelled() => None,
        accepted = accepted => Some(accepted.map(|(stream, from)| {
            // An answer is one small write: waiting to fill a packet only makes it late.
            let _ = stream.set_nodelay(true);
            (stream, from)
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

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use hyper_util::service::TowerToHyperService;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::sync::Notify;

    /// A connection to a service that answers when the bell rings, and how it ends.
    struct Attended {
        client: TcpStream,
        begun: Arc<Notify>,
        over: Arc<Notify>,
    }

    /// The service answers no sooner than the connection's life is over.
    async fn attended() -> Attended {
        let [begun, over, bell] = [(); 3].map(|()| Arc::new(Notify::new()));
        let (tell, wait) = (Arc::clone(&begun), Arc::clone(&bell));
        let answer = || async move {
            tell.notify_one();
            wait.notified().await;
            "ok"
        };
        let router = Router::new().route("/", get(answer));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _from) = listener.accept().await.unwrap();
        let stream = TokioIo::new(Box::pin(TimeoutStream::new(stream)));
        let connection = http1::Builder::new().serve_connection(stream, TowerToHyperService::new(router));
        let is_over = Arc::clone(&over);
        spawn(&TaskTracker::new(), async move {
            let life = async {
                is_over.notified().await;
                bell.notify_one();
            };
            attend(connection, life).await;
        });
        Attended { client, begun, over }
    }

    #[tokio::test]
    async fn at_the_end_of_its_life_a_connection_still_gets_the_answer_in_hand_and_no_more() {
        let Attended { mut client, begun, over } = attended().await;
        client.write_all(b"GET / HTTP/1.1\r\nhost: w\r\n\r\n").await.unwrap();
        begun.notified().await;
        over.notify_one();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("ok"), "{answer}");
        assert!(answer.contains("connection: close"), "{answer}");
    }

    #[tokio::test]
    async fn a_connection_that_asks_nothing_ends_with_its_life() {
        let Attended { mut client, over, .. } = attended().await;
        over.notify_one();
        assert_eq!(client.read_to_end(&mut Vec::new()).await.unwrap(), 0);
    }
}
