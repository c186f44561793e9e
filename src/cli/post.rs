//! A small HTTP client for the commands that talk to a running bridge.

use std::time::Duration;

use super::Failure;

/// An answer as far as a person cares.
pub(super) struct Reply {
    /// The status code.
    pub(super) status: u16,
    /// The body as text.
    pub(super) body: String,
}

/// A client with limits, that follows nobody elsewhere with a secret in hand. What the environment says about
/// proxies is for the way out; the bridge is asked directly, most often on this very machine.
pub(super) fn client() -> Result<reqwest::Client, Failure> {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .connect_timeout(Duration::from_secs(5))
        .timeout(Duration::from_secs(30))
        .build()
        .map_err(|error| Failure::no(format!("no HTTP client could be made: {error}")))
}

/// Sends `request`. Errors do not show the address, which may hold a secret in its query.
pub(super) async fn ask(request: reqwest::RequestBuilder, whom: &str) -> Result<Reply, Failure> {
    let failed = |error: reqwest::Error| {
        let error = error.without_url();
        Failure::no(format!("{whom} does not answer: {}", root_cause(&error)))
    };
    let response = request.send().await.map_err(failed)?;
    let status = response.status().as_u16();
    let body = response.text().await.map_err(failed)?;
    Ok(Reply { status, body })
}

/// The innermost error, which is the one that tells what to do ("connection refused").
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
