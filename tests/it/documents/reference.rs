//! `docs/reference.md` says of every key, command, metric and request what the program itself says of it.

use std::fmt::Write;
use std::fs;

use clap::{Command, CommandFactory};
use serde_json::Value;
use warroom::cli::Cli;
use warroom::config::reference::reference;
use warroom::telemetry::Metrics;

use super::root;

#[test]
fn the_reference_is_what_the_program_says() {
    let page = page();
    let written = fs::read_to_string(root().join("docs/reference.md")).unwrap_or_default();
    if page != written {
        let made = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("reference.md");
        fs::write(&made, page).unwrap();
        panic!("`cp {} docs/reference.md` is due", made.display());
    }
}

fn page() -> String {
    let mut out = String::from(
        "# Reference\n\nEvery key of the two files, every command, metric and request. This page is made from the \
         program, and a test holds it to that; what to do with all of it is told in [the other pages](README.md).\n\n",
    );
    out.push_str(&reference());
    out.push_str("\n## Commands\n");
    commands(&Cli::command(), "", &mut out);
    out.push_str(
        "\n## Metrics\n\nAt `/metrics` of the operator listener.\n\n| metric | type | |\n|---|---|---|\n",
    );
    let metrics = Metrics::default().render();
    for help in metrics.lines().filter_map(|line| line.strip_prefix("# HELP ")) {
        let (name, says) = help.split_once(' ').unwrap();
        let kind = metrics.lines().find_map(|line| line.strip_prefix(&format!("# TYPE {name} "))).unwrap();
        // A counter's samples carry the ending.
        let ending = if kind == "counter" { "_total" } else { "" };
        writeln!(out, "| `{name}{ending}` | {kind} | {} |", escaped(says)).unwrap();
    }
    out.push_str(
        "\n## HTTP\n\nThe listener for hooks:\n\n| request | |\n|---|---|\n\
         | `POST /hooks/{source}` | a hook of a monitoring tool |\n\
         | `POST /hooks/gateway/{instance}` | an event of the chat provider |\n\
         | `GET /healthz` | whether the process lives |\n| `GET /readyz` | whether it takes hooks |\n\n\
         The listener for operators, described in full at `/api/openapi.json`:\n\n| request | |\n|---|---|\n",
    );
    let description: Value =
        serde_json::from_str(&fs::read_to_string(root().join("src/console/openapi.json")).unwrap()).unwrap();
    for (path, requests) in description["paths"].as_object().unwrap() {
        for (method, request) in requests.as_object().unwrap() {
            let Some(summary) = request["summary"].as_str() else { continue };
            writeln!(out, "| `{} {path}` | {} |", method.to_uppercase(), escaped(summary)).unwrap();
        }
    }
    out
}

/// The help of each command, and of those below it.
fn commands(command: &Command, above: &str, out: &mut String) {
    for command in command.get_subcommands().filter(|command| command.get_name() != "help") {
        let name = format!("{above} {}", command.get_name());
        let help = command.clone().bin_name(format!("warroom{name}")).term_width(100).render_help();
        write!(out, "\n### `warroom{name}`\n\n```text\n{}\n```\n", help.to_string().trim_end()).unwrap();
        commands(command, &name, out);
    }
}

fn escaped(text: &str) -> String {
    text.replace('|', "\\|")
}
