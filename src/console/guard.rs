//! Who may come in, and from where: goes over every request before a route sees it, and over every answer.
//!
//! Without a token only this machine may ask, so a name that is not this machine's own is refused: that
//! is how a page on the internet would reach a loopback listener (DNS rebinding). A request that a proxy has
//! passed on is refused too: a proxy on this machine speaks for the whole world. With a token, every route
//! needs it; browsers send it as a Basic password, which they also add to requests that another site makes
//! them send, so a change is only taken from our own pages or from something that is no browser.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, Version, header};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::Console;
use crate::peer::Peer;
use crate::problem::Problem;

/// Everything comes from this server, nothing is inline, and nothing may frame it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// What a browser is asked to show; a browser takes the first.
const CHALLENGE: &str = r#"Basic realm="warroom", Bearer"#;
/// Beginnings of the names of headers that proxies add.
const OF_PROXIES: [&str; 12] = [
    "x-forwarded",
    "forwarded",
    "via",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-original-",
    "x-envoy-",
    "x-amzn-",
    "true-client-ip",
    "cf-",
    "cdn-",
];
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

pub(super) async fn guard(State(console): State<Arc<Console>>, request: Request, next: Next) -> Response {
    let mut response = match admit(console.token.as_ref(), &request) {
        Ok(()) => {
            if let Some(peer) = Peer::of(request.extensions()) {
                peer.prove();
            }
            next.run(request).await
        }
        Err((problem, refusal)) => {
            let peer = Peer::of(request.extensions()).map(|peer| peer.client);
            console.metrics.count_console_refusal(problem.code(), peer, console.clock.now());
            refusal
        }
    };
    harden(response.headers_mut());
    response
}

#[expect(clippy::result_large_err, reason = "the answer is made once per refused request")]
fn admit(token: Option<&SecretString>, request: &Request) -> Result<(), (Problem, Response)> {
    let (method, headers) = (request.method(), request.headers());
    match token {
        Some(token) if !shows(headers, token) => {
            let mut refusal = Problem::Unauthorized
                .with("show `server.admin_token`, as a Bearer token or as the password of any user");
            refusal.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(CHALLENGE));
            return Err((Problem::Unauthorized, refusal));
        }
        None if !is_asked_locally(headers) => {
            let detail = "without `server.admin_token` only localhost is answered; set a token to use a name";
            return Err((Problem::WrongHost, Problem::WrongHost.with(detail)));
        }
        None if !is_direct(request) => {
            let detail = "without `server.admin_token` no request is answered that came through a proxy";
            return Err((Problem::NeedsLogin, Problem::NeedsLogin.with(detail)));
        }
        Some(_) | None => {}
    }
    let changes_nothing = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    if !changes_nothing && !is_same_site(headers) {
        return Err((Problem::CrossSite, Problem::CrossSite.into_response()));
    }
    Ok(())
}

/// Answers hold names and messages: not for caches, frames, other sites or guesses at their type.
fn harden(headers: &mut HeaderMap) {
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// The only value of a header that must not come twice.
fn sole(headers: &HeaderMap, name: HeaderName) -> Option<&HeaderValue> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())
}

/// Whether the request shows the token.
fn shows(headers: &HeaderMap, token: &SecretString) -> bool {
    let Some(value) = sole(headers, header::AUTHORIZATION) else { return false };
    let value = value.as_bytes();
    let Some(space) = value.iter().position(|b| *b == b' ') else { return false };
    let (scheme, rest) = value.split_at(space);
    let given = rest.trim_ascii();
    if scheme.eq_ignore_ascii_case(b"bearer") {
        return is_token(given, token);
    }
    if !scheme.eq_ignore_ascii_case(b"basic") {
        return false;
    }
    let Ok(decoded) = STANDARD.decode(given) else { return false };
    let password = decoded.iter().position(|b| *b == b':').and_then(|colon| decoded.get(colon + 1..));
    password.is_some_and(|password| is_token(password, token))
}

/// Both sides are hashed first, so that neither content nor length shows in the time it takes. An empty
/// token lets nobody in.
fn is_token(given: &[u8], token: &SecretString) -> bool {
    let token = token.expose_secret().as_bytes();
    let equal = Sha256::digest(given).ct_eq(&Sha256::digest(token));
    bool::from(equal) && !token.is_empty()
}

/// Whether the name in `Host` can only be this machine.
fn is_asked_locally(headers: &HeaderMap) -> bool {
    let Some(host) = host(headers) else { return false };
    let name = host.host().trim_start_matches('[').trim_end_matches(']');
    let is_localhost = name.eq_ignore_ascii_case("localhost")
        || name.len() > ".localhost".len()
            && name
                .get(name.len() - ".localhost".len()..)
                .is_some_and(|end| end.eq_ignore_ascii_case(".localhost"));
    is_localhost || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Whether somebody on this machine asks by himself, as far as can be seen: a proxy that adds no header and
/// speaks HTTP/1.1 cannot be told from a program.
fn is_direct(request: &Request) -> bool {
    let is_here = Peer::of(request.extensions()).is_some_and(|peer| peer.connected.is_loopback());
    let of_a_proxy = |name: &HeaderName| OF_PROXIES.iter().any(|start| name.as_str().starts_with(start));
    // Nobody but proxies, nginx among them, speaks HTTP/1.0 any more.
    is_here && request.version() >= Version::HTTP_11 && !request.headers().keys().any(of_a_proxy)
}

fn host(headers: &HeaderMap) -> Option<Authority> {
    let text = sole(headers, header::HOST)?.to_str().ok()?;
    text.parse::<Authority>().ok().filter(|a| !a.as_str().contains('@'))
}

/// Whether a change is asked by one of our own pages, or by something that is no browser. Every browser
/// of the last years sends `Sec-Fetch-Site`; older ones send `Origin` with every change.
fn is_same_site(headers: &HeaderMap) -> bool {
    let site_fits = match headers.get(FETCH_SITE) {
        None => true,
        Some(site) => site == "same-origin" || site == "none",
    };
    let origin_fits = match headers.get(header::ORIGIN) {
        None => true,
        Some(origin) => origin
            .to_str()
            .ok()
            .and_then(|text| text.parse::<Uri>().ok())
            .zip(host(headers))
            .is_some_and(|(origin, host)| is_at(&origin, &host)),
    };
    site_fits && origin_fits
}

/// Whether an origin is at this host. The scheme is not compared: TLS may end before us.
fn is_at(origin: &Uri, host: &Authority) -> bool {
    let usual = match origin.scheme_str() {
        Some("http") => 80,
        Some("https") => 443,
        _ => return false,
    };
    let port = |port: Option<u16>| port.unwrap_or(usual);
    origin.host().is_some_and(|name| name.eq_ignore_ascii_case(host.host()))
        && port(origin.port_u16()) == port(host.port_u16())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_str(v).unwrap())).collect()
    }

    #[test]
    fn only_names_of_this_machine_count_as_local() {
        for host in
            ["localhost", "LOCALHOST:9090", "127.0.0.1:9090", "127.8.8.8", "[::1]:9090", "a.localhost"]
        {
            assert!(is_asked_locally(&headers(&[("host", host)])), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "localhost.evil.example",
            "10.0.0.1",
            "0.0.0.0",
            "x@localhost",
            ".localhost",
            "[::2]",
        ] {
            assert!(!is_asked_locally(&headers(&[("host", host)])), "{host}");
        }
        assert!(!is_asked_locally(&headers(&[])));
        let mut twice = headers(&[("host", "localhost")]);
        twice.append("host", HeaderValue::from_static("evil.example"));
        assert!(!is_asked_locally(&twice));
    }

    #[test]
    fn changes_come_from_our_own_pages_or_from_no_browser() {
        let here = ("host", "ops.example:9090");
        for good in [
            vec![here],
            vec![here, ("sec-fetch-site", "same-origin")],
            vec![here, ("sec-fetch-site", "none")],
            vec![here, ("origin", "http://ops.example:9090")],
            vec![("host", "ops.example"), ("origin", "https://ops.example")],
            vec![("host", "ops.example:443"), ("origin", "https://ops.example")],
        ] {
            assert!(is_same_site(&headers(&good)), "{good:?}");
        }
        for bad in [
            vec![here, ("sec-fetch-site", "cross-site")],
            vec![here, ("sec-fetch-site", "same-site")],
            vec![here, ("sec-fetch-site", "")],
            vec![here, ("origin", "null")],
            vec![here, ("origin", "http://ops.example")],
            vec![here, ("origin", "http://ops.example.evil:9090")],
            vec![here, ("origin", "file://ops.example:9090")],
            vec![here, ("sec-fetch-site", "same-origin"), ("origin", "http://evil.example")],
            vec![("origin", "http://ops.example:9090")],
        ] {
            assert!(!is_same_site(&headers(&bad)), "{bad:?}");
        }
    }

    #[test]
    fn an_empty_token_lets_nobody_in() {
        assert!(!is_token(b"", &SecretString::from("")));
    }

    #[test]
    fn a_password_may_hold_colons_and_a_header_must_not_come_twice() {
        let token = SecretString::from("a:b");
        let value = format!("Basic {}", STANDARD.encode("anyone:a:b"));
        let mut once = headers(&[("authorization", &value)]);
        assert!(shows(&once, &token));
        once.append("authorization", HeaderValue::from_static("Bearer x"));
        assert!(!shows(&once, &token));
    }

    proptest! {
        #[test]
        fn a_token_is_shown_exactly_when_it_is_equal(given in "[ab]{0,4}", token in "[ab]{1,4}") {
            prop_assert_eq!(is_token(given.as_bytes(), &SecretString::from(token.clone())), given == token);
        }

        #[test]
        fn no_header_breaks_the_guard(host in "[!-~]{0,40}", origin in "[ -~]{0,40}", credentials in "[ -~]{0,40}") {
            let given = headers(&[("host", &host), ("origin", &origin), ("authorization", &credentials)]);
            let _ = is_asked_locally(&given);
            let _ = is_same_site(&given);
            prop_assert!(!shows(&given, &SecretString::from("a token longer than any header given here, by far")));
        }
    }
}
