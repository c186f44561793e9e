//! The signature of WAHA, the server behind Wawp: HMAC of the raw body in hexadecimal digits, in
//! `X-Webhook-Hmac`. The sender names its algorithm in another header, which is not asked: only ours counts.

use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderName};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Sha256, Sha512};

use super::mac;
use super::{CannotSign, Digest, Evidence, RawHook, Rejected, plain_value, sole_text};

const SIGNATURE: HeaderName = HeaderName::from_static("x-webhook-hmac");

pub(super) fn verify(
    hook: &RawHook,
    secrets: &[SecretString],
    algorithm: Digest,
) -> Result<Evidence, Rejected> {
    let text = sole_text(&hook.headers, &SIGNATURE)?;
    let signature = hex::decode(text).map_err(|_odd| Rejected::Malformed)?;
    let keys = secrets.iter().map(|s| s.expose_secret().as_bytes()).filter(|key| !key.is_empty());
    // All keys are tried, each in constant time.
    let fits = keys.fold(false, |fits, key| fits | is_by(algorithm, key, &hook.body, &signature));
    if !fits {
        return Err(Rejected::Wrong);
    }
    Ok(Evidence { replay_key: Some(mac::replay_key("body", &[&hook.body])), ..Evidence::default() })
}

pub(super) fn sign(body: &[u8], secret: &str, algorithm: Digest) -> Result<HeaderMap, CannotSign> {
    let key = secret.as_bytes();
    let signature = match algorithm {
        Digest::Sha256 => Hmac::<Sha256>::new_from_slice(key).map(|m| hex::encode(over(m, body))),
        Digest::Sha512 => Hmac::<Sha512>::new_from_slice(key).map(|m| hex::encode(over(m, body))),
    };
    let signature = signature.map_err(|_length| CannotSign::UnusableSecret)?;
    let mut headers = HeaderMap::new();
    headers.insert(SIGNATURE, plain_value(&signature)?);
    Ok(headers)
}

fn over<M: Mac>(mac: M, body: &[u8]) -> Vec<u8> {
    mac.chain_update(body).finalize().into_bytes().to_vec()
}

fn is_by(algorithm: Digest, key: &[u8], body: &[u8], signature: &[u8]) -> bool {
    match algorithm {
        Digest::Sha256 => Hmac::<Sha256>::new_from_slice(key)
            .is_ok_and(|m| m.chain_update(body).verify_slice(signature).is_ok()),
        Digest::Sha512 => Hmac::<Sha512>::new_from_slice(key)
            .is_ok_and(|m| m.chain_update(body).verify_slice(signature).is_ok()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::{Scheme, Verifier, sign, verify};
    use bytes::Bytes;

    // The example in WAHA's own documentation of webhooks.
    const BODY: &str = r#"{"event":"message","session":"default","engine":"WEBJS"}"#;
    const KEY: &str = "my-secret-key";
    const SHA512: &str = "208f8a55dde9e05519e898b10b89bf0d0b3b0fdf11fdbf09b6b90476301b98d8097c462b2b17a6ce93b6b47a136cf2e78a33a63f6752c2c1631777076153fa89";

    fn verifier(keys: &[&str], algorithm: Digest) -> Verifier {
        let secrets = keys.iter().map(|key| SecretString::from(*key)).collect();
        Verifier::new(Scheme::Waha { secrets, algorithm })
    }

    fn hook(body: &str, headers: HeaderMap) -> RawHook {
        let body = Bytes::copy_from_slice(body.as_bytes());
        RawHook { source: "gateway".into(), headers, query: None, body }
    }

    fn documented(signature: &str, named: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("x-webhook-hmac", signature.parse().unwrap());
        headers.insert("x-webhook-hmac-algorithm", named.parse().unwrap());
        headers
    }

    fn now() -> crate::clock::Timestamp {
        crate::clock::Timestamp::from_second(1_772_000_000).unwrap()
    }

    #[test]
    fn the_documented_example_verifies_and_one_bit_more_does_not() {
        let verifier = verifier(&["another-key", KEY], Digest::Sha512);
        let good = hook(BODY, documented(SHA512, "sha512"));
        assert!(verify(good, &verifier, now()).is_ok());
        let longer = hook(&format!("{BODY} "), documented(SHA512, "sha512"));
        assert_eq!(verify(longer, &verifier, now()).unwrap_err(), Rejected::Wrong);
        let turned = SHA512.replacen('2', "3", 1);
        let forged = hook(BODY, documented(&turned, "sha512"));
        assert_eq!(verify(forged, &verifier, now()).unwrap_err(), Rejected::Wrong);
    }

    #[test]
    fn the_sender_does_not_choose_the_algorithm() {
        let weaker = verifier(&[KEY], Digest::Sha256);
        let stronger = verifier(&[KEY], Digest::Sha512);
        let signed = sign(&weaker, BODY.as_bytes(), "", now()).unwrap();
        let mut headers = signed.headers;
        headers.insert("x-webhook-hmac-algorithm", "sha256".parse().unwrap());
        assert!(verify(hook(BODY, headers.clone()), &weaker, now()).is_ok());
        assert_eq!(verify(hook(BODY, headers), &stronger, now()).unwrap_err(), Rejected::Wrong);
    }

    #[test]
    fn nothing_something_odd_and_two_of_them_are_told_apart() {
        let verifier = verifier(&[KEY], Digest::Sha512);
        assert_eq!(verify(hook(BODY, HeaderMap::new()), &verifier, now()).unwrap_err(), Rejected::Missing);
        let odd = hook(BODY, documented("no digits", "sha512"));
        assert_eq!(verify(odd, &verifier, now()).unwrap_err(), Rejected::Malformed);
        let mut twice = documented(SHA512, "sha512");
        twice.append("x-webhook-hmac", SHA512.parse().unwrap());
        assert_eq!(verify(hook(BODY, twice), &verifier, now()).unwrap_err(), Rejected::Malformed);
    }

    #[test]
    fn what_we_sign_verifies_in_both_algorithms() {
        for algorithm in [Digest::Sha256, Digest::Sha512] {
            let verifier = verifier(&[KEY], algorithm);
            let signed = sign(&verifier, BODY.as_bytes(), "", now()).unwrap();
            assert!(verify(hook(BODY, signed.headers), &verifier, now()).is_ok());
        }
    }
}
