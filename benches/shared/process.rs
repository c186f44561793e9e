//! A process that a bench starts, and that ends with it.

use std::ffi::OsStr;
use std::fs::File;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Whoever does not listen after so long never will.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug)]
pub(crate) struct Process(pub(crate) Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        self.0.wait().unwrap();
    }
}

impl Process {
    /// All that it says goes to this file: a pipe would need a reader, whose work would be measured too.
    pub(crate) fn start(mut command: Command, log: &Path) -> Self {
        let log = File::create(log).unwrap();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        Self(command.spawn().unwrap())
    }

    /// Waits until it takes connections.
    pub(crate) fn wait_until_it_listens(&mut self, address: SocketAddr) {
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(self.0.try_wait().unwrap().is_none(), "the program for {address} has ended");
            assert!(begun.elapsed() < PATIENCE, "the program for {address} does not listen");
            std::thread::yield_now();
        }
    }
}

/// How a program is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Under {
    Nothing,
    /// On this core alone.
    Core(usize),
    /// Each sync of a file takes so many milliseconds longer.
    SlowDisk(u32),
}

/// A program to be run like this.
pub(crate) fn command(program: impl AsRef<OsStr>, under: Under) -> Command {
    let mut command = match under {
        Under::Nothing => return Command::new(program),
        Under::Core(core) => {
            let mut command = Command::new("taskset");
            command.args(["-c", &core.to_string()]);
            command
        }
        Under::SlowDisk(millis) => {
            let mut command = Command::new("strace");
            let delay = format!("inject=fsync,fdatasync:delay_exit={}", millis * 1000);
            command.args([
                // The program is our child, and ends when it is killed.
                "-D",
                "--quiet=all",
                "--seccomp-bpf",
                "-f",
                "-o",
                "/dev/null",
                "-e",
                "trace=fsync,fdatasync",
            ]);
            command.args(["-e", &delay]);
            command
        }
    };
    command.arg(program);
    command
}

/// An address that nobody listens on yet.
pub(crate) fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}
