//! `warroom rooms` and `warroom replay`: what operators see and do, at a running bridge.
//!
//! Tables are for people and may change; `--json` gives the API's own answer for programs.

use std::io::Write;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::admin_client::AdminClient;
use super::{Failure, NO};
use crate::incident::IncidentId;
use crate::jid::GroupId;
use crate::store::ReceiptId;

/// `warroom rooms`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  warroom rooms                                   all rooms, newest first
  warroom rooms list --parked                     those that wait for a person
  warroom rooms show INCIDENT-7                   everything about one
  warroom rooms resume INCIDENT-7                 go on from where it was parked
  warroom rooms adopt INCIDENT-7 120363000000000001@g.us
  warroom rooms new-group INCIDENT-7              make another group, whatever became of the first
  warroom rooms close INCIDENT-7                  end the room now
  warroom rooms close INCIDENT-7 --group 120363000000000002@g.us
                                                  close a second group, and tell its people where the room is

Exit codes: 0 done, 1 the bridge says no, 2 wrong usage.")]
pub(super) struct Options {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    client: AdminClient,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Lists rooms, newest first
    List(List),
    /// Shows everything about one: people, messages, troubles, second groups, timeline
    Show {
        /// INCIDENT-7, or just 7
        id: IncidentId,
        /// For programs
        #[arg(long)]
        json: bool,
    },
    /// Goes on from where the room was parked
    Resume {
        /// INCIDENT-7, or just 7
        id: IncidentId,
    },
    /// No room, or the end of it
    Cancel {
        /// INCIDENT-7, or just 7
        id: IncidentId,
    },
    /// Makes another group for a parked room, or while nobody knows whether there is one
    NewGroup {
        /// INCIDENT-7, or just 7
        id: IncidentId,
    },
    /// Takes a group as the room, once it was read: any for a parked room, a recorded second group for a live one
    Adopt {
        /// INCIDENT-7, or just 7
        id: IncidentId,
        /// The group's id, such as 120363000000000001@g.us
        group: GroupId,
    },
    /// Ends the room now: last words, link revoked, group locked; with --group closes a second group instead
    Close {
        /// INCIDENT-7, or just 7
        id: IncidentId,
        /// A recorded second group: its people are told where the room is, and our number leaves it
        #[arg(long, value_name = "GROUP")]
        group: Option<GroupId>,
    },
}

#[derive(Debug, Default, Args)]
struct List {
    /// Only incidents in this state
    #[arg(long)]
    state: Option<State>,
    /// Only rooms that wait for a person
    #[arg(long)]
    parked: bool,
    /// For programs
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum State {
    Open,
    Resolved,
    Closed,
}

/// `warroom replay`.
#[derive(Debug, Args)]
#[command(after_help = "A hook that was ignored because of a mistake in the config can be taken in once more
when the mistake is mended and the bridge was restarted. The receipt's id is in the answer that
the sender got, in the log (`receipt.id`) and in the timeline. What is known already is a repeat;
what is over is opened anew, as by a fresh alert.

Example:
  warroom replay 19cadfd8900007a4

Exit codes: 0 it did something, 1 it was ignored again or the bridge says no, 2 wrong usage.")]
pub(super) struct Replay {
    /// The receipt's id
    receipt: ReceiptId,
    /// For programs
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    client: AdminClient,
}

/// Exit code 0 when the bridge did or stored what was asked.
pub(super) fn run(options: &Options, out: &mut dyn Write) -> Result<u8, Failure> {
    let client = &options.client;
    let mut act = |id: &IncidentId, action: &str, group: Option<&GroupId>| {
        let body = group.map(|group| json!({ "group": group }));
        let taken = client.post(&format!("/api/rooms/{id}/{action}"), body.as_ref())?;
        writeln!(out, "{id}: {}", text(&taken["message"]))?;
        Ok(0)
    };
    match &options.what {
        None => list(client, &List::default(), out),
        Some(What::List(wanted)) => list(client, wanted, out),
        Some(What::Show { id, json }) => show(client, *id, *json, out),
        Some(What::Resume { id }) => act(id, "resume", None),
        Some(What::Cancel { id }) => act(id, "cancel", None),
        Some(What::NewGroup { id }) => act(id, "new-group", None),
        Some(What::Adopt { id, group }) => act(id, "adopt", Some(group)),
        Some(What::Close { id, group }) => act(id, "close", group.as_ref()),
    }
}

/// Exit code 0 when the hook did something this time.
pub(super) fn replay(options: &Replay, out: &mut dyn Write) -> Result<u8, Failure> {
    let answer = options.client.post(&format!("/api/receipts/{}/replay", options.receipt), None)?;
    let incidents = items(&answer["incidents"]);
    if options.json {
        writeln!(out, "{answer:#}")?;
    } else {
        writeln!(out, "receipt {} replays {}", text(&answer["receipt"]), text(&answer["replays"]))?;
        for incident in incidents {
            let id = incident["id"].as_str().unwrap_or("no incident");
            let reason = incident["reason"].as_str().map(|why| format!(": {why}")).unwrap_or_default();
            writeln!(out, "{id} {} {}{reason}", text(&incident["outcome"]), text(&incident["severity"]))?;
        }
        if let Some(reason) = answer["reason"].as_str() {
            writeln!(out, "ignored: {reason}")?;
        }
    }
    let did = incidents.iter().any(|incident| incident["outcome"] != "ignored");
    Ok(if did { 0 } else { NO })
}

fn list(client: &AdminClient, wanted: &List, out: &mut dyn Write) -> Result<u8, Failure> {
    let state = match wanted.state {
        None => "",
        Some(State::Open) => "&state=open",
        Some(State::Resolved) => "&state=resolved",
        Some(State::Closed) => "&state=closed",
    };
    let answer = client.get(&format!("/api/incidents?limit=1000{state}"))?;
    let rooms: Vec<&Value> = items(&answer["incidents"])
        .iter()
        .filter(|it| it["room"].is_object() && (!wanted.parked || it["room"]["phase"] == "parked"))
        .collect();
    if wanted.json {
        writeln!(out, "{:#}", json!({ "incidents": rooms }))?;
        return Ok(0);
    }
    if rooms.is_empty() {
        let which = if wanted.parked { "no room waits for a person" } else { "there are no rooms" };
        writeln!(out, "{which}")?;
        return Ok(0);
    }
    let mut table =
        vec![["INCIDENT", "SEVERITY", "PHASE", "IN", "BRIEFED", "SINCE", "GROUP", ""].map(str::to_owned)];
    table.extend(rooms.into_iter().map(row));
    write_table(&table, out)?;
    Ok(0)
}

/// One room in a line.
fn row(it: &Value) -> [String; 8] {
    let room = &it["room"];
    let seats = items(&room["seats"]);
    let present = seats.iter().filter(|seat| seat["state"] == "in").count();
    let mut notes: Vec<String> = Vec::new();
    notes.extend(room["why"].as_str().map(clean));
    match it["second_groups"].as_u64() {
        Some(0) | None => {}
        Some(1) => notes.push("1 second group".to_owned()),
        Some(n) => notes.push(format!("{n} second groups")),
    }
    [
        text(&it["id"]),
        text(&it["severity"]),
        text(&room["phase"]),
        format!("{present}/{}", seats.len()),
        if room["briefed_at"].is_null() { "no" } else { "yes" }.to_owned(),
        moment(&room["since"]),
        room["group"].as_str().unwrap_or("-").to_owned(),
        notes.join("; "),
    ]
}

fn show(client: &AdminClient, id: IncidentId, json: bool, out: &mut dyn Write) -> Result<u8, Failure> {
    let it = client.get(&format!("/api/incidents/{id}"))?;
    if json {
        writeln!(out, "{it:#}")?;
        return Ok(0);
    }
    writeln!(
        out,
        "{} {} {}: {}",
        text(&it["id"]),
        text(&it["severity"]),
        text(&it["state"]),
        text(&it["title"])
    )?;
    let room = &it["room"];
    if room.is_null() {
        writeln!(out, "no room: it never was bad enough for one")?;
        return Ok(0);
    }
    writeln!(out, "phase    {} since {}", text(&room["phase"]), moment(&room["since"]))?;
    for (name, value) in [
        ("why", room["why"].as_str()),
        ("asked", it["wish"].as_str()),
        ("group", room["group"].as_str()),
        ("subject", room["subject"].as_str()),
        ("number", room["instance"].as_str()),
    ] {
        if let Some(value) = value {
            writeln!(out, "{name:8} {}", clean(value))?;
        }
    }
    let briefed = room["briefed_at"].as_str().map_or("no".to_owned(), |_| moment(&room["briefed_at"]));
    writeln!(out, "briefed  {briefed}")?;
    writeln!(out, "link     {}", if room["has_link"] == true { "made" } else { "not needed so far" })?;
    writeln!(out, "route    {} ({})", text(&room["route"]), text(&room["rule"]))?;
    section("people", items(&room["seats"]), out, |seat| {
        let told = if seat["told_alone"] == true { ", told 1:1" } else { "" };
        format!(
            "{}: {} ({}, {}): {}{told}",
            text(&seat["role"]),
            text(&seat["name"]),
            text(&seat["person"]),
            text(&seat["phone"]),
            text(&seat["words"])
        )
    })?;
    section("waits for a person", items(&it["attention"]), out, |item| {
        format!("{} {}", text(&item["what"]), text(&item["todo"]))
    })?;
    section("second groups", items(&it["orphans"]), out, |orphan| {
        format!("{} {} ({})", text(&orphan["group"]), text(&orphan["how"]), text(&orphan["state"]))
    })?;
    section("messages", items(&room["messages"]), out, |message| {
        format!("{}  {} to {}", moment(&message["at"]), text(&message["what"]), text(&message["to"]))
    })?;
    section("troubles", items(&room["troubles"]), out, |trouble| {
        let again = moment(&trouble["retry_at"]);
        format!(
            "{}: {} ({}×, again {again})",
            text(&trouble["step"]),
            text(&trouble["last"]),
            trouble["failures"]
        )
    })?;
    section("timeline", items(&it["timeline"]), out, |row| {
        let line = format!(
            "{}  {:8} {:28} {:16} {}",
            moment(&row["at"]),
            text(&row["kind"]),
            text(&row["what"]),
            text(&row["outcome"]),
            clean(row["detail"].as_str().filter(|d| !d.is_empty()).or(row["receipt"].as_str()).unwrap_or(""))
        );
        line.trim_end().to_owned()
    })?;
    Ok(0)
}

fn section(
    name: &str,
    items: &[Value],
    out: &mut dyn Write,
    line: impl Fn(&Value) -> String,
) -> Result<(), Failure> {
    if !items.is_empty() {
        writeln!(out, "{name}")?;
    }
    for item in items {
        writeln!(out, "  {}", line(item))?;
    }
    Ok(())
}

pub(super) fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Control characters do not get to a terminal, whoever wrote them.
pub(super) fn text(value: &Value) -> String {
    clean(value.as_str().unwrap_or("-"))
}

fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A moment, to the second.
pub(super) fn moment(value: &Value) -> String {
    let at = value.as_str().and_then(|text| text.parse::<crate::clock::Timestamp>().ok());
    at.map_or("-".to_owned(), |at| at.strftime("%Y-%m-%d %H:%M:%SZ").to_string())
}

/// Columns as wide as their widest cell; the last one has no width.
pub(super) fn write_table<const N: usize>(table: &[[String; N]], out: &mut dyn Write) -> Result<(), Failure> {
    let width = |column: usize| {
        table.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..N).map(width).collect();
    for row in table {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        writeln!(out, "{}", cells.join("  ").trim_end())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_they_need_and_lines_end_where_they_end() {
        let mut out = Vec::new();
        let row = |cells: [&str; 3]| cells.map(str::to_owned);
        write_table(&[row(["A", "B", ""]), row(["long", "ü", "why"])], &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "A     B\nlong  ü  why\n");
    }

    #[test]
    fn what_an_alert_wrote_moves_no_cursor() {
        assert_eq!(text(&json!("a\u{1b}[2Jb\nc")), "a [2Jb c");
    }
}
