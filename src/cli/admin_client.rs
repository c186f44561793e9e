//! The way from a command to a running bridge's operator listener.

use std::path::PathBuf;

use clap::Args;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::post::{Reply, ask, client};
use super::{ConfigFile, Failure, load_config, runtime};
use crate::config::environment;

/// Which bridge, and what to show it.
#[derive(Debug, Clone, Args)]
pub struct AdminClient {
    /// The bridge's operator listener; `server.admin` of the config if absent, and with it the config is not read
    #[arg(long, global = true, value_name = "URL")]
    admin: Option<String>,
    /// A file with `server.admin_token`; else the variable `WARROOM_ADMIN_TOKEN`, else the config's own
    #[arg(long, global = true, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// The config file
    #[arg(
        long,
        short,
        global = true,
        env = "WARROOM_CONFIG",
        default_value = "config/warroom.yaml",
        value_name = "FILE"
    )]
    config: PathBuf,
}

/// Where the token may be, if the config is not the place.
const TOKEN: &str = "WARROOM_ADMIN_TOKEN";

/// What was asked, by whom it is answered.
struct Bridge {
    base: String,
    token: Option<SecretString>,
}

impl AdminClient {
    /// Asks `path` with a GET.
    pub(super) fn get(&self, path: &str) -> Result<Value, Failure> {
        self.ask(path, None, false)
    }

    /// Asks for a change.
    pub(super) fn post(&self, path: &str, body: Option<&Value>) -> Result<Value, Failure> {
        self.ask(path, body, true)
    }

    fn ask(&self, path: &str, body: Option<&Value>, change: bool) -> Result<Value, Failure> {
        let Bridge { base, token } = self.bridge()?;
        let reply = runtime()?.block_on(async {
            let url = format!("{}{path}", base.trim_end_matches('/'));
            let client = client()?;
            let mut request = if change { client.post(url) } else { client.get(url) };
            if let Some(token) = &token {
                request = request.bearer_auth(token.expose_secret());
            }
            if let Some(body) = body {
                request = request.json(body);
            }
            ask(request, "the bridge").await
        })?;
        understood(&reply)
    }

    fn bridge(&self) -> Result<Bridge, Failure> {
        let token = match &self.token_file {
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|error| Failure::wrong(format!("{}: {error}", path.display())))?;
                Some(SecretString::from(text.trim()))
            }
            None => environment(TOKEN).filter(|text| !text.is_empty()).map(SecretString::from),
        };
        if let Some(base) = &self.admin {
            return Ok(Bridge { base: base.clone(), token });
        }
        let file = ConfigFile { config: self.config.clone() };
        let config = load_config(&file.config, "server")?;
        let mut address = config.server.admin;
        if address.ip().is_unspecified() {
            address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
        }
        Ok(Bridge { base: format!("http://{address}"), token: token.or(config.server.admin_token) })
    }
}

/// The answer as JSON, or why there is none.
fn understood(reply: &Reply) -> Result<Value, Failure> {
    let value = serde_json::from_str::<Value>(&reply.body).unwrap_or(Value::Null);
    if (200..300).contains(&reply.status) && !value.is_null() {
        return Ok(value);
    }
    let said: Vec<&str> = ["title", "detail"].into_iter().filter_map(|key| value[key].as_str()).collect();
    let why =
        if said.is_empty() { "not the operator listener of a bridge?".to_owned() } else { said.join(": ") };
    Err(Failure::no(format!("{why} ({})", reply.status)))
}
