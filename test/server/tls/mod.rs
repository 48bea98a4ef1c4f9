//! HTTPS, from the first certificate to the next one.

mod client;
mod commands;
mod page;
mod refusals;
mod reload;

use std::fs;
use std::path::Path;

use crate::support::{Process, Server};

pub(crate) use client::ask;

/// A folder with certificates that the program has made.
pub(crate) struct Certs(tempfile::TempDir);

impl Certs {
    /// An authority, and a certificate of `localhost`.
    pub(crate) fn new() -> Self {
        let certs = Self(tempfile::tempdir().expect("a folder"));
        certs.make(&[]);
        certs
    }

    /// Makes an authority and a certificate of `localhost`.
    fn make(&self, more: &[&str]) {
        let directory = self.path("");
        let order = ["certs", "--dir", &directory, "--member", "localhost"];
        let ended = Process::start(&[&order, more].concat()).wait();
        assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    }

    /// The same of an authority that there is.
    pub(crate) fn renew(&self) {
        let (certificate, key) = (self.path("ca.pem"), self.path("ca-key.pem"));
        self.make(&["--force", "--ca-cert", &certificate, "--ca-key", &key]);
    }

    /// Makes another authority in place of it, and a certificate by that one.
    pub(crate) fn replace(&self) {
        self.make(&["--force"]);
    }

    /// A folder with the same files, which stay as they are.
    pub(crate) fn copy(&self) -> Self {
        let copy = tempfile::tempdir().expect("a folder");
        for file in fs::read_dir(&self.0).expect("it is there") {
            let file = file.expect("a file");
            fs::copy(file.path(), copy.path().join(file.file_name())).expect("it is copied");
        }
        Self(copy)
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().expect("a path of ASCII").to_owned()
    }

    /// The flags of a server that shows the certificate.
    pub(crate) fn flags(&self) -> [String; 4] {
        ["--tls-cert", &self.path("localhost.pem"), "--tls-key", &self.path("localhost-key.pem")]
            .map(str::to_owned)
    }

    fn serve(&self, more: &[&str]) -> Server {
        let flags = self.flags();
        let flags: Vec<_> = flags.iter().map(String::as_str).collect();
        Server::start(&[&flags, more].concat())
    }

    /// Asks a server as one who believes the authority.
    pub(crate) fn ask(&self, server: &Server, method: &str, target: &str) -> String {
        let asked = ask(Path::new(&self.path("ca.pem")), server.address(), method, target);
        asked.expect("an answer").text
    }
}
