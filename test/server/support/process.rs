//! The program as a process of its own.

use std::process::{Child, Command, Stdio};

use super::eventually;
use super::transcript::Transcript;

/// A running program, killed when dropped.
pub(crate) struct Process {
    child: Child,
    pub(crate) stdout: Transcript,
    pub(crate) stderr: Transcript,
}

/// How a program has ended, and all that it said.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Process {
    /// Starts the program.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::start_in(&[], arguments)
    }

    /// Starts the program with these environment variables, and none of its
    /// own that happen to be set.
    pub(crate) fn start_in(variables: &[(&str, &str)], arguments: &[&str]) -> Self {
        let mut command = program();
        command.args(arguments).envs(variables.iter().copied()).stdout(Stdio::piped());
        Self::spawn(command)
    }

    /// Starts the program with a standard output that is closed already.
    pub(crate) fn start_unheard(arguments: &[&str]) -> Self {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = program();
        command.args(arguments).stdout(writer);
        Self::spawn(command)
    }

    fn spawn(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let stdout: Box<dyn std::io::Read + Send> = match child.stdout.take() {
            Some(stdout) => Box::new(stdout),
            None => Box::new(std::io::empty()),
        };
        let stderr = child.stderr.take().expect("it is piped");
        Self { child, stdout: Transcript::of(stdout), stderr: Transcript::of(stderr) }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let kill = Command::new("kill").arg(format!("-{name}")).arg(self.id().to_string()).status();
        assert!(kill.expect("there is a kill").success(), "{name} to {}", self.id());
    }

    /// Waits until it has ended by itself.
    pub(crate) fn wait(mut self) -> Ended {
        let status = eventually("the program ends", || self.child.try_wait().expect("our child"));
        let (stdout, stderr) = (self.stdout.whole(), self.stderr.whole());
        Ended { status: status.code(), stdout, stderr }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cache_manager"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("DISTCACHE_") {
            command.env_remove(name);
        }
    }
    command
}
