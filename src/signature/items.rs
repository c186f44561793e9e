//! A time and signatures as items of one header: `t=<unix seconds>,v1=<hex>[,v1=<hex>…]`. HMAC-SHA256 over the
//! time, a separator and the body: Rootly (nothing between), and the family of Stripe and Hook0 (a full stop).
//!
//! Several signatures come while a secret is being rotated. Items of other names are passed over, but there
//! may be only one time: with two, whoever is in between could choose which one counts.

use http::{HeaderMap, HeaderName};
use secrecy::{ExposeSecret, SecretString};

use super::mac::{self, SignedTime};
use super::{CannotSign, Evidence, RawHook, Rejected, plain_value, sole_text};
use crate::clock::{SignedDuration, Timestamp};

/// How the header is written.
pub(super) struct Form<'a> {
    pub(super) header: &'a HeaderName,
    pub(super) time: &'a str,
    pub(super) signature: &'a str,
    pub(super) separator: &'a str,
}

pub(super) fn verify(
    hook: &RawHook,
    secrets: &[SecretString],
    form: &Form<'_>,
    tolerance: SignedDuration,
    now: Timestamp,
) -> Result<Evidence, Rejected> {
    let items = || {
        let text = sole_text(&hook.headers, form.header)?;
        Ok(text.split(',').filter_map(|item| item.trim().split_once('=')))
    };
    let mut times = items()?.filter(|(name, _)| *name == form.time).map(|(_, value)| value);
    let time = SignedTime::parse(times.next().ok_or(Rejected::Malformed)?)?;
    if times.next().is_some() {
        return Err(Rejected::Malformed);
    }
    let signatures: Vec<Vec<u8>> = items()?
        .filter(|(name, _)| *name == form.signature)
        .filter_map(|(_, value)| hex::decode(value).ok())
        .collect();
    if signatures.is_empty() {
        return Err(Rejected::Malformed);
    }
    let parts = [time.text.as_bytes(), form.separator.as_bytes(), &hook.body];
    let keys = secrets.iter().map(|s| s.expose_secret().as_bytes());
    if !mac::any_matches(&mac::macs(keys, &parts), &signatures) {
        return Err(Rejected::Wrong);
    }
    time.check_fresh(now, tolerance)?;
    Ok(Evidence { replay_key: Some(mac::replay_key("time and body", &parts)), ..Evidence::default() })
}

pub(super) fn sign(
    body: &[u8],
    secret: &str,
    form: &Form<'_>,
    now: Timestamp,
) -> Result<HeaderMap, CannotSign> {
    let Form { header, time: time_item, signature: signature_item, separator } = form;
    let time = now.as_second().to_string();
    let signature =
        hex::encode(mac::signature(secret.as_bytes(), &[time.as_bytes(), separator.as_bytes(), body]));
    let mut headers = HeaderMap::new();
    headers
        .insert((*header).clone(), plain_value(&format!("{time_item}={time},{signature_item}={signature}"))?);
    Ok(headers)
}
