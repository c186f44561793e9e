//! Accepting connections: bounded in number, in the time a request's head may take, in the time an answer may
//! wait to be read, in their whole life, and at the end. When there are too many, those give way that have
//! proven nothing, of the address with most of them first.
//!
//! An own loop, because `axum::serve` sets no timer: half a request head would hold a connection for ever.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use http::StatusCode;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{HttpService, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;
use tracing::{Level, debug, warn};

use crate::clock::Clock;
use crate::fair_share::{FairShare, Holder, Share, Standing};
use crate::peer::{Peer, Proxies, WrongTries, network};
use crate::telemetry::Metrics;
use crate::telemetry::throttled_log::Event;

type Stream = TokioIo<Pin<Box<TimeoutStream<TcpStream>>>>;

/// Connections open at the same time, if the system lets us have twice as many files.
pub(super) const CONNECTIONS: usize = 1024;
/// Connections that strangers of one address may have, as a part of all.
const SHARE_PER_ADDRESS: usize = 4;
/// After this a connection gets its last answer: whoever reads a byte now and then does not keep it for ever.
const MAX_CONNECTION_AGE: Duration = Duration::from_mins(5);
/// What a request in hand may take from then on: its body, what is fetched to judge it, and its commit.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);
/// After the system refused a connection, most likely for want of file descriptors.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);
/// How long somebody waits for his answer who has shown too many wrong secrets.
const WRONG_TRY_DELAY: Duration = Duration::from_secs(1);
/// What is written to a connection that is not taken.
const TURNED_AWAY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\nconnection: close\r\n\
    content-length: 0\r\n\r\n";

/// How long the other side and we may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timeouts {
    /// Until a request's head is there.
    pub(super) head: Duration,
    /// Until somebody reads on in an answer.
    pub(super) unread: Duration,
    /// For open requests, once we stop.
    pub(super) grace: Duration,
}

/// What all connections of a listener have in common.
#[derive(Debug, Clone)]
pub(super) struct Terms {
    /// How long things may take.
    pub(super) timeouts: Timeouts,
    /// How many connections there may be.
    pub(super) connections: usize,
    /// Whose word is taken on where a request comes from.
    pub(super) proxies: Proxies,
    /// What is counted, and said.
    pub(super) metrics: Arc<Metrics>,
    /// The time.
    pub(super) clock: Arc<dyn Clock>,
}

impl Terms {
    /// Says and counts that a connection was lost to the crowd.
    fn note(&self, what: &'static str, reason: &str, from: Option<SocketAddr>) {
        self.metrics.connections_crowded.inc();
        let peer = from.map(|from| from.ip().to_canonical());
        let event = Event { what, level: Level::WARN, source: "listener", reason, peer, bytes: None };
        self.metrics.log.note(event, self.clock.now());
    }
}

/// How many connections the system lets us have, after it was asked for more files.
pub(super) fn connections_allowed() -> usize {
    let wanted = u64::try_from(CONNECTIONS).unwrap_or(u64::MAX).saturating_mul(4);
    // The store, the roster and the way out need files too.
    let half = rlimit::increase_nofile_limit(wanted)
        .map_or(CONNECTIONS, |most| usize::try_from(most / 2).unwrap_or(usize::MAX));
    half.min(CONNECTIONS)
}

/// Serves `router` until `stop`, then lets open requests finish.
pub(super) async fn serve(listener: TcpListener, router: Router, terms: Terms, stop: CancellationToken) {
    let timeouts = terms.timeouts;
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(timeouts.head).max_buf_size(64 * 1024);
    let places = FairShare::new(terms.connections, terms.connections / SHARE_PER_ADDRESS, Duration::ZERO);
    let (terms, tries) = (Arc::new(terms), Arc::new(WrongTries::default()));
    let connections = TaskTracker::new();
    while let Some(accepted) = accept(&listener, &stop).await {
        let (stream, from) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                terms.note("a connection could not be accepted", &error.to_string(), None);
                // Whoever waits idly makes way for those who come.
                if !places.shed() {
                    tokio::time::sleep(ACCEPT_BACKOFF).await;
                }
                continue;
            }
        };
        let Ok(place) = places.take(Holder::Address(network(from.ip())), 1) else {
            // Turned away at once rather than left waiting: the sender comes again.
            terms.note("too many connections; one was turned away", "all are at work", Some(from));
            let _ = stream.try_write(TURNED_AWAY);
            continue;
        };
        if terms.proxies.trust(from.ip()) {
            // Its connections carry many senders, who are told apart by their requests.
            place.set(Standing::Idle);
        }
        let place = Arc::new(place);
        let asked = (Arc::clone(&place), Arc::clone(&terms), Arc::clone(&tries), router.clone());
        let service = service_fn(move |request: Request<Incoming>| {
            let (place, terms, tries, router) = asked.clone();
            async move {
                let peer = terms.proxies.peer(from.ip(), request.headers()).on(Arc::clone(&place));
                answer(router, request, peer, &place, &tries).await
            }
        });
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(timeouts.unread));
        let connection = server.serve_connection(TokioIo::new(Box::pin(stream)), service);
        let (stop, terms) = (stop.clone(), Arc::clone(&terms));
        spawn(&connections, async move {
            let life = async {
                tokio::select! { () = stop.cancelled() => {} () = tokio::time::sleep(MAX_CONNECTION_AGE) => {} }
            };
            tokio::select! {
                () = drive(connection, life) => {}
                () = place.given_way() => {
                    let what = "too many connections; one that had proven nothing lately was closed";
                    terms.note(what, "the idlest of the address with most", Some(from));
                }
            }
        });
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(timeouts.grace, connections.wait()).await.is_err() {
        warn!("requests were still open at the end of the grace time");
    }
}

/// Answers one request, late if too many wrong ones came from where it comes from.
async fn answer(
    router: Router,
    mut request: Request<Incoming>,
    peer: Peer,
    place: &Share,
    tries: &WrongTries,
) -> Result<Response, Infallible> {
    place.touch();
    request.extensions_mut().insert(peer.clone());
    let response = router.oneshot(request).await?;
    place.rest();
    if response.status() == StatusCode::UNAUTHORIZED && tries.are_too_many(&peer, Instant::now()) {
        tokio::time::sleep(WRONG_TRY_DELAY).await;
    }
    Ok(response)
}

/// Answers on one connection until it ends or its `life` does. A request in hand is still answered.
async fn drive<S>(connection: http1::Connection<Stream, S>, life: impl Future<Output = ()>)
where
    S: HttpService<Incoming, ResBody = Body>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = life => {
            connection.as_mut().graceful_shutdown();
            match tokio::time::timeout(DRAIN_TIMEOUT, connection).await {
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
            drive(connection, life).await;
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
