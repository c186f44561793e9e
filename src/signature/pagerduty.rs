//! PagerDuty V3: `X-PagerDuty-Signature: v1=<hex>[,v1=<hex>…]`, HMAC-SHA256 of the raw body.
//!
//! The secret looks like base64, but its text is the key (PagerDuty's own Go library signs so). Several `v1`
//! items come while a secret is being rotated; other versions are passed over.

use http::{HeaderMap, HeaderName};
use secrecy::{ExposeSecret, SecretString};

use super::{CannotSign, Evidence, RawHook, Rejected, mac, plain_value, sole_text};

const SIGNATURE: HeaderName = HeaderName::from_static("x-pagerduty-signature");
const DELIVERY: HeaderName = HeaderName::from_static("x-webhook-id");

pub(super) fn verify(hook: &RawHook, secrets: &[SecretString]) -> Result<Evidence, Rejected> {
    let signatures: Vec<Vec<u8>> = sole_text(&hook.headers, &SIGNATURE)?
        .split(',')
        .filter_map(|item| hex::decode(item.trim().strip_prefix("v1=")?).ok())
        .collect();
    if signatures.is_empty() {
        return Err(Rejected::Malformed);
    }
    let keys = secrets.iter().map(|s| s.expose_secret().as_bytes());
    if !mac::any_matches(&mac::macs(keys, &[&hook.body]), &signatures) {
        return Err(Rejected::Wrong);
    }
    Ok(Evidence { replay_key: Some(mac::replay_key("body", &[&hook.body])), ..Evidence::default() })
}

pub(super) fn sign(body: &[u8], secret: &str, id: &str) -> Result<HeaderMap, CannotSign> {
    let signature = hex::encode(mac::signature(secret.as_bytes(), &[body]));
    let mut headers = HeaderMap::new();
    headers.insert(SIGNATURE, plain_value(&format!("v1={signature}"))?);
    if !id.is_empty() {
        headers.insert(DELIVERY, plain_value(id).map_err(|_unusable| CannotSign::UnusableId)?);
    }
    Ok(headers)
}
