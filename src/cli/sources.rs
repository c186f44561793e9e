//! `warroom sources`: which monitoring tools are understood, what each can prove, and how the configured ones
//! prove themselves.

use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;

use crate::clock::Timestamp;
use crate::config::{self, Colours, Strictness, describe_verifier};
use crate::signature::Verifier;
use crate::source::{Source, SourceKind};

#[derive(Serialize)]
struct Listing {
    kinds: Vec<Kind>,
    /// Only with a config.
    #[serde(skip_serializing_if = "Option::is_none")]
    configured: Option<Vec<Configured>>,
}

#[derive(Serialize)]
struct Kind {
    #[serde(rename = "kind")]
    name: &'static str,
    tool: &'static str,
    proof: &'static str,
    /// What `verify: { hmac: … }` means for it.
    hmac: Option<String>,
    /// What that proof covers; nothing else of a request is read.
    hmac_covers: Option<&'static str>,
    reads_fields: bool,
}

#[derive(Serialize)]
struct Configured {
    source: String,
    kind: &'static str,
    path: String,
    verified_by: String,
    /// What of a request the proof covers; nothing else is read.
    covers: &'static str,
    open_tests: bool,
}

/// Lists all kinds and, with a config, its sources. The exit code is 0, or 1 if the config has errors, which are
/// then written instead.
pub fn run(
    path: Option<&Path>,
    env: &dyn Fn(&str) -> Option<String>,
    json: bool,
    colours: Colours,
    now: Timestamp,
    out: &mut dyn Write,
) -> io::Result<u8> {
    let configured = match path.map(|path| config::load(path, env, Strictness::Check, now)) {
        None => None,
        Some(Ok(loaded)) => Some(loaded.config.sources.values().map(configured).collect()),
        Some(Err(findings)) => {
            writeln!(out, "{}", findings.draw(colours))?;
            writeln!(out, "{}", findings.summary())?;
            return Ok(1);
        }
    };
    let mut kinds: Vec<Kind> = SourceKind::ALL.into_iter().map(kind).collect();
    kinds.sort_by_key(|kind| kind.name);
    let listing = Listing { kinds, configured };
    if json {
        let json = serde_json::to_string_pretty(&listing).map_err(io::Error::other)?;
        writeln!(out, "{json}")?;
    } else {
        listing.write(out)?;
    }
    Ok(0)
}

fn kind(kind: SourceKind) -> Kind {
    // Any secret would do: how it is used is what is asked.
    let verifier = kind.default_hmac(vec!["secret".into()]).map(Verifier::new);
    let hmac = verifier.as_ref().map(|verifier| {
        let words = describe_verifier(verifier);
        words.strip_suffix(", one secret").unwrap_or(&words).to_owned()
    });
    Kind {
        name: kind.as_str(),
        tool: kind.title(),
        proof: kind.proof(),
        hmac,
        hmac_covers: verifier.map(|verifier| verifier.covers()),
        reads_fields: kind.reads_fields(),
    }
}

fn configured(source: &Source) -> Configured {
    let below = if source.kind == SourceKind::Prometheus { "/api/v2/alerts" } else { "" };
    Configured {
        source: source.name.clone(),
        kind: source.kind.as_str(),
        path: format!("/hooks/{}{below}", source.name),
        verified_by: describe_verifier(&source.verifier),
        covers: source.verifier.covers(),
        open_tests: source.open_tests,
    }
}

impl Listing {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let rows = self.kinds.iter().map(|kind| {
            let hmac = kind.hmac.as_deref().unwrap_or("-");
            [kind.name, kind.tool, kind.proof, hmac, kind.hmac_covers.unwrap_or("-")]
        });
        let head = ["kind", "tool", "the strongest that it can send", "hmac: means", "and covers the"];
        columns(head, rows, out)?;
        let Some(configured) = &self.configured else {
            return writeln!(out, "\n`--config FILE` shows the configured sources too");
        };
        writeln!(out)?;
        let rows = configured.iter().map(|source| {
            [source.source.as_str(), source.kind, &source.path, source.covers, &source.verified_by]
        });
        columns(["source", "kind", "posts to", "its proof covers the", "verified by"], rows, out)
    }
}

/// Each column as wide as its widest text, but for the last.
fn columns<'a, const N: usize>(
    head: [&'a str; N],
    rows: impl Iterator<Item = [&'a str; N]>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let rows: Vec<[&str; N]> = std::iter::once(head).chain(rows).collect();
    let widths: [usize; N] = std::array::from_fn(|column| {
        rows.iter().filter_map(|row| row.get(column)).map(|text| text.chars().count()).max().unwrap_or(0)
    });
    for row in rows {
        let padded: Vec<String> =
            row.iter().zip(widths).map(|(text, width)| format!("{text:<width$}")).collect();
        writeln!(out, "{}", padded.join("  ").trim_end())?;
    }
    Ok(())
}
