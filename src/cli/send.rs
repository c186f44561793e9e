//! `warroom send SOURCE`: a correctly signed sample, or your file, to a running bridge.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;

use super::post::{ask, client};
use super::{ConfigFile, Failure, NO, load_config, runtime};
use crate::clock::{Clock, new_id};
use crate::signature::{Scheme, Signed, sign, sns};

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
    /// A header that tells how to read your file, such as `Content-Type: text/plain`; may be repeated
    #[arg(long = "header", value_name = "NAME: VALUE", requires = "file")]
    headers: Vec<String>,
    /// What the sample is about: the same word fires, repeats and resolves the same incident
    #[arg(long, value_name = "WORD", default_value = "warroom-sample")]
    key: String,
    /// The end of the sample instead of its beginning
    #[arg(long)]
    resolved: bool,
    /// For `sns`: the private key (PEM, PKCS #8) of a certificate that the source's `certificates` name
    #[arg(long, value_name = "FILE")]
    signing_key: Option<PathBuf>,
    #[command(flatten)]
    config: ConfigFile,
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| Failure::wrong(format!("{}: {error}", path.display())))
}

/// Exit code 0 when the bridge answered 2xx; its answer goes to stdout.
pub(super) fn run(options: &Options, clock: &dyn Clock, out: &mut dyn Write) -> Result<u8, Failure> {
    let config = load_config(&options.config.config, &format!("sources.{}", options.source))?;
    let source = config.sources.get(&options.source).ok_or_else(|| {
        let known: Vec<&str> = config.sources.keys().map(String::as_str).collect();
        Failure::wrong(format!(
            "no source `{}` in the config; there are: {}",
            options.source,
            known.join(", ")
        ))
    })?;
    let now = clock.now();
    let sample = if options.resolved {
        source.kind.sample_resolved(now, &options.key)
    } else {
        source.kind.sample(now, &options.key)
    };
    let mut headers: Vec<(String, String)> = Vec::new();
    let body = if let Some(path) = &options.file {
        read(path)?
    } else {
        headers.extend(sample.headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        sample.into()
    };
    for given in &options.headers {
        let (name, value) = given
            .split_once(':')
            .ok_or_else(|| Failure::wrong("`--header` takes a name, a colon and a value"))?;
        headers.push((name.trim().to_owned(), value.trim().to_owned()));
    }
    let id = new_id(now);
    let signed = match (&options.signing_key, &source.verifier.scheme) {
        (None, _) => sign(&source.verifier, &body, &id, now),
        (Some(key), Scheme::Sns(terms)) => sns::sign(terms, &body, &read(key)?, &id, now),
        (Some(_), _) => {
            return Err(Failure::wrong(
                "`--signing-key` is for sources of Amazon SNS; others sign by the config",
            ));
        }
    };
    let Signed { headers: proof, query, body: with_proof } =
        signed.map_err(|error| Failure::no(format!("the sample cannot be signed: {error}")))?;
    let body = with_proof.unwrap_or(body);
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
        let is_type = |name: &str| name.eq_ignore_ascii_case("content-type");
        if !headers.iter().any(|(name, _)| is_type(name)) {
            request = request.header(http::header::CONTENT_TYPE, "application/json");
        }
        for (name, value) in &headers {
            request = request.header(name, value);
        }
        ask(request.headers(proof), "the bridge").await
    })?;
    writeln!(out, "{} {}", reply.status, reply.body.trim())?;
    Ok(if (200..300).contains(&reply.status) { 0 } else { NO })
}
