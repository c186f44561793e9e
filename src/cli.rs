//! The commands. The only place that prints: data to stdout, logs to stderr.
//!
//! Exit codes: 0 done, 1 the answer is no or problems were found, 2 wrong usage.

use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Parser, Subcommand};

use crate::alert::Severity;
use crate::clock::{Clock, SystemClock};
use crate::config::{self, Colours, Config, Findings, Loaded, LogFormat, StoreAddress, Strictness};
use crate::consent::Stances;
use crate::roster_in_force::known_people;
use crate::sandbox::{Api, Engine};
use crate::store::StoreError;

pub mod admin_client;
pub mod check;
pub mod consent;
pub mod demo;
pub mod healthcheck;
pub mod init;
mod migrate;
pub mod oncall;
mod post;
pub mod rehearse;
pub mod rooms;
pub mod sandbox;
pub mod schema;
pub mod send;
pub mod serve;
pub mod sources;
pub mod who;

/// Brings people into one WhatsApp group, briefed, seconds after a Severity-1 alert.
#[derive(Debug, Parser)]
#[command(name = "warroom", version, about, max_term_width = 100, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Writes a first config and roster, to be filled in; overwrites nothing
    Init {
        /// The folder for both files
        #[arg(default_value = "config", value_name = "DIR")]
        folder: PathBuf,
    },
    /// Runs the bridge: takes in hooks, makes rooms
    Serve(ConfigFile),
    /// Shows the whole way on this machine: sandbox, bridge, one signed Sev-1 alert
    Demo(demo::Options),
    /// Runs a simulated WhatsApp API with a page that shows everybody's phone
    Sandbox {
        /// Where to listen
        #[arg(long, default_value = "127.0.0.1:9595", value_name = "ADDR")]
        listen: SocketAddr,
        /// Which engine's answers to give: webjs, noweb or gows
        #[arg(long, default_value = "webjs")]
        engine: Engine,
        /// Which provider's API to speak: wawp or waha
        #[arg(long, default_value = "wawp")]
        api: Api,
    },
    /// Checks config, roster and templates; prints every problem at once
    Check {
        /// Prints what is in force, with every default and without secrets, as YAML
        #[arg(long, conflicts_with = "json")]
        effective: bool,
        /// For programs: a list of findings, each with file, line, column, message and hint
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Says who would be called for an alert, and why; calls nobody
    Who(WhoArgs),
    /// Lists the monitoring tools that are understood and what each can prove; with a config, its sources too
    Sources {
        /// For programs
        #[arg(long)]
        json: bool,
        /// The config file
        #[arg(long, short, env = "WARROOM_CONFIG", value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Shows who is on duty when, as a calendar; exits 1 if somewhere nobody is
    Oncall {
        /// One rotation; all of them if absent
        rotation: Option<String>,
        /// The beginning: `2026-03-01T10:00:00Z`, or `2026-03-01 10:00` in UTC; now if absent
        #[arg(long, value_name = "TIME", value_parser = who::read_moment)]
        from: Option<crate::clock::Timestamp>,
        /// The end; four weeks later if absent
        #[arg(long, value_name = "TIME", value_parser = who::read_moment)]
        to: Option<crate::clock::Timestamp>,
        /// An old roster, a file or a folder: shows only when somebody else is on duty than by it; exits 1 if that
        /// is so at the beginning
        #[arg(long, value_name = "OLD")]
        against: Option<PathBuf>,
        /// For programs
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Asks an old and the new roster about recorded incidents, and shows who would be called differently
    Rehearse(rehearse::Options),
    /// Posts a correctly signed sample of a source, or your file, to a running bridge
    Send(send::Options),
    /// Shows rooms, and resumes, cancels, adopts or closes them, at a running bridge
    Rooms(rooms::Options),
    /// Asks people 1:1 whether they may be called, and shows what they answered, at a running bridge
    Consent(consent::Options),
    /// Moves all that a stopped bridge has stored from its file into PostgreSQL
    Migrate(migrate::Options),
    /// Takes in an accepted hook once more, as it would be taken in today
    Replay(rooms::Replay),
    /// Prints the JSON Schema of a file, with which editors complete and check it
    Schema {
        /// Which file: the config (warroom.yaml) or the roster (roster.yaml)
        #[arg(default_value = "config")]
        file: schema::File,
    },
    /// Asks a running bridge whether it is ready; for container health checks
    Healthcheck {
        /// Where to ask
        #[arg(long, default_value = "http://127.0.0.1:8080/readyz", value_name = "URL")]
        url: String,
    },
}

/// Where the config is.
#[derive(Debug, Clone, Args)]
pub struct ConfigFile {
    /// The config file
    #[arg(long, short, env = "WARROOM_CONFIG", default_value = "config/warroom.yaml", value_name = "FILE")]
    pub config: PathBuf,
}

#[derive(Debug, Args)]
struct WhoArgs {
    /// A label of the alert; may be given several times
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = who::read_label)]
    labels: Vec<(String, String)>,
    /// How bad it is
    #[arg(long, default_value = "sev1")]
    severity: Severity,
    /// Somebody whom the monitoring tool has assigned; may be given several times
    #[arg(long = "assignee", value_name = "EMAIL")]
    assignees: Vec<String>,
    /// Shows what these people would read: the group's name, the first message, the description
    #[arg(long)]
    render: bool,
    /// When: `2026-03-01T10:00:00Z`, or `2026-03-01 10:00` in UTC; now if absent
    #[arg(long, value_name = "TIME", value_parser = who::read_moment)]
    at: Option<crate::clock::Timestamp>,
    /// For programs
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigFile,
}

/// The answer is no.
pub(crate) const NO: u8 = 1;
/// The command was used wrongly.
pub(crate) const WRONG: u8 = 2;

/// Runs the command; never panics on what a user can type.
pub fn run(cli: Cli) -> ExitCode {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let mut out = anstream::stdout();
    let colours = if io::stdout().is_terminal() { Colours::Yes } else { Colours::No };
    let result = match cli.command {
        Command::Init { folder } => init::run(&folder, &mut out),
        Command::Serve(file) => serve::run(&file.config, clock),
        Command::Demo(options) => demo::run(&options, &clock, &mut out),
        Command::Sandbox { listen, engine, api } => sandbox::run(listen, engine, api, clock, &mut out),
        Command::Check { effective, json, config } => {
            let form = match (effective, json) {
                (true, _) => check::Form::Effective(colours),
                (false, true) => check::Form::Json,
                (false, false) => check::Form::Text(colours),
            };
            check::run(&config.config, &config::environment, clock.now(), form, &mut out)
                .map_err(Failure::from)
        }
        Command::Who(args) => {
            let question = who::Question {
                labels: args.labels.into_iter().collect(),
                severity: args.severity,
                assignees: args.assignees,
                render: args.render,
                at: args.at.unwrap_or_else(|| clock.now()),
                now: clock.now(),
                json: args.json,
            };
            who::run(&args.config.config, &config::environment, &question, colours, &mut out)
                .map_err(Failure::from)
        }
        Command::Sources { json, config: file } => {
            sources::run(file.as_deref(), &config::environment, json, colours, clock.now(), &mut out)
                .map_err(Failure::from)
        }
        Command::Oncall { rotation, from, to, against, json, config } => {
            let from = from.unwrap_or_else(|| clock.now());
            let question = oncall::Question { rotation, from, until: to, against, json };
            oncall::run(&config.config, &question, &mut out)
        }
        Command::Rehearse(options) => rehearse::run(&options, clock.now(), &mut out),
        Command::Send(options) => send::run(&options, clock.as_ref(), &mut out),
        Command::Rooms(options) => rooms::run(&options, &mut out),
        Command::Consent(options) => consent::run(&options, &mut out),
        Command::Migrate(options) => migrate::run(&options, &mut out),
        Command::Replay(options) => rooms::replay(&options, &mut out),
        Command::Schema { file } => schema::run(file, &mut out).map_err(Failure::from),
        Command::Healthcheck { url } => healthcheck::run(&url, &mut out),
    };
    let code = result.unwrap_or_else(|failure| {
        let _ = writeln!(anstream::stderr(), "error: {}", failure.message);
        failure.code
    });
    let _ = out.flush();
    ExitCode::from(code)
}

/// Why a command could not do its work, for the last line on stderr.
#[derive(Debug)]
pub struct Failure {
    message: String,
    code: u8,
}

impl Failure {
    /// The answer is no, and this is why.
    pub(crate) fn no(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: NO }
    }

    /// The command was used wrongly.
    pub(crate) fn wrong(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: WRONG }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::no(error.to_string())
    }
}

impl From<crate::app::BrokeOff> for Failure {
    fn from(error: crate::app::BrokeOff) -> Self {
        Self::no(error.to_string())
    }
}

impl From<crate::app::StartError> for Failure {
    fn from(error: crate::app::StartError) -> Self {
        Self::no(error.to_string())
    }
}

/// Loads config and roster, or prints all that is wrong with them.
pub(crate) fn load(path: &Path, strictness: Strictness<'_>) -> Result<Loaded, Failure> {
    config::load_knowing(path, &config::environment, strictness, SystemClock.now(), &|store| {
        stances(store).unwrap_or_default()
    })
    .map_err(|findings| refuse(&findings))
}

/// Loads the config without the roster, of which `part` is needed.
pub(crate) fn load_config(path: &Path, part: &str) -> Result<Config, Failure> {
    config::load_config(path, &config::environment, Strictness::Only(part))
        .map_err(|findings| refuse(&findings))
}

fn refuse(findings: &Findings) -> Failure {
    let colours = if io::stderr().is_terminal() { Colours::Yes } else { Colours::No };
    let _ = writeln!(anstream::stderr(), "{}", findings.draw(colours));
    Failure::no(format!("{} in the config; `warroom check` shows them again", findings.summary()))
}

/// What people answered, as far as a store knows; a command may run where there is none.
pub(crate) fn stances(store: &StoreAddress) -> Result<Stances, StoreError> {
    Ok(Stances::of(&known_people(store)?))
}

/// The async runtime a command runs in.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::no(format!("the runtime did not start: {error}")))
}

/// Sends log lines to stderr.
pub(crate) fn start_log(level: &str, format: LogFormat) {
    use tracing_subscriber::filter::EnvFilter;
    let filter = EnvFilter::try_new(level).unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    // Set twice only if a process runs two commands, where the first choice stays.
    let _ = match format {
        LogFormat::Json => log.json().flatten_event(true).try_init(),
        LogFormat::Text => log.with_ansi(io::stderr().is_terminal()).with_target(false).try_init(),
    };
}
