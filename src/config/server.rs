//! What we listen on, where we keep things and how we log.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::HeaderName;
use ipnet::IpNet;
use secrecy::SecretString;

use crate::clock::SignedDuration;
use crate::config::item::Item;
use crate::config::quantity;
use crate::config::secret::UNSET;
use crate::config::section::Section;
use crate::config::source_text::Cover;
use crate::config::words::shortened;
use crate::peer::Proxies;
use crate::store::postgres::Address;

/// The two listeners.
#[derive(Debug, Clone)]
pub struct Server {
    /// For monitoring tools and the gateway's events.
    pub listen: SocketAddr,
    /// For operators.
    pub admin: SocketAddr,
    /// What an operator must show; always there when `admin` is not loopback.
    pub admin_token: Option<SecretString>,
    /// Whose word is taken on where a request comes from.
    pub proxies: Proxies,
    /// Largest body of a hook, in bytes.
    pub max_body: usize,
    /// How long a request's head may take to arrive.
    pub header_timeout: Duration,
    /// How long a request's body may take to arrive, and an answer may wait to be read.
    pub body_timeout: Duration,
    /// How long running work may take to finish when we are told to stop.
    pub stop_grace: Duration,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([0, 0, 0, 0], 8080)),
            admin: SocketAddr::from(([127, 0, 0, 1], 9090)),
            admin_token: None,
            proxies: Proxies::default(),
            max_body: 1 << 20,
            header_timeout: Duration::from_secs(5),
            body_timeout: Duration::from_secs(10),
            stop_grace: Duration::from_secs(30),
        }
    }
}

/// Where receipts, incidents and rooms are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreAddress {
    /// A file of our own.
    Sqlite(PathBuf),
    /// A database that replicas share.
    Postgres(Box<Address>),
}

impl fmt::Display for StoreAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "{}", path.display()),
            Self::Postgres(address) => write!(f, "{address}"),
        }
    }
}

/// How we log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// For people or for machines.
    pub format: LogFormat,
    /// A level, or directives such as `info,warroom::worker=debug`.
    pub level: String,
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Text, level: "info".to_owned() }
    }
}

pub(super) const fn seconds(n: i64) -> SignedDuration {
    SignedDuration::from_secs(n)
}

pub(super) fn server(root: &Section<'_>) -> Server {
    let usual = Server::default();
    let Some(item) = root.get("server") else {
        return usual;
    };
    item.section(|s| {
        let listen = s.get("listen").and_then(|i| address(&i)).unwrap_or(usual.listen);
        let admin_item = s.get("admin");
        let admin = admin_item.as_ref().and_then(address).unwrap_or(usual.admin);
        let token_item = s.get("admin_token");
        let admin_token = token_item.as_ref().and_then(Item::secret);
        if let Some(at) = admin_item.filter(|_| !admin.ip().is_loopback() && token_item.is_none()) {
            at.error_with(
                format!("is reachable from outside ({}), so it needs a token", admin.ip()),
                "add `admin_token: { env: WARROOM_ADMIN_TOKEN }`, or listen on 127.0.0.1",
            );
        }
        let proxies = proxies(s);
        if let Some(at) = s.get("trusted_proxies").filter(|_| token_item.is_none() && admin.ip().is_loopback()) {
            at.warning(
                "names a proxy while `server.admin_token` is missing: a proxy before `server.admin` would let everybody in",
                "add `admin_token: { env: WARROOM_ADMIN_TOKEN }`",
            );
        }
        let time = |key, usual: Duration, from: i64, to: i64| {
            let usual = SignedDuration::try_from(usual).unwrap_or(SignedDuration::ZERO);
            s.duration(key, seconds(from)..=seconds(to), usual).unsigned_abs()
        };
        Server {
            listen,
            admin,
            admin_token,
            proxies,
            max_body: s.get("max_body").and_then(|i| body_size(&i)).unwrap_or(usual.max_body),
            header_timeout: time("header_timeout", usual.header_timeout, 1, 300),
            body_timeout: time("body_timeout", usual.body_timeout, 1, 300),
            stop_grace: time("stop_grace", usual.stop_grace, 1, 600),
        }
    })
}

fn proxies(s: &Section<'_>) -> Proxies {
    let usual = Proxies::default();
    let list = s.get("trusted_proxies");
    let trusted = list.iter().flat_map(|list| list.list(true)).filter_map(|item| network(&item)).collect();
    let header = s.get("forwarded_header").and_then(|item| header_name(&item));
    Proxies { trusted, header: header.unwrap_or(usual.header) }
}

/// Where a proxy is: an address, or a network.
fn network(item: &Item<'_>) -> Option<IpNet> {
    let text = item.scalar("an address or a network such as `10.0.0.0/8`")?.trim();
    let parsed = text.parse().or_else(|_no_network| text.parse().map(|address: IpAddr| IpNet::from(address)));
    let Ok(network) = parsed else {
        item.error_with(
            format!("is not an address or a network: `{}`", shortened(text)),
            "write one such as `10.0.0.7`, `10.0.0.0/8` or `fd00::/8`",
        );
        return None;
    };
    if network.prefix_len() == 0 {
        item.error_with("is everybody", "name only the proxies that you run: their word is believed");
        return None;
    }
    Some(network)
}

fn header_name(item: &Item<'_>) -> Option<HeaderName> {
    let text = item.text()?;
    match text.to_ascii_lowercase().parse() {
        Ok(name) if name == http::header::FORWARDED => {
            item.error_with(
                "holds more than addresses",
                "let the proxy set `X-Forwarded-For`, and leave this out",
            );
            None
        }
        Ok(name) => Some(name),
        Err(_) => {
            item.error_with(
                format!("is not the name of a header: `{}`", shortened(text)),
                "write `X-Forwarded-For`, or what your proxy sets",
            );
            None
        }
    }
}

fn address(item: &Item<'_>) -> Option<SocketAddr> {
    let text = item.scalar("an address such as `0.0.0.0:8080`")?.trim();
    let parsed = text.parse().ok();
    if parsed.is_none() {
        let hint = if text.starts_with(':') {
            format!("write `0.0.0.0{text}` for all addresses of this machine")
        } else if text.starts_with("localhost:") {
            format!("write `{}`", text.replacen("localhost", "127.0.0.1", 1))
        } else {
            "write an IP address and a port, such as `0.0.0.0:8080` or `[::1]:8080`".to_owned()
        };
        item.error_with(format!("is not an address: `{}`", shortened(text)), hint);
    }
    parsed
}

/// PagerDuty alone sends up to 256 KB, so less is refused.
fn body_size(item: &Item<'_>) -> Option<usize> {
    let text = item.scalar("a size such as `1MiB`")?;
    let Some(size) = quantity::size(text) else {
        item.error_with(
            format!("is not a size: `{}`", shortened(text)),
            "write a number of bytes, or `512KiB`, `1MiB`",
        );
        return None;
    };
    if !(256 << 10..=64 << 20).contains(&size) {
        item.error_with("must be from 256KiB (PagerDuty's largest body) to 64MiB", "leave it out for 1MiB");
        return None;
    }
    Some(size)
}

pub(super) fn store(root: &Section<'_>, folder: &Path) -> StoreAddress {
    let usual = StoreAddress::Sqlite(folder.join("warroom.db"));
    let Some(item) = root.get("store") else { return usual };
    let Some(text) = item.text_from_anywhere() else { return usual };
    match parse_store(&text, folder, item.context.env) {
        Ok(address) => {
            if matches!(address, StoreAddress::Postgres(_)) && !item.is_map() {
                item.cover(Cover::Secret);
            }
            address
        }
        // Not set here, which is tolerated by `check`.
        Err(_) if text.starts_with(UNSET) => usual,
        Err(why) => {
            // Such an address may carry a password.
            if !item.is_map() {
                item.cover(Cover::Secret);
            }
            item.error_with(
                format!("is not a store: {why}"),
                "write `sqlite:` and a path, such as `sqlite:warroom.db`, or `postgres://user@host/database`",
            );
            usual
        }
    }
}

/// What a store's address says. A database's password may stand in `PGPASSWORD`, as for its own programs.
pub fn parse_store(
    text: &str,
    folder: &Path,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<StoreAddress, String> {
    if text.starts_with("postgres:") || text.starts_with("postgresql:") {
        let address = Address::parse(text, env("PGPASSWORD").as_deref())?;
        return Ok(StoreAddress::Postgres(Box::new(address)));
    }
    match text.strip_prefix("sqlite:") {
        Some(path) if !path.is_empty() && !path.starts_with(':') => {
            Ok(StoreAddress::Sqlite(folder.join(path)))
        }
        _ => Err("it begins with neither `sqlite:` nor `postgres:`".to_owned()),
    }
}

/// Long enough to look back at an incident, and to replay what was understood too late.
const KEEP_BODIES: SignedDuration = SignedDuration::from_hours(30 * 24);

pub(super) fn keep_bodies(root: &Section<'_>) -> SignedDuration {
    root.duration("keep_bodies", seconds(86_400)..=seconds(3_650 * 86_400), KEEP_BODIES)
}

pub(super) fn log(root: &Section<'_>) -> Log {
    let usual = Log::default();
    let Some(item) = root.get("log") else {
        return usual;
    };
    item.section(|s| Log {
        format: s
            .get("format")
            .and_then(|i| i.choice(&[("text", LogFormat::Text), ("json", LogFormat::Json)]))
            .unwrap_or(usual.format),
        level: s
            .get("level")
            .and_then(|i| {
                let text = i.text()?;
                if tracing_subscriber::EnvFilter::try_new(text).is_err() {
                    i.error_with(
                        format!("is not a log level: `{}`", shortened(text)),
                        "write `error`, `warn`, `info`, `debug`, `trace`, or directives such as `info,warroom=debug`",
                    );
                    return None;
                }
                Some(text.to_owned())
            })
            .unwrap_or(usual.level),
    })
}
