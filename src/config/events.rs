//! How a linked number's provider proves its own events: the `events` part of an instance.

use crate::config::item::{Item, Section};
use crate::config::keys::{Form, keys};
use crate::config::source_text::Cover;
use crate::config::verify::secrets;
use crate::signature::{Digest, Scheme, Verifier};

/// The parameter that carries the secret in the address, as Wawp's own client suggests.
const PARAMETER: &str = "secret";

keys! {
    /// How the provider proves what it tells by itself: one of both, or both.
    pub(super) EVENTS = "events"
    rules r#"{ "type": "object", "anyOf": [{ "required": ["secret"] }, { "required": ["hmac"] }],
        "dependentRequired": { "algorithm": ["hmac"] } }"#
    such_as [ "{ hmac: { env: WAWP_EVENTS_SECRET } }" ] {
        /// In the address that Wawp calls: /hooks/gateway/NAME?secret=…
        secret: Form::Secrets;
        /// The key of its signature in X-Webhook-Hmac.
        hmac: Form::Secrets;
        /// The algorithm of that signature.
        algorithm: Form::Word(|| vec!["sha512", "sha256"]), usual "sha512";
    }
}

/// What each event of this number must prove, all of it; empty if a finding says why not.
pub(super) fn events(item: &Item<'_>) -> Vec<Verifier> {
    if !item.is_map() {
        item.cover(Cover::Secret);
    }
    item.section(&EVENTS, |s| proofs(s, item))
}

fn proofs(s: &Section<'_>, item: &Item<'_>) -> Vec<Verifier> {
    let in_address = s.get("secret");
    let signed = s.get("hmac");
    let algorithm = s.get("algorithm");
    let digest = algorithm.as_ref().map_or(Some(Digest::Sha512), |i| {
        i.choice(&[("sha512", Digest::Sha512), ("sha256", Digest::Sha256)])
    });
    if let (Some(algorithm), None) = (&algorithm, &signed) {
        algorithm.error_with("needs `hmac`", "it is the algorithm of that signature");
    }
    if in_address.is_none() && signed.is_none() && s.is_sound() && algorithm.is_none() {
        item.error_with(
            "is empty",
            "say how the provider proves itself: `{ secret: { env: NAME } }` or `hmac`",
        );
    }
    let schemes = [
        in_address
            .and_then(|i| Some((secrets(&i)?, i)))
            .map(|(secrets, item)| (Scheme::Query { name: PARAMETER.to_owned(), secrets }, item)),
        signed
            .and_then(|i| Some((secrets(&i)?, i)))
            .and_then(|(secrets, item)| Some((Scheme::Waha { secrets, algorithm: digest? }, item))),
    ];
    schemes
        .into_iter()
        .flatten()
        .filter_map(|(scheme, item)| {
            let verifier = Verifier::new(scheme);
            let problem = verifier.problem();
            if let Some(problem) = problem {
                item.error_with(format!("cannot work: {problem}"), "put that right, or choose another way");
            }
            problem.is_none().then_some(verifier)
        })
        .collect()
}
