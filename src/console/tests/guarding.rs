//! Who is let in.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::console::routes;

/// Every path there is, with something in the gaps, and one that is none.
fn paths() -> Vec<String> {
    let fill = |path: &str| {
        path.replace("{id}", "INCIDENT-1").replace("{action}", "cancel").replace("{name}", "console.css")
    };
    routes().iter().map(|(path, _)| fill(path)).chain(["/nothing".to_owned()]).collect()
}

fn request(method: &str, path: &str, headers: &[(&str, &str)]) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::empty()).unwrap()
}

#[tokio::test]
async fn with_a_token_nothing_is_answered_without_it() {
    let desk = Desk::with_token(Some(TOKEN));
    let basic = |password: &str| format!("Basic {}", STANDARD.encode(format!("ops:{password}")));
    let wrong = [
        String::new(),
        "Bearer".to_owned(),
        "Bearer wrong".to_owned(),
        format!("Bearer {TOKEN}x"),
        format!("Bearer {}", TOKEN.to_uppercase()),
        format!("Digest {TOKEN}"),
        basic("wrong"),
        format!("Basic {TOKEN}"),
        "Basic !!!".to_owned(),
        format!("Basic {}", STANDARD.encode(TOKEN)),
    ];
    for path in paths() {
        for method in ["GET", "POST", "PUT"] {
            let bare = desk.ask(request(method, &path, &[("host", "ops.example")])).await;
            assert_eq!(bare.problem(), (401, "unauthorized".into()), "{method} {path}");
            assert_eq!(bare.headers["www-authenticate"], r#"Basic realm="warroom", Bearer"#);
            for value in &wrong {
                let headers = [("host", "ops.example"), ("authorization", value.as_str())];
                let reply = desk.ask(request(method, &path, &headers)).await;
                assert_eq!(reply.status, 401, "{method} {path} {value}");
                assert!(!reply.text.contains(TOKEN));
            }
        }
    }
}

#[tokio::test]
async fn the_token_opens_as_bearer_and_as_any_users_password() {
    let desk = Desk::with_token(Some(TOKEN));
    for value in [
        format!("Bearer {TOKEN}"),
        format!("bearer   {TOKEN}"),
        format!("Basic {}", STANDARD.encode(format!("anyone:{TOKEN}"))),
        format!("basic {}", STANDARD.encode(format!(":{TOKEN}"))),
    ] {
        let headers = [("host", "ops.example"), ("authorization", value.as_str())];
        assert_eq!(desk.ask(request("GET", "/", &headers)).await.status, 200, "{value}");
    }
}

#[tokio::test]
async fn without_a_token_only_names_of_this_machine_are_answered() {
    let desk = Desk::open();
    for path in paths() {
        for host in ["evil.example", "10.1.2.3:9090", "localhost.evil.example"] {
            let reply = desk.ask(request("GET", &path, &[("host", host)])).await;
            assert_eq!(reply.problem(), (403, "wrong_host".into()), "{path} {host}");
        }
        assert_eq!(desk.ask(request("GET", &path, &[])).await.status, 403, "{path}");
    }
    for host in ["localhost:9090", "127.0.0.1:9090", "[::1]:9090"] {
        assert_eq!(desk.ask(request("GET", "/", &[("host", host)])).await.status, 200, "{host}");
    }
}

#[tokio::test]
async fn without_a_token_nothing_is_answered_through_a_proxy() {
    let (open, closed) = (Desk::open(), Desk::with_token(Some(TOKEN)));
    let bearer = format!("Bearer {TOKEN}");
    let here = [("host", "localhost:9090"), ("authorization", bearer.as_str())];
    let with = |header| request("GET", "/", &[&here[..], &[header]].concat());
    let mut proxied: Vec<Request<Body>> = [
        ("x-forwarded-for", "203.0.113.9"),
        ("x-forwarded-proto", "https"),
        ("forwarded", "for=203.0.113.9"),
        ("via", "1.1 edge"),
        ("x-real-ip", "203.0.113.9"),
        ("cf-connecting-ip", "203.0.113.9"),
    ]
    .map(with)
    .into();
    // A proxy that adds nothing still speaks HTTP/1.0, or comes from elsewhere.
    let mut old = request("GET", "/", &here);
    *old.version_mut() = http::Version::HTTP_10;
    let mut elsewhere = request("GET", "/", &here);
    elsewhere.extensions_mut().insert(Peer::direct([203, 0, 113, 9].into()));
    proxied.extend([old, elsewhere]);
    for request in proxied {
        let told = format!("{request:?}");
        let request = request.map(|_| ());
        let copy = || request.clone().map(|()| Body::empty());
        assert_eq!(open.ask(copy()).await.problem(), (403, "needs_login".into()), "{told}");
        assert_eq!(closed.ask(copy()).await.status, 200, "{told}");
    }
    let counted = crate::telemetry::RefusalLabels { reason: "needs_login" };
    assert_eq!(open.console.metrics.console_refused.get_or_create(&counted).get(), 8);
}

#[tokio::test]
async fn another_site_changes_nothing() {
    let desk = Desk::with_token(Some(TOKEN));
    let id = desk.live("Checkout is down").await;
    let path = format!("/api/rooms/{id}/cancel");
    let authorization = format!("Bearer {TOKEN}");
    let asked = |extra: &[(&'static str, &'static str)]| {
        let mut headers = vec![("host", "ops.example"), ("authorization", authorization.as_str())];
        headers.extend(extra);
        request("POST", &path, &headers)
    };
    for extra in [
        [("sec-fetch-site", "cross-site")],
        [("sec-fetch-site", "same-site")],
        [("origin", "https://evil.example")],
        [("origin", "null")],
    ] {
        assert_eq!(desk.ask(asked(&extra)).await.problem(), (403, "cross_site".into()), "{extra:?}");
    }
    assert_eq!(desk.wish(id).await, None);
    assert!(!desk.was_rung());
    let own = [("sec-fetch-site", "same-origin"), ("origin", "https://ops.example")];
    assert_eq!(desk.ask(asked(&own)).await.status, 202);
    assert_eq!(desk.wish(id).await, Some(Wish::Cancel));
}

#[tokio::test]
async fn every_answer_carries_the_headers_that_keep_it_to_itself() {
    let open = Desk::open();
    let closed = Desk::with_token(Some(TOKEN));
    for path in paths() {
        for desk in [&open, &closed] {
            let reply = desk.get(&path).await;
            let policy = reply.headers["content-security-policy"].to_str().unwrap();
            assert!(policy.starts_with("default-src 'none';") && policy.contains("frame-ancestors 'none'"));
            assert!(!policy.contains("unsafe"));
            assert_eq!(reply.headers["x-content-type-options"], "nosniff");
            assert_eq!(reply.headers["referrer-policy"], "no-referrer");
            assert_eq!(reply.headers["cache-control"], "no-store");
            assert!(!reply.headers.contains_key("access-control-allow-origin"));
        }
    }
}
