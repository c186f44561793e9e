//! What we listen on, where we keep things and how we log.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::HeaderName;
use ipnet::IpNet;
use secrecy::SecretString;

use crate::config::item::{Item, Section};
use crate::config::keys::{Form, STRING, TEXT, Text, keys};
use crate::config::quantity;
use crate::config::secret::UNSET;
use crate::config::source_text::Cover;
use crate::config::values::{HEADER, header_name};
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

keys! {
    /// Where webhooks arrive and operators look, and limits.
    pub(super) SERVER = "server" {
        /// Monitoring tools and the gateway call here.
        listen: ADDRESS, usual "0.0.0.0:8080";
        /// Console, metrics and operators' actions. Anywhere but on loopback this needs `admin_token`.
        admin: ADDRESS, usual "127.0.0.1:9090";
        /// What an operator must show to get in. Without it only this very machine is answered, and no proxy.
        admin_token: Form::Secret, such_as "{ env: WARROOM_ADMIN_TOKEN }";
        /// Proxies before the listeners, by address or network: they say in `forwarded_header` whom they speak for.
        trusted_proxies: Form::Some(&NETWORK, 0);
        /// Where trusted proxies write the address of whoever called them, at the end.
        forwarded_header: HEADER, usual "X-Forwarded-For";
        /// Largest body of a webhook; a sender that its head proves may send 16MiB at least.
        max_body: Form::Size("256KiB", "64MiB"), usual "1MiB";
        /// How long a request's head may take to arrive.
        header_timeout: Form::Duration("1s", "5m"), usual "5s";
        /// How long a request's body may take to arrive, and an answer may wait to be read.
        body_timeout: Form::Duration("1s", "5m"), usual "10s";
        /// How long running work may take to finish when told to stop.
        stop_grace: Form::Duration("1s", "10m"), usual "30s";
    }
    /// How the bridge logs.
    pub(super) LOG = "log" {
        /// text for people, json for a log collector.
        format: Form::Word(|| vec!["text", "json"]), usual "text";
        /// error, warn, info, debug or trace, or for parts: `info,warroom::worker=debug`.
        level: TEXT, usual "info";
    }
    /// Where the address of a store stands that is not in the file itself.
    STORE_ELSEWHERE = "store elsewhere"
    rules r#"{ "type": "object", "minProperties": 1, "maxProperties": 1 }"#
    such_as [ "{ env: WARROOM_STORE }", "{ file: store.txt }" ] {
        /// The environment variable that holds it.
        env: TEXT, such_as "WARROOM_STORE";
        /// The file that holds it; one line break at its end is ignored.
        file: TEXT, such_as "store.txt";
    }
}

const ADDRESS: Form = Form::Text(&Text {
    name: "address",
    says: "An IP address and a port.",
    pattern: "\\S+:[0-9]+",
    types: STRING,
    example: "127.0.0.1:8080",
});
const NETWORK: Form = Form::Text(&Text {
    name: "network",
    says: "An address, or a network with its prefix.",
    pattern: "[0-9a-fA-F:.]+(/[0-9]{1,3})?",
    types: STRING,
    example: "10.0.0.0/8",
});
pub(super) const STORE: Form = Form::Any(&[FILE, Form::Hidden(&DATABASE), Form::Map(&STORE_ELSEWHERE)]);
const FILE: Form = Form::Text(&Text {
    name: "file of its own",
    says: "`sqlite:` and a path, relative to this file.",
    pattern: "sqlite:[^:].*",
    types: STRING,
    example: "sqlite:warroom.db",
});
// Hidden, because a password may stand in it.
const DATABASE: Form = Form::Text(&Text {
    name: "database",
    says: "`postgres://user@host/database`, which several replicas share.",
    pattern: "postgres(ql)?://.+",
    types: STRING,
    example: "postgres://warroom@db.example/warroom",
});

pub(super) fn server(root: &Section<'_>) -> Server {
    root.section("server", &SERVER, |s| {
        let listen = address(s, "listen");
        let admin_item = s.get("admin");
        let admin = address(s, "admin");
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
        Server {
            listen,
            admin,
            admin_token,
            proxies,
            max_body: max_body(s),
            header_timeout: s.duration("header_timeout").unsigned_abs(),
            body_timeout: s.duration("body_timeout").unsigned_abs(),
            stop_grace: s.duration("stop_grace").unsigned_abs(),
        }
    })
}

fn proxies(s: &Section<'_>) -> Proxies {
    let usual = Proxies::default();
    let list = s.get("trusted_proxies");
    let trusted = list.iter().flat_map(|list| list.list(true)).filter_map(|item| network(&item)).collect();
    let header = s.get("forwarded_header").and_then(|item| forwarded_header(&item));
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

/// Where trusted proxies say whom they speak for.
fn forwarded_header(item: &Item<'_>) -> Option<HeaderName> {
    let name = header_name(item)?;
    if name == http::header::FORWARDED {
        item.error_with(
            "holds more than addresses",
            "let the proxy set `X-Forwarded-For`, and leave this out",
        );
        return None;
    }
    Some(name)
}

/// The address under `name`; of a wrong one, which is an error, any will do.
fn address(s: &Section<'_>, name: &str) -> SocketAddr {
    let usual = || s.usual(name).parse().ok();
    let written = s.get(name).and_then(|item| {
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
    });
    written.or_else(usual).unwrap_or(SocketAddr::from(([127, 0, 0, 1], 0)))
}

/// `PagerDuty` alone sends up to 256 KB, so less is refused.
fn max_body(s: &Section<'_>) -> usize {
    let usual = quantity::size(s.usual("max_body")).unwrap_or_default();
    let Some(item) = s.get("max_body") else { return usual };
    let Some(text) = item.scalar("a size such as `1MiB`") else { return usual };
    let Some(size) = quantity::size(text) else {
        item.error_with(
            format!("is not a size: `{}`", shortened(text)),
            "write a number of bytes, or `512KiB`, `1MiB`",
        );
        return usual;
    };
    if !(256 << 10..=64 << 20).contains(&size) {
        item.error_with("must be from 256KiB (PagerDuty's largest body) to 64MiB", "leave it out for 1MiB");
    }
    size
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
        Some(path) if path.starts_with("//") => {
            let path = path.trim_start_matches('/');
            Err(format!(
                "`sqlite://{path}` is at the root of the file system; `sqlite:{path}` is beside this file, `sqlite:/{path}` at the root"
            ))
        }
        Some(path) if !path.is_empty() && !path.starts_with(':') => {
            Ok(StoreAddress::Sqlite(folder.join(path)))
        }
        _ => Err("it begins with neither `sqlite:` nor `postgres:`".to_owned()),
    }
}

pub(super) fn log(root: &Section<'_>) -> Log {
    root.section("log", &LOG, |s| Log {
        format: s.choice("format", &[LogFormat::Text, LogFormat::Json]).unwrap_or(LogFormat::Text),
        level: s.get("level").and_then(|i| level(&i)).unwrap_or_else(|| s.usual("level").to_owned()),
    })
}

fn level(item: &Item<'_>) -> Option<String> {
    let text = item.text()?;
    if tracing_subscriber::EnvFilter::try_new(text).is_err() {
        item.error_with(
            format!("is not a log level: `{}`", shortened(text)),
            "write `error`, `warn`, `info`, `debug`, `trace`, or directives such as `info,warroom=debug`",
        );
        return None;
    }
    Some(text.to_owned())
}
