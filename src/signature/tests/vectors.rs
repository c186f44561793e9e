//! Known answers, published by vendors or computed with another implementation.

use super::*;

/// A request, what it is judged by, and which header holds the signature.
struct Vector {
    verifier: Verifier,
    headers: Vec<(&'static str, &'static str)>,
    body: &'static str,
    now: Timestamp,
}

impl Vector {
    fn hook(&self) -> RawHook {
        hook(&self.headers, self.body)
    }
}

fn vectors() -> Vec<Vector> {
    let mut all = of_standard_webhooks();
    all.extend(of_github());
    all.extend(of_grafana());
    all.extend(of_others());
    all.extend(of_checkers_and_incident_tools());
    all
}

/// Standard Webhooks' and Svix's own test suites have the first two; the last was computed independently.
fn of_standard_webhooks() -> Vec<Vector> {
    let mut all = Vec::new();
    for (secret, id, time, body, signature) in [
        (
            "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
            "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
            "1649367553",
            r#"{"email":"test@example.com","username":"test_user"}"#,
            "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
        ),
        (
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "1614265330",
            r#"{"test": 2432232314}"#,
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        ),
        (
            "whsec_dGVzdC1zZWNyZXQtMzItYnl0ZXMtbG9uZy1lbm91Z2g=",
            "msg_0001",
            "1767225600",
            ACTION,
            "v1,8hgjJCU9fOu/iS4VklwA60BzWnJ9MNYtDmVnBrX1d/4=",
        ),
    ] {
        for family in [
            ["webhook-id", "webhook-timestamp", "webhook-signature"],
            ["svix-id", "svix-timestamp", "svix-signature"],
        ] {
            all.push(Vector {
                verifier: standard(&[secret]),
                headers: family.into_iter().zip([id, time, signature]).collect(),
                body,
                now: at(time.parse().unwrap()),
            });
        }
    }
    all
}

/// GitHub's documentation has the first; the others were computed independently.
fn of_github() -> Vec<Vector> {
    let mut all = Vec::new();
    for (secret, body, signature) in [
        (
            "It's a Secret to Everybody",
            "Hello, World!",
            "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        ),
        ("test-secret", ACTION, "sha256=9fe472f290248c354c1275e312e291362255ec0de32f146a650e396c32b47725"),
        (
            "test-secret",
            r#"{"msg":"🔴 Down – café"}"#,
            "sha256=4283fec3a7b818c16537ed7f8f35b8e1f61d82b6846bb483114b9d03dc43a200",
        ),
    ] {
        all.push(Vector {
            verifier: github(&[secret]),
            headers: vec![("X-Hub-Signature-256", signature)],
            body,
            now: at(0),
        });
    }
    all
}

/// Inputs of Grafana's own tests; digests computed independently.
fn of_grafana() -> Vec<Vector> {
    let mut all = Vec::new();
    for (secret, time, body, signature) in [
        ("secret", None, "test message", "3bcebf43c85d20bba6e3b6ba278af1d2ba3ab0d57de271b0ad30b833e851c5a6"),
        (
            "secret",
            Some("0"),
            "test message",
            "ac18a483a582b60a883e974541afe25aa1026136163e94665649743324183ef1",
        ),
        ("secret", None, "", "f9e66e179b6747ae54108f82f8ade8b3c25d76fd30afde6c395822c530196169"),
        ("secret", Some("0"), "", "e2f315c3aecb48bf08e9308c9c9637aaac3a16d0d7499de2cdc6ecd924064632"),
        ("test-secret", None, ACTION, "9fe472f290248c354c1275e312e291362255ec0de32f146a650e396c32b47725"),
        (
            "test-secret",
            Some("1767225600"),
            ACTION,
            "677253fc0bf7a9bbfbb6ec5e92a11e96c69b88d500b196e9487772a2e2dd2efa",
        ),
    ] {
        let mut headers: Vec<_> = time.map(|t| (GRAFANA_TIME, t)).into_iter().collect();
        headers.push((GRAFANA, signature));
        all.push(Vector {
            verifier: grafana(secret, time.is_some()),
            headers,
            body,
            now: at(time.unwrap_or("0").parse().unwrap()),
        });
    }
    all
}

/// Sentry (bare hexadecimal), Splunk Observability (base64) and PagerDuty, computed independently.
fn of_others() -> Vec<Vector> {
    let mut all = Vec::new();
    for (body, signature) in [
        (ACTION, "81d5f0a2da7ede225b0ff9eea7dd76af3c4daed906735393eeec15b0bea13afb"),
        ("", "cff7ccd625537ce1a726fd29f7fc4beca8a15c96b6c9ee9b9461e149f57d4e88"),
    ] {
        all.push(Vector {
            verifier: hmac(&["test-client-secret"], "sentry-hook-signature", Encoding::Hex, None),
            headers: vec![("Sentry-Hook-Signature", signature)],
            body,
            now: at(0),
        });
    }
    all.push(Vector {
        verifier: hmac(&["test-shared-secret"], "x-sfx-signature", Encoding::Base64, None),
        headers: vec![("X-SFX-Signature", "p1OQoV68pnA1ZE6ilshUUDxCIx3Mk2OF3BIKmcoQ/fQ=")],
        body: ACTION,
        now: at(0),
    });
    all.push(Vector {
        verifier: pagerduty(&[PAGERDUTY_SECRET]),
        headers: vec![("X-PagerDuty-Signature", PAGERDUTY_GOOD)],
        body: PAGERDUTY_BODY,
        now: at(0),
    });
    all
}

/// Checkly and FireHydrant (bare hexadecimal), Rootly (nothing between time and body), computed independently;
/// Hook0 (a full stop), from its own test suite.
fn of_checkers_and_incident_tools() -> Vec<Vector> {
    const ROOTLY_BODY: &str = r#"{"event":{"type":"incident.created","id":"evt-123","issued_at":"2025-01-01T00:00:00Z"},"data":{"id":"inc-123","title":"Test Incident","status":"started"}}"#;
    let bare = "9fe472f290248c354c1275e312e291362255ec0de32f146a650e396c32b47725";
    let mut all = Vec::new();
    for header in ["x-checkly-signature", "fh-signature"] {
        all.push(Vector {
            verifier: hmac(&["test-secret"], header, Encoding::Hex, None),
            headers: vec![(header, bare)],
            body: ACTION,
            now: at(0),
        });
    }
    all.push(Vector {
        verifier: items(&["test-secret"], ""),
        headers: vec![(
            "X-Rootly-Signature",
            "t=1234567890,v1=ea53e56518d4f6e0a7ce81620075c5da583519f76e2c9df74be1e5fcd988daaf",
        )],
        body: ROOTLY_BODY,
        now: at(1_234_567_890),
    });
    // GitGuardian, whose header's name and prefix are not known for certain: the digest is what counts here.
    let mut gitguardian = hmac(&["test-token"], "gitguardian-signature", Encoding::Hex, Some("sha256="));
    if let Scheme::Hmac { timestamp, .. } = &mut gitguardian.scheme {
        let header = HeaderName::from_static("timestamp");
        *timestamp = Some(TimestampHeader { header, before: Before::Secret });
    }
    all.push(Vector {
        verifier: gitguardian,
        headers: vec![
            ("timestamp", "1767225600"),
            (
                "gitguardian-signature",
                "sha256=d7767bcb73e9ab07a103538b8c1ff152a4b1313f18edca013b727e482dffaa8c",
            ),
        ],
        body: ACTION,
        now: at(1_767_225_600),
    });
    let mut hook0 = items(&["secret"], ".");
    if let Scheme::HmacItems { header, signature, .. } = &mut hook0.scheme {
        *header = HeaderName::from_static("x-hook0-signature");
        "v0".clone_into(signature);
    }
    all.push(Vector {
        verifier: hook0,
        headers: vec![(
            "X-Hook0-Signature",
            "t=1636936200,v0=1b3d69df55f1e52f05224ba94a5162abeb17ef52cd7f4948c390f810d6a87e98",
        )],
        body: "hello !",
        now: at(1_636_936_200),
    });
    all
}

#[test]
fn rootly_puts_nothing_between_time_and_body() {
    // Two receivers in the wild insert a full stop; the vendor's documentation does not.
    let dotted = "t=1234567890,v1=87023bd3f03b489945004d4106164685f5943c4a0b4c30da553f24f531556fb6";
    let now = at(1_234_567_890);
    let body = of_checkers_and_incident_tools()
        .into_iter()
        .find(|v| v.headers.iter().any(|(name, _)| *name == "X-Rootly-Signature"))
        .unwrap()
        .body;
    let raw = || hook(&[("x-rootly-signature", dotted)], body);
    assert_eq!(refusal(raw(), &items(&["test-secret"], ""), now), Rejected::Wrong);
    verify(raw(), &items(&["test-secret"], "."), now).unwrap();
}

/// `printf %s testusertestapikey | md5sum`.
#[test]
fn statuscakes_token_verifies_and_no_other() {
    let verifier = Verifier::new(Scheme::FormField {
        name: "Token".to_owned(),
        secrets: secrets(&["9ddb5c4f6edaadd96cc142c6c742a6bf"]),
    });
    let form = "URL=https%3A%2F%2Fshop.example&Token=9ddb5c4f6edaadd96cc142c6c742a6bf&Status=Down";
    verify(hook(&[], form), &verifier, at(0)).unwrap();
    let at_token = form.find("9ddb").unwrap();
    for bit in at_token * 8..(at_token + 32) * 8 {
        let mut changed = form.as_bytes().to_vec();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(verify(hook(&[], changed), &verifier, at(0)).is_err());
    }
}

/// The secret of PagerDuty's published vector: base64 by looks, used as text. The body is our own and its
/// signature was computed independently.
pub(super) const PAGERDUTY_SECRET: &str = "lDQHScfUeXUKaQRNF+8XIiDKZ7XX3itBAYzwU0TARw8lJqRnkKl2iB1anSb0Z+IK";
pub(super) const PAGERDUTY_BODY: &str = r#"{"event":{"id":"01WARROOM","event_type":"pagey.ping"}}"#;
pub(super) const PAGERDUTY_GOOD: &str = "v1=75b4aa3edadd9650a7d81c87baf7061f78382bac94bcdfc4357a97961dbf7bcf";
pub(super) const PAGERDUTY_BAD: &str = "v1=7020c8a7ec668a9b7012bc3dd82e483394b038f4230acc6785efbf2a7d8bcaf5";

#[test]
fn every_known_answer_verifies() {
    for vector in vectors() {
        verify(vector.hook(), &vector.verifier, vector.now)
            .unwrap_or_else(|why| panic!("{:?}: {why}", vector.headers));
    }
}

#[test]
fn every_known_answer_fails_with_any_bit_of_the_body_changed() {
    for vector in vectors() {
        for bit in 0..vector.body.len() * 8 {
            let mut raw = vector.hook();
            let mut body = raw.body.to_vec();
            body[bit / 8] ^= 1 << (bit % 8);
            raw.body = body.into();
            assert_eq!(refusal(raw, &vector.verifier, vector.now), Rejected::Wrong);
        }
        let mut longer = vector.hook();
        longer.body = format!("{} ", vector.body).into();
        assert_eq!(refusal(longer, &vector.verifier, vector.now), Rejected::Wrong);
    }
}

#[test]
fn every_known_answer_fails_with_any_bit_of_any_header_changed() {
    for vector in vectors() {
        for (name, value) in &vector.headers {
            for bit in 0..value.len() * 8 {
                let mut changed = value.as_bytes().to_vec();
                changed[bit / 8] ^= 1 << (bit % 8);
                let Ok(changed) = HeaderValue::from_bytes(&changed) else {
                    continue;
                };
                // The other case of a hexadecimal digit is the same signature.
                let is_hex = hex::decode(value.rsplit('=').next().unwrap_or_default()).is_ok();
                if is_hex && changed.as_bytes().eq_ignore_ascii_case(value.as_bytes()) {
                    continue;
                }
                let mut raw = vector.hook();
                raw.headers.insert(name.parse::<HeaderName>().unwrap(), changed);
                assert!(verify(raw, &vector.verifier, vector.now).is_err(), "{name}: {value}, bit {bit}");
            }
        }
    }
}

#[test]
fn every_known_answer_fails_without_or_with_another_or_an_empty_secret() {
    for vector in vectors() {
        for texts in [&[][..], &["another"], &["", ""], &["whsec_"], &["whsec_AAAA"]] {
            let mut verifier = vector.verifier.clone();
            match &mut verifier.scheme {
                Scheme::Hmac { secrets: s, .. }
                | Scheme::HmacItems { secrets: s, .. }
                | Scheme::PagerDuty { secrets: s }
                | Scheme::StandardWebhooks { secrets: s } => *s = secrets(texts),
                other => panic!("{other:?}"),
            }
            assert_eq!(refusal(vector.hook(), &verifier, vector.now), Rejected::Wrong);
        }
    }
}

#[test]
fn without_its_headers_a_request_is_missing_its_proof() {
    for vector in vectors() {
        assert_eq!(refusal(hook(&[], vector.body), &vector.verifier, vector.now), Rejected::Missing);
    }
}

#[test]
fn a_header_given_twice_is_refused_even_if_both_are_right() {
    for vector in vectors() {
        for (name, value) in &vector.headers {
            let mut raw = vector.hook();
            raw.headers.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_static(value));
            assert_eq!(refusal(raw, &vector.verifier, vector.now), Rejected::Malformed);
        }
    }
}
