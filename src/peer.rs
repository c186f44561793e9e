//! Who is at the other end of a request.

use std::net::{IpAddr, Ipv4Addr};

use http::Extensions;

/// Who is at the other end; the listener adds it to every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// The other end of the connection.
    pub connected: IpAddr,
    /// Who sent the request, as far as anybody can know who is not lied to.
    pub client: IpAddr,
}

impl Peer {
    /// Somebody who speaks to us without a proxy.
    #[must_use]
    pub fn direct(address: IpAddr) -> Self {
        let address = address.to_canonical();
        Self { connected: address, client: address }
    }

    /// Somebody on this machine.
    #[must_use]
    pub fn here() -> Self {
        Self::direct(IpAddr::V4(Ipv4Addr::LOCALHOST))
    }

    /// Whose request this is, if it came in by a listener.
    #[must_use]
    pub fn of(extensions: &Extensions) -> Option<Self> {
        extensions.get().copied()
    }
}
