//! The bridge as people run it, with one linked number at the simulated phones.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;

use crate::process::{Process, Under, command, free_address};
use crate::store::new_store;

const PROGRAM: &str = env!("CARGO_BIN_EXE_warroom");

#[derive(Debug)]
pub(crate) struct Bridge {
    pub(crate) address: SocketAddr,
    pub(crate) process: Process,
    /// Lines of JSON.
    pub(crate) log: PathBuf,
    /// What has to be there as long as it is: the phones and its folder.
    pub(crate) _kept: (Process, tempfile::TempDir),
}

impl Bridge {
    /// Started, and perhaps not listening yet. `sources` and `number` are lines of the config: the sources, and what
    /// is said of the number; `routes` come before those of the example.
    pub(crate) fn start(sources: &str, number: &str, routes: &str, under: Under) -> Self {
        let folder = folder();
        let mut sandbox = command(PROGRAM, &[]);
        sandbox.args(["sandbox", "--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut sandbox = Process(sandbox.spawn().unwrap());
        let mut lines = BufReader::new(sandbox.0.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut setting = |key: &str| {
            let line = lines.find(|line| line.trim_start().starts_with(key)).unwrap();
            line.rsplit_once(' ').unwrap().1.to_owned()
        };
        let address = free_address();
        let config = format!(
            "server: {{ listen: \"{address}\", admin: 127.0.0.1:0 }}\nstore: {}\n\
             gateway:\n  kind: wawp\n  base_url: {}\n  instances:\n    - id: {}\n      access_token: {}\n{number}\
             sources:\n{sources}log: {{ format: json, level: info }}\n",
            new_store(folder.path()),
            setting("base_url"),
            setting("id"),
            setting("access_token"),
        );
        // The last line: whoever writes to a pipe that is closed dies of it.
        setting("engine");
        let path = folder.path().join("warroom.yaml");
        std::fs::write(&path, config).unwrap();
        let example = concat!(env!("CARGO_MANIFEST_DIR"), "/config/roster.yaml");
        let roster = std::fs::read_to_string(example).unwrap();
        let roster = roster.replacen("\nroutes:\n", &format!("\nroutes:\n{routes}"), 1);
        std::fs::write(folder.path().join("roster.yaml"), roster).unwrap();
        let log = folder.path().join("log");
        let mut bridge = command(PROGRAM, under);
        bridge.arg("serve").arg("--config").arg(path);
        let process = Process::start(bridge, &log);
        Self { address, process, log, _kept: (sandbox, folder) }
    }
}

/// On the disk that the build is on: where `/tmp` is memory, an fsync would cost nothing.
pub(crate) fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}
