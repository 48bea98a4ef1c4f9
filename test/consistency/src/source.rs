//! The source of a keyspace: an HTTP server that is slow, and counts what it is asked.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, body::Incoming};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::time::sleep;

use crate::failed::Failed;

/// How long it takes to answer.
const DELAY: Duration = Duration::from_millis(200);

/// A source that is running, until its runtime ends.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    loads: Arc<Mutex<HashMap<String, u64>>>,
}

impl Source {
    /// One that members reach at an address of this process.
    pub(crate) async fn start(at: IpAddr) -> Result<Self, Failed> {
        let listening = Failed::machine("listening as a source");
        let listener = TcpListener::bind((at, 0)).await.map_err(listening)?;
        let address = listener.local_addr().map_err(Failed::machine("asking for an address"))?;
        let source = Self { address, loads: Arc::default() };
        tokio::spawn(source.clone().serve(listener));
        Ok(source)
    }

    async fn serve(self, listener: TcpListener) {
        while let Ok((stream, _from)) = listener.accept().await {
            let source = self.clone();
            let service = service_fn(move |request| source.clone().answer(request));
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    }

    async fn answer(self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let key = request.uri().path().trim_start_matches('/').to_owned();
        let value = format!("value of {key}");
        *self.loads.lock().entry(key).or_default() += 1;
        sleep(DELAY).await;
        Ok(Response::new(Full::from(value)))
    }

    /// How often a key was loaded.
    pub(crate) fn loads(&self, key: &str) -> u64 {
        self.loads.lock().get(key).copied().unwrap_or_default()
    }
}
