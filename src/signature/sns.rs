//! Amazon SNS: RSA over a fixed list of the envelope's fields, by the certificate whose address stands there.
//!
//! A right signature proves only that *some* topic of *some* account has sent it, so [`Terms`] name the topics
//! that count. The address of the certificate comes with the message: an [`Address`] is only ever made for the
//! SNS host of an allowed topic's own region, compared as text, so that nobody can have us ask elsewhere. What
//! is fetched there is believed because TLS vouches for that host; that it is a certificate for SNS and within
//! its dates is checked again for each message.
//!
//! Facts from the SNS developer guide and Amazon's own message validators: version 1 is RSA PKCS #1 1.5 with
//! SHA-1 and what topics do unless told otherwise, version 2 is the same with SHA-256; headers are not signed;
//! raw delivery signs nothing at all.

use std::collections::BTreeMap;
use std::fmt;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{
    AlgorithmIdentifier, CertificateDer, InvalidSignature, PrivatePkcs8KeyDer, ServerName,
    SignatureVerificationAlgorithm, UnixTime, alg_id,
};
use serde::{Deserialize, Serialize};
use webpki::aws_lc_rs::RSA_PKCS1_2048_8192_SHA256;
use webpki::{EndEntityCert, KeyUsage};

use super::{
    CannotSign, Evidence, RawHook, Rejected, Scheme, Signed, SnsAction, USUAL_TOLERANCE, Verifier, mac,
    prove, sole_text,
};
use crate::clock::{SignedDuration, Timestamp};

/// SNS repeats a delivery for at most an hour, whatever policy was chosen, always under the first time.
pub const TOLERANCE: SignedDuration = SignedDuration::from_mins(65);

/// What Amazon's certificates are called, before 32 hexadecimal digits and `.pem`.
const CERTIFICATE_NAME: &str = "SimpleNotificationService-";
const CERTIFICATE_DIGITS: usize = 32;
/// Real ones have 300 characters and less.
const LONGEST_TOKEN: usize = 1024;

const TOPIC_HEADER: HeaderName = HeaderName::from_static("x-amz-sns-topic-arn");

/// What a request from SNS must prove.
#[derive(Debug, Clone)]
pub struct Terms {
    /// The topics that may report; any other is turned away, however well it is signed.
    pub topics: Vec<Topic>,
    /// What raw deliveries, which nobody signs, must prove instead; without it there are none.
    pub raw: Option<Box<Scheme>>,
    /// The only certificates to believe, instead of whatever Amazon's host serves: for networks without a way
    /// out, and for trying. With any of them nothing is fetched.
    pub pinned: Vec<Certificate>,
}

/// A topic that may report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    arn: String,
    region: String,
    domain: &'static str,
}

/// A text that is no topic's ARN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the ARN of a topic")]
pub struct NotATopic;

impl std::str::FromStr for Topic {
    type Err = NotATopic;

    fn from_str(text: &str) -> Result<Self, NotATopic> {
        let mut parts = text.split(':');
        let mut part = || parts.next().filter(|part| !part.is_empty()).ok_or(NotATopic);
        let (arn, partition, service) = (part()?, part()?, part()?);
        let (region, account, name) = (part()?, part()?, part()?);
        let domain = match partition {
            "aws" | "aws-us-gov" => "amazonaws.com",
            "aws-cn" => "amazonaws.com.cn",
            _ => return Err(NotATopic),
        };
        let is_plain = |part: &str, also: &[u8]| {
            part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || also.contains(&b))
        };
        let is_name =
            name.len() <= 256 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        let is_region = region.len() >= 3 && region.len() <= 40 && is_plain(region, b"-");
        let is_account = account.bytes().all(|b| b.is_ascii_digit());
        let is_topic = arn == "arn" && service == "sns" && is_region && is_account && is_name;
        if !is_topic || parts.next().is_some() {
            return Err(NotATopic);
        }
        Ok(Self { arn: text.to_owned(), region: region.to_owned(), domain })
    }
}

/// Its ARN.
impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.arn)
    }
}

/// An address on an SNS host of Amazon, which may be asked. Only this file makes one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(String);

impl Address {
    /// The address as text; it can hold a token.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Without the query, which can hold a token.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.split('?').next().unwrap_or_default())
    }
}

impl Topic {
    /// Amazon's newest validator wants the host of the topic's own region too.
    fn root(&self) -> String {
        format!("https://sns.{}.{}/", self.region, self.domain)
    }

    /// Compared as text from its beginning: no parser, no port, no user's name, no other host, and no name that
    /// Amazon does not give.
    fn certificate_at(&self, url: &str) -> Result<Address, Rejected> {
        let path = url.strip_prefix(&self.root()).ok_or(Rejected::Wrong)?;
        let name = path.strip_prefix(CERTIFICATE_NAME).ok_or(Rejected::Wrong)?;
        let digits = name.strip_suffix(".pem").ok_or(Rejected::Wrong)?;
        let is_digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if digits.len() == CERTIFICATE_DIGITS && digits.bytes().all(is_digit) {
            Ok(Address(url.to_owned()))
        } else {
            Err(Rejected::Wrong)
        }
    }

    /// Built from the parts; what the message proposes is not used.
    fn confirmation(&self, token: &str) -> Result<Address, Rejected> {
        let is_plain = token.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        if token.is_empty() || token.len() > LONGEST_TOKEN || !is_plain {
            return Err(Rejected::Malformed);
        }
        Ok(Address(format!("{}?Action=ConfirmSubscription&TopicArn={}&Token={token}", self.root(), self.arn)))
    }

    /// Under which names Amazon's certificates for signing go: one for most regions, others where a region must
    /// be asked for, in China and for governments.
    fn names(&self) -> [String; 4] {
        let Self { region, domain, .. } = self;
        [
            "sns.amazonaws.com".to_owned(),
            format!("sns.{region}.{domain}"),
            format!("sns-{region}.{domain}"),
            format!("sns-signing.{region}.{domain}"),
        ]
    }
}

/// A certificate as it was fetched.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate(CertificateDer<'static>);

/// Long, and of no use to a reader.
impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").field("bytes", &self.0.len()).finish()
    }
}

/// What was fetched is no certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a certificate")]
pub struct NotACertificate;

impl Certificate {
    /// The first certificate of a PEM file.
    pub fn from_pem(pem: &[u8]) -> Result<Self, NotACertificate> {
        let der = CertificateDer::from_pem_slice(pem).map_err(|_unreadable| NotACertificate)?;
        EndEntityCert::try_from(&der).map_err(|_unreadable| NotACertificate)?;
        Ok(Self(der))
    }

    /// Whether it is one for signing in this topic's region, and its dates hold at `now`.
    fn check(&self, topic: &Topic, now: Timestamp) -> Result<EndEntityCert<'_>, Rejected> {
        let certificate = EndEntityCert::try_from(&self.0).map_err(|_unreadable| Rejected::Malformed)?;
        let is_for = |name: &String| {
            let name = ServerName::try_from(name.as_str());
            name.is_ok_and(|name| certificate.verify_is_valid_for_subject_name(&name).is_ok())
        };
        if !topic.names().iter().any(is_for) {
            return Err(Rejected::Wrong);
        }
        let seconds = u64::try_from(now.as_second()).map_err(|_before_1970| Rejected::Stale)?;
        let at = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
        // SNS serves the certificate without those that lead to a root. Without any root all that can be found
        // right is found right before the issuer turns out to be unknown: dates, purpose, and that it is no CA.
        match certificate.verify_for_usage(&[], &[], &[], at, KeyUsage::server_auth(), None, None) {
            Ok(_) | Err(webpki::Error::UnknownIssuer) => Ok(certificate),
            Err(webpki::Error::CertExpired { .. } | webpki::Error::CertNotValidYet { .. }) => {
                Err(Rejected::Stale)
            }
            Err(_) => Err(Rejected::Wrong),
        }
    }
}

/// What is signed of a message, and how it says so.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Envelope {
    #[serde(rename = "Type")]
    kind: Kind,
    message_id: String,
    topic_arn: String,
    message: String,
    /// Part of what is signed only if it is there and not null.
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    /// Signed as text, so it is kept as text.
    timestamp: String,
    signature_version: String,
    signature: String,
    #[serde(rename = "SigningCertURL")]
    signing_cert_url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    #[serde(rename = "SubscribeURL", skip_serializing_if = "Option::is_none")]
    subscribe_url: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
enum Kind {
    Notification,
    SubscriptionConfirmation,
    UnsubscribeConfirmation,
}

impl Envelope {
    /// `None` for a body that does not even claim to be signed. Anything else of another shape is malformed: a
    /// field twice, one missing, one that is no text.
    fn read(body: &[u8]) -> Result<Option<Self>, Rejected> {
        /// The fields without which nothing is signed.
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Claim {
            signature: Option<serde::de::IgnoredAny>,
            #[serde(rename = "SigningCertURL")]
            signing_cert_url: Option<serde::de::IgnoredAny>,
        }
        let claims = serde_json::from_slice::<Claim>(body)
            .is_ok_and(|claim| claim.signature.is_some() || claim.signing_cert_url.is_some());
        if !claims {
            return Ok(None);
        }
        serde_json::from_slice(body).map(Some).map_err(|_text_of_the_body| Rejected::Malformed)
    }

    /// Names and values of what the signature covers, in the order of the names.
    fn signed_members(&self) -> Result<Vec<(&'static str, &str)>, Rejected> {
        let kind = match self.kind {
            Kind::Notification => "Notification",
            Kind::SubscriptionConfirmation => "SubscriptionConfirmation",
            Kind::UnsubscribeConfirmation => "UnsubscribeConfirmation",
        };
        let mut members = vec![("Message", self.message.as_str()), ("MessageId", &self.message_id)];
        if self.kind == Kind::Notification {
            members.extend(self.subject.as_deref().map(|subject| ("Subject", subject)));
        } else {
            members.push(("SubscribeURL", self.subscribe_url.as_deref().ok_or(Rejected::Malformed)?));
        }
        members.push(("Timestamp", &self.timestamp));
        if self.kind != Kind::Notification {
            members.push(("Token", self.token.as_deref().ok_or(Rejected::Malformed)?));
        }
        members.extend([("TopicArn", self.topic_arn.as_str()), ("Type", kind)]);
        Ok(members)
    }

    /// Each name and each value on a line.
    fn signed_text(&self) -> Result<String, Rejected> {
        Ok(self.signed_members()?.iter().flat_map(|(name, value)| [name, "\n", value, "\n"]).collect())
    }

    /// The envelope without what anybody may have put beside the signed members.
    fn signed_body(&self) -> Result<Bytes, Rejected> {
        let members: BTreeMap<&str, &str> = self.signed_members()?.into_iter().collect();
        serde_json::to_vec(&members).map(Bytes::from).map_err(|_unwritable| Rejected::Malformed)
    }

    /// Not older than `tolerance`; a little ahead of us is a clock that is a little ahead.
    fn check_fresh(&self, tolerance: SignedDuration, now: Timestamp) -> Result<(), Rejected> {
        let sent_at: Timestamp = self.timestamp.parse().map_err(|_unreadable| Rejected::Malformed)?;
        let age = now.duration_since(sent_at);
        if age <= tolerance && age >= -USUAL_TOLERANCE.min(tolerance) { Ok(()) } else { Err(Rejected::Stale) }
    }

    fn check_by(&self, certificate: &Certificate, topic: &Topic, now: Timestamp) -> Result<(), Rejected> {
        self.check_signature(&certificate.check(topic, now)?)
    }

    fn check_signature(&self, certificate: &EndEntityCert<'_>) -> Result<(), Rejected> {
        let algorithm: &dyn SignatureVerificationAlgorithm = match self.signature_version.as_str() {
            "1" => &Sha1,
            "2" => RSA_PKCS1_2048_8192_SHA256,
            _ => return Err(Rejected::Malformed),
        };
        let signature = STANDARD.decode(&self.signature).map_err(|_unreadable| Rejected::Malformed)?;
        certificate
            .verify_signature(algorithm, self.signed_text()?.as_bytes(), &signature)
            .map_err(|_why| Rejected::Wrong)
    }

    fn action(&self, topic: &Topic) -> Result<Option<SnsAction>, Rejected> {
        let arn = topic.to_string();
        Ok(match self.kind {
            Kind::Notification => None,
            Kind::SubscriptionConfirmation => {
                let token = self.token.as_deref().ok_or(Rejected::Malformed)?;
                Some(SnsAction::ConfirmSubscription { topic: arn, address: topic.confirmation(token)? })
            }
            // Its address would subscribe again, which is not ours to decide.
            Kind::UnsubscribeConfirmation => Some(SnsAction::NoticeUnsubscribed { topic: arn }),
        })
    }
}

impl Terms {
    /// What makes these terms useless or unsafe.
    pub(super) fn problem(&self) -> Option<&'static str> {
        match self.raw.as_deref() {
            _ if self.topics.is_empty() => Some("no topic is allowed"),
            Some(Scheme::Sns(_) | Scheme::Insecure) => Some("raw deliveries need a secret"),
            Some(scheme) => Verifier::new(scheme.clone()).problem(),
            None => None,
        }
    }

    fn topic(&self, arn: &str) -> Result<&Topic, Rejected> {
        self.topics.iter().find(|topic| topic.arn == arn).ok_or(Rejected::Wrong)
    }

    /// See [`super::certificate_for`].
    pub(super) fn certificate_for(
        &self,
        hook: &RawHook,
        tolerance: SignedDuration,
        now: Timestamp,
    ) -> Result<Option<Address>, Rejected> {
        let Some(envelope) = Envelope::read(&hook.body)? else {
            return Ok(None);
        };
        let topic = self.topic(&envelope.topic_arn)?;
        envelope.check_fresh(tolerance, now)?;
        envelope.signed_text()?;
        let address = topic.certificate_at(&envelope.signing_cert_url)?;
        Ok(self.pinned.is_empty().then_some(address))
    }

    pub(super) fn verify(
        &self,
        hook: &RawHook,
        certificate: Option<&Certificate>,
        tolerance: SignedDuration,
        now: Timestamp,
    ) -> Result<(Evidence, Option<SnsAction>), Rejected> {
        let Some(envelope) = Envelope::read(&hook.body)? else {
            return Ok((self.verify_raw(hook, tolerance, now)?, None));
        };
        let topic = self.topic(&envelope.topic_arn)?;
        topic.certificate_at(&envelope.signing_cert_url)?;
        envelope.check_fresh(tolerance, now)?;
        if self.pinned.is_empty() {
            envelope.check_by(certificate.ok_or(Rejected::Missing)?, topic, now)?;
        } else {
            let mut verdicts = self.pinned.iter().map(|pinned| envelope.check_by(pinned, topic, now));
            // Of several that say no, the first says why.
            let first = verdicts.next().unwrap_or(Err(Rejected::Missing));
            if first.is_err() && !verdicts.any(|verdict| verdict.is_ok()) {
                first?;
            }
        }
        let id = envelope.message_id.as_bytes();
        let evidence = Evidence {
            replay_key: Some(mac::replay_key("sns", &[topic.arn.as_bytes(), b"\n", id])),
            signed_id: Some(envelope.message_id.clone()),
            body: Some(envelope.signed_body()?),
        };
        Ok((evidence, envelope.action(topic)?))
    }

    /// Nobody signs these; whoever holds the secret is believed, also about the topic.
    fn verify_raw(
        &self,
        hook: &RawHook,
        tolerance: SignedDuration,
        now: Timestamp,
    ) -> Result<Evidence, Rejected> {
        let scheme = self.raw.as_deref().ok_or(Rejected::Missing)?;
        let evidence = prove(hook, scheme, tolerance, now)?;
        self.topic(sole_text(&hook.headers, &TOPIC_HEADER)?)?;
        Ok(evidence)
    }

    /// A raw delivery, if there are such; an envelope is not ours to sign.
    pub(super) fn sign(&self, body: &[u8], id: &str, now: Timestamp) -> Result<Signed, CannotSign> {
        let raw = self.raw.as_deref().ok_or(CannotSign::NotOurs)?;
        let mut signed = super::sign(&Verifier::new(raw.clone()), body, id, now)?;
        let topic = self.topics.first().ok_or(CannotSign::NoSecret)?;
        signed.headers.insert(TOPIC_HEADER, super::plain_value(&topic.arn)?);
        signed.headers.insert("x-amz-sns-rawdelivery", HeaderValue::from_static("true"));
        Ok(signed)
    }
}

/// The message as a topic of these terms would deliver it, signed in version 2 by `key` (PEM, PKCS #8), whose
/// certificate must be among the pinned ones of whoever is to believe it.
pub fn sign(
    terms: &Terms,
    message: &[u8],
    key: &[u8],
    id: &str,
    now: Timestamp,
) -> Result<Signed, CannotSign> {
    let topic = terms.topics.first().ok_or(CannotSign::NoSecret)?;
    let key = PrivatePkcs8KeyDer::from_pem_slice(key).map_err(|_unreadable| CannotSign::UnusableSecret)?;
    let key = RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()).map_err(|_no_rsa| CannotSign::UnusableSecret)?;
    let mut envelope = Envelope {
        kind: Kind::Notification,
        message_id: id.to_owned(),
        topic_arn: topic.arn.clone(),
        message: String::from_utf8_lossy(message).into_owned(),
        subject: None,
        timestamp: now.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
        signature_version: "2".to_owned(),
        signature: String::new(),
        signing_cert_url: format!("{}{CERTIFICATE_NAME}{}.pem", topic.root(), "0".repeat(CERTIFICATE_DIGITS)),
        token: None,
        subscribe_url: None,
    };
    let text = envelope.signed_text().map_err(|_incomplete| CannotSign::UnusableId)?;
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature)
        .map_err(|_unspecified| CannotSign::UnusableSecret)?;
    envelope.signature = STANDARD.encode(signature);
    let body = serde_json::to_vec(&envelope).map_err(|_unwritable| CannotSign::UnusableId)?;
    let mut signed = Signed { body: Some(body), ..Signed::default() };
    signed.headers.insert(TOPIC_HEADER, super::plain_value(&topic.arn)?);
    signed.headers.insert("x-amz-sns-message-type", HeaderValue::from_static("Notification"));
    Ok(signed)
}

/// RSA PKCS #1 1.5 with SHA-1, which webpki rightly does not offer for certificates.
#[derive(Debug)]
struct Sha1;

impl SignatureVerificationAlgorithm for Sha1 {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, public_key)
            .verify(message, signature)
            .map_err(|_unspecified| InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::RSA_ENCRYPTION
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        // `sha1WithRSAEncryption` has no constant there, and only certificates are asked for it.
        alg_id::RSA_PKCS1_SHA256
    }
}
