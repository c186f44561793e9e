//! The fallback webhook: where to call when no linked number works.

use secrecy::SecretString;

use crate::config::item::Item;
use crate::config::secret::UNSET;
use crate::config::section::Section;
use crate::config::source_text::Cover;
use crate::signature::{Scheme, Verifier};

/// Who is told when no number works.
#[derive(Debug, Clone)]
pub struct FallbackWebhookSettings {
    /// Address of the receiver. It can hold a token, so it is kept like a secret.
    pub url: SecretString,
    /// What it is signed with, as Standard Webhooks write it.
    pub secret: SecretString,
}

pub(super) fn fallback_webhook(gateway: &Section<'_>) -> Option<FallbackWebhookSettings> {
    gateway.get("fallback_webhook")?.section(|s| {
        let url = s.need("url", "where to call: `url: https://pager.example/hooks/warroom`");
        let secret =
            s.need("secret", "what to sign with: `secret: { env: WARROOM_FALLBACK_WEBHOOK_SECRET }`");
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
