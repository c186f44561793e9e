//! The program itself as its users start, stop and kill it: child processes, real signals, real time.
//!
//! The sandbox runs in the test's own process, so that it outlives every kill and can be asked directly.

use std::io::Read;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use secrecy::SecretString;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use warroom::clock::{Clock, SystemClock};
use warroom::sandbox::{GroupView, Number, Sandbox, Setup};
use warroom::signature::{Scheme, Verifier, sign};
use warroom::source::SourceKind;
use warroom::store::Store;

use crate::harness::listen;

mod cluster;
mod commands;
mod crashing;
mod operating;
mod rehearsing;
mod reloading;
mod replicas;
mod restarting;
mod stopping;

/// Longer than anything here takes on a busy machine; reached only when something is wrong.
const PATIENCE: Duration = Duration::from_mins(1);

/// Looks until `look` sees something. A process cannot ring a bell, so there is nothing but to look again.
async fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(begun.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A running `warroom`; killed by its id when dropped.
struct Process {
    child: Child,
    /// Whether the program is a child of that one, which made a root for it.
    is_in_image: bool,
    stdout: Arc<Mutex<String>>,
    stderr: Arc<Mutex<String>>,
    readers: Vec<std::thread::JoinHandle<()>>,
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Gathers what is written, until the writer has closed.
fn gather(mut from: impl Read + Send + 'static) -> (Arc<Mutex<String>>, std::thread::JoinHandle<()>) {
    let text = Arc::new(Mutex::new(String::new()));
    let into = Arc::clone(&text);
    let reader = std::thread::spawn(move || {
        let mut chunk = [0_u8; 4096];
        while let Ok(count @ 1..) = from.read(&mut chunk) {
            into.lock().unwrap().push_str(&String::from_utf8_lossy(&chunk[..count]));
        }
    });
    (text, reader)
}

/// How a process ended and what it wrote.
#[derive(Debug)]
struct Ended {
    /// `None` if a signal killed it.
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Process {
    fn start(args: &[&str], env: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_warroom"));
        command.args(args);
        Self::spawn(command, env, false)
    }

    fn spawn(mut command: Command, env: &[(&str, &str)], is_in_image: bool) -> Self {
        let mut child = command
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env_clear()
            .envs(env.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (stdout, out) = gather(child.stdout.take().unwrap());
        let (stderr, err) = gather(child.stderr.take().unwrap());
        Self { child, is_in_image, stdout, stderr, readers: vec![out, err] }
    }

    /// The program itself.
    fn id(&self) -> String {
        let id = self.child.id();
        if !self.is_in_image {
            return id.to_string();
        }
        let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap();
        children.trim().to_owned()
    }

    fn log(&self) -> String {
        self.stderr.lock().unwrap().clone()
    }

    fn signal(&self, name: &str) {
        let id = self.id();
        let sent = Command::new("sh").args(["-c", "kill -\"$0\" \"$1\"", name, &id]).status().unwrap();
        assert!(sent.success());
    }

    /// Asks it to stop, as a container's runtime does.
    fn terminate(&self) {
        self.signal("TERM");
    }

    /// Kills it as a power cut would.
    fn kill(mut self) {
        self.signal("KILL");
        self.child.wait().unwrap();
    }

    async fn ended(mut self) -> Ended {
        let status = until("the process ends", || self.child.try_wait().unwrap()).await;
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
        let text = |of: &Arc<Mutex<String>>| of.lock().unwrap().clone();
        Ended { code: status.code(), stdout: text(&self.stdout), stderr: text(&self.stderr) }
    }
}

/// Runs a command to its end.
async fn run(args: &[&str]) -> Ended {
    Process::start(args, &[]).ended().await
}

/// A folder with config and roster, a sandbox behind it, and a bridge when one is started.
struct Place {
    folder: TempDir,
    sandbox: Sandbox,
    server: JoinHandle<()>,
    http: reqwest::Client,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.server.abort();
    }
}

const ROSTER: &str = r#"
people:
  ada: { name: Ada Obi, phone: "+15550100001", opted_in: true }
  ben: { name: Ben Cho, phone: "+15550100002", opted_in: true }
routes: []
fallback: { invite: { commander: [ ada ], specialist: [ ben ] } }
"#;

/// The secret of every source here, in the form that all schemes take.
const SECRET: &str = "whsec_dGhlIHByb2Nlc3MgdGVzdHMnIG93biBzZWNyZXQ=";

impl Place {
    /// `call_timeout` in seconds, the other times as short as the config takes them.
    async fn new(call_timeout: u32) -> Self {
        Self::with(6, call_timeout, call_timeout * 2).await
    }

    /// With numbers for so many rooms, and the usual lease.
    async fn for_rooms(rooms: usize) -> Self {
        Self::with(rooms.div_ceil(9), 5, 120).await
    }

    async fn with(numbers: usize, call_timeout: u32, lease: u32) -> Self {
        let names: Vec<usize> = (100..100 + numbers).collect();
        let numbers =
            names.iter().map(|n| Number::new(&format!("SANDBOX10{n}"), &format!("155501200{n}"), TOKEN));
        let setup = Setup { instances: numbers.collect(), ..Setup::default() };
        let sandbox = Sandbox::new(setup, Arc::new(SystemClock));
        let (gateway, server) = listen(sandbox.router()).await;
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("roster.yaml"), ROSTER).unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let place = Self { folder, sandbox, server, http };
        place.write("warroom.yaml", &config(gateway, &names, (call_timeout, lease), SECRET));
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> String {
        std::fs::write(self.path(name), text).unwrap();
        self.path(name).to_str().unwrap().to_owned()
    }

    fn config(&self) -> String {
        self.path("warroom.yaml").to_str().unwrap().to_owned()
    }

    /// Starts the bridge and waits until it listens.
    async fn serve(&self) -> (Process, SocketAddr) {
        Self::listening(Process::start(&["serve", "--config", &self.config()], &[])).await
    }

    /// The same as the image runs it: a read-only root, user 65532, and no place to write but the folder; without
    /// `bwrap` as it is.
    async fn serve_as_the_image(&self) -> (Process, SocketAddr) {
        let mut probe = Command::new(BWRAP);
        if !probe.args(["--ro-bind", "/", "/", "true"]).status().is_ok_and(|status| status.success()) {
            eprintln!("{BWRAP} does not work: not as the image runs it");
            return self.serve().await;
        }
        let folder = self.folder.path().to_str().unwrap();
        let mut command = Command::new(BWRAP);
        command.args([
            "--unshare-user",
            "--unshare-ipc",
            "--unshare-uts",
            "--uid",
            "65532",
            "--gid",
            "65532",
        ]);
        command.args(["--cap-drop", "ALL", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev"]);
        command.args(["--tmpfs", "/tmp", "--bind", folder, folder, "--remount-ro", "/tmp"]);
        command.args(["--", env!("CARGO_BIN_EXE_warroom"), "serve", "--config", &self.config()]);
        Self::listening(Process::spawn(command, &[], true)).await
    }

    async fn listening(mut process: Process) -> (Process, SocketAddr) {
        let address = until("the bridge listens", || {
            if let Some(status) = process.child.try_wait().unwrap() {
                panic!("it ended, {status}: {}", process.log());
            }
            let log = process.log();
            let (_, rest) = log.split_once("server.listen=")?;
            // Only a whole line has the whole address.
            rest.contains('\n').then(|| rest.split_whitespace().next().unwrap().parse().unwrap())
        })
        .await;
        (process, address)
    }

    /// Posts a signed Sev-1 alert and returns the incident's name from the 200.
    async fn fire(&self, bridge: SocketAddr, key: &str) -> String {
        let now = SystemClock.now();
        let body = Vec::from(SourceKind::Generic.sample(now, key));
        let verifier = Verifier::new(Scheme::StandardWebhooks { secrets: vec![SecretString::from(SECRET)] });
        let signed = sign(&verifier, &body, &format!("msg_{key}"), now).unwrap();
        let url = format!("http://{bridge}/hooks/generic");
        let answer = self.http.post(url).headers(signed.headers).body(body).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let receipt: Value = answer.json().await.unwrap();
        assert_eq!(receipt["incidents"][0]["outcome"], json!("opened"), "{receipt}");
        receipt["incidents"][0]["id"].as_str().unwrap().to_owned()
    }

    fn groups(&self, id: &str) -> Vec<GroupView> {
        let of = |g: &GroupView| warroom::gateway::subject_has_token(&g.subject, id);
        self.sandbox.groups().into_iter().filter(of).collect()
    }

    /// Waits until the incident has a group with its welcome.
    async fn briefed(&self, id: &str) {
        let has_welcome = |g: GroupView| g.texts().first().is_some_and(|text| text.contains(id));
        until(&format!("{id} has its welcome"), || {
            self.groups(id).into_iter().any(has_welcome).then_some(())
        })
        .await;
    }

    /// Waits until the bridge itself knows that the welcome is there.
    async fn recorded_as_briefed(&self, store: &Store, id: &str) {
        let begun = Instant::now();
        loop {
            let dossier = store.dossier(id.parse().unwrap()).await.unwrap();
            if dossier.and_then(|d| d.room).is_some_and(|room| room.is_briefed()) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{id} is not known to be briefed within {PATIENCE:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// One group, one welcome in it, nobody missing, and nothing else.
    fn assert_one_briefed_group(&self, id: &str) {
        let groups = self.groups(id);
        assert_eq!(groups.len(), 1, "{id}: one incident, one group");
        let texts = groups[0].texts();
        let welcomes = texts.iter().filter(|t| t.contains("needs you here")).count();
        assert_eq!(welcomes, 1, "{id}: one welcome: {texts:?}");
        assert!(texts[0].contains(id), "{id}: {texts:?}");
        assert!(["15550100001", "15550100002"].iter().all(|p| groups[0].has(p)), "{id}");
    }
}

const TOKEN: &str = "process-tests-access-token";

/// Makes a root for a program.
const BWRAP: &str = "/usr/bin/bwrap";

/// A source's name is a part of its address, in which there are no underscores.
fn name_of(kind: SourceKind) -> String {
    kind.as_str().replace('_', "-")
}

/// Several numbers, because each may make only ten groups an hour.
fn config(gateway: SocketAddr, numbers: &[usize], (call_timeout, lease): (u32, u32), secret: &str) -> String {
    let number = |n: &usize| {
        format!(
            "    - {{ name: n{n}, id: SANDBOX10{n}, access_token: {TOKEN}, rooms_per_hour: 10, \
             rooms_burst: 10, rooms_gap: 0s }}"
        )
    };
    let numbers: Vec<String> = numbers.iter().map(number).collect();
    let sources: Vec<String> = SourceKind::ALL
        .into_iter()
        .map(|kind| {
            let verify = match kind {
                SourceKind::Generic => format!("standard_webhooks: \"{secret}\""),
                // Its envelope is Amazon's to sign, so what is sent is a raw delivery.
                SourceKind::Sns => format!(
                    "sns: {{ topics: [ 'arn:aws:sns:eu-central-1:123456789012:alarms' ], \
                     raw: {{ query: {{ name: token, secret: \"{secret}\" }} }} }}"
                ),
                SourceKind::StatusCake => format!("form_field: {{ name: Token, secret: \"{secret}\" }}"),
                SourceKind::Pingdom | SourceKind::GoAlert => {
                    format!("query: {{ name: token, secret: \"{secret}\" }}")
                }
                _ if kind.default_hmac(Vec::new()).is_some() => format!("hmac: \"{secret}\""),
                _ => format!("bearer: \"{secret}\""),
            };
            // Several of them know no severities.
            let rest = "severity: { unmapped: sev1 }";
            format!("  {}: {{ kind: {kind}, verify: {{ {verify} }}, {rest} }}", name_of(kind))
        })
        .collect();
    format!(
        "server: {{ listen: 127.0.0.1:0, admin: 127.0.0.1:0 }}
store: sqlite:warroom.db
roster: roster.yaml
gateway:
  kind: wawp
  base_url: http://{gateway}
  call_timeout: {call_timeout}s
  settle: {settle}s
  lease: {lease}s
  messages_per_minute: 600
  instances:
{numbers}
sources:
{sources}
",
        sources = sources.join("\n"),
        numbers = numbers.join("\n"),
        settle = call_timeout + 10,
    )
}
