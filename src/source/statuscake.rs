//! StatusCake: the ping URL of a contact group, called with a form.
//!
//! It says up or down and nothing more: severity and client come from the test's tags. Its token is the MD5 of
//! user name and API key, the same in every request; see [`Scheme::FormField`](crate::signature::Scheme).

use super::flat::Flat;
use super::labels::{labels_of, links_of};
use super::tags::Tags;
use super::wire::needed;
use super::{NotUnderstood, Parsed, Sample, Source, Tool};
use crate::alert::{AlertState, Draft, LinkKind};
use crate::clock::Timestamp;
use crate::signature::{VerifiedBody, form};

pub(super) const TOOL: Tool = Tool {
    name: "statuscake",
    title: "StatusCake",
    proof: "a secret in the form (its token), or in the address",
    hmac: None,
    parse,
    sample,
};

fn parse(body: &VerifiedBody, source: &Source) -> Result<Parsed, NotUnderstood> {
    let flat = Flat::from_json_or_form(body.body())?;
    let word = needed(flat.get("status"), "Status")?;
    // Documentation and receivers differ about the case.
    let state = match word.to_ascii_lowercase().as_str() {
        "down" => AlertState::Firing,
        "up" => AlertState::Resolved,
        _ => return Err(NotUnderstood::new("`Status` is neither up nor down")),
    };
    let id = needed(flat.any(&["testid", "name", "url"]), "TestID")?;
    let name = flat.any(&["name", "url"]).unwrap_or(id);
    let is_over = state == AlertState::Resolved;
    let tags = Tags::from_list(flat.get("tags").unwrap_or_default());
    let mut labels = labels_of([
        ("check", Some(name)),
        ("check_type", flat.get("method")),
        ("status_code", flat.get("statuscode")),
        ("address", flat.get("ip")),
    ]);
    tags.label(&mut labels);
    let code = flat.get("statuscode").filter(|_| !is_over);
    let draft = Draft {
        id: id.to_owned(),
        title: if is_over { name.to_owned() } else { format!("{name} is down") },
        summary: match code {
            // What it sends when nothing answered at all.
            Some("0") => "No answer".to_owned(),
            Some(code) => format!("Answered with status {code}"),
            None => String::new(),
        },
        labels,
        links: links_of([(LinkKind::Source, flat.get("url"))]),
        ..Draft::default()
    };
    Ok(Parsed::Alerts(vec![source.alert(draft, source.key(id), state, tags.severity().as_deref())]))
}

/// A test with the tag `sev1`, without its token.
fn sample(state: AlertState, _now: Timestamp, dedup: &str) -> Sample {
    let (code, word) = if state == AlertState::Resolved { ("200", "Up") } else { ("503", "Down") };
    let fields = [
        ("URL", "https://checkout.acme.example"),
        ("Name", "Checkout"),
        ("StatusCode", code),
        ("Status", word),
        ("Tags", "sev1,client:acme,environment:production,service:checkout"),
        ("TestID", dedup),
        ("IP", "203.0.113.9"),
        ("Method", "Website"),
        ("Checkrate", "60"),
    ];
    let body: Vec<String> = fields.iter().map(|(name, value)| form::pair(name, value)).collect();
    Sample {
        headers: vec![("content-type", "application/x-www-form-urlencoded".to_owned())],
        body: body.join("&"),
    }
}
