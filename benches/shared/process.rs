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

/// What a program is run under: the first word of a command and its arguments, or nothing.
pub(crate) type Under = &'static [&'static str];

/// A program to be run under something else.
pub(crate) fn command(program: impl AsRef<OsStr>, under: Under) -> Command {
    let Some((first, arguments)) = under.split_first() else { return Command::new(program) };
    let mut command = Command::new(first);
    command.args(arguments).arg(program);
    command
}

/// An address that nobody listens on yet.
pub(crate) fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}
