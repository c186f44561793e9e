//! Raw bytes, headers and secrets in; a [`VerifiedBody`] out, or why not.
//!
//! [`verify`] is the only way to a [`VerifiedBody`], so a parser cannot be handed a body that nobody
//! vouched for; [`from_stored`] takes one up again that was verified when it came. Actors: [`RawHook`] (one
//! request as it came), [`Verifier`] (what one source must prove), [`VerifiedBody`] (the body, and what
//! identifies this delivery). [`sign`] is the sender's side of the same schemes.
//!
//! Rules that hold for every scheme: bytes are judged as received; secrets are compared in constant time and
//! all of them are tried; a header or parameter that decides about acceptance may be there only once; an
//! empty secret opens nothing.

pub(crate) mod form;
mod form_field;
mod items;
mod mac;
mod pagerduty;
mod shared_secret;
mod signed_body;
pub mod sns;
mod standard_webhooks;
mod waha;

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use secrecy::{ExposeSecret, SecretString};

use crate::clock::{SignedDuration, Timestamp};
use crate::store::StoredHook;

/// One request to a hook, as it came.
#[derive(Clone)]
pub struct RawHook {
    /// The source's name, from the path.
    pub source: String,
    /// All headers.
    pub headers: HeaderMap,
    /// The query as it stands in the address, still encoded.
    pub query: Option<String>,
    /// The body's bytes, untouched.
    pub body: Bytes,
}

/// Headers, query and body may hold secrets.
impl fmt::Debug for RawHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawHook")
            .field("source", &self.source)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// How the signature of [`Scheme::Hmac`] is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Hexadecimal, either case.
    Hex,
    /// Standard base64 with padding.
    Base64,
}

/// The hash inside an HMAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Digest {
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

/// A header with the sending time, signed together with the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimestampHeader {
    /// The header that carries Unix seconds as decimal digits.
    pub header: HeaderName,
    /// Where the time takes part in the signature.
    pub before: Before,
}

/// What a signed time stands before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Before {
    /// The body, with this text between: Grafana, Slack and most.
    Body(String),
    /// The secret, both together being the key: `GitGuardian`.
    Secret,
}

/// What a request must prove, and with which secrets. Several secrets at once make rotation possible; the
/// first one is the one that [`sign`] uses.
#[derive(Debug, Clone)]
pub enum Scheme {
    /// `Authorization: Bearer <secret>`.
    Bearer {
        /// The accepted tokens.
        secrets: Vec<SecretString>,
    },
    /// `Authorization: Basic <user:password>`.
    Basic {
        /// The user's name.
        user: String,
        /// The accepted passwords.
        passwords: Vec<SecretString>,
    },
    /// A secret as the value of a header.
    Header {
        /// Which header.
        name: HeaderName,
        /// The accepted values.
        secrets: Vec<SecretString>,
    },
    /// A secret as a query parameter, for senders that can do nothing else; the address then is a secret.
    Query {
        /// Which parameter.
        name: String,
        /// The accepted values.
        secrets: Vec<SecretString>,
    },
    /// HMAC-SHA256 of the raw body, or of a time and the raw body, in a header. The key is the secret's text.
    Hmac {
        /// The accepted keys.
        secrets: Vec<SecretString>,
        /// Where the signature is.
        header: HeaderName,
        /// How it is written.
        encoding: Encoding,
        /// What stands before it, such as `sha256=`.
        prefix: Option<String>,
        /// The time that is signed too, if there is one.
        timestamp: Option<TimestampHeader>,
    },
    /// HMAC-SHA256 of a time and the raw body, both in one header: `t=<unix seconds>,v1=<hex>`. The key is the
    /// secret's text.
    HmacItems {
        /// The accepted keys.
        secrets: Vec<SecretString>,
        /// The header with the items.
        header: HeaderName,
        /// What the item with the time is called, such as `t`.
        time: String,
        /// What the items with the signatures are called, such as `v1`.
        signature: String,
        /// What stands between the time and the body in the signed text.
        separator: String,
    },
    /// A secret as a field of a form body, for senders that can do nothing else.
    FormField {
        /// Which field.
        name: String,
        /// The accepted values.
        secrets: Vec<SecretString>,
    },
    /// `X-PagerDuty-Signature: v1=<hex>,v1=<hex>`: HMAC-SHA256 of the body.
    PagerDuty {
        /// The accepted keys. They look like base64 but are used as text.
        secrets: Vec<SecretString>,
    },
    /// Standard Webhooks and Svix, symmetric (`v1`) and asymmetric (`v1a`).
    StandardWebhooks {
        /// The accepted secrets, `whsec_` and base64, where the key is what the base64 stands for; or public
        /// keys, `whpk_` and base64, of senders that sign with Ed25519.
        secrets: Vec<SecretString>,
    },
    /// WAHA's, the server behind Wawp: HMAC of the raw body in hexadecimal digits, in `X-Webhook-Hmac`.
    Waha {
        /// The accepted keys.
        secrets: Vec<SecretString>,
        /// Which hash; what the sender's header says about it does not count.
        algorithm: Digest,
    },
    /// Amazon SNS: RSA over the fields of the envelope, by the certificate whose address stands there.
    Sns(sns::Terms),
    /// Nothing is checked. Must be written out in the config.
    Insecure,
}

/// What one source must prove.
#[derive(Debug, Clone)]
pub struct Verifier {
    /// How.
    pub scheme: Scheme,
    /// How far a signed time may be from ours, either way.
    pub tolerance: SignedDuration,
}

/// The tolerance that Standard Webhooks' libraries use.
pub const USUAL_TOLERANCE: SignedDuration = SignedDuration::from_mins(5);

impl Verifier {
    /// A verifier with the usual tolerance of five minutes.
    #[must_use]
    pub fn new(scheme: Scheme) -> Self {
        Self { scheme, tolerance: USUAL_TOLERANCE }
    }

    /// Whether it judges a request by its head alone.
    #[must_use]
    pub fn needs_no_body(&self) -> bool {
        matches!(
            self.scheme,
            Scheme::Bearer { .. } | Scheme::Basic { .. } | Scheme::Header { .. } | Scheme::Query { .. }
        )
    }

    /// How far the proof reaches, for people: what it does not cover is not read.
    #[must_use]
    pub fn covers(&self) -> &'static str {
        match &self.scheme {
            Scheme::Bearer { .. }
            | Scheme::Basic { .. }
            | Scheme::Header { .. }
            | Scheme::Query { .. }
            | Scheme::FormField { .. } => "whole request",
            Scheme::Hmac { timestamp: None, .. } | Scheme::PagerDuty { .. } | Scheme::Waha { .. } => "body",
            Scheme::Hmac { .. } | Scheme::HmacItems { .. } => "time and body",
            Scheme::StandardWebhooks { .. } => "id, time and body",
            Scheme::Sns(sns::Terms { raw: None, .. }) => "signed members of the envelope",
            Scheme::Sns(sns::Terms { raw: Some(_), .. }) => {
                "signed members of the envelope, whole request of a raw delivery"
            }
            Scheme::Insecure => "whole request unproven",
        }
    }

    /// What a 401 says that is wanted, by the source's scheme: some senders (Amazon SNS) show their password only
    /// after it.
    #[must_use]
    pub fn challenge(&self) -> HeaderValue {
        fn of(scheme: &Scheme) -> &'static str {
            match scheme {
                Scheme::Bearer { .. } => "Bearer",
                Scheme::Basic { .. } => r#"Basic realm="warroom", charset="UTF-8""#,
                Scheme::Sns(terms) => terms.raw.as_deref().map_or("Signature", of),
                Scheme::Header { .. } | Scheme::Query { .. } | Scheme::FormField { .. } => "Secret",
                _ => "Signature",
            }
        }
        HeaderValue::from_static(of(&self.scheme))
    }

    /// Whether what stands in headers counts, because the proof is one of the whole request.
    #[must_use]
    pub fn covers_headers(&self) -> bool {
        !matches!(
            self.scheme,
            Scheme::Hmac { .. }
                | Scheme::HmacItems { .. }
                | Scheme::PagerDuty { .. }
                | Scheme::StandardWebhooks { .. }
                | Scheme::Waha { .. }
                | Scheme::Sns(_)
        )
    }

    /// What makes this verifier useless or unsafe, for the config's checks.
    #[must_use]
    pub fn problem(&self) -> Option<&'static str> {
        let secrets = match &self.scheme {
            Scheme::Insecure => return None,
            Scheme::Sns(terms) => return terms.problem(),
            Scheme::Basic { user, .. } if user.is_empty() || user.contains(':') => {
                return Some("the user's name is empty or contains a colon");
            }
            Scheme::Query { name, .. } if name.is_empty() => {
                return Some("the query parameter's name is empty");
            }
            Scheme::FormField { name, .. } if name.is_empty() => {
                return Some("the form field's name is empty");
            }
            Scheme::HmacItems { time, signature, .. }
                if time == signature || !is_item_name(time) || !is_item_name(signature) =>
            {
                return Some("the items need two different names without `,`, `=` and blanks");
            }
            Scheme::Bearer { secrets }
            | Scheme::Header { secrets, .. }
            | Scheme::Query { secrets, .. }
            | Scheme::Hmac { secrets, .. }
            | Scheme::HmacItems { secrets, .. }
            | Scheme::FormField { secrets, .. }
            | Scheme::PagerDuty { secrets }
            | Scheme::StandardWebhooks { secrets }
            | Scheme::Waha { secrets, .. }
            | Scheme::Basic { passwords: secrets, .. } => secrets,
        };
        if secrets.is_empty() {
            return Some("there is no secret");
        }
        if secrets.iter().any(|s| s.expose_secret().is_empty()) {
            return Some("a secret is empty");
        }
        match &self.scheme {
            Scheme::StandardWebhooks { secrets }
                if secrets.iter().any(|s| {
                    standard_webhooks::key(s).is_none() && standard_webhooks::public_key(s).is_none()
                }) =>
            {
                Some("a secret is not `whsec_` (or, for a public key, `whpk_`) followed by base64")
            }
            Scheme::Bearer { secrets } | Scheme::Header { secrets, .. }
                if secrets.iter().any(|s| HeaderValue::from_str(s.expose_secret()).is_err()) =>
            {
                Some("a secret contains characters that no header can carry")
            }
            _ => None,
        }
    }

    /// Whether nothing is checked.
    #[must_use]
    pub fn is_insecure(&self) -> bool {
        matches!(self.scheme, Scheme::Insecure)
    }
}

/// Why a request was turned away: for logs and metrics. The sender gets the same answer for all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Rejected {
    /// What should prove it is not there.
    #[error("nothing to verify it by")]
    Missing,
    /// It is there and proves nothing.
    #[error("wrong signature or secret")]
    Wrong,
    /// Rightly signed, too long ago or in the future.
    #[error("signed time out of tolerance")]
    Stale,
    /// It cannot be read, or is there more than once.
    #[error("malformed proof")]
    Malformed,
}

impl Rejected {
    /// A short fixed name, for metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Wrong => "wrong",
            Self::Stale => "stale",
            Self::Malformed => "malformed",
        }
    }
}

/// What a scheme found out beyond "it is right".
#[derive(Debug, Clone, Default)]
struct Evidence {
    signed_id: Option<String>,
    replay_key: Option<String>,
    /// What of the body is proven, if that is not all of it; without the secret, if that stood in it.
    body: Option<Bytes>,
}

impl Evidence {
    /// A signature covers the body, or parts of it, and never the other headers. A shared secret vouches for the
    /// whole request, because whoever holds it could write any other.
    fn covers_headers(&self) -> bool {
        self.replay_key.is_none()
    }
}

/// What the signer asks for beside reading the body. Only a signature makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SnsAction {
    /// The subscription of this topic is complete once this address is asked for.
    ConfirmSubscription {
        /// Which topic, of those that are allowed.
        topic: String,
        /// Built here, on the topic's own host.
        address: sns::Address,
    },
    /// The subscription of this topic has ended: nothing more will come from there.
    NoticeUnsubscribed {
        /// Which topic, of those that are allowed.
        topic: String,
    },
}

/// A body that somebody with the secret has sent. Only [`verify`] makes one, and [`from_stored`] from one
/// that it made.
pub struct VerifiedBody {
    body: Bytes,
    headers: HeaderMap,
    evidence: Evidence,
    action: Option<SnsAction>,
    verified_at: Timestamp,
}

impl VerifiedBody {
    /// When this was found to be right. For tools that say until when a thing holds, not whether it does.
    #[must_use]
    pub fn verified_at(&self) -> Timestamp {
        self.verified_at
    }

    /// What the signer asks for beside reading the body.
    #[must_use]
    pub fn action(&self) -> Option<&SnsAction> {
        self.action.as_ref()
    }

    /// What the proof covers: the bytes as they came, of an SNS envelope its signed members, and without the
    /// secret where that stands in the body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// As [`Self::body`], shared instead of copied.
    #[must_use]
    pub fn bytes(&self) -> Bytes {
        self.body.clone()
    }

    /// The same delivery with another text as its body: one that was made of this one and of nothing else, so
    /// that what was proven of the one holds of the other.
    pub(crate) fn with_text(&self, text: Bytes) -> Self {
        Self {
            body: text,
            headers: self.headers.clone(),
            evidence: self.evidence.clone(),
            action: None,
            verified_at: self.verified_at,
        }
    }

    /// A header's value, if it is plain text and the proof covers it: no signature does, so under one there are
    /// none. Headers that carry secrets are gone.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// All headers whose names begin with `prefix`, without it; for formats that spread over several. What was
    /// said of [`Self::header`] holds for them.
    pub fn headers_after<'b>(&'b self, prefix: &'b str) -> impl Iterator<Item = (&'b str, &'b str)> {
        self.headers.iter().filter_map(move |(name, value)| {
            Some((name.as_str().strip_prefix(prefix)?, value.to_str().ok()?))
        })
    }

    /// The headers worth keeping with the body: [`KEPT_HEADERS`], and what begins with `ce-`.
    #[must_use]
    pub fn kept_headers(&self) -> Vec<(String, String)> {
        let kept =
            KEPT_HEADERS.iter().filter_map(|name| Some(((*name).to_owned(), self.header(name)?.to_owned())));
        let events = self.headers_after("ce-").map(|(name, value)| (format!("ce-{name}"), value.to_owned()));
        kept.chain(events).collect()
    }

    /// The delivery's id, if the signature covers one (`webhook-id`).
    #[must_use]
    pub fn signed_id(&self) -> Option<&str> {
        self.evidence.signed_id.as_deref()
    }

    /// What identifies this very delivery within its source, made from signed material only, so that a
    /// captured request cannot be sent again as if it were new. 64 hexadecimal digits.
    ///
    /// - Standard Webhooks and SNS: from the signed id, which stays the same over the sender's own retries.
    /// - HMAC with a time, wherever it stands: from the time and the body.
    /// - HMAC of the body alone, and PagerDuty: from the body. A byte-identical signed body *is* a replay by
    ///   contract, so a home-made sender must put something that changes into the body (`id`, `started_at`).
    /// - Nothing signed (bearer, basic, header, query, form field, insecure): `None`. Identical repeats are normal there
    ///   (Alertmanager's `repeat_interval`), and whoever holds the secret could vary the body anyway.
    #[must_use]
    pub fn replay_key(&self) -> Option<String> {
        self.evidence.replay_key.clone()
    }
}

/// The body may hold anything.
impl fmt::Debug for VerifiedBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedBody").field("body_bytes", &self.body.len()).finish_non_exhaustive()
    }
}

/// Checks a request against what its source must prove. What takes a certificate needs [`verify_with`].
pub fn verify(hook: RawHook, verifier: &Verifier, now: Timestamp) -> Result<VerifiedBody, Rejected> {
    verify_with(hook, verifier, None, now)
}

/// The address of the certificate without which this request cannot be judged, if it takes one. Whatever can
/// be refused without the certificate is refused here, so that nobody makes us ask around for nothing.
pub fn certificate_for(
    hook: &RawHook,
    verifier: &Verifier,
    now: Timestamp,
) -> Result<Option<sns::Address>, Rejected> {
    match &verifier.scheme {
        Scheme::Sns(terms) => terms.certificate_for(hook, verifier.tolerance, now),
        _ => Ok(None),
    }
}

/// [`verify`] with the certificate that [`certificate_for`] has asked for.
pub fn verify_with(
    hook: RawHook,
    verifier: &Verifier,
    certificate: Option<&sns::Certificate>,
    now: Timestamp,
) -> Result<VerifiedBody, Rejected> {
    let (mut evidence, action) = match &verifier.scheme {
        Scheme::Sns(terms) => terms.verify(&hook, certificate, verifier.tolerance, now)?,
        scheme => (prove(&hook, scheme, verifier.tolerance, now)?, None),
    };
    let mut headers = if evidence.covers_headers() { hook.headers } else { HeaderMap::new() };
    for name in [header::AUTHORIZATION, header::PROXY_AUTHORIZATION, header::COOKIE] {
        headers.remove(name);
    }
    let raw = if let Scheme::Sns(terms) = &verifier.scheme { terms.raw.as_deref() } else { None };
    for scheme in [Some(&verifier.scheme), raw].into_iter().flatten() {
        if let Scheme::Header { name, .. } = scheme {
            headers.remove(name);
        }
    }
    let body = evidence.body.take().unwrap_or(hook.body);
    Ok(VerifiedBody { body, headers, evidence, action, verified_at: now })
}

/// What a request proves by itself.
fn prove(
    hook: &RawHook,
    scheme: &Scheme,
    tolerance: SignedDuration,
    now: Timestamp,
) -> Result<Evidence, Rejected> {
    match scheme {
        Scheme::Bearer { secrets } => shared_secret::bearer(&hook.headers, secrets),
        Scheme::Basic { user, passwords } => shared_secret::basic(&hook.headers, user, passwords),
        Scheme::Header { name, secrets } => shared_secret::header(&hook.headers, name, secrets),
        Scheme::Query { name, secrets } => shared_secret::query(hook.query.as_deref(), name, secrets),
        Scheme::Hmac { secrets, header, encoding, prefix, timestamp } => {
            let form = signed_body::Form {
                header,
                encoding: *encoding,
                prefix: prefix.as_deref().unwrap_or_default(),
                timestamp: timestamp.as_ref(),
            };
            signed_body::verify(hook, secrets, &form, tolerance, now)
        }
        Scheme::HmacItems { secrets, header, time, signature, separator } => {
            let form = items::Form { header, time, signature, separator };
            items::verify(hook, secrets, &form, tolerance, now)
        }
        Scheme::FormField { name, secrets } => form_field::verify(&hook.body, name, secrets),
        Scheme::Waha { secrets, algorithm } => waha::verify(hook, secrets, *algorithm),
        Scheme::PagerDuty { secrets } => pagerduty::verify(hook, secrets),
        Scheme::StandardWebhooks { secrets } => standard_webhooks::verify(hook, secrets, tolerance, now),
        // One inside another, which no config can say.
        Scheme::Sns(_) => Err(Rejected::Missing),
        Scheme::Insecure => Ok(Evidence::default()),
    }
}

/// Headers that say how a body is to be read and never carry a secret; they are stored with it, so that it can
/// be read again. A parser that goes by another one adds it here.
pub const KEPT_HEADERS: [&str; 2] = ["content-type", "x-amz-sns-topic-arn"];

/// A stored body as verified: it was when it came, or it would not be stored. This is the only other way to a
/// [`VerifiedBody`], for an operator's replay. What identified the delivery then is gone on purpose: being
/// replayed is not being sent twice. `None` if the body is not kept any more.
#[must_use]
pub fn from_stored(hook: &StoredHook) -> Option<VerifiedBody> {
    let body = hook.body.clone()?;
    let mut headers = HeaderMap::new();
    for (name, value) in &hook.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            headers.insert(name, value);
        }
    }
    Some(VerifiedBody {
        body,
        headers,
        evidence: Evidence::default(),
        action: None,
        verified_at: hook.received_at,
    })
}

/// What must be added to a request so that it verifies.
#[derive(Clone, Default)]
pub struct Signed {
    /// Headers to set; those that are secrets are marked sensitive.
    pub headers: HeaderMap,
    /// The query to append, already encoded.
    pub query: Option<String>,
    /// The body to send instead, where the proof stands in it.
    pub body: Option<Vec<u8>>,
}

/// Headers, query and body are secrets.
impl fmt::Debug for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signed")
            .field("headers", &self.headers.len())
            .field("query", &self.query.is_some())
            .field("body", &self.body.is_some())
            .finish()
    }
}

/// Why a request cannot be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CannotSign {
    /// No secret, or an empty one.
    #[error("there is no secret to sign with")]
    NoSecret,
    /// The first secret does not have the form that the scheme wants.
    #[error("the first secret cannot be used by this scheme")]
    UnusableSecret,
    /// The delivery's id is empty or has characters that the scheme forbids.
    #[error("the delivery's id is empty or not plain")]
    UnusableId,
    /// The key is not ours to have.
    #[error(
        "only Amazon can sign this: publish to the topic (`aws sns publish`), or pin a certificate of your own under `verify.sns.certificates` and name its key by `--signing-key`"
    )]
    NotOurs,
}

/// Signs `body` with the verifier's first secret, as the sender of that scheme would. `id` is the delivery's id
/// for the schemes that have one.
pub fn sign(verifier: &Verifier, body: &[u8], id: &str, now: Timestamp) -> Result<Signed, CannotSign> {
    let mut signed = Signed::default();
    match &verifier.scheme {
        Scheme::Bearer { secrets } => {
            let value = format!("Bearer {}", first(secrets)?);
            signed.headers.insert(header::AUTHORIZATION, secret_value(&value)?);
        }
        Scheme::Basic { user, passwords } => {
            let value = shared_secret::basic_value(user, first(passwords)?);
            signed.headers.insert(header::AUTHORIZATION, secret_value(&value)?);
        }
        Scheme::Header { name, secrets } => {
            signed.headers.insert(name.clone(), secret_value(first(secrets)?)?);
        }
        Scheme::Query { name, secrets } => {
            signed.query = Some(shared_secret::query_text(name, first(secrets)?));
        }
        Scheme::Hmac { secrets, header, encoding, prefix, timestamp } => {
            let form = signed_body::Form {
                header,
                encoding: *encoding,
                prefix: prefix.as_deref().unwrap_or_default(),
                timestamp: timestamp.as_ref(),
            };
            signed.headers = signed_body::sign(body, first(secrets)?, &form, now)?;
        }
        Scheme::HmacItems { secrets, header, time, signature, separator } => {
            let form = items::Form { header, time, signature, separator };
            signed.headers = items::sign(body, first(secrets)?, &form, now)?;
        }
        Scheme::FormField { name, secrets } => {
            signed.body = Some(form_field::sign(body, name, first(secrets)?));
        }
        Scheme::PagerDuty { secrets } => signed.headers = pagerduty::sign(body, first(secrets)?, id)?,
        Scheme::StandardWebhooks { secrets } => {
            first(secrets)?;
            signed.headers = standard_webhooks::sign(body, secrets, id, now)?;
        }
        Scheme::Waha { secrets, algorithm } => {
            signed.headers = waha::sign(body, first(secrets)?, *algorithm)?;
        }
        Scheme::Sns(terms) => return terms.sign(body, id, now),
        Scheme::Insecure => {}
    }
    Ok(signed)
}

fn is_item_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic() && b != b',' && b != b'=')
}

fn first(secrets: &[SecretString]) -> Result<&str, CannotSign> {
    secrets.first().map(ExposeSecret::expose_secret).filter(|s| !s.is_empty()).ok_or(CannotSign::NoSecret)
}

fn secret_value(text: &str) -> Result<HeaderValue, CannotSign> {
    let mut value = plain_value(text)?;
    value.set_sensitive(true);
    Ok(value)
}

fn plain_value(text: &str) -> Result<HeaderValue, CannotSign> {
    HeaderValue::from_str(text).map_err(|_invalid| CannotSign::UnusableSecret)
}

/// The header's only value. Two of them would let whoever is in between choose which one counts.
fn sole<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<&'h HeaderValue, Rejected> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().ok_or(Rejected::Missing)?;
    match values.next() {
        None => Ok(value),
        Some(_) => Err(Rejected::Malformed),
    }
}

/// [`sole`], as text.
fn sole_text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<&'h str, Rejected> {
    sole(headers, name)?.to_str().map_err(|_invalid| Rejected::Malformed)
}

#[cfg(test)]
mod tests;
