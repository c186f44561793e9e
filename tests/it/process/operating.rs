//! `warroom rooms` and `warroom replay` against a running bridge.

use std::net::SocketAddr;

use serde_json::Value;

use super::{Ended, Place, Process, SECRET, run, until};

const TOKEN: &str = "the-operators-own-token-42";

/// Where the bridge's operators look, from its log.
fn admin_of(bridge: &Process) -> String {
    let log = bridge.log();
    let (_, rest) = log.split_once("server.admin=").expect("it says where it listens");
    format!("http://{}", rest.split_whitespace().next().unwrap())
}

async fn ask(admin: &str, args: &[&str]) -> Ended {
    run(&[args, &["--admin", admin]].concat()).await
}

fn assert_says(ended: &Ended, code: i32, says: &[&str]) {
    assert_eq!(ended.code, Some(code), "{ended:?}");
    let all = format!("{}{}", ended.stdout, ended.stderr);
    for text in says {
        assert!(all.contains(text), "`{text}` is not said: {ended:?}");
    }
    assert_eq!(code == 0, ended.stderr.is_empty(), "stderr is for what went wrong: {ended:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_is_listed_shown_and_closed_from_the_command_line() {
    let place = Place::new(5).await;
    let (bridge, address) = place.serve().await;
    let admin = admin_of(&bridge);
    assert_says(&ask(&admin, &["rooms"]).await, 0, &["there are no rooms"]);
    assert_says(&ask(&admin, &["rooms", "list", "--parked"]).await, 0, &["no room waits for a person"]);
    assert_says(&ask(&admin, &["rooms", "show", "7"]).await, 1, &["There is nothing here"]);

    let id = place.fire(address, "checkout").await;
    place.briefed(&id).await;
    let group = place.groups(&id)[0].id.clone();
    let listed = ask(&admin, &["rooms", "list", "--state", "open"]).await;
    assert_says(&listed, 0, &["INCIDENT", &id, "sev1", "live", &group]);
    assert_says(&ask(&admin, &["rooms", "list", "--state", "closed"]).await, 0, &["there are no rooms"]);
    let json = ask(&admin, &["rooms", "list", "--json"]).await;
    let answer: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(answer["incidents"][0]["room"]["group"], group, "{answer}");
    let shown = ask(&admin, &["rooms", "show", &id]).await;
    assert_says(
        &shown,
        0,
        &[&group, "Ada Obi (ada, …01)", "people", "timeline", "create", "welcome to room"],
    );
    assert!(!shown.stdout.contains("15550100"), "no full number: {}", shown.stdout);
    let json = ask(&admin, &["rooms", "show", &id, "--json"]).await;
    assert_eq!(serde_json::from_str::<Value>(&json.stdout).unwrap()["id"], id);

    assert_says(&ask(&admin, &["rooms", "resume", &id]).await, 1, &["Not possible from here", "(409)"]);
    let stranger = ["rooms", "close", &id, "--group", "120363000000000099@g.us"];
    assert_says(&ask(&admin, &stranger).await, 1, &["not recorded as a second group"]);
    assert_says(&ask(&admin, &["rooms", "adopt", &id, "not-a-group"]).await, 2, &["help"]);
    assert_says(&ask(&admin, &["rooms", "close", &id]).await, 0, &["the room will be ended"]);
    until("the room is closed", || place.groups(&id)[0].announce.then_some(())).await;
    bridge.kill();
    assert_says(&ask(&admin, &["rooms"]).await, 1, &["the bridge does not answer"]);
}

/// What is on the disk while somebody edits it, and secrets that only the bridge has, are in nobody's way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_work_while_the_roster_is_broken_and_other_secrets_are_elsewhere() {
    let place = Place::new(5).await;
    let (bridge, address) = place.serve().await;
    let admin = admin_of(&bridge);
    let config = std::fs::read_to_string(place.path("warroom.yaml")).unwrap();
    let here = admin.strip_prefix("http://").unwrap();
    let config = config.replace("admin: 127.0.0.1:0", &format!("admin: {here}"));
    let elsewhere = "verify: { hmac: { file: no/such/secret } }";
    let config = config.replacen(&format!("verify: {{ hmac: \"{SECRET}\" }}"), elsewhere, 1);
    let config = config.replacen(
        &format!("verify: {{ bearer: \"{SECRET}\" }}"),
        "verify: { bearer: { env: NOT_HERE } }",
        1,
    );
    assert!(config.contains("no/such") && config.contains("NOT_HERE"), "{config}");
    let config = place.write("elsewhere.yaml", &config);
    place.write("roster.yaml", "people: [ half a");
    for (command, says) in [
        (&["rooms"] as &[&str], "there are no rooms"),
        (&["rooms", "list", "--parked"], "no room waits for a person"),
        (&["consent", "list"], ""),
    ] {
        assert_says(&run(&[command, &["--config", &config]].concat()).await, 0, &[says]);
    }
    let replayed = run(&["replay", "0000000000000abc", "--config", &config]).await;
    assert_says(&replayed, 1, &["there is no such receipt"]);
    let to = format!("http://{address}/hooks/generic");
    assert_says(&run(&["send", "generic", "--to", &to, "--config", &config]).await, 0, &["200", "opened"]);
    // One's own secret is needed.
    let missing = run(&["send", "alertmanager", "--to", &to, "--config", &config]).await;
    assert_says(&missing, 1, &["NOT_HERE is not set"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hook_is_replayed_from_the_command_line() {
    let place = Place::new(5).await;
    let (bridge, address) = place.serve().await;
    let admin = admin_of(&bridge);
    let post = async |severity: &str| {
        let body = format!(r#"{{"event":"triggered","dedup_key":"x{severity}","severity":"{severity}"}}"#);
        let file = place.write("body.json", &body);
        let to = format!("http://{address}/hooks/generic");
        let sent = run(&["send", "generic", "--to", &to, "--config", &place.config(), "--file", &file]).await;
        let (_, receipt) = sent.stdout.split_once(' ').unwrap();
        serde_json::from_str::<Value>(receipt).unwrap()["receipt"].as_str().unwrap().to_owned()
    };
    let ignored = post("sev4").await;
    let again = ask(&admin, &["replay", &ignored]).await;
    assert_eq!(again.code, Some(1), "{again:?}");
    assert!(again.stdout.contains(&format!("replays {ignored}")), "{again:?}");
    assert!(again.stdout.contains("ignored sev4: below the severity that opens a room"), "{again:?}");
    let opened = post("sev1").await;
    assert_says(&ask(&admin, &["replay", &opened]).await, 0, &["repeated sev1"]);
    let json = ask(&admin, &["replay", &opened, "--json"]).await;
    assert_eq!(serde_json::from_str::<Value>(&json.stdout).unwrap()["replays"], opened);
    assert_says(&ask(&admin, &["replay", "0000000000000abc"]).await, 1, &["there is no such receipt"]);
    assert_says(&ask(&admin, &["replay", "../rooms/1/cancel"]).await, 2, &["16 digits and letters"]);
    bridge.kill();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_config_says_where_the_bridge_is_and_the_token_is_never_shown() {
    let place = Place::new(2).await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let text = std::fs::read_to_string(place.path("warroom.yaml")).unwrap();
    let own = format!("admin: {free}, admin_token: {TOKEN}");
    let config = place.write("warroom.yaml", &text.replacen("admin: 127.0.0.1:0", &own, 1));
    let (bridge, _): (_, SocketAddr) = place.serve().await;

    // Everything from the config.
    assert_says(&run(&["rooms", "--config", &config]).await, 0, &["there are no rooms"]);
    // Nothing from the config.
    let admin = format!("http://{free}");
    assert_says(&ask(&admin, &["rooms"]).await, 1, &["Not verified", "(401)"]);
    let file = place.write("token", &format!("{TOKEN}\n"));
    assert_says(&ask(&admin, &["rooms", "list", "--token-file", &file]).await, 0, &["there are no rooms"]);
    let args = ["rooms", "--admin", &admin];
    let by_variable = Process::start(&args, &[("WARROOM_ADMIN_TOKEN", TOKEN)]).ended().await;
    assert_says(&by_variable, 0, &["there are no rooms"]);
    let wrong = Process::start(&args, &[("WARROOM_ADMIN_TOKEN", "another-secret-token")]).ended().await;
    assert_says(&wrong, 1, &["Not verified"]);
    assert!(!wrong.stderr.contains("another-secret"), "{wrong:?}");
    assert_says(&run(&["rooms", "--token-file", "/nowhere", "--admin", &admin]).await, 2, &["/nowhere"]);
    let help = run(&["rooms", "--help"]).await;
    assert!(help.stdout.contains("warroom rooms close INCIDENT-7 --group"), "{help:?}");
    assert!(!bridge.log().contains(TOKEN) && !bridge.log().contains(SECRET));
    bridge.kill();
}
