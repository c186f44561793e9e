//! Schemes in which the sender shows a secret and signs nothing.
//!
//! Both sides are hashed before they are compared, so that neither content nor length shows in the time it
//! takes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, header};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use super::{Evidence, Rejected, form, sole};

pub(super) fn bearer(headers: &HeaderMap, secrets: &[SecretString]) -> Result<Evidence, Rejected> {
    let token = credentials(headers, "bearer")?;
    accept(is_one_of(token, secrets))
}

pub(super) fn basic(
    headers: &HeaderMap,
    user: &str,
    passwords: &[SecretString],
) -> Result<Evidence, Rejected> {
    let decoded = STANDARD.decode(credentials(headers, "basic")?).map_err(|_invalid| Rejected::Malformed)?;
    let colon = decoded.iter().position(|b| *b == b':').ok_or(Rejected::Malformed)?;
    let (given_user, rest) = decoded.split_at(colon);
    let password = rest.get(1..).unwrap_or_default();
    accept(is_equal(given_user, user.as_bytes()) & is_one_of(password, passwords))
}

pub(super) fn header(
    headers: &HeaderMap,
    name: &HeaderName,
    secrets: &[SecretString],
) -> Result<Evidence, Rejected> {
    accept(is_one_of(sole(headers, name)?.as_bytes(), secrets))
}

pub(super) fn query(query: Option<&str>, name: &str, secrets: &[SecretString]) -> Result<Evidence, Rejected> {
    let mut values = query
        .unwrap_or_default()
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .filter(|(key, _)| form::decode(key.as_bytes()) == name.as_bytes())
        .map(|(_, value)| value);
    let value = values.next().ok_or(Rejected::Missing)?;
    if values.next().is_some() {
        return Err(Rejected::Malformed);
    }
    accept(is_one_of(&form::decode(value.as_bytes()), secrets))
}

/// What a sender puts into `Authorization` for Basic.
pub(super) fn basic_value(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// What a sender puts into the query.
pub(super) fn query_text(name: &str, secret: &str) -> String {
    form::pair(name, secret)
}

/// What follows the scheme's name, which is case-insensitive, in `Authorization`.
fn credentials<'h>(headers: &'h HeaderMap, scheme: &str) -> Result<&'h [u8], Rejected> {
    let value = sole(headers, &header::AUTHORIZATION)?.as_bytes();
    let space = value.iter().position(|b| *b == b' ').ok_or(Rejected::Malformed)?;
    let (name, rest) = value.split_at(space);
    if name.eq_ignore_ascii_case(scheme.as_bytes()) {
        Ok(rest.trim_ascii())
    } else {
        Err(Rejected::Malformed)
    }
}

pub(super) fn accept(matches: Choice) -> Result<Evidence, Rejected> {
    if bool::from(matches) { Ok(Evidence::default()) } else { Err(Rejected::Wrong) }
}

pub(super) fn is_one_of(given: &[u8], secrets: &[SecretString]) -> Choice {
    secrets
        .iter()
        .map(|s| s.expose_secret().as_bytes())
        .filter(|secret| !secret.is_empty())
        .fold(Choice::from(0), |found, secret| found | is_equal(given, secret))
}

fn is_equal(given: &[u8], wanted: &[u8]) -> Choice {
    Sha256::digest(given).ct_eq(&Sha256::digest(wanted))
}
