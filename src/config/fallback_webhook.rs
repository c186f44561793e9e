//! The fallback webhook: where to call when no linked number works.

use secrecy::SecretString;

use crate::config::item::{Item, Section};
use crate::config::keys::{Form, TEXT, keys};
use crate::config::secret::UNSET;
use crate::config::source_text::Cover;
use crate::config::values::WEB_ADDRESS;
use crate::signature::{Scheme, Verifier};

/// Who is told when no number works.
#[derive(Debug, Clone)]
pub struct FallbackWebhookSettings {
    /// Address of the receiver. It can hold a token, so it is kept like a secret.
    pub url: SecretString,
    /// What it is signed with, as Standard Webhooks write it.
    pub secret: SecretString,
}

keys! {
    /// Whom the bridge calls when no number works.
    pub(super) FALLBACK_WEBHOOK = "fallback_webhook" {
        /// Where to POST to; `{ env: NAME }` or `{ file: PATH }` if it holds a token.
        url: Form::Hidden(&Form::Any(&[WEB_ADDRESS, Form::Map(&ADDRESS_ELSEWHERE)])), needed, such_as "https://pager.example/hooks/warroom";
        /// What it is signed with, after Standard Webhooks: `echo whsec_$(openssl rand -base64 32)`.
        secret: Form::Secret, needed, such_as "{ env: WARROOM_FALLBACK_SECRET }";
    }
    /// Where an address stands that is not in the file itself.
    ADDRESS_ELSEWHERE = "address elsewhere"
    rules r#"{ "type": "object", "minProperties": 1, "maxProperties": 1 }"#
    such_as [ "{ env: WARROOM_FALLBACK_URL }", "{ file: fallback-webhook.txt }" ] {
        /// The environment variable that holds it.
        env: TEXT, such_as "WARROOM_FALLBACK_URL";
        /// The file that holds it; one line break at its end is ignored.
        file: TEXT, such_as "fallback-webhook.txt";
    }
}

pub(super) fn fallback_webhook(gateway: &Section<'_>) -> Option<FallbackWebhookSettings> {
    gateway.get("fallback_webhook")?.section(&FALLBACK_WEBHOOK, |s| {
        let url = s.need("url");
        let secret = s.need("secret");
        let url = url.and_then(|item| address(&item));
        let secret = secret.and_then(|item| signing_secret(&item));
        Some(FallbackWebhookSettings { url: url?, secret: secret? })
    })
}

fn address(item: &Item<'_>) -> Option<SecretString> {
    if !item.is_map() {
        item.cover(Cover::Secret);
    }
    let text = item.text_from_anywhere()?;
    if text.starts_with(UNSET) {
        return Some(SecretString::from("https://unset.invalid/".to_owned()));
    }
    let address = text.parse::<http::Uri>().ok().filter(|uri| uri.host().is_some());
    let Some(scheme) =
        address.as_ref().and_then(http::Uri::scheme_str).filter(|s| matches!(*s, "http" | "https"))
    else {
        item.error_with("is not a web address", "write `https://pager.example/hooks/warroom`");
        return None;
    };
    let host = address.as_ref().and_then(http::Uri::host).unwrap_or_default().trim_matches(['[', ']']);
    let near = host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
    if scheme == "http" && !near {
        item.warning("sends names and incidents in clear", "use https");
    }
    Some(SecretString::from(text))
}

fn signing_secret(item: &Item<'_>) -> Option<SecretString> {
    let secret = item.secret()?;
    let verifier = Verifier::new(Scheme::StandardWebhooks { secrets: vec![secret.clone()] });
    if let Some(problem) = verifier.problem() {
        item.error_with(
            format!("cannot sign: {problem}"),
            "make one with `echo whsec_$(openssl rand -base64 32)`",
        );
        return None;
    }
    Some(secret)
}
