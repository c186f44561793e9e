//! A secret in a field of a form body (`application/x-www-form-urlencoded`): StatusCake, which sends
//! `Token=<md5 of user name and API key>` and can prove itself in no other way.
//!
//! The field is taken out of the body, so that the secret is not kept with it.

use bytes::Bytes;
use secrecy::SecretString;

use super::{Evidence, Rejected, form, shared_secret};

pub(super) fn verify(body: &Bytes, name: &str, secrets: &[SecretString]) -> Result<Evidence, Rejected> {
    let mut given = None;
    let mut rest: Vec<&[u8]> = Vec::new();
    for pair in body.split(|byte| *byte == b'&') {
        let (key, value) = form::halves(pair);
        if form::decode(key) == name.as_bytes() {
            if given.replace(form::decode(value)).is_some() {
                return Err(Rejected::Malformed);
            }
        } else {
            rest.push(pair);
        }
    }
    let given = given.ok_or(Rejected::Missing)?;
    shared_secret::accept(shared_secret::is_one_of(&given, secrets))?;
    Ok(Evidence { body: Some(rest.join(&b'&').into()), ..Evidence::default() })
}

/// The body with the field at its end.
pub(super) fn sign(body: &[u8], name: &str, secret: &str) -> Vec<u8> {
    let mut whole = body.to_vec();
    if !whole.is_empty() {
        whole.push(b'&');
    }
    whole.extend_from_slice(form::pair(name, secret).as_bytes());
    whole
}
