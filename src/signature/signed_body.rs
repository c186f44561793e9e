//! HMAC-SHA256 of the body in one header: GitHub (`sha256=` and hex), Sentry, Checkly, Splunk Observability
//! (base64); Grafana, which can sign a time and a colon before the body; `GitGuardian`, whose key begins with the time.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName};
use secrecy::{ExposeSecret, SecretString};

use super::mac::{self, SignedTime};
use super::{
    Before, CannotSign, Encoding, Evidence, RawHook, Rejected, TimestampHeader, plain_value, sole_text,
};
use crate::clock::{SignedDuration, Timestamp};

/// How the signature is carried.
pub(super) struct Form<'a> {
    pub(super) header: &'a HeaderName,
    pub(super) encoding: Encoding,
    pub(super) prefix: &'a str,
    pub(super) timestamp: Option<&'a TimestampHeader>,
}

pub(super) fn verify(
    hook: &RawHook,
    secrets: &[SecretString],
    form: &Form<'_>,
    tolerance: SignedDuration,
    now: Timestamp,
) -> Result<Evidence, Rejected> {
    let text = sole_text(&hook.headers, form.header)?;
    let text = text.strip_prefix(form.prefix).ok_or(Rejected::Malformed)?;
    let signature = match form.encoding {
        Encoding::Hex => hex::decode(text).ok(),
        Encoding::Base64 => STANDARD.decode(text).ok(),
    };
    let signatures = [signature.ok_or(Rejected::Malformed)?];
    // None of them may be empty: behind a time that would be a key that everybody knows.
    let secrets = secrets.iter().map(|s| s.expose_secret().as_bytes()).filter(|secret| !secret.is_empty());
    let check = |keys: Vec<Vec<u8>>, parts: &[&[u8]]| {
        if mac::any_matches(&mac::macs(keys, parts), &signatures) { Ok(()) } else { Err(Rejected::Wrong) }
    };
    let body: &[u8] = &hook.body;
    let replay_key = match form.timestamp {
        None => {
            check(secrets.map(<[u8]>::to_vec).collect(), &[body])?;
            mac::replay_key("body", &[body])
        }
        Some(TimestampHeader { header, before }) => {
            let time = SignedTime::read(&hook.headers, header)?;
            let text = time.text.as_bytes();
            let parts = match before {
                Before::Body(separator) => [text, separator.as_bytes(), body],
                Before::Secret => [text, b"", body],
            };
            match before {
                Before::Body(_) => check(secrets.map(<[u8]>::to_vec).collect(), &parts)?,
                Before::Secret => check(secrets.map(|secret| [text, secret].concat()).collect(), &[body])?,
            }
            time.check_fresh(now, tolerance)?;
            mac::replay_key("time and body", &parts)
        }
    };
    Ok(Evidence { replay_key: Some(replay_key), ..Evidence::default() })
}

pub(super) fn sign(
    body: &[u8],
    secret: &str,
    form: &Form<'_>,
    now: Timestamp,
) -> Result<HeaderMap, CannotSign> {
    let mut headers = HeaderMap::new();
    let signature = match form.timestamp {
        None => mac::signature(secret.as_bytes(), &[body]),
        Some(TimestampHeader { header, before }) => {
            let time = now.as_second().to_string();
            headers.insert(header.clone(), plain_value(&time)?);
            match before {
                Before::Body(separator) => {
                    mac::signature(secret.as_bytes(), &[time.as_bytes(), separator.as_bytes(), body])
                }
                Before::Secret => mac::signature(format!("{time}{secret}").as_bytes(), &[body]),
            }
        }
    };
    let text = match form.encoding {
        Encoding::Hex => hex::encode(signature),
        Encoding::Base64 => STANDARD.encode(signature),
    };
    headers.insert(form.header.clone(), plain_value(&format!("{}{text}", form.prefix))?);
    Ok(headers)
}
