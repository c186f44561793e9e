//! What the commands print, where, and how they end: 0 done, 1 the answer is no, 2 wrong usage.

use serde_json::Value;
use warroom::source::SourceKind;

use super::{Ended, Place, Process, SECRET, config, name_of, run, until};

/// It ended with `code` and said something for people on stderr only.
fn assert_failed(ended: &Ended, code: i32, says: &[&str]) {
    assert_eq!(ended.code, Some(code), "{ended:?}");
    assert!(ended.stdout.is_empty(), "stdout is for data: {ended:?}");
    for text in says {
        assert!(ended.stderr.contains(text), "`{text}` is not said: {}", ended.stderr);
    }
}

#[tokio::test]
async fn wrong_usage_is_2_and_help_is_0() {
    for args in [
        &[] as &[&str],
        &["dance"],
        &["serve", "--loudly"],
        &["who", "--label", "nothing"],
        &["who", "--at", "yesterday"],
        &["who", "--severity", "sev9"],
        &["sandbox", "--engine", "steam"],
        &["send"],
    ] {
        assert_failed(&run(args).await, 2, &["help"]);
    }
    for args in [&["--help"], &["--version"]] {
        let ended = run(args).await;
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{args:?}");
        assert!(ended.stdout.contains("warroom"), "{ended:?}");
    }
}

#[tokio::test]
async fn a_good_config_checks_0_and_a_bad_one_1_with_every_problem_on_stdout() {
    let place = Place::new(2).await;
    let good = run(&["check", "--config", &place.config()]).await;
    assert_eq!((good.code, good.stderr.as_str()), (Some(0), ""), "{good:?}");
    assert!(good.stdout.contains("no errors") || good.stdout.contains("no problems"), "{}", good.stdout);
    assert!(!good.stdout.contains(SECRET), "{}", good.stdout);

    let bad = place.write("bad.yaml", BAD);
    let checked = run(&["check", "--config", &bad]).await;
    assert_eq!((checked.code, checked.stderr.as_str()), (Some(1), ""), "{checked:?}");
    for problem in PROBLEMS {
        assert!(checked.stdout.contains(problem), "`{problem}`: {}", checked.stdout);
    }
    let missing = run(&["check", "--config", "/nowhere/warroom.yaml"]).await;
    assert_eq!(missing.code, Some(1), "{missing:?}");
    assert!(missing.stdout.contains("/nowhere/warroom.yaml"), "{missing:?}");
}

#[tokio::test]
async fn a_first_config_checks_with_nothing_but_its_secrets_to_fill_in_and_is_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let there = folder.path().join("first").display().to_string();
    let made = run(&["init", &there]).await;
    assert_eq!((made.code, made.stderr.as_str()), (Some(0), ""), "{made:?}");
    let config = format!("{there}/warroom.yaml");
    assert!(made.stdout.contains(&format!("warroom serve --config {config}")), "{}", made.stdout);
    let checked = run(&["check", "--json", "--config", &config]).await;
    assert_eq!(checked.code, Some(0), "{checked:?}");
    let findings: serde_json::Value = serde_json::from_str(&checked.stdout).unwrap();
    for finding in findings.as_array().unwrap() {
        assert!(finding["message"].as_str().unwrap().contains("is not set here"), "{finding}");
    }
    std::fs::write(format!("{there}/roster.yaml"), "mine").unwrap();
    std::fs::remove_file(&config).unwrap();
    let again = run(&["init", &there]).await;
    assert_eq!(again.code, Some(1), "{again:?}");
    assert!(again.stderr.contains("roster.yaml already"), "{again:?}");
    assert_eq!(std::fs::read_to_string(format!("{there}/roster.yaml")).unwrap(), "mine");
    assert!(!std::path::Path::new(&config).exists(), "neither is written");
}

const BAD: &str = "
server: { listen: 127.0.0.1:0, admin: 0.0.0.0:9090 }
gateway:
  kind: wawp
  instances: []
sources:
  prom: { kind: alertmanager, verify: { hmac: a-secret-that-must-not-show } }
rooms: { open_att: sev1 }
";
const PROBLEMS: [&str; 4] = ["server.admin", "gateway.instances", "verify.hmac", "open_att"];

#[tokio::test]
async fn a_bridge_with_a_bad_config_does_not_start_and_says_everything_at_once() {
    let place = Place::new(2).await;
    let bad = place.write("bad.yaml", BAD);
    let ended = run(&["serve", "--config", &bad]).await;
    assert_failed(&ended, 1, &PROBLEMS);
    assert!(!ended.stderr.contains("must-not-show"), "{}", ended.stderr);
    assert!(!place.path("warroom.db").exists(), "nothing was made");
    // The shipped example needs its variables, all of them named in one go.
    let unset = ["WAWP_INSTANCE_ID", "WAWP_ACCESS_TOKEN", "ALERTMANAGER_TOKEN", "WEBHOOK_SECRET"];
    assert_failed(&run(&["serve"]).await, 1, &unset);
}

#[tokio::test]
async fn a_bridge_that_cannot_listen_or_store_says_why_and_ends() {
    let place = Place::new(2).await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let text = std::fs::read_to_string(place.path("warroom.yaml")).unwrap();
    let busy = place.write("busy.yaml", &text.replacen("127.0.0.1:0", &address, 1));
    assert_failed(&run(&["serve", "--config", &busy]).await, 1, &[&address]);
    let nowhere = place.write("nowhere.yaml", &text.replace("sqlite:warroom.db", "sqlite:no/such/folder.db"));
    assert_failed(&run(&["serve", "--config", &nowhere]).await, 1, &["no/such/folder.db"]);
    let broken = place.write("broken.yaml", &text.replace("sqlite:warroom.db", "sqlite:broken.db"));
    place.write("broken.db", &"this is no database ".repeat(200));
    assert_failed(&run(&["serve", "--config", &broken]).await, 1, &["broken.db"]);
}

#[tokio::test]
async fn who_answers_in_json_for_programs_and_in_words_for_people() {
    let args =
        ["who", "--label", "client=acme", "--label", "environment=production", "--at", "2026-03-02 10:00"];
    let words = run(&args).await;
    assert_eq!((words.code, words.stderr.as_str()), (Some(0), ""), "{words:?}");
    assert!(words.stdout.contains("acme production") && words.stdout.contains("Sam Okafor"), "{words:?}");

    let json = run(&[&args[..], &["--json"]].concat()).await;
    assert_eq!((json.code, json.stderr.as_str()), (Some(0), ""), "{json:?}");
    let answer: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((&answer["route"], &answer["opens_a_room"]), (&"acme production".into(), &true.into()));
    let called: Vec<&str> =
        answer["people"].as_array().unwrap().iter().map(|p| p["person"].as_str().unwrap()).collect();
    assert_eq!(called.len(), 4, "{answer}");
    assert!(called.contains(&"amira") && called.contains(&"sam"), "{answer}");
    for printed in [&words.stdout, &json.stdout] {
        assert!(!printed.contains("15550100"), "no full number: {printed}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signed_sample_of_every_kind_is_accepted_and_a_wrongly_signed_one_is_not() {
    let place = Place::new(5).await;
    let (bridge, address) = place.serve().await;
    let nobody = std::net::SocketAddr::from(([127, 0, 0, 1], 1));
    let wrong =
        place.write("wrong.yaml", &config(nobody, &[100], (5, 10), "whsec_c29tZWJvZHkgZWxzZSdzIHNlY3JldA=="));
    for kind in SourceKind::ALL {
        let name = &name_of(kind);
        let to = format!("http://{address}/hooks/{name}");
        let send = |config: String, more: &'static [&'static str]| {
            let to = to.clone();
            async move { run(&[&["send", name, "--to", &to, "--config", &config], more].concat()).await }
        };
        for (more, outcome) in [(&[] as &[&str], "opened"), (&["--resolved"], "resolved")] {
            let sent = send(place.config(), more).await;
            assert_eq!((sent.code, sent.stderr.as_str()), (Some(0), ""), "{name}: {sent:?}");
            let (status, receipt) = sent.stdout.split_once(' ').unwrap();
            let receipt: Value = serde_json::from_str(receipt).unwrap();
            assert_eq!(
                (status, &receipt["incidents"][0]["outcome"]),
                ("200", &outcome.into()),
                "{name}: {receipt}"
            );
        }
        let refused = send(wrong.clone(), &[]).await;
        assert_eq!(refused.code, Some(1), "{name}: {refused:?}");
        assert!(refused.stdout.starts_with("401 "), "{name}: {refused:?}");
    }
    let unknown = run(&["send", "nobody", "--config", &place.config()]).await;
    assert_failed(&unknown, 2, &["no source `nobody`", "alertmanager, ", "generic, ", "pagerduty, "]);
    let file = place.write("own.json", r#"{"event":"triggered","dedup_key":"own","severity":1}"#);
    let to = format!("http://{address}/hooks/generic");
    let own = run(&["send", "generic", "--to", &to, "--config", &place.config(), "--file", &file]).await;
    assert_eq!(own.code, Some(0), "{own:?}");
    assert!(own.stdout.contains("\"opened\""), "{own:?}");
    bridge.kill();
    let to = format!("http://{address}/hooks/generic?token=do-not-show-this");
    let gone = run(&["send", "generic", "--to", &to, "--config", &place.config()]).await;
    assert_failed(&gone, 1, &["does not answer"]);
    assert!(!gone.stderr.contains("do-not-show"), "{gone:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_health_check_asks_the_bridge_itself_and_no_proxy() {
    let place = Place::new(2).await;
    let (bridge, address) = place.serve().await;
    let url = format!("http://{address}/readyz");
    let args = ["healthcheck", "--url", &url];
    let dead = [
        ("http_proxy", "http://127.0.0.1:1"),
        ("HTTP_PROXY", "http://127.0.0.1:1"),
        ("ALL_PROXY", "http://127.0.0.1:1"),
    ];
    for env in [&[] as &[(&str, &str)], &dead] {
        let healthy = Process::start(&args, env).ended().await;
        assert_eq!(healthy.code, Some(0), "{env:?}: {healthy:?}");
        assert!(healthy.stdout.starts_with("200 "), "{healthy:?}");
    }
    bridge.kill();
    assert_failed(&run(&args).await, 1, &["does not answer"]);
}

#[tokio::test]
async fn the_sandbox_says_how_to_reach_it_and_stops_when_told() {
    let sandbox = Process::start(&["sandbox", "--listen", "127.0.0.1:0", "--engine", "gows"], &[]);
    let address = until("it says its address", || {
        let said = sandbox.stdout.lock().unwrap().clone();
        let address = said.lines().find_map(|l| l.strip_prefix("base_url"))?.trim().to_owned();
        said.contains("engine        gows\n").then_some(address)
    })
    .await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let page = http.get(address).send().await.unwrap();
    assert_eq!(page.status(), 200);
    drop(page);
    sandbox.terminate();
    assert_eq!(sandbox.ended().await.code, Some(0));
}

#[tokio::test]
async fn the_demo_shows_the_whole_way_and_ends_well() {
    let shown = run(&["demo", "--once"]).await;
    assert_eq!((shown.code, shown.stderr.as_str()), (Some(0), ""), "{shown:?}");
    let line = |part: &str| {
        let found = shown.stdout.lines().find(|line| line.contains(part));
        found.unwrap_or_else(|| panic!("`{part}` is not shown: {}", shown.stdout))
    };
    assert!(line("room      INCIDENT-1 | ").contains("Checkout"), "the room's name");
    assert!(line("@g.us").trim().trim_end_matches("@g.us").bytes().all(|b| b.is_ascii_digit() || b == b'-'));
    line("console   http://127.0.0.1:");
    for (person, place) in [
        ("Sam Okafor ", "in the group"),
        ("Lea Martin ", "not in the group, holds the invite link"),
        ("Amira Haddad ", "not in the group, holds a private invitation"),
    ] {
        let told = shown.stdout.lines().find(|l| l.trim_start().starts_with(person) && l.ends_with(place));
        assert!(told.is_some(), "{person}is {place}: {}", shown.stdout);
    }
    let (_, welcome) = shown.stdout.split_once("The first message").expect("the welcome is shown");
    for part in ["INCIDENT-1", "Sam Okafor", "https://runbooks.example/acme"] {
        assert!(welcome.contains(part), "{part}: {welcome}");
    }
    assert!(!shown.stdout.contains("chat.whatsapp.com"), "a link is for whom it was made");
}
