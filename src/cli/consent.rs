//! `warroom consent`: asks people 1:1 whether they may be called, by a running bridge, and shows what they answered.

use std::io::Write;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::admin_client::AdminClient;
use super::rooms::{items, moment, text, write_table};
use super::{Failure, NO};

/// `warroom consent`.
#[derive(Debug, Args)]
#[command(
    after_help = "The bridge writes to each person once: who it is, and that STOP refuses. It does so at a gentle
pace (`ask_gap`), and rooms come first. Answers come back through the provider's events
(`gateway.instances[].events`). Whoever said STOP is never called or asked again, unless they
answer START themselves.

Examples:
  warroom consent                      who was asked when, and what they answered
  warroom consent ask --dry-run        who would be asked, and the words
  warroom consent ask                  everybody in the roster without `opted_in: true`
  warroom consent ask amira jonas      these two
  warroom consent ask amira --again    once more, because no answer came

Exit codes: 0 done, 1 somebody named is left out or the bridge says no, 2 wrong usage."
)]
pub(super) struct Options {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    client: AdminClient,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Asks people whether they may be called
    Ask(Ask),
    /// Shows where everybody stands, and asks nobody
    List(List),
}

#[derive(Debug, Args)]
struct Ask {
    /// Keys in the roster; everybody who never opted in, if there are none
    #[arg(value_name = "PERSON")]
    people: Vec<String>,
    /// Also those who were asked before and did not answer
    #[arg(long)]
    again: bool,
    /// Only shows who would be asked, and the words
    #[arg(long)]
    dry_run: bool,
    /// For programs
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Default, Args)]
struct List {
    /// Keys in the roster; everybody, if there are none
    #[arg(value_name = "PERSON")]
    people: Vec<String>,
    /// For programs
    #[arg(long)]
    json: bool,
}

/// Exit code 0 when everybody named is asked, or would be.
pub(super) fn run(options: &Options, out: &mut dyn Write) -> Result<u8, Failure> {
    match &options.what {
        Some(What::Ask(wish)) => ask(wish, &options.client, out),
        Some(What::List(wish)) => list(wish, &options.client, out),
        None => list(&List::default(), &options.client, out),
    }
}

fn ask(options: &Ask, client: &AdminClient, out: &mut dyn Write) -> Result<u8, Failure> {
    let wish = json!({ "people": options.people, "again": options.again, "dry_run": options.dry_run });
    let answer = client.post("/api/opt-in-requests", Some(&wish))?;
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
        [] if left_out.is_empty() => writeln!(out, "nobody is left to ask")?,
        [] => {}
        [first, ..] if options.dry_run => {
            writeln!(out, "\nwhat {} would read:", text(&first["name"]))?;
            for line in first["text"].as_str().unwrap_or_default().lines() {
                writeln!(out, "  {}", text(&json!(line)))?;
            }
        }
        _ => {
            writeln!(out, "they are written to one after another; `warroom consent list` shows the answers")?;
        }
    }
    Ok(code)
}

fn list(options: &List, client: &AdminClient, out: &mut dyn Write) -> Result<u8, Failure> {
    let answer = client.get("/api/people")?;
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
