//! `warroom send SOURCE`: a correctly signed sample, or your file, to a running bridge.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use super::post::{ask, client};
use super::{ConfigFile, Failure, NO, load, runtime};
use crate::clock::{Clock, new_id};
use crate::config::{Loaded, Strictness};
use crate::signature::{Signed, sign};

/// What to send, and where to.
#[derive(Debug, Args)]
pub struct Options {
    /// The source's name in the config
    source: String,
    /// Where to; the bridge of the config if absent
    #[arg(long, value_name = "URL")]
    to: Option<String>,
    /// A body of your own instead of the sample
    #[arg(long, value_name = "FILE", conflicts_with = "resolved")]
    file: Option<PathBuf>,
    /// What the sample is about: the same word fires, repeats and resolves the same incident
    #[arg(long, value_name = "WORD", default_value = "warroom-sample")]
    key: String,
    /// The end of the sample instead of its beginning
    #[arg(long)]
    resolved: bool,
    #[command(flatten)]
    config: ConfigFile,
}

/// Exit code 0 when the bridge answered 2xx; its answer goes to stdout.
pub(super) fn run(options: &Options, clock: &dyn Clock, out: &mut dyn Write) -> Result<u8, Failure> {
    let Loaded { config, .. } = load(&options.config.config, Strictness::Serve)?;
    let source = config.sources.get(&options.source).ok_or_else(|| {
        let known: Vec<&str> = config.sources.keys().map(String::as_str).collect();
        Failure::wrong(format!(
            "no source `{}` in the config; there are: {}",
            options.source,
            known.join(", ")
        ))
    })?;
    let now = clock.now();
    let body = match &options.file {
        Some(path) => {
            std::fs::read(path).map_err(|error| Failure::wrong(format!("{}: {error}", path.display())))?
        }
        None if options.resolved => source.kind.sample_resolved(now, &options.key).into_bytes(),
        None => source.kind.sample(now, &options.key).into_bytes(),
    };
    let Signed { headers, query } = sign(&source.verifier, &body, &new_id(now), now)
        .map_err(|error| Failure::no(format!("the sample cannot be signed: {error}")))?;
    let to = options.to.clone().unwrap_or_else(|| {
        let mut address = config.server.listen;
        if address.ip().is_unspecified() {
            address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
        }
        format!("http://{address}/hooks/{}", source.name)
    });
    let mut url =
        reqwest::Url::parse(&to).map_err(|error| Failure::wrong(format!("`--to` is no address: {error}")))?;
    if let Some(query) = &query {
        url.set_query(Some(query));
    }
    let reply = runtime()?.block_on(async {
        let mut request = client()?.post(url).body(body);
        if !headers.contains_key(http::header::CONTENT_TYPE) {
            request = request.header(http::header::CONTENT_TYPE, "application/json");
        }
        ask(request.headers(headers), "the bridge").await
    })?;
    writeln!(out, "{} {}", reply.status, reply.body.trim())?;
    Ok(if (200..300).contains(&reply.status) { 0 } else { NO })
}
