//! Who may know what: the table of the design, held against every file under `src`.
//!
//! [`code`] reads the files as code, without comments, texts and tests, and with every `use` written out;
//! the rules below name what only some modules may do. An exception stands with its reason, and one that
//! nothing needs any more is a failure too.

use std::collections::BTreeSet;

use code::{Code, all_of_src};

mod code;
mod cycles;

/// Something that only some modules may do.
struct Rule {
    what: &'static str,
    /// Words and paths by which it shows.
    shows_by: &'static [&'static str],
    /// Beginnings of texts by which it shows.
    texts: &'static [&'static str],
    /// Modules with all that is below them.
    home: &'static [&'static str],
    /// Single files that do it all the same, and why that is right.
    exceptions: &'static [(&'static str, &'static str)],
}

const RULES: &[Rule] = &[
    Rule {
        what: "know axum",
        shows_by: &["axum"],
        texts: &[],
        home: &["receiver", "console", "problem", "sandbox", "app"],
        exceptions: &[],
    },
    Rule {
        what: "know the HTTP client",
        shows_by: &["reqwest"],
        texts: &[],
        home: &["gateway"],
        exceptions: &[
            ("cli/post.rs", "commands that talk to a running bridge, which is no gateway"),
            ("cli/send.rs", "one of those commands; it takes apart the address it posts to"),
        ],
    },
    Rule {
        what: "contain SQL",
        shows_by: &[],
        texts: &["SELECT ", "INSERT ", "UPDATE ", "DELETE FROM ", "PRAGMA ", "CREATE TABLE "],
        home: &["store"],
        exceptions: &[],
    },
    Rule {
        what: "know the database",
        shows_by: &["rusqlite"],
        texts: &[],
        home: &["store/sqlite"],
        exceptions: &[],
    },
    Rule {
        what: "know the other database",
        shows_by: &["tokio_postgres", "tokio_postgres_rustls"],
        texts: &[],
        home: &["store/postgres"],
        exceptions: &[],
    },
    Rule {
        what: "read the time or make random numbers",
        shows_by: &[
            "Instant::now",
            "SystemTime",
            "Timestamp::now",
            "Zoned::now",
            "elapsed",
            "uuid",
            "rand",
            "getrandom",
            "RandomState",
        ],
        texts: &[],
        home: &["clock"],
        exceptions: &[
            ("fair_share.rs", "who is idle on a socket is so by the machine, not by the incident's clock"),
            ("app/listener.rs", "the same, for who has shown too many wrong secrets there"),
            ("receiver.rs", "how long an answer took is measured, not decided by, whatever the clock says"),
            ("receiver/gateway_events.rs", "the same, for what the gateway tells"),
            ("signature/sns.rs", "RSA is handed a source of chance, which PKCS #1 1.5 does not use"),
            ("worker.rs", "how soon it looks for work again is no moment of an incident"),
            (
                "store/lane.rs",
                "how long a transaction is added to, and how long a sender waits, runs by the machine",
            ),
            ("store/postgres/link.rs", "the same, for how soon a database that is away is tried again"),
            ("gateway/waha.rs", "a time limit on a socket runs by the machine, not by the incident's clock"),
            ("gateway/waha/http.rs", "the same time limit, where it is kept"),
            ("gateway/waha/reachability.rs", "the same, for calls that must stand apart on the wire"),
        ],
    },
    Rule {
        what: "read the environment",
        shows_by: &["std::env", "env::var", "env::vars", "env::var_os", "env::args", "env ="],
        texts: &[],
        home: &["config"],
        exceptions: &[
            ("cli.rs", "where the config is must be known before there is a config"),
            ("cli/admin_client.rs", "where the config is, again, for commands with a bridge of their own"),
            ("cli/demo.rs", "asks for the folder of temporary files and nothing else"),
        ],
    },
    Rule {
        what: "spawn tasks",
        shows_by: &["spawn", "spawn_blocking", "spawn_local", "spawn_on", "JoinSet", "block_in_place"],
        texts: &[],
        home: &["app"],
        exceptions: &[
            ("store/lane.rs", "one thread that owns a connection, not a task"),
            ("store/postgres.rs", "looks at the tables on a thread without a runtime"),
            ("store/postgres/link.rs", "the connection's own half, which runs while an answer is waited for"),
            ("store/postgres/notifications.rs", "the same, on a thread that hears what is due elsewhere"),
            ("console/api.rs", "a roster is read and checked beside the runtime while its sender waits"),
            ("store/sqlite/checkpoint.rs", "one thread that owns a connection, not a task"),
        ],
    },
    Rule {
        what: "ask the gateway",
        shows_by: &["gateway::Gateway"],
        texts: &[],
        home: &["gateway", "worker", "app"],
        exceptions: &[],
    },
    Rule {
        what: "print",
        shows_by: &["println!", "print!", "eprintln!", "eprint!", "dbg!", "stdout", "stderr", "anstream"],
        texts: &[],
        home: &["cli"],
        exceptions: &[],
    },
];

/// What the pure modules have none of.
const IMPURE: &[&str] = &[
    "async",
    "await",
    "async_trait",
    "tokio",
    "tokio_util",
    "futures_util",
    "axum",
    "hyper",
    "http",
    "reqwest",
    "rusqlite",
    "tokio_postgres",
    "tracing",
    "std::time",
    "std::fs",
    "std::io",
    "std::net",
    "std::env",
    "std::thread",
    "std::process",
    "std::sync::Mutex",
    "std::sync::atomic",
    "Instant",
    "SystemTime",
    "SystemClock",
    "Clock",
    "new_id",
    "new_token",
    "crate::store",
    "crate::worker",
    "crate::receiver",
    "crate::console",
    "crate::config",
    "crate::sandbox",
    "crate::app",
    "crate::cli",
    "crate::telemetry",
    "crate::gateway::waha",
    "crate::gateway::Gateway",
];

const PURE: &[&str] = &[
    "alert",
    "consent",
    "incident",
    "roster",
    "room",
    "message",
    "number",
    "pacing",
    "matcher",
    "jid",
    "json",
    "chat_text",
];

fn is_in(code: &Code, modules: &[&str]) -> bool {
    modules.iter().any(|module| code.is_below(module))
}

/// What `code` has of `words`, with the lines.
fn found(code: &Code, words: &[&str]) -> Vec<String> {
    let lines = |word: &&str| {
        code.lines_with(word).into_iter().map(|line| format!("{}: {line} has `{word}`", code.path)).collect()
    };
    words.iter().flat_map(|word| -> Vec<String> { lines(word) }).collect()
}

/// Breaches of `rule` in `files`, and exceptions that nothing needs.
fn breaches(rule: &Rule, files: &[Code]) -> Vec<String> {
    let mut breaches = Vec::new();
    let mut needed = BTreeSet::new();
    for code in files.iter().filter(|code| !is_in(code, rule.home)) {
        let mut shown = found(code, rule.shows_by);
        shown.extend(
            code.texts
                .iter()
                .filter(|text| rule.texts.iter().any(|start| text.trim_start().starts_with(start)))
                .map(|text| format!("{}: has the text `{text}`", code.path)),
        );
        match rule.exceptions.iter().find(|(path, _)| *path == code.path) {
            Some((path, _)) if !shown.is_empty() => {
                needed.insert(*path);
            }
            Some(_) => {}
            None => breaches.extend(shown),
        }
    }
    let idle = rule.exceptions.iter().filter(|(path, _)| !needed.contains(path));
    breaches.extend(idle.map(|(path, why)| format!("{path} needs no exception any more ({why})")));
    breaches
}

#[test]
fn only_those_named_may_do_what_the_table_says() {
    let files = all_of_src();
    let mut all = Vec::new();
    for rule in RULES {
        all.extend(breaches(rule, &files).into_iter().map(|b| format!("only some may {}: {b}", rule.what)));
    }
    assert!(all.is_empty(), "\n{}", all.join("\n"));
}

#[test]
fn the_pure_core_has_no_input_no_output_and_no_clock() {
    let files = all_of_src();
    for module in PURE {
        assert!(files.iter().any(|code| code.is_below(module)), "there is no `{module}`");
    }
    let impure: Vec<String> =
        files.iter().filter(|code| is_in(code, PURE)).flat_map(|code| found(code, IMPURE)).collect();
    assert!(impure.is_empty(), "\n{}", impure.join("\n"));
}

#[test]
fn sources_never_see_the_store() {
    let seen: Vec<String> = all_of_src()
        .iter()
        .filter(|code| code.is_below("source"))
        .flat_map(|code| found(code, &["store", "Store", "crate::receiver", "crate::worker", "crate::room"]))
        .collect();
    assert!(seen.is_empty(), "\n{}", seen.join("\n"));
}

#[test]
fn a_room_decides_without_words() {
    let seen: Vec<String> = all_of_src()
        .iter()
        .filter(|code| code.is_below("room"))
        .flat_map(|code| found(code, &["crate::message", "Composer"]))
        .collect();
    assert!(seen.is_empty(), "\n{}", seen.join("\n"));
}

#[test]
fn gateways_never_see_an_incident() {
    let words = ["Incident", "IncidentId", "incident", "Store", "store", "Room", "Roster", "crate::alert"];
    let seen: Vec<String> = all_of_src()
        .iter()
        .filter(|code| code.is_below("gateway"))
        .flat_map(|code| found(code, &words))
        .collect();
    assert!(seen.is_empty(), "\n{}", seen.join("\n"));
}

#[test]
fn the_sandbox_shares_nothing_with_the_client_but_time_and_how_texts_look() {
    let files = all_of_src();
    let sandbox: Vec<&Code> = files.iter().filter(|code| code.is_below("sandbox")).collect();
    assert!(sandbox.len() > 10);
    for code in sandbox {
        for module in code.modules_of_ours() {
            assert!(
                ["sandbox", "clock", "chat_text"].contains(&module.as_str()),
                "{} imports {module}",
                code.path
            );
        }
    }
}

#[test]
fn a_module_is_a_concept_in_a_file_of_its_name() {
    const NAMES_FOR_ANYTHING: [&str; 9] =
        ["mod", "utils", "util", "types", "common", "manager", "helper", "helpers", "misc"];
    for code in all_of_src() {
        let inline = code.inline_modules();
        for name in code.path.split(['/', '.']).chain(inline.iter().map(String::as_str)) {
            assert!(!NAMES_FOR_ANYTHING.contains(&name), "{} has a module called `{name}`", code.path);
        }
    }
}

#[test]
fn a_breach_is_seen_however_it_is_written() {
    let rule = &RULES[0];
    for breach in [
        "use axum::Router;",
        "use {std::fmt, axum::{self, Router}};",
        "fn f() -> axum::Router { todo() }",
        "pub use\n    axum as web;",
    ] {
        assert_eq!(breaches(rule, &[Code::read("worker.rs", breach)]).len(), 1, "{breach}");
        assert!(breaches(rule, &[Code::read("sandbox/page.rs", breach)]).is_empty(), "{breach}");
    }
    for fine in [
        "// use axum::Router;",
        "/* axum */ fn f() {}",
        "fn f() -> &'static str { \"axum\" }",
        "fn maxaxum() {}",
        "#[cfg(test)]\nmod tests { use axum::Router; }",
    ] {
        assert!(breaches(rule, &[Code::read("worker.rs", fine)]).is_empty(), "{fine}");
    }
    let grouped = Code::read("room.rs", "use std::{collections::BTreeMap, fs::{self, File}};");
    assert_eq!(found(&grouped, IMPURE).len(), 1, "{grouped:?}");
    let sql = Code::read("worker.rs", "const Q: &str = r#\"SELECT 1\"#;");
    assert_eq!(breaches(&RULES[2], &[sql]).len(), 1);
    let idle = Code::read("cli/post.rs", "fn f() {}");
    assert_eq!(breaches(&RULES[1], &[idle]).len(), 2, "an exception that nothing needs");
    let upwards = Code::read("sandbox/page.rs", "use crate::gateway::Gateway; use super::super::jid::Jid;");
    assert_eq!(upwards.modules_of_ours(), ["gateway", "jid"]);
}
