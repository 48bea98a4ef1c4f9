//! A curl command, as documents and the program itself print them.

use super::client::Reply;
use super::server::Server;

/// What it would send.
#[derive(Debug)]
pub(crate) struct Curl {
    method: String,
    host: String,
    target: String,
    /// Whole lines.
    headers: String,
    body: String,
    /// Whether its output is thrown away.
    pub(crate) is_silent: bool,
}

/// What `curl -d` says of its bytes if nothing else is said.
const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";

impl Curl {
    /// Reads `curl -X METHOD 'http://host:port/target'`, with `-H HEADER`, `-d BODY`
    /// and `-o /dev/null` behind.
    pub(crate) fn parse(command: &str) -> Self {
        let words = words(command);
        let mut words = words.iter().map(String::as_str);
        let start = [words.next(), words.next()];
        assert_eq!(start, [Some("curl"), Some("-X")], "a curl command of another kind: {command}");
        let (method, url) = words.next().zip(words.next()).expect("a method and a URL");
        let (host, target) = url
            .strip_prefix("http://")
            .and_then(|url| url.split_once('/'))
            .expect("a URL with host and path");
        let (method, host, target) = (method.to_owned(), host.to_owned(), format!("/{target}"));
        let (headers, body) = (String::new(), String::new());
        let mut curl = Self { method, host, target, headers, body, is_silent: false };
        while let Some((flag, value)) = words.next().zip(words.next()) {
            match flag {
                "-H" => curl.headers.extend([value, "\r\n"]),
                "-d" => value.clone_into(&mut curl.body),
                "-o" => curl.is_silent = true,
                _ => panic!("a curl command of another kind: {command}"),
            }
        }
        if !curl.body.is_empty() && !curl.headers.contains("Content-Type") {
            curl.headers += FORM;
        }
        curl
    }

    /// The host and port in its URL.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Sends it to `server`, whatever the port in its URL.
    pub(crate) fn send_to(&self, server: &Server) -> Reply {
        let (name, _) = self.host.rsplit_once(':').expect("a port");
        let host = format!("Host: {name}:{}\r\n", server.address().port());
        let headers = host + &self.headers;
        server.ask(&self.method, &self.target, &headers, self.body.as_bytes())
    }
}

/// The words of a command, as a shell takes it apart: quotes keep blanks together.
fn words(command: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for letter in command.chars() {
        match quote {
            Some(open) if letter == open => quote = None,
            None if letter == '"' || letter == '\'' => quote = Some(letter),
            None if letter == ' ' => words.push(String::new()),
            _ => words.last_mut().expect("there is one").push(letter),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}
