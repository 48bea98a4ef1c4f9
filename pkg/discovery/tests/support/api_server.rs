//! An API server of a test, as far as its lists and watches of `EndpointSlice`s go: the
//! JSON, the versions, the bookmarks and the 410 of a real one, over HTTP on loopback.
//! Tests of several crates have it by its path.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

/// The label that says whose a slice is.
const SERVICE: &str = "kubernetes.io/service-name";

/// The longest head of a request.
const HEAD_BYTES_MAX: u64 = 64 << 10;

/// What it says to whoever asks.
#[derive(Debug, Clone)]
pub(crate) enum Says {
    Truth,
    /// Nothing: it takes the request, and that is all.
    Nothing,
    /// This status, and why.
    Status(u16, &'static str),
    /// This, whole, as if it were JSON.
    Text(String),
    /// This, again and again without end.
    Endless(&'static [u8]),
    /// The truth to lists; to watches these lines.
    Lines(String),
    /// The truth to lists; watches are open, and tell nothing.
    Mute,
}

/// Answers until it is dropped.
#[derive(Debug)]
pub(crate) struct ApiServer {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    says: Says,
    version: u64,
    /// By namespace and name.
    slices: BTreeMap<(String, String), Value>,
    /// What happened at which version.
    log: Vec<(u64, &'static str, Value)>,
    /// What happened up to here is not remembered.
    forgotten: u64,
    connections: Vec<TcpStream>,
    lists: usize,
    watches: usize,
    tokens: Vec<String>,
    is_over: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics with it")
    }
}

impl ApiServer {
    pub(crate) fn start() -> Self {
        let state = State {
            says: Says::Truth,
            version: 1_000,
            slices: BTreeMap::new(),
            log: Vec::new(),
            forgotten: 0,
            connections: Vec::new(),
            lists: 0,
            watches: 0,
            tokens: Vec::new(),
            is_over: false,
        };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("it is bound");
        let acceptor = Some(accept(listener, &shared));
        Self { address, shared, acceptor }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn say(&self, says: Says) {
        self.shared.lock().says = says;
        self.shared.changed.notify_all();
    }

    /// There is this slice of a service now, with these endpoints at this port.
    pub(crate) fn put(&self, service: &str, name: &str, port: u16, endpoints: &[Value]) {
        let slice = json!({
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": name,
                "namespace": "shop",
                "uid": format!("uid-of-{name}"),
                "labels": {
                    SERVICE: service,
                    "endpointslice.kubernetes.io/managed-by":
                        "endpointslice-controller.k8s.io",
                    "app": service,
                },
            },
            "addressType": "IPv4",
            "endpoints": endpoints,
            "ports": [
                { "name": "http", "port": 8_080, "protocol": "TCP" },
                { "name": "links", "port": port, "protocol": "TCP" },
            ],
        });
        self.put_slice(slice);
    }

    pub(crate) fn put_slice(&self, mut slice: Value) {
        let mut state = self.shared.lock();
        let of = |field: &str| slice["metadata"][field].as_str().unwrap_or_default().to_owned();
        let key = (of("namespace"), of("name"));
        state.version += 1;
        slice["metadata"]["resourceVersion"] = state.version.to_string().into();
        let old = state.slices.insert(key, slice.clone());
        let what = if old.is_some() { "MODIFIED" } else { "ADDED" };
        let version = state.version;
        state.log.push((version, what, slice));
        drop(state);
        self.shared.changed.notify_all();
    }

    pub(crate) fn remove(&self, name: &str) {
        let mut state = self.shared.lock();
        let key = ("shop".to_owned(), name.to_owned());
        let mut slice = state.slices.remove(&key).expect("there is one");
        state.version += 1;
        slice["metadata"]["resourceVersion"] = state.version.to_string().into();
        let version = state.version;
        state.log.push((version, "DELETED", slice));
        drop(state);
        self.shared.changed.notify_all();
    }

    /// Ends all connections without a word.
    pub(crate) fn cut(&self) {
        for connection in self.shared.lock().connections.drain(..) {
            drop(connection.shutdown(Shutdown::Both));
        }
    }

    /// Remembers nothing of what has happened: a watch from before is answered 410.
    pub(crate) fn forget(&self) {
        let mut state = self.shared.lock();
        state.log.clear();
        state.version += 1;
        state.forgotten = state.version;
    }

    /// How many lists it was asked for, and how many watches.
    pub(crate) fn asked(&self) -> (usize, usize) {
        let state = self.shared.lock();
        (state.lists, state.watches)
    }

    /// The tokens that came with requests.
    pub(crate) fn tokens(&self) -> Vec<String> {
        self.shared.lock().tokens.clone()
    }

    /// Is away: its port is closed, and so are its connections.
    pub(crate) fn stop(&mut self) {
        self.shared.lock().is_over = true;
        self.shared.changed.notify_all();
        if let Some(acceptor) = self.acceptor.take() {
            drop(TcpStream::connect(self.address));
            acceptor.join().expect("it ends");
        }
        self.cut();
    }

    /// Is there again, at the same port.
    pub(crate) fn go_on(&mut self) {
        self.shared.lock().is_over = false;
        let listener = TcpListener::bind(self.address).expect("its port is its own");
        self.acceptor = Some(accept(listener, &self.shared));
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        self.stop();
    }
}

fn accept(listener: TcpListener, shared: &Arc<Shared>) -> JoinHandle<()> {
    let shared = shared.clone();
    let accepting = move || {
        for connection in listener.incoming() {
            let Ok(connection) = connection else { return };
            let mut state = shared.lock();
            if state.is_over {
                return;
            }
            state.connections.push(connection.try_clone().expect("a socket"));
            drop(state);
            let shared = shared.clone();
            let serving = move || drop(serve(&connection, &shared));
            thread::Builder::new().spawn(serving).expect("a thread");
        }
    };
    thread::Builder::new().spawn(accepting).expect("a thread")
}

/// The requests of one connection, until it ends.
fn serve(connection: &TcpStream, shared: &Shared) -> io::Result<()> {
    let mut reader = BufReader::new(connection);
    while let Some(request) = Request::read(&mut reader)? {
        if let Some(token) = &request.token {
            shared.lock().tokens.push(token.clone());
        }
        let mut answer = Answer(connection);
        let says = shared.lock().says.clone();
        let path = format!("/apis/discovery.k8s.io/v1/namespaces/{}/endpointslices", request.place);
        if request.path != path {
            answer.status(404, "the server could not find the requested resource")?;
            continue;
        }
        let is_watch = request.parameter("watch") == Some("true");
        let asked =
            |state: &mut State| if is_watch { state.watches += 1 } else { state.lists += 1 };
        asked(&mut shared.lock());
        match says {
            Says::Nothing => park(shared),
            Says::Status(code, why) => answer.status(code, why)?,
            Says::Text(text) => answer.whole(200, &text)?,
            Says::Endless(part) => answer.endless(part)?,
            Says::Lines(lines) if is_watch => {
                answer.begin()?;
                answer.chunk(lines.as_bytes())?;
                answer.end()?;
            }
            Says::Mute if is_watch => {
                answer.begin()?;
                park(shared);
            }
            Says::Truth | Says::Lines(_) | Says::Mute if !is_watch => {
                answer.list(&request, shared)?;
            }
            Says::Truth | Says::Lines(_) | Says::Mute => answer.watch(&request, shared)?,
        }
        shared.changed.notify_all();
    }
    Ok(())
}

/// Says nothing until something else is to be said.
fn park(shared: &Shared) {
    let state = shared.lock();
    let is_silent =
        |state: &mut State| !state.is_over && matches!(state.says, Says::Nothing | Says::Mute);
    drop(shared.changed.wait_while(state, is_silent).expect("no test panics with it"));
}

/// One request.
struct Request {
    path: String,
    /// The namespace in it.
    place: String,
    parameters: Vec<(String, String)>,
    token: Option<String>,
}

impl Request {
    fn read(reader: &mut impl BufRead) -> io::Result<Option<Self>> {
        let mut reader = reader.take(HEAD_BYTES_MAX);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head)? == 0 {
                return Ok(None);
            }
        }
        let target = head.strip_prefix("GET ").and_then(|rest| rest.split(' ').next());
        let (path, query) = target.and_then(|target| target.split_once('?')).unwrap_or_default();
        let parameters = query.split('&').filter_map(|pair| pair.split_once('='));
        let parameters = parameters.map(|(name, value)| (name.to_owned(), decoded(value)));
        let token = head.lines().find_map(|line| line.strip_prefix("authorization: Bearer "));
        Ok(Some(Self {
            path: path.to_owned(),
            place: path.split('/').nth(5).unwrap_or_default().to_owned(),
            parameters: parameters.collect(),
            token: token.map(str::to_owned),
        }))
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(one, _)| one == name).map(|(_, value)| &**value)
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.parameter(name)?.parse().ok()
    }

    /// Whether a slice is asked for.
    fn selects(&self, slice: &Value) -> bool {
        let labels = &slice["metadata"]["labels"];
        let mut selector = self
            .parameter("labelSelector")
            .unwrap_or_default()
            .split(',')
            .filter(|one| !one.is_empty());
        slice["metadata"]["namespace"] == *self.place
            && selector
                .all(|one| one.split_once('=').is_some_and(|(name, value)| labels[name] == value))
    }
}

/// `%2F` and the like.
fn decoded(text: &str) -> String {
    let mut bytes = text.bytes();
    let mut decoded = Vec::new();
    while let Some(byte) = bytes.next() {
        let mut digit = || char::from(bytes.next().unwrap_or(b'0')).to_digit(16).unwrap_or(0);
        decoded.push(match byte {
            b'%' => u8::try_from(digit() * 16 + digit()).expect("two digits"),
            b'+' => b' ',
            other => other,
        });
    }
    String::from_utf8(decoded).expect("text")
}

/// What goes back.
struct Answer<'a>(&'a TcpStream);

impl Answer<'_> {
    fn whole(&mut self, status: u16, text: &str) -> io::Result<()> {
        let length = text.len();
        write!(
            self.0,
            "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n{text}"
        )
    }

    fn status(&mut self, code: u16, why: &str) -> io::Result<()> {
        self.whole(code, &failure(code, why).to_string())
    }

    fn begin(&mut self) -> io::Result<()> {
        self.0.write_all(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
        )
    }

    fn chunk(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
        chunk.extend([bytes, b"\r\n"].concat());
        self.0.write_all(&chunk)
    }

    fn end(&mut self) -> io::Result<()> {
        self.0.write_all(b"0\r\n\r\n")
    }

    /// Ends when nobody reads any more.
    fn endless(&mut self, part: &[u8]) -> io::Result<()> {
        self.begin()?;
        loop {
            self.chunk(part)?;
        }
    }

    fn list(&mut self, request: &Request, shared: &Shared) -> io::Result<()> {
        let state = shared.lock();
        let all = state.slices.values().filter(|slice| request.selects(slice));
        let limit = request.number("limit").and_then(|limit| usize::try_from(limit).ok());
        let mut items: Vec<_> = all.cloned().collect();
        let has_more = limit.is_some_and(|limit| limit < items.len());
        items.truncate(limit.unwrap_or(usize::MAX));
        // The items of a list do not say what they are.
        for item in items.iter_mut().filter_map(Value::as_object_mut) {
            item.remove("apiVersion");
            item.remove("kind");
        }
        let mut metadata = json!({ "resourceVersion": state.version.to_string() });
        if has_more {
            metadata["continue"] = "more".into();
        }
        drop(state);
        let list = json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSliceList",
            "metadata": metadata, "items": items,
        });
        self.whole(200, &list.to_string())
    }

    fn watch(&mut self, request: &Request, shared: &Shared) -> io::Result<()> {
        let begun = SystemTime::now();
        let time = Duration::from_secs(request.number("timeoutSeconds").unwrap_or(290));
        let mut seen = request.number("resourceVersion").unwrap_or(0);
        self.begin()?;
        let mut state = shared.lock();
        if seen < state.forgotten {
            drop(state);
            let gone = failure(410, "too old resource version");
            self.event("ERROR", &gone)?;
            return self.end();
        }
        loop {
            let news: Vec<_> =
                state.log.iter().filter(|(version, ..)| seen < *version).cloned().collect();
            let (version, is_over) = (state.version, state.is_over);
            drop(state);
            for (_, what, slice) in news.iter().filter(|(_, _, slice)| request.selects(slice)) {
                self.event(what, slice)?;
            }
            seen = seen.max(version);
            let left = time.checked_sub(begun.elapsed().unwrap_or_default()).filter(|_| !is_over);
            let Some(left) = left else { break };
            state = shared.lock();
            let is_seen = |state: &mut State| state.version <= seen && !state.is_over;
            let waited = shared.changed.wait_timeout_while(state, left, is_seen);
            state = waited.expect("no test panics with it").0;
        }
        if request.parameter("allowWatchBookmarks") == Some("true") {
            let metadata =
                json!({ "resourceVersion": seen.to_string(), "creationTimestamp": null });
            let bookmark = json!({
                "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
                "metadata": metadata, "endpoints": null, "addressType": "",
            });
            self.event("BOOKMARK", &bookmark)?;
        }
        self.end()
    }

    fn event(&mut self, what: &str, object: &Value) -> io::Result<()> {
        let event = json!({ "type": what, "object": object });
        self.chunk(format!("{event}\n").as_bytes())
    }
}

/// A `Status` that says what is wrong.
fn failure(code: u16, why: &str) -> Value {
    let reason = match code {
        403 => "Forbidden",
        410 => "Expired",
        _ => "InternalError",
    };
    json!({
        "apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Failure",
        "message": why, "reason": reason, "code": code,
    })
}

/// An endpoint of a pod, as the controller of slices makes it.
pub(crate) fn endpoint(address: &str, pod: &str, ready: bool, terminating: bool) -> Value {
    json!({
        "addresses": [address],
        "conditions": { "ready": ready, "serving": ready, "terminating": terminating },
        "hostname": pod,
        "nodeName": "machine-1",
        "targetRef": { "kind": "Pod", "namespace": "shop", "name": pod, "uid": format!("uid-of-{pod}") },
    })
}
