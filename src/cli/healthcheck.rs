//! `warroom healthcheck`: whether a running bridge is ready, for images without a shell.

use std::io::Write;

use super::post::{ask, client};
use super::{Failure, NO, runtime};

/// Exit code 0 when `url` answers 200.
pub(super) fn run(url: &str, out: &mut dyn Write) -> Result<u8, Failure> {
    let reply = runtime()?.block_on(async { ask(client()?.get(url), "the bridge").await })?;
    writeln!(out, "{} {}", reply.status, reply.body.trim())?;
    Ok(if reply.status == 200 { 0 } else { NO })
}
