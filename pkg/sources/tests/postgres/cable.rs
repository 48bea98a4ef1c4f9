//! A network cable between a source and its server, to be cut.

use std::io;
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

/// Hands on what comes in on a port of its own, both ways.
pub(crate) struct Cable {
    port: u16,
    /// Both ends of each connection.
    ends: Arc<Mutex<Vec<[TcpStream; 2]>>>,
    _accepting: JoinHandle<()>,
}

impl Cable {
    pub(crate) fn to(server: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let ends: Arc<Mutex<Vec<_>>> = Arc::default();
        let kept = Arc::clone(&ends);
        let accepting = in_background(move || {
            for client in listener.incoming().map(|client| client.expect("a client")) {
                let server = TcpStream::connect((Ipv4Addr::LOCALHOST, server)).expect("a server");
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let (mut from, mut to) = (again(from), again(to));
                    in_background(move || {
                        // Ends with an error when it is cut.
                        let _ = io::copy(&mut from, &mut to);
                        let _ = to.shutdown(Shutdown::Both);
                    });
                }
                kept.lock().expect("not poisoned").push([client, server]);
            }
        });
        Self { port, ends, _accepting: accepting }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Cuts all connections that there are.
    pub(crate) fn cut(&self) {
        for end in self.ends.lock().expect("not poisoned").drain(..).flatten() {
            // It may have been closed by the other side already.
            let _ = end.shutdown(Shutdown::Both);
        }
    }
}

fn again(stream: &TcpStream) -> TcpStream {
    stream.try_clone().expect("another handle")
}

fn in_background(task: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    thread::Builder::new().name("cable".into()).spawn(task).expect("a thread")
}
