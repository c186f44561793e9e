//! `warroom introduce`: the one-time 1:1 introduction, asked of a running bridge, and who answered what.

use std::io::Write;

use clap::Args;
use serde_json::{Value, json};

use super::admin_client::AdminClient;
use super::rooms::{items, moment, text, write_table};
use super::{Failure, NO};

/// `warroom introduce`.
#[derive(Debug, Args)]
#[command(
    after_help = "The bridge writes to each person once: who it is, and that STOP refuses. It does so at a gentle
pace (`introduce_gap`), and rooms come first. Answers come back through the provider's events
(`gateway.instances[].events`). Whoever said STOP is never called or asked again, unless they
answer START themselves.

Examples:
  warroom introduce --dry-run        who would be asked, and the words
  warroom introduce                  everybody in the roster without `introduced: true`
  warroom introduce amira jonas      these two
  warroom introduce amira --again    once more, because no answer came
  warroom introduce --list           who was asked when, and what they answered

Exit codes: 0 done, 1 somebody named is left out or the bridge says no, 2 wrong usage."
)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub(super) struct Options {
    /// Keys in the roster; everybody who was never introduced, if there are none
    #[arg(value_name = "PERSON")]
    people: Vec<String>,
    /// Also those who were asked before and did not answer
    #[arg(long)]
    again: bool,
    /// Only shows who would be asked, and the words
    #[arg(long)]
    dry_run: bool,
    /// Shows where everybody stands, and asks nobody
    #[arg(long, conflicts_with_all = ["again", "dry_run"])]
    list: bool,
    /// For programs
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    client: AdminClient,
}

/// Exit code 0 when everybody named is asked, or would be.
pub(super) fn run(options: &Options, out: &mut dyn Write) -> Result<u8, Failure> {
    if options.list {
        return list(options, out);
    }
    let wish = json!({ "people": options.people, "again": options.again, "dry_run": options.dry_run });
    let answer = options.client.post("/api/introductions", Some(&wish))?;
    let (asked, left_out) = (items(&answer["asked"]), items(&answer["left_out"]));
    // Of everybody some are always done with; who is named and left out is an answer of no.
    let code = if options.people.is_empty() || left_out.is_empty() { 0 } else { NO };
    if options.json {
        writeln!(out, "{answer:#}")?;
        return Ok(code);
    }
    let will = if options.dry_run { "would be asked" } else { "will be asked" };
    for one in asked {
        writeln!(out, "{} ({}) {will}", text(&one["person"]), text(&one["name"]))?;
    }
    for one in left_out {
        writeln!(out, "{} is left out: {}", text(&one["person"]), text(&one["why"]))?;
    }
    match asked {
        [] if left_out.is_empty() => writeln!(out, "nobody is left to introduce")?,
        [] => {}
        [first, ..] if options.dry_run => {
            writeln!(out, "\nwhat {} would read:", text(&first["name"]))?;
            for line in first["text"].as_str().unwrap_or_default().lines() {
                writeln!(out, "  {}", text(&json!(line)))?;
            }
        }
        _ => writeln!(
            out,
            "they are written to one after another; `warroom introduce --list` shows the answers"
        )?,
    }
    Ok(code)
}

fn list(options: &Options, out: &mut dyn Write) -> Result<u8, Failure> {
    let answer = options.client.get("/api/people")?;
    let wanted = |one: &&Value| {
        options.people.is_empty() || options.people.iter().any(|key| one["person"] == key.as_str())
    };
    let people: Vec<&Value> = items(&answer["people"]).iter().filter(wanted).collect();
    if options.json {
        writeln!(out, "{:#}", json!({ "people": people }))?;
        return Ok(0);
    }
    let mut table = vec![["PERSON", "NAME", "PHONE", "ASKED", ""].map(str::to_owned)];
    table.extend(people.into_iter().map(|one| {
        let key = if one["person"] == "" { "-".to_owned() } else { text(&one["person"]) };
        [key, text(&one["name"]), text(&one["phone"]), moment(&one["asked_at"]), text(&one["words"])]
    }));
    write_table(&table, out)?;
    Ok(0)
}
