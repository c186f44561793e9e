//! Faults before and after the effect, and what each looks like.

use super::*;

#[tokio::test]
async fn a_fault_before_the_effect_leaves_nothing_and_one_after_it_leaves_the_group() {
    for (effect, groups) in [(Effect::None, 0), (Effect::Done, 1)] {
        let bench = Bench::with_engine(Engine::Webjs);
        let fault = Fault::on(Operation::CreateGroup, FaultKind::InternalError).with_effect(effect);
        bench.sandbox.add_fault(fault);
        assert_eq!(bench.create("INCIDENT-1", &[ADA]).await.status, 500);
        assert_eq!(bench.sandbox.groups().len(), groups);
        assert_eq!(bench.create("INCIDENT-2", &[ADA]).await.status, 200, "a fault strikes once");
    }
}

#[tokio::test]
async fn a_reset_breaks_the_answer_and_is_recorded_without_a_status() {
    let bench = Bench::with_engine(Engine::Webjs);
    bench.sandbox.add_fault(Fault::on(Operation::SendText, FaultKind::Reset).after_effect());
    let body = text_to(&format!("{ADA}@c.us"), "hi");
    assert!(bench.try_call("POST", "/v2/send/text", body).await.is_err());
    assert_eq!(bench.sandbox.chat(ADA).len(), 1);
    let call = bench.sandbox.calls().pop().unwrap();
    assert_eq!((call.operation, call.status, call.faulted), (Some(Operation::SendText), None, true));
}

#[tokio::test]
async fn a_ticket_is_honoured_now_later_or_never() {
    let cases =
        [(Effect::Done, 1, 1), (Effect::Later(SignedDuration::from_secs(30)), 0, 1), (Effect::None, 0, 0)];
    for (effect, at_once, in_the_end) in cases {
        let bench = Bench::with_engine(Engine::Webjs);
        bench
            .sandbox
            .add_fault(Fault::on(Operation::CreateGroup, FaultKind::QueueTicket).with_effect(effect));
        let answer = bench.create("INCIDENT-1", &[ADA]).await.json();
        assert_eq!(answer["status"], "queued");
        assert!(answer["job_id"].is_string());
        assert_eq!(bench.sandbox.groups().len(), at_once, "{effect:?}");
        bench.pass(31);
        assert_eq!(bench.sandbox.groups().len(), in_the_end, "{effect:?}");
        if in_the_end > at_once {
            assert_eq!(bench.sandbox.creations()[0].at.to_string(), "2026-03-02T09:00:30Z");
        }
    }
}

#[tokio::test]
async fn a_ghost_copy_comes_later_behind_a_clean_answer() {
    let bench = Bench::with_engine(Engine::Noweb);
    let ghost = Effect::Twice(SignedDuration::from_secs(60));
    bench.sandbox.add_fault(Fault::on(Operation::CreateGroup, FaultKind::Nothing).with_effect(ghost));
    bench.made("INCIDENT-1", &[ADA]).await;
    bench.pass(60);
    let subjects: Vec<String> = bench.sandbox.groups().into_iter().map(|group| group.subject).collect();
    assert_eq!(subjects, ["INCIDENT-1", "INCIDENT-1"]);
}

#[tokio::test]
async fn every_kind_of_bad_answer_looks_as_it_says() {
    let plain = [
        (FaultKind::InternalError, 500, "Unexpected Failure"),
        (FaultKind::UpstreamError, 500, "wawp_upstream_error"),
        (FaultKind::BadGateway, 502, "<html>"),
        (FaultKind::Unavailable { retry_after: Some(7) }, 503, "<html>"),
        (FaultKind::GatewayTimeout, 504, "<html>"),
        (FaultKind::ErrorInside200, 200, "wawp_upstream_error"),
        (FaultKind::SuccessFalse, 200, "\"success\":false"),
        (FaultKind::QueueTicket, 200, "job_id"),
        (FaultKind::EngineErrorLine, 200, "CreateGroupError:"),
        (FaultKind::EmptyBody, 200, ""),
        (FaultKind::BareFalse, 200, "false"),
        (FaultKind::BadRequestXml, 400, "<?xml"),
        (FaultKind::BadRequestText, 400, "Invalid Parameter Format"),
        (FaultKind::TooManyRequests { retry_after: Some(7) }, 429, "rate_limited"),
        (FaultKind::RateOverlimit, 500, "\"data\":429"),
        (FaultKind::TruncatedJson, 200, "{"),
    ];
    let bench = Bench::with_engine(Engine::Webjs);
    for (kind, status, words) in plain {
        bench.sandbox.clear_faults();
        bench.sandbox.add_fault(Fault::on(Operation::CreateGroup, kind.clone()).after_effect());
        let answer = bench.create("INCIDENT-1", &[ADA]).await;
        assert_eq!(answer.status.as_u16(), status, "{kind:?}");
        assert!(answer.text.contains(words), "{kind:?}: {}", answer.text);
        match kind {
            FaultKind::Unavailable { .. } | FaultKind::TooManyRequests { .. } => {
                assert_eq!(answer.headers["retry-after"], "7");
            }
            FaultKind::TruncatedJson => assert!(serde_json::from_str::<Value>(&answer.text).is_err()),
            FaultKind::EmptyBody => assert!(answer.text.is_empty()),
            _ => assert!(!answer.headers.contains_key("retry-after")),
        }
    }
}

#[tokio::test]
async fn waiting_faults_wait_as_long_as_they_say() {
    let bench = Bench::with_engine(Engine::Webjs);
    let wait = SignedDuration::from_millis(32);
    let kinds = [
        FaultKind::Hang { wait },
        FaultKind::SlowDrip { wait },
        FaultKind::SessionDown { status: "STARTING".to_owned(), wait },
    ];
    for (kind, status) in kinds.into_iter().zip([504, 200, 422]) {
        bench.sandbox.add_fault(Fault::on(Operation::CountGroups, kind.clone()).after_effect());
        let started = std::time::Instant::now();
        let answer = bench.get("/v2/groups/count").await;
        assert_eq!(answer.status.as_u16(), status, "{kind:?}");
        assert!(started.elapsed().as_millis() >= 25, "{kind:?}");
    }
}
