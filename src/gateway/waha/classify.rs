//! Status and body → the class of error, by what must happen next.
//!
//! Actors: [`Answer`], what came back; [`Classifier`], which knows how to clean words. The rule behind
//! every line: something is *certain not to have happened* only if someone who would have done it says so.
//! When in doubt it is *unknown*, because looking is cheap and a second room is not.

use std::time::Duration;

use super::call::{Call, CallContext, refused};
use super::envelope::{Envelope, is_ticket};
use super::redaction::Redaction;
use super::reply::Reply;
use crate::gateway::{GatewayError, Refusal};

/// What came back from one call.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) retry_after: Option<Duration>,
    pub(super) reply: Reply,
    /// The body arrived to its end.
    pub(super) whole: bool,
}

impl Answer {
    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// Turns answers that are no success into errors.
pub(super) struct Classifier {
    redaction: Redaction,
}

impl Classifier {
    pub(super) fn new(redaction: Redaction) -> Self {
        Self { redaction }
    }

    /// Words from outside, fit to be kept.
    pub(super) fn clean(&self, words: &str) -> String {
        self.redaction.clean(words)
    }

    /// The error for an answer whose status is no success.
    pub(super) fn failure(&self, context: CallContext, answer: &Answer) -> GatewayError {
        let envelope = Envelope::read(&answer.reply);
        let detail = self.detail(answer.status, &envelope, &answer.reply);
        by_status(context, answer.status, answer.retry_after, &envelope, &answer.reply, detail)
    }

    /// The error for a 2xx whose body is not what was asked for.
    pub(super) fn unusable(&self, context: CallContext, answer: &Answer) -> GatewayError {
        if !answer.whole {
            return context.ambiguous(format!("{}, but the answer broke off", answer.status));
        }
        let envelope = Envelope::read(&answer.reply);
        let detail = self.detail(answer.status, &envelope, &answer.reply);
        if envelope.failed {
            return by_body(context, answer, &envelope, detail);
        }
        if is_ticket(&answer.reply) {
            return context.ambiguous(format!("{}: queued by the provider, not done yet", answer.status));
        }
        let denied = answer.reply.layers().iter().any(|layer| {
            layer.as_bool() == Some(false)
                || layer.get("success").and_then(serde_json::Value::as_bool) == Some(false)
        });
        if denied && !context.call.is_read() && !matches!(context.call, Call::Create | Call::SendText) {
            return refused(Refusal::Forbidden, format!("{}: answered `false`", answer.status));
        }
        context.ambiguous(format!("{}, but the answer cannot be used: {detail}", answer.status))
    }

    fn detail(&self, status: u16, envelope: &Envelope, reply: &Reply) -> String {
        let words = envelope.words();
        let inner = envelope.inner.map(|code| format!(" (WhatsApp {code})")).unwrap_or_default();
        let what = match reply {
            _ if !words.is_empty() => self.clean(&words),
            Reply::Empty => "empty".to_owned(),
            Reply::Html => "a page, not an API's answer".to_owned(),
            Reply::InvalidJson => "broken JSON".to_owned(),
            Reply::Text(_) => "some text".to_owned(),
            Reply::Json(_) => "JSON without a known error in it".to_owned(),
        };
        format!("{status}{inner}: {what}")
    }
}

/// A 2xx whose body has the marks of a failure.
fn by_body(context: CallContext, answer: &Answer, envelope: &Envelope, detail: String) -> GatewayError {
    if let Some(error) = envelope.inner.and_then(|code| by_whatsapp(context, code, None, envelope, &detail)) {
        return error;
    }
    if let Some(status) = envelope.status {
        return by_status(context, status, answer.retry_after, envelope, &answer.reply, detail);
    }
    if envelope.code_speaks_of("session") || envelope.state.as_deref().is_some_and(|state| state != "WORKING")
    {
        return GatewayError::SessionDown { detail };
    }
    if is_plan(envelope) {
        return refused(Refusal::Plan, detail);
    }
    // whatsapp-web.js says so when the number is no admin of the group.
    let no_rights = envelope.code.as_deref() == Some("AddParticipantsError");
    if no_rights && context.call == Call::Add {
        return refused(Refusal::Forbidden, detail);
    }
    // `CreateGroupError:` covers every failure in the browser, a lost answer of WhatsApp's included.
    context.ambiguous(detail)
}

fn is_plan(envelope: &Envelope) -> bool {
    envelope.speaks_of(&["subscription", "quota", "plan", "payment", "billing", "upgrade", "unlimited"])
}

fn by_status(
    context: CallContext,
    status: u16,
    retry_after: Option<Duration>,
    envelope: &Envelope,
    reply: &Reply,
    detail: String,
) -> GatewayError {
    let retry_after = retry_after.or(envelope.retry_after);
    let upstream = envelope.code.as_deref().is_some_and(|code| code.starts_with("wawp_"));
    match status {
        429 => GatewayError::Throttled { retry_after, detail },
        401 if !envelope.code_speaks_of("session") => refused(Refusal::Credentials, detail),
        402 => refused(Refusal::Plan, detail),
        501 => refused(Refusal::Unsupported, detail),
        500.. => by_server_error(context, status, retry_after, envelope, detail),
        400..=499 if upstream => by_server_error(context, status, retry_after, envelope, detail),
        400..=499 if envelope.code_speaks_of("session") => GatewayError::SessionDown { detail },
        400..=499 => by_client_error(context, status, envelope, reply, detail),
        // The address is wrong and says so; other redirects may follow something that was done.
        301 | 307 | 308 => refused(Refusal::Invalid, format!("{status}: redirects elsewhere")),
        _ => context.ambiguous(detail),
    }
}

fn by_client_error(
    context: CallContext,
    status: u16,
    envelope: &Envelope,
    reply: &Reply,
    detail: String,
) -> GatewayError {
    let on_group = context.on_group;
    match status {
        // 499 is a proxy's word for a client that went away: the request may have gone on.
        408 | 499 => context.ambiguous(detail),
        422 if envelope.message.as_deref().is_some_and(|m| m.contains("Plus version")) => {
            refused(Refusal::Unsupported, detail)
        }
        422 => GatewayError::SessionDown { detail },
        // Proxies say so in pages and plain words while the API behind them is away; it speaks JSON.
        403 if *reply == Reply::Html => GatewayError::NotSent { detail },
        404 if matches!(reply, Reply::Html | Reply::Text(_)) => GatewayError::NotSent { detail },
        404 if envelope.message.as_deref().is_some_and(|m| m.starts_with("Cannot ")) => {
            refused(Refusal::Unsupported, detail)
        }
        404 if envelope.speaks_of(&["session", "instance"]) => GatewayError::SessionDown { detail },
        404 | 410 if on_group => GatewayError::Gone { detail },
        // Wawp answers 404 for an instance that was deleted, and these routes name nothing else.
        404 if context.call != Call::SendText && context.call != Call::ReadChat => {
            GatewayError::SessionDown { detail }
        }
        403 if is_plan(envelope) => refused(Refusal::Plan, detail),
        403 | 423 => refused(Refusal::Forbidden, detail),
        405 => refused(Refusal::Unsupported, detail),
        406 if context.call.has_subject() => refused(Refusal::SubjectTooLong, detail),
        400 | 413
            if context.call == Call::SendText
                && (context.long_text || status == 413 || is_length(envelope)) =>
        {
            refused(Refusal::TextTooLong, detail)
        }
        400 if context.call.has_subject() && is_length(envelope) => refused(Refusal::SubjectTooLong, detail),
        // Baileys' host cannot read chats or hidden ids unless its store is switched on.
        400 if context.call.is_read() && envelope.speaks_of(&["store"]) => {
            refused(Refusal::Unsupported, detail)
        }
        425 => GatewayError::NotSent { detail },
        _ => refused(Refusal::Invalid, detail),
    }
}

fn is_length(envelope: &Envelope) -> bool {
    envelope.speaks_of(&["long", "longer", "length", "shorter", "exceeds", "exceed", "maximum", "4096"])
}

fn by_server_error(
    context: CallContext,
    status: u16,
    retry_after: Option<Duration>,
    envelope: &Envelope,
    detail: String,
) -> GatewayError {
    if let Some(error) =
        envelope.inner.and_then(|code| by_whatsapp(context, code, retry_after, envelope, &detail))
    {
        return error;
    }
    let is_unknown_person =
        envelope.message.as_deref().is_some_and(|m| m.to_lowercase().contains("no lid found for"));
    if is_unknown_person && context.call == Call::SendText && !context.on_group {
        return refused(Refusal::NoAccount, detail);
    }
    let session =
        envelope.code_speaks_of("session") || envelope.state.as_deref().is_some_and(|s| s != "WORKING");
    if context.call.is_read() {
        return match retry_after {
            _ if session => GatewayError::SessionDown { detail },
            Some(_) if status == 503 => GatewayError::Throttled { retry_after, detail },
            _ => GatewayError::NotSent { detail },
        };
    }
    let unknown_group = envelope
        .message
        .as_deref()
        .is_some_and(|m| m.starts_with("Group with id") && m.contains("not found"));
    if context.on_group && unknown_group {
        return GatewayError::Gone { detail };
    }
    // The number may have gone down half-way through.
    GatewayError::Unknown { detail }
}

/// `WhatsApp`'s own refusal, passed up as an unhandled error of the engine. `None` if the code is no
/// certain refusal.
fn by_whatsapp(
    context: CallContext,
    code: u16,
    retry_after: Option<Duration>,
    envelope: &Envelope,
    detail: &str,
) -> Option<GatewayError> {
    let detail = detail.to_owned();
    Some(match code {
        429 => GatewayError::Throttled { retry_after: retry_after.or(envelope.retry_after), detail },
        // Not our credentials towards Wawp: the number lacks the rights in the group.
        401 | 403 | 405 | 423 if context.on_group || context.call == Call::Create => {
            refused(Refusal::Forbidden, detail)
        }
        404 | 410 if context.on_group => GatewayError::Gone { detail },
        463 if !context.call.is_read() => refused(Refusal::Strangers, detail),
        404 if context.call == Call::SendText => refused(Refusal::NoAccount, detail),
        406 if context.call.has_subject() => refused(Refusal::SubjectTooLong, detail),
        400 | 401 | 403 | 404 | 405 | 406 | 410 | 419 | 423
            if !context.call.is_read() || context.on_group =>
        {
            refused(Refusal::Invalid, detail)
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TOKEN: &str = "tok+En/5ecret=Value9";

    fn classifier() -> Classifier {
        Classifier::new(Redaction::new(TOKEN.into(), "INST0000ABCD".to_owned()))
    }

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, retry_after: None, reply: Reply::read(body.as_bytes()), whole: true }
    }

    fn class_of(call: Call, status: u16, body: &str) -> GatewayError {
        let context = CallContext::new(call);
        let answer = answer(status, body);
        if answer.is_success() {
            classifier().unusable(context, &answer)
        } else {
            classifier().failure(context, &answer)
        }
    }

    fn disguised(code: u16) -> String {
        format!(r#"{{"statusCode":500,"exception":{{"message":"x","data":{code}}}}}"#)
    }

    #[test]
    fn a_lost_answer_is_unknown_for_effects_and_harmless_for_reads() {
        for status in [500, 502, 503, 504, 408, 499, 302] {
            assert_eq!(class_of(Call::Create, status, "").class(), "unknown", "{status}");
            assert_eq!(class_of(Call::ListGroups, status, "").class(), "not_sent", "{status}");
        }
    }

    #[test]
    fn a_disguised_refusal_of_a_creation_is_certain_and_a_disguised_failure_is_not() {
        let create = |code| class_of(Call::Create, 500, &disguised(code));
        assert_eq!(create(429).class(), "throttled");
        for code in [400, 401, 403, 404, 406, 419] {
            assert_eq!(create(code).class(), "refused", "{code}");
        }
        for code in [408, 409, 500, 503, 530] {
            assert_eq!(create(code).class(), "unknown", "{code}");
        }
    }

    #[test]
    fn a_browser_failure_is_unknown_unless_it_names_the_rate_limit() {
        let create = |body| class_of(Call::Create, 201, body);
        assert_eq!(create("CreateGroupError: An unknown error occurred").class(), "unknown");
        assert_eq!(create(r#"{"error":"CreateGroupError: nothing"}"#).class(), "unknown");
        assert_eq!(create("CreateGroupError: rate-overlimit").class(), "throttled");
    }

    #[test]
    fn a_right_that_is_missing_in_the_group_is_not_taken_for_wrong_credentials() {
        let GatewayError::Refused { reason, .. } = class_of(Call::Describe, 500, &disguised(401)) else {
            panic!("not refused");
        };
        assert_eq!(reason, Refusal::Forbidden);
        let GatewayError::Refused { reason, .. } = class_of(Call::Describe, 401, "") else {
            panic!("not refused");
        };
        assert_eq!(reason, Refusal::Credentials);
    }

    #[test]
    fn a_group_missing_from_a_day_old_list_is_not_taken_for_gone() {
        let body = r#"{"statusCode":500,"exception":{"message":"Group with id '1@g.us' not found"}}"#;
        assert_eq!(class_of(Call::Members, 500, body).class(), "not_sent");
        assert_eq!(class_of(Call::Leave, 500, body).class(), "gone");
    }

    #[test]
    fn what_is_certain_about_a_person_is_not_taken_for_lost() {
        let say = |words: &str| {
            let body = serde_json::json!({"statusCode": 500, "exception": {"message": words, "code": 2}});
            class_of(Call::SendText, 500, &body.to_string())
        };
        for (words, reason) in [
            ("2 UNKNOWN: server returned error 463", Refusal::Strangers),
            ("no LID found for 4477009001@s.whatsapp.net from server", Refusal::NoAccount),
        ] {
            assert!(matches!(say(words), GatewayError::Refused { reason: r, .. } if r == reason), "{words}");
        }
        assert_eq!(say("server returned error 479").class(), "unknown");
    }

    proptest! {
        #[test]
        fn no_answer_panics_or_leaks(
            which in 0..Call::ALL.len(),
            status in 100u16..1000,
            body in prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..200),
                "[{}\\[\\]\":,a-z0-9]{0,60}".prop_map(String::into_bytes),
                "\\PC{0,20}".prop_map(|words| {
                    serde_json::json!({
                        "code": format!("{words}{TOKEN}"),
                        "message": format!("{TOKEN}{words}+15550100123"),
                        "exception": {"message": format!("{words} tok%2BEn%2F5ecret%3DValue9"), "data": words},
                    }).to_string().into_bytes()
                }),
            ],
            whole: bool,
        ) {
            let context = CallContext::new(Call::ALL[which]);
            let answer = Answer { status, retry_after: None, reply: Reply::read(&body), whole };
            let errors = [classifier().failure(context, &answer), classifier().unusable(context, &answer)];
            for error in errors {
                let shown = format!("{error} {error:?} {}", serde_json::to_string(&error).unwrap());
                prop_assert!(!shown.contains(TOKEN), "{}", shown);
                prop_assert!(!shown.contains("5ecret"), "{}", shown);
                prop_assert!(!shown.contains("15550100"), "{}", shown);
            }
        }
    }
}
