//! Who is at the other end of a request.
//!
//! Actors: [`Proxies`] says whose word about that is taken; [`Peer`] is what it comes to, which the listener adds to
//! every request; [`WrongTries`] remembers where wrong secrets come from.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hashlink::LruCache;
use http::{Extensions, HeaderMap, HeaderName};
use ipnet::{IpNet, Ipv6Net};

use crate::fair_share::{Share, Standing};

/// Who is at the other end.
#[derive(Debug, Clone)]
pub struct Peer {
    /// The other end of the connection.
    pub connected: IpAddr,
    /// Who sent the request: the other end, or whom a trusted proxy there names.
    pub client: IpAddr,
    connection: Option<Arc<Share>>,
}

impl Peer {
    /// Somebody who speaks to us without a proxy.
    #[must_use]
    pub fn direct(address: IpAddr) -> Self {
        let address = address.to_canonical();
        Self { connected: address, client: address, connection: None }
    }

    /// Somebody on this machine.
    #[must_use]
    pub fn here() -> Self {
        Self::direct(IpAddr::V4(Ipv4Addr::LOCALHOST))
    }

    /// The same, on a connection that may have to give way to others.
    #[must_use]
    pub fn on(self, connection: Arc<Share>) -> Self {
        Self { connection: Some(connection), ..self }
    }

    /// Whose request this is, if it came in by a listener.
    #[must_use]
    pub fn of(extensions: &Extensions) -> Option<&Self> {
        extensions.get()
    }

    /// Whose share this is of what is shared by addresses.
    #[must_use]
    pub fn network(&self) -> IpAddr {
        network(self.client)
    }

    /// The request is proven: its connection gives way to nobody until it is answered, and to strangers never.
    pub fn prove(&self) {
        if let Some(connection) = &self.connection {
            connection.set(Standing::Kept);
        }
    }
}

/// What one holder has of addresses: all of an IPv6 network, in which anybody has as many as he likes.
#[must_use]
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Net::new(address, 64).map_or(address, |net| net.network()).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// Proxies before the listeners, and the header in which they say whom they speak for.
#[derive(Debug, Clone)]
pub struct Proxies {
    /// Where they are.
    pub trusted: Vec<IpNet>,
    /// Holds addresses, the one that the last proxy saw at the end.
    pub header: HeaderName,
}

impl Default for Proxies {
    fn default() -> Self {
        Self { trusted: Vec::new(), header: HeaderName::from_static("x-forwarded-for") }
    }
}

impl Proxies {
    /// Whether what is said at this address is believed.
    #[must_use]
    pub fn trust(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.trusted.iter().any(|net| net.contains(&address))
    }

    /// Who sent a request that came in from `connected`: the last address in the header that is no proxy's. What
    /// stands before it, its sender may have made up.
    #[must_use]
    pub fn peer(&self, connected: IpAddr, headers: &HeaderMap) -> Peer {
        let direct = Peer::direct(connected);
        if !self.trust(connected) {
            return direct;
        }
        let values: Vec<&str> =
            headers.get_all(&self.header).iter().map(|v| v.to_str().unwrap_or_default()).collect();
        let hops = values.iter().rev().flat_map(|value| value.rsplit(','));
        let mut client = direct.client;
        for hop in hops {
            let Some(address) = address(hop.trim()) else { break };
            client = address;
            if !self.trust(address) {
                break;
            }
        }
        Peer { client, ..direct }
    }
}

/// An address with or without a port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let parsed = bare.parse().or_else(|_no_address| text.parse().map(|at: SocketAddr| at.ip()));
    parsed.ok().map(|address: IpAddr| address.to_canonical())
}

/// Addresses remembered; the one that was quiet for longest is forgotten first.
const MOST_REMEMBERED: usize = 4096;
/// Wrong tries right after each other that cost nothing.
const FREE: u32 = 20;
/// How long it takes until there is one more of them.
const EARNED_IN: Duration = Duration::from_secs(1);

/// Where wrong secrets come from, and how many.
#[derive(Debug)]
pub struct WrongTries(Mutex<LruCache<IpAddr, Instant>>);

impl Default for WrongTries {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(MOST_REMEMBERED)))
    }
}

impl WrongTries {
    /// Counts one; whether that is too many by now.
    pub fn are_too_many(&self, peer: &Peer, now: Instant) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(until) = known.get_mut(&peer.network()) else {
            known.insert(peer.network(), now + EARNED_IN);
            return false;
        };
        if until.saturating_duration_since(now) >= EARNED_IN * FREE {
            return true;
        }
        *until = (*until).max(now) + EARNED_IN;
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn client(connected: &str, values: &[&str]) -> IpAddr {
        let trusted = ["10.0.0.0/8", "2001:db8:1::/48"].map(|net| net.parse().unwrap()).to_vec();
        let proxies = Proxies { trusted, ..Proxies::default() };
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("x-forwarded-for", HeaderValue::from_str(value).unwrap());
        }
        proxies.peer(ip(connected), &headers).client
    }

    #[test]
    fn the_last_hop_that_is_no_proxy_is_who_sent_it() {
        for (connected, values, expected) in [
            ("10.0.0.1", &["203.0.113.5"][..], "203.0.113.5"),
            ("::ffff:10.0.0.1", &["203.0.113.5"], "203.0.113.5"),
            ("10.0.0.1", &["198.51.100.9, 203.0.113.5"], "203.0.113.5"),
            ("10.0.0.1", &["198.51.100.9, 203.0.113.5, 10.2.0.1"], "203.0.113.5"),
            ("10.0.0.1", &["198.51.100.9", "203.0.113.5"], "203.0.113.5"),
            ("2001:db8:1::7", &["[2001:db8:9::1]:4711"], "2001:db8:9::1"),
            ("10.0.0.1", &["203.0.113.5:39000"], "203.0.113.5"),
            // Nobody else is believed.
            ("192.0.2.1", &["203.0.113.5"], "192.0.2.1"),
            // What cannot be read is not skipped: before it stands what its sender has made up.
            ("10.0.0.1", &["203.0.113.5, unknown"], "10.0.0.1"),
            ("10.0.0.1", &["203.0.113.5, unknown, 10.0.0.2"], "10.0.0.2"),
            ("10.0.0.1", &[""], "10.0.0.1"),
            ("10.0.0.1", &[], "10.0.0.1"),
        ] {
            assert_eq!(client(connected, values), ip(expected), "{connected} {values:?}");
        }
    }

    #[test]
    fn an_ipv6_network_is_one_holder() {
        assert_eq!(network(ip("2001:db8::1:2:3:4")), ip("2001:db8::"));
        assert_eq!(network(ip("::ffff:192.0.2.1")), ip("192.0.2.1"));
    }

    #[test]
    fn some_wrong_tries_are_free_and_then_one_a_second() {
        let (tries, begun) = (WrongTries::default(), Instant::now());
        let [peer, other] = ["192.0.2.1", "192.0.2.2"].map(|address| Peer::direct(ip(address)));
        let wrong = |peer: &Peer, after: u64| tries.are_too_many(peer, begun + Duration::from_secs(after));
        assert!((0..FREE).all(|_| !wrong(&peer, 0)));
        assert!(wrong(&peer, 0) && wrong(&peer, 0) && !wrong(&other, 0));
        assert!(!wrong(&peer, 1) && wrong(&peer, 1));
        assert!((0..FREE).all(|_| !wrong(&peer, 1000)));
    }

    #[test]
    fn addresses_without_number_are_not_all_remembered() {
        let (tries, now) = (WrongTries::default(), Instant::now());
        for n in 0..20_000_u32 {
            assert!(!tries.are_too_many(&Peer::direct(IpAddr::from(n.to_be_bytes())), now));
        }
        assert_eq!(tries.0.lock().unwrap().len(), MOST_REMEMBERED);
    }
}
