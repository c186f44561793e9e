//! How a source proves itself: the `verify` part of a source.

use crate::config::item::{Item, Section};
use crate::config::keys::{Form, Map, SCALAR, STRING, TEXT, Text, keys};
use crate::config::source_text::Cover;
use crate::config::values::{HEADER, header_name};
use crate::config::yaml::Value;
use crate::signature::{Before, Digest, Encoding, Scheme, TimestampHeader, Verifier, sns};
use crate::source::SourceKind;

keys! {
    /// One way for a caller to prove itself.
    WAYS = "verify" rules r#"{ "type": "object", "minProperties": 1, "maxProperties": 1 }"# {
        /// `Authorization: Bearer …`
        bearer: Form::Secrets;
        /// A user's name and password.
        basic: Form::Map(&BASIC);
        /// A secret in a header of its own.
        header: Form::Map(&IN_HEADER);
        /// A secret in the address, for tools that can do nothing else.
        query: Form::Map(&IN_QUERY);
        /// A secret in a field of a form.
        form_field: Form::Map(&IN_FIELD);
        /// A signature in the form usual for this kind, or in any other form.
        hmac: Form::Any(&[Form::Secrets, Form::Map(&HMAC), Form::Map(&HMAC_ITEMS)]);
        /// Svix and others: `whsec_…`; a public key is `whpk_…`.
        standard_webhooks: Form::Secrets;
        /// Amazon's own signature.
        sns: Form::Map(&SNS);
    }
    /// A name and a password in the address.
    BASIC = "basic" {
        /// The user's name.
        user: TEXT, needed, such_as "warroom";
        /// The user's password.
        password: Form::Secrets, needed, such_as "{ env: WEBHOOK_SECRET }";
    }
    /// A secret in a header of its own.
    IN_HEADER = "header with a secret" {
        /// The header that carries the secret.
        name: HEADER, needed;
        /// The secret.
        secret: Form::Secrets, needed, such_as "{ env: WEBHOOK_SECRET }";
    }
    /// A secret in the address.
    IN_QUERY = "parameter with a secret" {
        /// The query parameter that carries the secret.
        name: TEXT, needed, such_as "token";
        /// The secret.
        secret: Form::Secrets, needed, such_as "{ env: WEBHOOK_SECRET }";
    }
    /// A secret in a field of a form.
    IN_FIELD = "field with a secret" {
        /// The form's field that carries the secret.
        name: TEXT, needed, such_as "Token";
        /// The secret.
        secret: Form::Secrets, needed, such_as "{ env: WEBHOOK_SECRET }";
    }
    /// What every signature of a body has.
    SIGNED {
        /// The secrets, any of which is accepted.
        secrets: Form::Secrets, needed, such_as "[ { env: WEBHOOK_SECRET } ]";
        /// The header that carries the signature; what is usual for the kind if absent.
        header: HEADER, such_as "X-Signature";
        /// How old a signed request may be.
        tolerance: Form::Duration("1s", "1h"), usual "5m";
    }
    /// A signature in a header of its own.
    HMAC = "hmac"
    rules r#"{ "dependentRequired": { "separator": ["timestamp_header"], "timestamp_before": ["timestamp_header"] } }"#
    such_as [ "{ secrets: [ { env: WEBHOOK_SECRET } ], header: X-Signature, timestamp_header: X-Time }" ] {
        /// How the signature is written; hex unless the kind has it otherwise.
        encoding: Form::Word(|| vec!["hex", "base64"]);
        /// What stands before it.
        prefix: ANY, such_as "sha256=";
        /// The header that carries the time.
        timestamp_header: HEADER, such_as "X-Time";
        /// What stands between the time and the body; `:` if absent.
        separator: ANY, such_as "\":\"";
        /// What the time stands before: the body, or the secret in the key; the body if absent.
        timestamp_before: Form::Word(|| vec!["body", "secret"]);
        ..SIGNED;
    }
    /// A time and signatures as items of one header.
    HMAC_ITEMS = "hmac with items"
    rules r#"{ "anyOf": [{ "required": ["timestamp_item"] }, { "required": ["signature_item"] }] }"#
    such_as [
        "{ secrets: [ { env: WEBHOOK_SECRET } ], header: X-Signature, timestamp_item: t, signature_item: v1 }"
    ] {
        /// The item of the header that is the time; `t` unless the kind has it otherwise.
        timestamp_item: ANY, such_as "t";
        /// The item of the header that is the signature; `v1` unless the kind has it otherwise.
        signature_item: ANY, such_as "v1";
        /// What stands between the time and the body; a dot unless the kind has it otherwise.
        separator: ANY, such_as ".";
        ..SIGNED;
    }
    /// Amazon SNS.
    SNS = "sns" {
        /// The topics that may report.
        topics: Form::Some(&TOPIC, 0), needed, such_as "[ arn:aws:sns:eu-central-1:123456789012:sev1 ]";
        /// What raw deliveries must show, which nobody signs.
        raw: Form::Map(&RAW);
        /// Certificates that are believed instead of Amazon's.
        certificates: Form::Some(&Form::Map(&CERTIFICATE), 1);
        /// How old a message may be.
        tolerance: Form::Duration("1s", "24h"), usual "65m";
    }
    /// What raw deliveries of SNS must show: one of these.
    RAW = "raw delivery" rules r#"{ "type": "object", "minProperties": 1, "maxProperties": 1 }"# {
        /// A user's name and password, in the address.
        basic: Form::Map(&BASIC);
        /// A secret in a header of its own.
        header: Form::Map(&IN_HEADER);
        /// A secret in the address.
        query: Form::Map(&IN_QUERY);
    }
    /// A certificate.
    CERTIFICATE = "certificate" {
        /// The certificate's PEM file.
        file: TEXT, needed, such_as "sns.pem";
    }
}

/// How a source proves itself.
pub(super) const VERIFIER: Form = Form::Any(&[Form::Map(&WAYS), Form::Word(|| vec!["insecure"])]);
const ANY: Form = Form::Text(&Text {
    name: "any text",
    says: "Any text, also an empty one.",
    pattern: "[\\s\\S]*",
    types: SCALAR,
    example: "v1",
});
const TOPIC: Form = Form::Text(&Text {
    name: "topic",
    says: "A topic's ARN.",
    pattern: "arn:.*",
    types: STRING,
    example: "arn:aws:sns:eu-central-1:123456789012:sev1",
});

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
    let found = item.section(&WAYS, |s| {
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
    parts(item, &SNS, |s| {
        let topics = s.need("topics").map(|i| all(&i, topic));
        let raw = s.get("raw").map(|item| item.section(&RAW, raw));
        let pinned = s.get("certificates").map_or(Some(Vec::new()), |item| certificates(&item));
        let tolerance = s.duration("tolerance");
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

fn topic(item: &Item<'_>) -> Option<sns::Topic> {
    item.parsed(
        "a topic's ARN, such as `arn:aws:sns:eu-central-1:123456789012:sev1`",
        "copy it from the topic's page; a subscription's ARN has one part more",
    )
}

/// What raw deliveries must show.
fn raw(s: &Section<'_>) -> Option<Box<Scheme>> {
    let forms = [
        s.get("basic").map(|i| basic(&i)),
        s.get("header").map(|i| header(&i)),
        s.get("query").map(|i| query(&i)),
    ];
    let given: Vec<_> = forms.into_iter().flatten().collect();
    let [one] = given.as_slice() else {
        let hint = "SNS can carry a name and a password in the address, or a query parameter";
        s.context.error_with(s.span.clone(), "needs one of `basic`, `query` or `header`", hint);
        return None;
    };
    one.as_ref().map(|verifier| Box::new(verifier.scheme.clone()))
}

/// All members of a list, each read, so that every mistake in it is told; `None` if there is one.
fn all<T>(item: &Item<'_>, read: impl Fn(&Item<'_>) -> Option<T>) -> Option<Vec<T>> {
    let items = item.list(true);
    let found: Vec<T> = items.iter().filter_map(read).collect();
    (found.len() == items.len()).then_some(found)
}

/// Certificates that are believed instead of Amazon's, each from a PEM file.
fn certificates(item: &Item<'_>) -> Option<Vec<sns::Certificate>> {
    let items = item.list(true);
    if items.is_empty() && matches!(item.node.value, Value::List(_)) {
        item.error_with("is an empty list", "leave it out, and Amazon's own are fetched");
        return None;
    }
    all(item, |item| {
        let file = item.section(&CERTIFICATE, |s| s.need("file"))?;
        let text = file.file_text(file.text()?)?;
        let certificate = sns::Certificate::from_pem(text.as_bytes()).ok();
        if certificate.is_none() {
            file.error_with("is not a certificate", "a PEM file with `-----BEGIN CERTIFICATE-----`");
        }
        certificate
    })
}

/// A map with its parts; anything else may be a secret written at the wrong place.
fn parts<'a, T>(item: &Item<'a>, map: &'static Map, read: impl FnOnce(&Section<'a>) -> T) -> T {
    if !item.is_map() {
        item.cover(Cover::Secret);
    }
    item.section(map, read)
}

fn basic(item: &Item<'_>) -> Option<Verifier> {
    parts(item, &BASIC, |s| {
        let user = s.need("user").and_then(|i| i.line());
        let passwords = s.need("password").and_then(|i| secrets(&i));
        Some(Verifier::new(Scheme::Basic { user: user?.to_owned(), passwords: passwords? }))
    })
}

fn header(item: &Item<'_>) -> Option<Verifier> {
    parts(item, &IN_HEADER, |s| {
        let name = s.need("name").and_then(|i| header_name(&i));
        let secrets = s.need("secret").and_then(|i| secrets(&i));
        Some(Verifier::new(Scheme::Header { name: name?, secrets: secrets? }))
    })
}

fn query(item: &Item<'_>) -> Option<Verifier> {
    parts(item, &IN_QUERY, |s| {
        let (name, secrets) = carried(s)?;
        Some(Verifier::new(Scheme::Query { name, secrets }))
    })
}

fn form_field(item: &Item<'_>) -> Option<Verifier> {
    parts(item, &IN_FIELD, |s| {
        let (name, secrets) = carried(s)?;
        Some(Verifier::new(Scheme::FormField { name, secrets }))
    })
}

fn carried(s: &Section<'_>) -> Option<(String, Vec<secrecy::SecretString>)> {
    let name = s.need("name").and_then(|i| i.line());
    let secrets = s.need("secret").and_then(|i| secrets(&i));
    Some((name?.to_owned(), secrets?))
}

fn hmac(item: &Item<'_>, kind: Option<SourceKind>) -> Option<Verifier> {
    let has =
        |key: &str| matches!(&item.node.value, Value::Map(entries) if entries.iter().any(|e| e.key == key));
    if has("timestamp_item") || has("signature_item") {
        return hmac_items(item, kind);
    }
    let is_secret = !item.is_map() || has("env") || has("file");
    if is_secret {
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
    item.section(&HMAC, |s| {
        let secrets = s.need("secrets").and_then(|i| secrets(&i));
        let usual = kind.and_then(|k| k.default_hmac(secrets.clone().unwrap_or_default()));
        let header = s.get("header").map(|i| header_name(&i));
        let encoding = s.choice("encoding", &[Encoding::Hex, Encoding::Base64]);
        let prefix = s.get("prefix").map(|i| i.scalar("a text such as `sha256=`"));
        let time_header = s.get("timestamp_header").map(|i| header_name(&i));
        let separator = s.get("separator");
        let before_secret = s.choice("timestamp_before", &[false, true]).unwrap_or(false);
        let tolerance = s.duration("tolerance");
        if let Some(at) = separator.as_ref().filter(|_| time_header.is_none()) {
            at.error_with("needs `timestamp_header`", "it stands between the time and the body");
        }
        if let Some(at) = separator.as_ref().filter(|_| time_header.is_some() && before_secret) {
            at.error_with(
                "has no effect beside `timestamp_before: secret`",
                "remove it: the time stands in the key, not before the body",
            );
        }
        if let Some(at) = s.get("timestamp_before").filter(|_| time_header.is_none()) {
            at.error_with("needs `timestamp_header`", "it says what the time stands before");
        }
        let secrets = secrets?;
        let untouched = header.is_none() && encoding.is_none() && prefix.is_none() && time_header.is_none();
        if let Some(scheme) = usual.as_ref().filter(|_| untouched) {
            refuse_tolerance(s, scheme);
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
        let timestamp = match time_header {
            Some(name) => Some(TimestampHeader {
                header: name?,
                before: if before_secret {
                    Before::Secret
                } else {
                    // As Grafana and Slack do it.
                    let text = separator.and_then(|i| i.scalar("a text such as `:`")).unwrap_or(":");
                    Before::Body(text.to_owned())
                },
            }),
            None => None,
        };
        let scheme = Scheme::Hmac {
            secrets,
            header,
            encoding: encoding.unwrap_or(usual_encoding),
            prefix: match prefix {
                Some(prefix) => Some(prefix?.to_owned()).filter(|p| !p.is_empty()),
                None => usual_prefix,
            },
            timestamp,
        };
        refuse_tolerance(s, &scheme);
        Some(Verifier { scheme, tolerance })
    })
}

/// Says so if a signature without a time is given a largest age.
fn refuse_tolerance(s: &Section<'_>, scheme: &Scheme) {
    if let (Some(at), Scheme::Hmac { timestamp: None, .. }) = (s.get("tolerance"), scheme) {
        at.error_with(
            "has no effect: this signature covers no time",
            "remove it, or name the `timestamp_header`",
        );
    }
}

/// A time and signatures as items of one header.
fn hmac_items(item: &Item<'_>, kind: Option<SourceKind>) -> Option<Verifier> {
    item.section(&HMAC_ITEMS, |s| {
        let secrets = s.need("secrets").and_then(|i| secrets(&i));
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
        let tolerance = s.duration("tolerance");
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
