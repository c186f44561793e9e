//! An HTTP client that does nothing behind the caller's back: no redirects, no proxies, no retries, and a
//! time limit on everything.

use std::error::Error as _;
use std::sync::OnceLock;
use std::time::Duration;

use reqwest::{Certificate, Client, ClientBuilder, redirect, retry};

/// Node's HTTP server closes idle connections after 5 s; a request on a connection that is just being
/// closed dies in a way that looks like a lost answer.
const IDLE: Duration = Duration::from_secs(4);
/// Connecting takes this long at most, so that a dead host is known as *not sent* before the call's time
/// limit makes it *unknown*.
const CONNECT: Duration = Duration::from_secs(5);

/// A client for addresses of this scheme; `idle_per_host` connections are kept for a moment.
pub(super) fn client(scheme: &str, call_timeout: Duration, idle_per_host: usize) -> reqwest::Result<Client> {
    let builder = Client::builder()
        .http1_only()
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .no_proxy()
        .referer(false)
        .connect_timeout(CONNECT.min(call_timeout / 2))
        .timeout(call_timeout)
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(idle_per_host)
        .user_agent(concat!("warroom/", env!("CARGO_PKG_VERSION")));
    // A plain address never meets a certificate, and reading the machine's takes longer than many a call.
    let builder = if scheme == "http" { builder.tls_certs_only([]) } else { with_roots(builder) };
    builder.build()
}

/// Without any certificate authority on the machine the client could not even be built, so it brings some.
fn with_roots(builder: ClientBuilder) -> ClientBuilder {
    static MACHINE_HAS_ROOTS: OnceLock<bool> = OnceLock::new();
    let has_roots = || !rustls_native_certs::load_native_certs().certs.is_empty();
    if *MACHINE_HAS_ROOTS.get_or_init(has_roots) {
        return builder;
    }
    let own = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter();
    builder.tls_certs_merge(own.filter_map(|der| Certificate::from_der(der).ok()))
}

/// The kind of the I/O error at the bottom: a fixed phrase, unlike the error's own words.
pub(super) fn io_cause(error: &reqwest::Error) -> Option<std::io::ErrorKind> {
    let mut source = error.source();
    let mut found = None;
    while let Some(error) = source {
        found = error.downcast_ref::<std::io::Error>().map(std::io::Error::kind).or(found);
        source = error.source();
    }
    found.filter(|kind| *kind != std::io::ErrorKind::Other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_built_without_asking_for_the_machines_certificates() {
        let own = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter();
        let own: Vec<_> = own.filter_map(|der| Certificate::from_der(der).ok()).collect();
        assert!(own.len() > 50, "{}", own.len());
        Client::builder().tls_certs_only(own).build().unwrap();
    }
}
