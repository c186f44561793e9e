//! What a body says went wrong.
//!
//! Wawp, the engine host behind it, its validation and the proxies between each have their own envelope
//! for errors, and some of them come with a 2xx. Actor: [`Envelope`], the short known members of any of them.
//! Nothing else of a body is ever repeated: the host's answers echo the whole request.

use std::time::Duration;

use serde_json::Value;

use super::reply::{Reply, number, status_code, text_at};

/// Longest wait that a provider is believed to mean.
const A_DAY: Duration = Duration::from_hours(24);

/// The error members of a body, where it has any.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Envelope {
    /// The provider's word: `invalid_session`, `missing_param`, `wawp_upstream_error`.
    pub(super) code: Option<String>,
    /// The sentence with it, not cleaned yet.
    pub(super) message: Option<String>,
    /// `WhatsApp`'s own code inside an unhandled engine error: a 500 can be a disguised 429.
    pub(super) inner: Option<u16>,
    /// A status inside the body, in the meaning of HTTP.
    pub(super) status: Option<u16>,
    /// The state of the linked number, where the body names one.
    pub(super) state: Option<String>,
    /// How long to wait, where the body says.
    pub(super) retry_after: Option<Duration>,
    /// The body has the marks of a failure, whatever the HTTP status was.
    pub(super) failed: bool,
}

impl Envelope {
    pub(super) fn read(reply: &Reply) -> Self {
        match reply {
            Reply::Json(Value::Object(_)) => {
                let mut envelope = Self::default();
                for layer in reply.layers() {
                    envelope.take(layer);
                }
                envelope
            }
            Reply::Text(text) => Self {
                // Only the bare words of an engine's own failure; other text may be anything.
                inner: engine_failure(text).and_then(|_| whatsapp_code(text)),
                failed: engine_failure(text).is_some(),
                code: engine_failure(text).map(str::to_owned),
                ..Self::default()
            },
            _ => Self::default(),
        }
    }

    fn take(&mut self, layer: &Value) {
        let error = layer.get("error");
        let exception = layer.get("exception").filter(|e| e.is_object());
        let upstream = layer.get("wawp_upstream_error");
        let words = [Some(layer), error, exception, upstream];
        let first = |path: &[&str]| words.into_iter().flatten().find_map(|v| text_at(v, path));

        let code = first(&["code"]).map(str::to_owned);
        let code = code
            .or_else(|| upstream.map(|_| "wawp_upstream_error".to_owned()))
            .or_else(|| engine_failure(error?.as_str()?).map(str::to_owned));
        let message = exception
            .and_then(|e| text_at(e, &["message"]))
            .or_else(|| first(&["message"]))
            .map(str::to_owned)
            .or_else(|| validation(layer.get("message")?))
            .or_else(|| error.or(upstream)?.as_str().map(str::to_owned));

        let whole = ["statusCode", "status", "code"];
        let status = whole.iter().find_map(|name| status_code(layer.get(*name)?));
        let in_error = error.and_then(|e| whole.iter().find_map(|name| status_code(e.get(*name)?)));
        let inner = exception
            .and_then(|e| status_code(e.get("data")?))
            .or_else(|| whatsapp_code(message.as_deref()?));

        self.failed |= marked(layer, code.as_deref(), message.is_some(), status);
        self.state = self.state.take().or_else(|| session_state(layer));
        self.retry_after = self.retry_after.or_else(|| {
            let wait = layer.get("retry_after").or_else(|| layer.get("retryAfter"))?;
            seconds(number(wait)?)
        });
        self.code = self.code.take().or(code);
        self.message = self.message.take().or(message);
        self.status = self.status.or(status).or(in_error).filter(|s| *s >= 400);
        self.inner = self.inner.or(inner).filter(|s| *s >= 400);
    }

    /// Whether code or message hold one of these words.
    pub(super) fn speaks_of(&self, words: &[&str]) -> bool {
        let texts = [self.code.as_deref(), self.message.as_deref()];
        texts.into_iter().flatten().any(|text| {
            text.split(|c: char| !c.is_alphanumeric())
                .any(|word| words.iter().any(|w| word.eq_ignore_ascii_case(w)))
        })
    }

    /// Whether the code says that the linked number or the instance is the trouble.
    pub(super) fn code_speaks_of(&self, word: &str) -> bool {
        let code = self.code.as_deref().unwrap_or_default();
        code.split(|c: char| !c.is_alphanumeric()).any(|part| part.eq_ignore_ascii_case(word))
    }

    /// Code and message in one line, still to be cleaned.
    pub(super) fn words(&self) -> String {
        let parts = [self.state.as_deref(), self.code.as_deref(), self.message.as_deref()];
        parts.into_iter().flatten().collect::<Vec<_>>().join(": ")
    }
}

/// A wait in seconds, if it is one; longer than a day is taken as a day.
pub(super) fn seconds(number: f64) -> Option<Duration> {
    (number >= 0.0).then(|| Duration::from_secs_f64(number.ceil().min(A_DAY.as_secs_f64())))
}

/// A queue ticket: Wawp took the request and has not done it yet. A message of the Baileys engine has
/// `"status": "PENDING"` as well, so callers look for an id first.
pub(super) fn is_ticket(reply: &Reply) -> bool {
    reply.layers().iter().any(|layer| {
        let waits = ["queued", "accepted", "pending", "scheduled"];
        let status = text_at(layer, &["status"]).unwrap_or_default();
        layer.get("job_id").is_some_and(|id| !id.is_null())
            || waits.iter().any(|word| status.eq_ignore_ascii_case(word))
    })
}

/// Whether a setter worked: nothing, `true`, a good word, or an object without the marks of a failure.
pub(super) fn is_done(reply: &Reply) -> Option<()> {
    let good_word =
        |word: &str| ["true", "ok", "success", "done"].iter().any(|w| word.eq_ignore_ascii_case(w));
    let done = match reply {
        Reply::Empty | Reply::Json(Value::Array(_)) => true,
        Reply::Json(Value::Bool(done)) => *done,
        Reply::Json(Value::Object(_)) => {
            let denied = reply.layers().iter().any(|layer| layer.as_bool() == Some(false));
            !denied && !Envelope::read(reply).failed && !is_ticket(reply)
        }
        Reply::Text(word) => good_word(word),
        Reply::Json(_) | Reply::Html | Reply::InvalidJson => false,
    };
    done.then_some(())
}

/// The name before the colon, where the text is `CreateGroupError: …` or the like (whatsapp-web.js gives
/// a failure back as a string).
fn engine_failure(text: &str) -> Option<&str> {
    let name = text.split(':').next()?;
    let plain = name.len() <= 40 && name.bytes().all(|b| b.is_ascii_alphanumeric());
    (plain && name.ends_with("Error") && name.len() < text.len()).then_some(name)
}

/// Nest's validation gives its message as a list of sentences.
fn validation(message: &Value) -> Option<String> {
    let sentences: Vec<&str> = message.as_array()?.iter().filter_map(Value::as_str).take(4).collect();
    (!sentences.is_empty()).then(|| sentences.join("; "))
}

/// The marks of a failure that can come with any HTTP status.
fn marked(layer: &Value, code: Option<&str>, message: bool, status: Option<u16>) -> bool {
    let is_false = |name: &str| layer.get(name) == Some(&Value::Bool(false));
    let error = layer.get("error").is_some_and(|error| match error {
        Value::Null => false,
        Value::Bool(error) => *error,
        Value::Number(_) => status_code(error) != Some(0),
        Value::String(words) => !words.is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    });
    let bad_word = text_at(layer, &["status"])
        .is_some_and(|word| ["error", "fail", "failure"].iter().any(|bad| word.eq_ignore_ascii_case(bad)));
    let good_code =
        |code: &str| ["success", "ok", "200", "201"].iter().any(|ok| code.eq_ignore_ascii_case(ok));
    error
        || bad_word
        || is_false("success")
        || is_false("status")
        || (is_false("result") && message)
        || status.is_some_and(|status| status >= 400)
        || (message && code.is_some_and(|code| !good_code(code)))
        || layer.get("exception").is_some_and(Value::is_object)
        || layer.get("wawp_upstream_error").is_some_and(|member| !member.is_null())
}

/// The state of the linked number, where a body names one.
pub(super) fn session_state(value: &Value) -> Option<String> {
    const STATES: [&str; 7] = [
        "STOPPED",
        "STARTING",
        "SCAN_QR_CODE",
        "WORKING",
        "FAILED",
        "PASSKEY_REQUIRED",
        "PASSKEY_CONFIRMATION_REQUIRED",
    ];
    let word = text_at(value, &["status"])?;
    STATES.iter().find(|state| **state == word).map(|state| (*state).to_owned())
}

/// `WhatsApp`'s code behind an engine's words: the names are whatsmeow's (errors.go), `status 429` is how
/// its errors print.
fn whatsapp_code(message: &str) -> Option<u16> {
    const TELLING: [(&str, u16); 11] = [
        ("rate-overlimit", 429),
        // Its lock on writing to strangers has no name.
        ("server returned error 463", 463),
        ("bad-request", 400),
        ("not-authorized", 401),
        ("item-not-found", 404),
        ("not-allowed", 405),
        ("not-acceptable", 406),
        ("resource-limit", 419),
        ("internal-server-error", 500),
        ("service-unavailable", 503),
        ("partial-server-error", 530),
    ];
    // Everyday words mean a code only when nothing else is said.
    const ALONE: [(&str, u16); 3] = [("forbidden", 403), ("gone", 410), ("locked", 423)];
    let message = message.trim().to_lowercase();
    let status = message.split("status ").skip(1).find_map(|after| {
        let digits = after.get(..3).filter(|d| d.bytes().all(|b| b.is_ascii_digit()))?;
        let ends = !after.get(3..)?.starts_with(|c: char| c.is_ascii_digit());
        ends.then(|| digits.parse().ok()).flatten()
    });
    status
        .or_else(|| {
            let telling = TELLING.iter().find(|(name, _)| message.contains(name));
            let alone = ALONE.iter().find(|(name, _)| message == *name);
            telling.or(alone).map(|(_, code)| *code)
        })
        .filter(|code| *code >= 400)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn envelope(body: &str) -> Envelope {
        Envelope::read(&Reply::read(body.as_bytes()))
    }

    #[test]
    fn every_envelope_is_understood() {
        for (body, words) in [
            (r#"{"code":"invalid_session","message":"re-link"}"#, "invalid_session: re-link"),
            (r#"{"status":404,"message":"no such thing","error":"Not Found"}"#, "no such thing"),
            (r#"{"statusCode":401,"message":"Unauthorized"}"#, "Unauthorized"),
            (
                r#"{"statusCode":400,"message":["name must be a string","b"],"error":"Bad Request"}"#,
                "name must be a string; b",
            ),
            (r#"{"error":{"message":"no","code":"missing_param"}}"#, "missing_param: no"),
            (r#"{"success":false,"error":"no"}"#, "no"),
            (r#"{"status":"error","message":"no"}"#, "no"),
            (r#"{"status":false,"message":"no"}"#, "no"),
            (r#"{"error":"CreateGroupError: no"}"#, "CreateGroupError: CreateGroupError: no"),
            (r#"{"data":{"wawp_upstream_error":"down"}}"#, "wawp_upstream_error: down"),
            (r#"{"result":false,"message":"no"}"#, "no"),
            ("CreateGroupError: An error occurred", "CreateGroupError"),
        ] {
            let envelope = envelope(body);
            assert!(envelope.failed, "{body}");
            assert_eq!(envelope.words(), words, "{body}");
        }
    }

    #[test]
    fn good_answers_have_no_marks_of_a_failure() {
        for body in [
            r#"{"success":true}"#,
            r#"{"status":200}"#,
            r#"{"code":"success","message":"queued","job_id":"j"}"#,
            r#"{"numberExists":false}"#,
            r#"{"key":{"id":"3EB0"},"message":{"conversation":"x"},"status":"PENDING"}"#,
            r#"{"id":"120363@g.us","restrict":false,"announce":false}"#,
            r#"{"error":null,"data":[]}"#,
            "true",
            "some words",
            "",
        ] {
            assert!(!envelope(body).failed, "{body}");
        }
    }

    #[test]
    fn disguised_codes_are_found() {
        for (message, code) in [
            ("rate-overlimit", Some(429)),
            ("info query returned status 429: rate-overlimit", Some(429)),
            ("2 UNKNOWN: info query returned status 403: forbidden", Some(403)),
            ("forbidden", Some(403)),
            ("the forbidden city", None),
            ("item-not-found", Some(404)),
            ("status 4290", None),
            ("status 200", None),
            ("2 UNKNOWN: server returned error 463", Some(463)),
            ("Internal Server Error - Unexpected Failure", None),
        ] {
            assert_eq!(whatsapp_code(message), code, "{message}");
        }
        let body =
            r#"{"statusCode":500,"exception":{"message":"x","data":"406"},"request":{"body":"secret"}}"#;
        assert_eq!(envelope(body).inner, Some(406));
        assert_eq!(envelope(body).words(), "x");
    }

    #[test]
    fn tickets_are_known() {
        for body in [
            r#"{"status":"queued","job_id":"1"}"#,
            r#"{"code":"success","job_id":7}"#,
            r#"{"data":{"status":"Accepted"}}"#,
        ] {
            assert!(is_ticket(&Reply::read(body.as_bytes())), "{body}");
        }
        assert!(!is_ticket(&Reply::read(br#"{"job_id":null,"status":"sent"}"#)));
    }

    #[test]
    fn a_wait_is_never_longer_than_a_day_and_never_negative() {
        assert_eq!(seconds(1.2), Some(Duration::from_secs(2)));
        assert_eq!(seconds(1e300), Some(A_DAY));
        assert_eq!(seconds(-1.0), None);
        assert_eq!(seconds(f64::NAN), None);
    }

    proptest! {
        #[test]
        fn any_words_are_read(message in any::<String>()) {
            let _ = whatsapp_code(&message);
            let _ = engine_failure(&message);
            let body = serde_json::json!({"message": message, "status": message, "code": message}).to_string();
            let _ = envelope(&body).words();
        }
    }
}
