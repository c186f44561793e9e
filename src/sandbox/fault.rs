//! Faults on demand: what goes wrong, on which calls, how often, and whether the work was done anyway.
//! Actors: a test or the page adds a [`Fault`]; every call asks the [`FaultBook`] whether one strikes it.

use serde::{Deserialize, Serialize};

use super::call::Call;
use super::operation::Target;
use crate::clock::SignedDuration;

/// What the caller gets to see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// The true answer, untouched; useful with [`Effect::Twice`] (a ghost copy). Where the effect has not
    /// happened there is no true answer, and a 504 is sent.
    Nothing,
    /// No answer for this long (real time), then a 504 for whoever still listens.
    Hang {
        /// Real time.
        wait: SignedDuration,
    },
    /// The connection is cut without a byte of an answer.
    Reset,
    /// The connection is cut in the middle of the true answer.
    CutShort,
    /// The true answer, a few bytes at a time, spread over this long (real time).
    SlowDrip {
        /// Real time.
        wait: SignedDuration,
    },
    /// 500 with a plain error body.
    InternalError,
    /// 500 with the code `wawp_upstream_error`.
    UpstreamError,
    /// 502 with a proxy's HTML page.
    BadGateway,
    /// 503, with the seconds in `Retry-After` if given.
    Unavailable {
        /// Seconds for `Retry-After`.
        #[serde(default)]
        retry_after: Option<u64>,
    },
    /// 504 with a proxy's HTML page.
    GatewayTimeout,
    /// 200 whose body holds `code` and `message` of an error.
    #[serde(rename = "error_inside_200")]
    ErrorInside200,
    /// 200 with `success: false`.
    SuccessFalse,
    /// 200 with a queue ticket and no id; the fault's [`Effect`] says when the work is done, if ever.
    QueueTicket,
    /// 200 with a bare line such as `CreateGroupError: …`, as WEBJS answers.
    EngineErrorLine,
    /// 200 with the true JSON, cut in the middle.
    TruncatedJson,
    /// 200 with nothing.
    EmptyBody,
    /// 200 with the bare word `false`.
    BareFalse,
    /// 200 with an empty list.
    EmptyList,
    /// The true answer without names and moments of groups; for [`Effect::Done`].
    Nameless,
    /// 200 as if it had been done; with [`Effect::None`] nothing was.
    SaysDone,
    /// 400 as XML.
    BadRequestXml,
    /// 400 as plain text.
    BadRequestText,
    /// 429, with the seconds in `Retry-After` if given.
    TooManyRequests {
        /// Seconds for `Retry-After`.
        #[serde(default)]
        retry_after: Option<u64>,
    },
    /// 500 whose exception is WhatsApp's `rate-overlimit` with `data: 429`.
    RateOverlimit,
    /// The number is banned by this call: it and every later one are answered as for a session that failed.
    Ban,
    /// 422 as for a session that is not working, after this long (real time).
    SessionDown {
        /// The state that the answer names.
        status: String,
        /// Real time.
        #[serde(default)]
        wait: SignedDuration,
    },
}

/// Whether and when the work of a struck call is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Never: the fault strikes before the effect.
    #[default]
    None,
    /// At once: the fault strikes after the effect.
    Done,
    /// This much later by the sandbox's clock, unseen by the caller.
    Later(SignedDuration),
    /// At once, and a second time this much later (a proxy that repeats a request).
    Twice(SignedDuration),
}

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Which calls it may strike.
    pub call: Target,
    /// What the caller sees.
    pub kind: FaultKind,
    /// Whether and when the work is done.
    #[serde(default)]
    pub effect: Effect,
    /// How many calls it strikes before it is used up; `None` (JSON `null`) means every one.
    #[serde(default = "once")]
    pub times: Option<u32>,
    /// How many matching calls pass untouched first.
    #[serde(default)]
    pub skip: u32,
    /// Strikes only calls whose chat id, group subject or asked-for name contains this text.
    #[serde(default)]
    pub only: Option<String>,
}

#[expect(clippy::unnecessary_wraps, reason = "serde wants a default of the field's own type")]
fn once() -> Option<u32> {
    Some(1)
}

impl Fault {
    /// A fault that strikes the next such call once, before any effect.
    #[must_use]
    pub fn on(call: impl Into<Target>, kind: FaultKind) -> Self {
        Self { call: call.into(), kind, effect: Effect::None, times: once(), skip: 0, only: None }
    }

    /// The same, but the work is done and only the answer is bad.
    #[must_use]
    pub fn after_effect(self) -> Self {
        self.with_effect(Effect::Done)
    }

    /// The same with another effect.
    #[must_use]
    pub fn with_effect(mut self, effect: Effect) -> Self {
        self.effect = effect;
        self
    }

    /// The same, striking this many calls.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// The same, striking until the faults are cleared.
    #[must_use]
    pub fn always(mut self) -> Self {
        self.times = None;
        self
    }

    /// The same, letting this many matching calls pass first.
    #[must_use]
    pub fn skipping(mut self, skip: u32) -> Self {
        self.skip = skip;
        self
    }

    /// The same, striking only what contains `text`.
    #[must_use]
    pub fn only(mut self, text: &str) -> Self {
        self.only = Some(text.to_owned());
        self
    }
}

/// A fault with its history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FaultView {
    /// The fault as it was added.
    pub fault: Fault,
    /// How many calls it has struck.
    pub struck: u32,
    /// How many matching calls it has let pass.
    pub passed: u32,
}

/// All faults in the order in which they were added.
#[derive(Debug, Default)]
pub(super) struct FaultBook(Vec<FaultView>);

impl FaultBook {
    pub(super) fn add(&mut self, fault: Fault) {
        self.0.push(FaultView { fault, struck: 0, passed: 0 });
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn view(&self) -> Vec<FaultView> {
        self.0.clone()
    }

    /// The first fault that strikes this call, counted as one strike. `about` are the texts that `only`
    /// looks into.
    pub(super) fn strike(&mut self, call: &Call, about: &[&str]) -> Option<Fault> {
        for entry in &mut self.0 {
            let fault = &entry.fault;
            let is_meant = fault.call.covers(call.operation, call.template)
                && fault.times.is_none_or(|times| entry.struck < times)
                && fault
                    .only
                    .as_ref()
                    .is_none_or(|part| about.iter().any(|text| text.contains(part.as_str())));
            if !is_meant {
                continue;
            }
            if entry.passed < fault.skip {
                entry.passed += 1;
                continue;
            }
            entry.struck += 1;
            return Some(fault.clone());
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::sandbox::operation::Operation;

    fn create_call() -> Call {
        Call {
            operation: Operation::CreateGroup,
            template: "/v2/groups",
            method: "POST".to_owned(),
            path: "/v2/groups".to_owned(),
            params: BTreeMap::new(),
            query: BTreeMap::new(),
            body: serde_json::Map::new(),
            instance_id: String::new(),
        }
    }

    #[test]
    fn a_fault_is_used_up_after_its_times() {
        let mut book = FaultBook::default();
        book.add(Fault::on(Operation::CreateGroup, FaultKind::Reset).times(2).skipping(1));
        let struck: Vec<bool> = (0..5).map(|_| book.strike(&create_call(), &[]).is_some()).collect();
        assert_eq!(struck, [false, true, true, false, false]);
    }

    #[test]
    fn a_fault_for_one_subject_leaves_the_others_alone() {
        let mut book = FaultBook::default();
        book.add(Fault::on(Target::Any, FaultKind::Reset).always().only("INCIDENT-7 "));
        assert!(book.strike(&create_call(), &["INCIDENT-71 | x"]).is_none());
        assert!(book.strike(&create_call(), &["INCIDENT-7 | x"]).is_some());
    }

    #[test]
    fn faults_are_read_from_what_the_control_route_takes() {
        let fault: Fault = serde_json::from_str(
            r#"{"call":"POST /v2/groups","kind":{"hang":{"wait":"20ms"}},"effect":{"later":"3s"},"times":null}"#,
        )
        .unwrap();
        assert_eq!(fault.call, Target::One(Operation::CreateGroup));
        assert_eq!(fault.kind, FaultKind::Hang { wait: SignedDuration::from_millis(20) });
        assert_eq!(fault.effect, Effect::Later(SignedDuration::from_secs(3)));
        assert_eq!(fault.times, None);
        let short: Fault = serde_json::from_str(r#"{"call":"*","kind":"reset"}"#).unwrap();
        assert_eq!((short.times, short.effect), (Some(1), Effect::None));
        assert!(serde_json::from_str::<Fault>(r#"{"call":"nonsense","kind":"reset"}"#).is_err());
    }
}
