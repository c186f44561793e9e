//! `warroom sandbox`: a simulated chat provider to point a bridge at.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio_util::task::TaskTracker;

use super::{Failure, runtime, start_log};
use crate::app::{start_sandbox, stop_on_signals};
use crate::clock::Clock;
use crate::config::LogFormat;
use crate::sandbox::{Api, Engine, Sandbox, Setup};

/// Runs until the first signal.
pub(super) fn run(
    listen: SocketAddr,
    engine: Engine,
    api: Api,
    clock: Arc<dyn Clock>,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    start_log("info", LogFormat::Text);
    runtime()?.block_on(async {
        let stop = stop_on_signals(|| std::process::exit(130))?;
        let tasks = TaskTracker::new();
        let sandbox = Sandbox::new(Setup { api, ..Setup::with_engine(engine) }, clock);
        let address = start_sandbox(listen, sandbox, &stop, &tasks).await?;
        writeln!(out, "phones        http://{address}/")?;
        writeln!(out, "base_url      http://{address}")?;
        let (id, secret) = match api {
            Api::Wawp => ("id           ", "access_token "),
            Api::Waha => ("session      ", "api_key      "),
        };
        writeln!(out, "kind          {api}")?;
        writeln!(out, "{id} {}", Setup::INSTANCE_ID)?;
        writeln!(out, "{secret} {}", Setup::ACCESS_TOKEN)?;
        writeln!(out, "engine        {engine}")?;
        out.flush()?;
        stop.cancelled().await;
        tasks.close();
        tasks.wait().await;
        Ok(0)
    })
}
