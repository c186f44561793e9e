//! Posts what a simulated provider tells: the sandbox itself knows no HTTP client.

use std::time::Duration;

use reqwest::header::CONTENT_TYPE;

/// The longest a receiver may take; WAHA's own sender gives up after about eight seconds.
const PATIENCE: Duration = Duration::from_secs(8);

/// A sender of events.
#[derive(Debug, Clone)]
pub struct Poster(reqwest::Client);

impl Poster {
    /// A sender, or why there is none.
    pub fn new() -> Result<Self, String> {
        reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(PATIENCE)
            .build()
            .map(Self)
            .map_err(|error| error.without_url().to_string())
    }

    /// Posts a JSON body; the status that came back, if one did.
    pub async fn post(&self, url: &str, headers: &[(&'static str, String)], body: String) -> Option<u16> {
        let mut request = self.0.post(url).header(CONTENT_TYPE, "application/json").body(body);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        Some(request.send().await.ok()?.status().as_u16())
    }
}
