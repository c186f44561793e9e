//! How a source proves itself: the `verify` part of a source.

use http::HeaderName;

use crate::clock::SignedDuration;
use crate::config::item::Item;
use crate::config::section::Section;
use crate::config::server::seconds;
use crate::config::source_text::Cover;
use crate::config::words::shortened;
use crate::config::yaml::Value;
use crate::signature::{Before, Digest, Encoding, Scheme, TimestampHeader, USUAL_TOLERANCE, Verifier, sns};
use crate::source::SourceKind;

const FORMS: &str =
    "`bearer`, `basic`, `header`, `query`, `form_field`, `hmac`, `standard_webhooks` or `sns`";

/// The verifier, or a finding why there is none. `exposed` says that the listener can be reached from
/// outside this machine.
pub(super) fn verifier(item: &Item<'_>, kind: Option<SourceKind>, exposed: bool) -> Option<Verifier> {
    let word = match &item.node.value {
        Value::Map(_) => None,
        Value::Text(word) => Some(word.as_str()),
        _ => Some(""),
    };
    if let Some(word) = word {
        return bare_word(item, word, exposed);
    }
    let found = item.section(|s| {
        let forms = [
            s.get("bearer").map(|i| (i.clone(), bearer(&i))),
            s.get("basic").map(|i| (i.clone(), basic(&i))),
            s.get("header").map(|i| (i.clone(), header(&i))),
            s.get("query").map(|i| (i.clone(), query(&i))),
            s.get("form_field").map(|i| (i.clone(), form_field(&i))),
            s.get("hmac").map(|i| (i.clone(), hmac(&i, kind))),
            s.get("standard_webhooks").map(|i| (i.clone(), standard_webhooks(&i))),
            s.get("sns").map(|i| (i.clone(), sns(&i))),
        ];
        forms.into_iter().flatten().collect::<Vec<_>>()
    });
    let (at, verifier) = match found.as_slice() {
        [one] => one.clone(),
        [] => {
            if matches!(&item.node.value, Value::Map(entries) if entries.is_empty()) {
                item.error_with("is empty", format!("say how the sender proves itself: {FORMS}"));
            }
            return None;
        }
        [_, (second, _), ..] => {
            second.error_with("is a second way beside another one", "choose one of them");
            return None;
        }
    };
    let verifier = verifier?;
    if let Some(problem) = verifier.problem() {
        at.error_with(format!("cannot work: {problem}"), "put that right, or choose another way");
        return None;
    }
    Some(verifier)
}

fn bare_word(item: &Item<'_>, word: &str, exposed: bool) -> Option<Verifier> {
    if word != "insecure" {
        item.cover(Cover::Secret);
        item.error_with(
            "does not say how the sender proves itself",
            format!("write a map with one of {FORMS}, such as `{{ bearer: {{ env: NAME }} }}`"),
        );
        return None;
    }
    if exposed {
        item.error_with(
            "is `insecure`, which is refused where `server.listen` can be reached from outside",
            "anybody could open rooms; choose a way to verify, or listen on 127.0.0.1",
        );
        return None;
    }
    Some(Verifier::new(Scheme::Insecure))
}

/// Secrets under a key; `None` if one of them is missing or wrong, which is then a finding already.
pub(super) fn secrets(item: &Item<'_>) -> Option<Vec<secrecy::SecretString>> {
    let secrets = item.secrets();
    let wanted = match &item.node.value {
        Value::List(items) => items.len().max(1),
        _ => 1,
    };
    (secrets.len() == wanted).then_some(secrets)
}

fn bearer(item: &Item<'_>) -> Option<Verifier> {
    Some(Verifier::new(Scheme::Bearer { secrets: secrets(item)? }))
}

fn standard_webhooks(item: &Item<'_>) -> Option<Verifier> {
    Some(Verifier::new(Scheme::StandardWebhooks { secrets: secrets(item)? }))
}

/// Amazon SNS: which topics count, and what raw deliveries must show, which nobody signs.
fn sns(item: &Item<'_>) -> Option<Verifier> {
    parts(item, |s| {
        let hint = "the topics that may report, such as `[ arn:aws:sns:eu-central-1:123456789012:sev1 ]`";
        let topics = s.need("topics", hint).map(|i| {
            let items = i.list(true);
            items
                .iter()
                .map(|i| {
                    i.parsed(
                        "a topic's ARN, such as `arn:aws:sns:eu-central-1:123456789012:sev1`",
                        "copy it from the topic's page; a subscription's ARN has one part more",
                    )
                })
                .collect::<Option<Vec<_>>>()
        });
        let raw = s.get("raw").map(|item| {
            item.section(|s| {
                let forms = [
                    s.get("basic").map(|i| basic(&i)),
                    s.get("header").map(|i| header(&i)),
                    s.get("query").map(|i| query(&i)),
                ];
                match forms.into_iter().flatten().collect::<Vec<_>>().as_slice() {
                    [Some(one)] => Some(Box::new(one.scheme.clone())),
                    [None] => None,
                    _ => {
                        let hint = "SNS can carry a name and a password in the address, or a query parameter";
                        s.context.error_with(
                            s.span.clone(),
                            "needs one of `basic`, `query` or `header`",
                            hint,
                        );
                        None
                    }
                }
            })
        });
        let pinned = match s.get("certificates") {
            Some(item) => certificates(&item),
            None => Some(Vec::new()),
        };
        let tolerance = s.duration("tolerance", seconds(1)..=SignedDuration::from_hours(24), sns::TOLERANCE);
        let raw = match raw {
            Some(read) => Some(read?),
            None => None,
        };
        Some(Verifier {
            scheme: Scheme::Sns(sns::Terms { topics: topics??, raw, pinned: pinned? }),
            tolerance,
        })
    })
}

/// Certificates that are believed instead of Amazon's, each from a PEM file.
fn certificates(item: &Item<'_>) -> Option<Vec<sns::Certificate>> {
    let items = item.list(true);
    if items.is_empty() && matches!(item.node.value, Value::List(_)) {
        item.error_with("is an empty list", "leave it out, and Amazon's own are fetched");
        return None;
    }
    let read = |item: &Item<'_>| {
        let file = item.section(|s| s.need("file", "the certificate's PEM file: `{ file: sns.pem }`"))?;
        let text = file.file_text(file.text()?)?;
        let certificate = sns::Certificate::from_pem(text.as_bytes()).ok();
        if certificate.is_none() {
            file.error_with("is not a certificate", "a PEM file with `-----BEGIN CERTIFICATE-----`");
        }
        certificate
    };
    items.iter().map(read).collect()
}

/// A map with its parts; anything else may be a secret written at the wrong place.
fn parts<'a, T>(item: &Item<'a>, read: impl FnOnce(&Section<'a>) -> T) -> T {
    if !item.is_map() {
        item.cover(Cover::Secret);
    }
    item.section(read)
}

fn basic(item: &Item<'_>) -> Option<Verifier> {
    parts(item, |s| {
        let user = s.need("user", "the user's name").and_then(|i| i.line());
        let passwords =
            s.need("password", "a secret, `{ env: NAME }` or `{ file: PATH }`").and_then(|i| secrets(&i));
        Some(Verifier::new(Scheme::Basic { user: user?.to_owned(), passwords: passwords? }))
    })
}

fn header(item: &Item<'_>) -> Option<Verifier> {
    parts(item, |s| {
        let name = s
            .need("name", "the header that carries the secret, such as `X-Webhook-Token`")
            .and_then(|i| header_name(&i));
        let secrets =
            s.need("secret", "a secret, `{ env: NAME }` or `{ file: PATH }`").and_then(|i| secrets(&i));
        Some(Verifier::new(Scheme::Header { name: name?, secrets: secrets? }))
    })
}

fn query(item: &Item<'_>) -> Option<Verifier> {
    parts(item, |s| {
        let name = s
            .need("name", "the query parameter that carries the secret, such as `token`")
            .and_then(|i| i.line());
        let secrets =
            s.need("secret", "a secret, `{ env: NAME }` or `{ file: PATH }`").and_then(|i| secrets(&i));
        Some(Verifier::new(Scheme::Query { name: name?.to_owned(), secrets: secrets? }))
    })
}

fn form_field(item: &Item<'_>) -> Option<Verifier> {
    parts(item, |s| {
        let name = s
            .need("name", "the field of the form that carries the secret, such as `Token`")
            .and_then(|i| i.line());
        let secrets =
            s.need("secret", "a secret, `{ env: NAME }` or `{ file: PATH }`").and_then(|i| secrets(&i));
        Some(Verifier::new(Scheme::FormField { name: name?.to_owned(), secrets: secrets? }))
    })
}

fn header_name(item: &Item<'_>) -> Option<HeaderName> {
    let text = item.text()?;
    let name = HeaderName::from_bytes(text.as_bytes()).ok();
    if name.is_none() {
        item.error_with(
            format!("is not a header's name: `{}`", shortened(text)),
            "it has letters, digits and `-`, such as `X-Webhook-Token`",
        );
    }
    name
}

fn hmac(item: &Item<'_>, kind: Option<SourceKind>) -> Option<Verifier> {
    let has =
        |key: &str| matches!(&item.node.value, Value::Map(entries) if entries.iter().any(|e| e.key == key));
    if has("timestamp_item") || has("signature_item") {
        return hmac_items(item, kind);
    }
    if !has("secrets") {
        let secrets = secrets(item)?;
        let kind = kind?;
        let Some(scheme) = kind.default_hmac(secrets) else {
            item.error_with(
                format!("cannot be used here: {kind} does not sign its requests"),
                format!("the strongest that it can send: {}", kind.proof()),
            );
            return None;
        };
        return Some(Verifier::new(scheme));
    }
    item.section(|s| {
        let secrets = s.get("secrets").and_then(|i| secrets(&i));
        let usual = kind.and_then(|k| k.default_hmac(secrets.clone().unwrap_or_default()));
        let header = s.get("header").map(|i| header_name(&i));
        let encoding =
            s.get("encoding").map(|i| i.choice(&[("hex", Encoding::Hex), ("base64", Encoding::Base64)]));
        let prefix = s.get("prefix").map(|i| i.scalar("a text such as `sha256=`"));
        let time_header = s.get("timestamp_header").map(|i| header_name(&i));
        let separator = s.get("separator");
        let tolerance = s.duration("tolerance", seconds(1)..=SignedDuration::from_hours(1), USUAL_TOLERANCE);
        if let Some(at) = separator.as_ref().filter(|_| time_header.is_none()) {
            at.error_with("needs `timestamp_header`", "it stands between the time and the body");
        }
        if let Some(at) = s.get("timestamp_before").filter(|_| time_header.is_none()) {
            at.error_with("needs `timestamp_header`", "it says what the time stands before");
        }
        let secrets = secrets?;
        let untouched = header.is_none() && encoding.is_none() && prefix.is_none() && time_header.is_none();
        if let Some(scheme) = usual.as_ref().filter(|_| untouched) {
            return Some(Verifier { scheme: scheme.clone(), tolerance });
        }
        let (usual_header, usual_encoding, usual_prefix) = match usual {
            Some(Scheme::Hmac { header, encoding, prefix, .. }) => (Some(header), encoding, prefix),
            _ => (None, Encoding::Hex, None),
        };
        // A header of one's own comes with a form of one's own: the usual prefix belongs to the usual header.
        let usual_prefix = usual_prefix.filter(|_| header.is_none());
        let Some(header) = header.unwrap_or(usual_header) else {
            if s.get("header").is_none() {
                item.error_with("needs `header`", "the header that carries the signature");
            }
            return None;
        };
        let before = s.get("timestamp_before").map(|i| i.choice(&[("body", false), ("secret", true)]));
        let timestamp = match time_header {
            Some(name) => Some(TimestampHeader {
                header: name?,
                before: if before.unwrap_or(Some(false))? {
                    Before::Secret
                } else {
                    // As Grafana and Slack do it.
                    let text = separator.and_then(|i| i.scalar("a text such as `:`")).unwrap_or(":");
                    Before::Body(text.to_owned())
                },
            }),
            None => None,
        };
        Some(Verifier {
            scheme: Scheme::Hmac {
                secrets,
                header,
                encoding: encoding.unwrap_or(Some(usual_encoding))?,
                prefix: match prefix {
                    Some(prefix) => Some(prefix?.to_owned()).filter(|p| !p.is_empty()),
                    None => usual_prefix,
                },
                timestamp,
            },
            tolerance,
        })
    })
}

/// A time and signatures as items of one header.
fn hmac_items(item: &Item<'_>, kind: Option<SourceKind>) -> Option<Verifier> {
    item.section(|s| {
        let secrets = s
            .need("secrets", "a list of secrets, `{ env: NAME }` or `{ file: PATH }`")
            .and_then(|i| secrets(&i));
        let header = s.get("header").map(|i| header_name(&i));
        let usual = kind.and_then(|k| k.default_hmac(Vec::new()));
        // The kind's own names and separator, else those of Stripe and Hook0.
        let (usual_time, usual_signature, usual_separator) = match &usual {
            Some(Scheme::HmacItems { time, signature, separator, .. }) => {
                (time.as_str(), signature.as_str(), separator.as_str())
            }
            _ => ("t", "v1", "."),
        };
        let text = |key, usual: &str| match s.get(key) {
            Some(i) => i.scalar("a text such as `v1`").map(str::to_owned),
            None => Some(usual.to_owned()),
        };
        let time = text("timestamp_item", usual_time);
        let signature = text("signature_item", usual_signature);
        let separator = text("separator", usual_separator);
        let tolerance = s.duration("tolerance", seconds(1)..=SignedDuration::from_hours(1), USUAL_TOLERANCE);
        let header = match (header, &usual) {
            (Some(header), _) => header?,
            (None, Some(Scheme::HmacItems { header, .. })) => header.clone(),
            (None, _) => {
                item.error_with("needs `header`", "the header that carries the time and the signature");
                return None;
            }
        };
        Some(Verifier {
            scheme: Scheme::HmacItems {
                secrets: secrets?,
                header,
                time: time?,
                signature: signature?,
                separator: separator?,
            },
            tolerance,
        })
    })
}

/// How a source proves itself, in words without secrets.
#[must_use]
pub fn describe(verifier: &Verifier) -> String {
    let count = |secrets: &[secrecy::SecretString]| match secrets.len() {
        1 => "one secret".to_owned(),
        n => format!("{n} secrets, any of them"),
    };
    match &verifier.scheme {
        Scheme::Bearer { secrets } => format!("bearer token, {}", count(secrets)),
        Scheme::Basic { user, passwords } => format!("basic authentication as {user}, {}", count(passwords)),
        Scheme::Header { name, secrets } => format!("secret in header {name}, {}", count(secrets)),
        Scheme::Query { name, secrets } => format!("secret in query parameter {name}, {}", count(secrets)),
        Scheme::Hmac { secrets, header, timestamp, .. } => match timestamp {
            Some(time) => format!(
                "HMAC-SHA256 in {header} over {} and body, at most {} old, {}",
                time.header,
                super::quantity::show(verifier.tolerance),
                count(secrets)
            ),
            None => format!("HMAC-SHA256 in {header}, {}", count(secrets)),
        },
        Scheme::HmacItems { secrets, header, .. } => format!(
            "HMAC-SHA256 in {header} over its time and body, at most {} old, {}",
            super::quantity::show(verifier.tolerance),
            count(secrets)
        ),
        Scheme::FormField { name, secrets } => format!("secret in form field {name}, {}", count(secrets)),
        Scheme::PagerDuty { secrets } => format!("PagerDuty's signature, {}", count(secrets)),
        Scheme::StandardWebhooks { secrets } => format!(
            "Standard Webhooks signature, at most {} old, {}",
            super::quantity::show(verifier.tolerance),
            count(secrets)
        ),
        Scheme::Waha { secrets, algorithm } => {
            let name = match algorithm {
                Digest::Sha256 => "HMAC-SHA256",
                Digest::Sha512 => "HMAC-SHA512",
            };
            format!("{name} in X-Webhook-Hmac, {}", count(secrets))
        }
        Scheme::Sns(terms) => {
            let topics: Vec<String> = terms.topics.iter().map(ToString::to_string).collect();
            let raw = terms.raw.as_ref().map(|scheme| {
                let by = describe(&Verifier::new(scheme.as_ref().clone()));
                format!("; raw deliveries by {by}")
            });
            let pinned = match terms.pinned.len() {
                0 => "Amazon's signature".to_owned(),
                1 => "a signature by the pinned certificate, not Amazon's".to_owned(),
                n => format!("a signature by one of {n} pinned certificates, not Amazon's"),
            };
            format!(
                "{pinned}, at most {} old, of {}{}",
                super::quantity::show(verifier.tolerance),
                topics.join(", "),
                raw.unwrap_or_default()
            )
        }
        Scheme::Insecure => "NOT VERIFIED (insecure)".to_owned(),
    }
}
