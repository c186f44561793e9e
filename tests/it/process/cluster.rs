//! A PostgreSQL of a test's own, which it may stop and start: Debian's programs on a folder, over a socket in it.

use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// Whom it runs as where we are root, which it refuses to be.
const NOBODY: u32 = 65534;

pub(super) struct Cluster {
    programs: PathBuf,
    folder: TempDir,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.run("pg_ctl", &["-D", &self.data(), "-m", "immediate", "stop"]);
    }
}

impl Cluster {
    /// Makes and starts one.
    pub(super) fn start() -> Self {
        let versions = std::fs::read_dir("/usr/lib/postgresql").expect("Debian's `postgresql` is installed");
        let programs = versions.map(|entry| entry.unwrap().path().join("bin")).max().unwrap();
        let folder = TempDir::new().unwrap();
        if is_root() {
            chown(folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let cluster = Self { programs, folder };
        let made = ["-D", &cluster.data(), "-U", "warroom", "-A", "trust", "-E", "UTF8", "--no-locale", "-N"];
        assert!(cluster.run("initdb", &made), "{}", cluster.folder.path().display());
        cluster.go_on();
        cluster
    }

    fn data(&self) -> String {
        self.path("data")
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// The address of the database.
    pub(super) fn url(&self) -> String {
        let folder = self.folder.path().to_str().unwrap().replace('/', "%2F");
        format!("postgres://warroom@{folder}/postgres")
    }

    /// Ends it as an administrator does who does not wait for clients.
    pub(super) fn stop(&self) {
        assert!(self.run("pg_ctl", &["-D", &self.data(), "-m", "fast", "-w", "stop"]));
    }

    /// Starts it.
    pub(super) fn go_on(&self) {
        let folder = self.folder.path().display();
        let options = format!("-c listen_addresses='' -c unix_socket_directories='{folder}' -c fsync=on");
        let log = self.path("log");
        assert!(self.run("pg_ctl", &["-D", &self.data(), "-l", &log, "-o", &options, "-w", "start"]));
    }

    fn run(&self, program: &str, args: &[&str]) -> bool {
        let program = self.programs.join(program);
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command.args([
                &format!("--reuid={NOBODY}"),
                &format!("--regid={NOBODY}"),
                "--clear-groups",
                "--",
            ]);
            command.arg(program);
            command
        } else {
            Command::new(program)
        };
        // Not to be kept open by a server that outlives the test.
        let output = std::process::Stdio::null;
        let status = command.args(args).current_dir("/").stdin(output()).stdout(output()).stderr(output());
        status.status().unwrap().success()
    }
}

fn is_root() -> bool {
    std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(Path::new("/proc/self")).unwrap()) == 0
}
