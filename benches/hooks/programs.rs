//! The programs that take in hooks, each started as people run it, on a core of its own.

use std::fmt::{Debug, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::bridge::{Bridge, folder};
use crate::load::{Target, Until, as_fast_as_answered};
use crate::process::{Process, Under, command, free_address};
use crate::requests::{CLIENTS, Kind, REPEATED, Requests, SECRET, SOURCES, alerts, notification};
use crate::store::new_store;
use crate::usage;

/// The flag by which this program becomes the baseline, before an address and its store.
pub(crate) const BASELINE_FLAG: &str = "--serve-baseline";

/// Before anything is counted.
const WARM_UP: Duration = Duration::from_millis(300);
/// Whoever accepts nothing after so long never will.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Program {
    /// Answers once a row is on disk: see `baseline` and `row`.
    Baseline,
    Bridge(Kind),
    /// adnanh/webhook with a rule that needs the HMAC to hold and then runs no command.
    Webhook,
    /// Without a server to speak to: it reads, queues in memory, and drops what does not fit.
    IrcRelay,
    Alertmanager,
}

/// A program that takes in hooks, and what it took to get there.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) target: Target,
    pub(crate) process: Process,
    /// Until the first hook was accepted.
    pub(crate) took: Duration,
    /// In megabytes, before any load.
    pub(crate) idle_memory: f64,
    /// What has to be there as long as it is.
    _kept: Box<dyn Debug>,
}

impl Program {
    /// The executable and the Debian package that it is in, of a program that is not ours.
    pub(crate) fn package(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Baseline | Self::Bridge(_) => None,
            Self::Webhook => Some(("webhook", "webhook")),
            Self::IrcRelay => Some(("alertmanager-irc-relay", "alertmanager-irc-relay")),
            Self::Alertmanager => Some(("prometheus-alertmanager", "prometheus-alertmanager")),
        }
    }

    /// Starts it, has it take a first hook, and warms it up.
    pub(crate) async fn start(self, under: Under) -> Started {
        let path = match self {
            Self::Bridge(Kind::New | Kind::Repeat | Kind::Replay) => "/hooks/bench-~~",
            Self::Bridge(Kind::Changed) => "/hooks/bench-00",
            Self::Baseline | Self::Webhook => "/hooks/bench",
            Self::IrcRelay => "/bench",
            Self::Alertmanager => "/api/v2/alerts",
        };
        let (kind, expected) = match self {
            Self::Bridge(kind @ Kind::New) => (kind, "\"opened\""),
            Self::Bridge(kind @ (Kind::Repeat | Kind::Replay)) => (kind, "\"repeated\""),
            Self::Bridge(kind @ Kind::Changed) => (kind, "\"updated\""),
            Self::Baseline => (Kind::Repeat, ""),
            Self::Webhook | Self::IrcRelay | Self::Alertmanager => (Kind::New, ""),
        };
        let body = if self == Self::Alertmanager { alerts() } else { notification() };
        let requests = Requests::new(kind, path, &body);
        let (mut process, address, log, kept) = self.launch(under);
        let begun = Instant::now();
        process.wait_until_it_listens(address);
        // The first of an incident opens it, whatever comes then.
        let mut target = Target { address, requests, expected: "", next: Arc::default() };
        while !as_fast_as_answered(&target, 1, Until::Count(1)).await.odd().is_empty() {
            let said = || std::fs::read_to_string(&log).unwrap();
            assert!(begun.elapsed() < PATIENCE, "{self:?} accepts nothing: {}", said());
        }
        let took = begun.elapsed();
        let idle_memory = usage::memory(process.0.id());
        as_fast_as_answered(&target, 4, Until::TimeAndCount(WARM_UP, REPEATED)).await;
        target.expected = expected;
        Started { target, process, took, idle_memory, _kept: kept }
    }

    fn launch(self, under: Under) -> (Process, SocketAddr, PathBuf, Box<dyn Debug>) {
        if let Self::Bridge(_) = self {
            let Bridge { address, process, log, _kept: kept } = bridge(under);
            return (process, address, log, Box::new(kept));
        }
        let folder = folder();
        let address = free_address();
        let (ip, port) = (address.ip().to_string(), address.port().to_string());
        let at = |name: &str| folder.path().join(name);
        let program = self.package().map(|(program, _)| program.into());
        let program = program.unwrap_or_else(|| std::env::current_exe().unwrap());
        let mut command: Command = command(program, under);
        match self {
            Self::Baseline | Self::Bridge(_) => {
                command.args([BASELINE_FLAG, &address.to_string(), &new_store(folder.path())]);
            }
            Self::Webhook => {
                // A wrong HMAC would be an error, answered 500; `not` keeps the command from being run.
                let rule = serde_json::json!([{
                    "id": "bench",
                    "execute-command": "/bin/true",
                    "trigger-rule": { "not": { "match": {
                        "type": "payload-hmac-sha256",
                        "secret": SECRET,
                        "parameter": { "source": "header", "name": "X-Hub-Signature-256" },
                    } } },
                }]);
                std::fs::write(at("hooks.json"), rule.to_string()).unwrap();
                command.args(["-ip", &ip, "-port", &port, "-hooks"]).arg(at("hooks.json"));
            }
            Self::IrcRelay => {
                let nobody = free_address().port();
                let config = format!(
                    "http_host: {ip}\nhttp_port: {port}\nirc_host: {ip}\nirc_port: {nobody}\n\
                     irc_nickname: bench\nirc_realname: bench\n"
                );
                std::fs::write(at("relay.yml"), config).unwrap();
                command.arg("--config").arg(at("relay.yml"));
            }
            Self::Alertmanager => {
                std::fs::write(
                    at("am.yml"),
                    "route: { receiver: nobody }\nreceivers: [ { name: nobody } ]\n",
                )
                .unwrap();
                command.arg(format!("--config.file={}", at("am.yml").display()));
                command.arg(format!("--storage.path={}", at("data").display()));
                command.arg(format!("--web.listen-address={address}"));
                command.arg("--cluster.listen-address=");
            }
        }
        let log = at("log");
        (Process::start(command, &log), address, log, Box::new(folder))
    }
}

/// With many sources and routes, and a number that makes ten groups at once and then one a minute.
fn bridge(under: Under) -> Bridge {
    let mut sources = String::new();
    for n in 0..SOURCES {
        writeln!(
            sources,
            "  bench-{n:02}: {{ kind: alertmanager, verify: {{ hmac: {{ secrets: [ {SECRET} ], \
             header: X-Hub-Signature-256, prefix: \"sha256=\" }} }} }}"
        )
        .unwrap();
    }
    let mut routes = String::new();
    for n in 0..CLIENTS {
        writeln!(
            routes,
            "  - name: client {n:02}\n    match: [ 'client = c{n:02}' ]\n    \
             invite: {{ commander: [ rotation:platform ], specialist: [ sam ], client: [ amira ] }}"
        )
        .unwrap();
    }
    Bridge::start(&sources, "      rooms_per_hour: 60\n      rooms_burst: 10\n", &routes, under)
}
