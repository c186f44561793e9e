//! Standard Webhooks and Svix: `webhook-id`, `webhook-timestamp`, `webhook-signature`, or the same three with
//! `svix-`, over `<id>.<timestamp>.<body>`, base64, in a list of `version,signature`: `v1` is HMAC-SHA256 with a
//! shared secret (`whsec_`), `v1a` Ed25519 by the key that belongs to a public one (`whpk_`).
//!
//! Several entries come while a secret is being rotated; other versions are passed over, as the specification
//! asks.

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName};
use secrecy::{ExposeSecret, SecretString};

use super::mac::{self, SignedTime};
use super::{CannotSign, Evidence, RawHook, Rejected, plain_value, sole_text};
use crate::clock::{SignedDuration, Timestamp};

struct Names {
    id: HeaderName,
    time: HeaderName,
    signature: HeaderName,
}

/// The older names first, as the reference libraries look for them.
const NAMES: [Names; 2] = [
    Names {
        id: HeaderName::from_static("svix-id"),
        time: HeaderName::from_static("svix-timestamp"),
        signature: HeaderName::from_static("svix-signature"),
    },
    Names {
        id: HeaderName::from_static("webhook-id"),
        time: HeaderName::from_static("webhook-timestamp"),
        signature: HeaderName::from_static("webhook-signature"),
    },
];

/// Bytes of an Ed25519 signature.
const SIGNATURE: usize = 64;
/// More than any sender has while it exchanges its keys.
const MOST_SIGNATURES: usize = 8;

pub(super) fn verify(
    hook: &RawHook,
    secrets: &[SecretString],
    tolerance: SignedDuration,
    now: Timestamp,
) -> Result<Evidence, Rejected> {
    let headers = &hook.headers;
    let names = NAMES
        .into_iter()
        .find(|n| {
            headers.contains_key(&n.id) && headers.contains_key(&n.time) && headers.contains_key(&n.signature)
        })
        .ok_or(Rejected::Missing)?;
    let id = sole_text(headers, &names.id)?;
    if !is_plain_id(id) {
        return Err(Rejected::Malformed);
    }
    let time = SignedTime::read(headers, &names.time)?;
    let items = sole_text(headers, &names.signature)?;
    let of = |version: &str| -> Vec<Vec<u8>> {
        let texts = items.split(' ').filter_map(|item| item.strip_prefix(version)?.strip_prefix(','));
        texts.filter_map(|text| STANDARD.decode(text).ok()).collect()
    };
    let macs = of("v1");
    // Each costs a hash of the whole body, and nobody has vouched for them yet.
    let signatures: Vec<Vec<u8>> =
        of("v1a").into_iter().filter(|text| text.len() == SIGNATURE).take(MOST_SIGNATURES).collect();
    if macs.is_empty() && signatures.is_empty() {
        return Err(Rejected::Malformed);
    }
    let parts: [&[u8]; 5] = [id.as_bytes(), b".", time.text.as_bytes(), b".", &hook.body];
    let by_secret = mac::any_matches(&mac::macs(secrets.iter().filter_map(key), &parts), &macs);
    let by_public_key = || !signatures.is_empty() && is_signed(secrets, &parts.concat(), &signatures);
    if !by_secret && !by_public_key() {
        return Err(Rejected::Wrong);
    }
    time.check_fresh(now, tolerance)?;
    Ok(Evidence {
        signed_id: Some(id.to_owned()),
        replay_key: Some(mac::replay_key("id", &[id.as_bytes()])),
        ..Evidence::default()
    })
}

pub(super) fn sign(
    body: &[u8],
    secrets: &[SecretString],
    id: &str,
    now: Timestamp,
) -> Result<HeaderMap, CannotSign> {
    if !is_plain_id(id) {
        return Err(CannotSign::UnusableId);
    }
    let key = secrets.first().and_then(key).ok_or(CannotSign::UnusableSecret)?;
    let time = now.as_second().to_string();
    let signature = mac::signature(&key, &[id.as_bytes(), b".", time.as_bytes(), b".", body]);
    let mut headers = HeaderMap::new();
    let [_, names] = &NAMES;
    headers.insert(names.id.clone(), plain_value(id).map_err(|_unusable| CannotSign::UnusableId)?);
    headers.insert(names.time.clone(), plain_value(&time)?);
    headers.insert(names.signature.clone(), plain_value(&format!("v1,{}", STANDARD.encode(signature)))?);
    Ok(headers)
}

/// Whether one of the public keys among `secrets` vouches for one of the signatures.
fn is_signed(secrets: &[SecretString], signed: &[u8], signatures: &[Vec<u8>]) -> bool {
    let keys = secrets.iter().filter_map(public_key).map(|key| UnparsedPublicKey::new(&ED25519, key));
    keys.into_iter().any(|key| signatures.iter().any(|signature| key.verify(signed, signature).is_ok()))
}

/// The public key that stands among the secrets of an asymmetric endpoint.
pub(super) fn public_key(secret: &SecretString) -> Option<[u8; 32]> {
    STANDARD.decode(secret.expose_secret().strip_prefix("whpk_")?).ok()?.try_into().ok()
}

/// The bytes behind a secret. Reference libraries take one without `whsec_` too; here a public key that was pasted
/// without its `whpk_` would become a secret that everybody knows.
pub(super) fn key(secret: &SecretString) -> Option<Vec<u8>> {
    let key = STANDARD.decode(secret.expose_secret().strip_prefix("whsec_")?).ok()?;
    (!key.is_empty()).then_some(key)
}

/// A full stop inside the id would make two different messages the same signed text.
fn is_plain_id(id: &str) -> bool {
    !id.is_empty() && !id.contains('.')
}
