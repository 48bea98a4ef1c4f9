//! The least that answers over hyper, for `test/bench/http.sh` and `https.sh` to compare
//! with: `bare_hyper PORT BODY 'NAME: VALUE'...` answers every request with the body and
//! these headers. No router, no limits, no timeouts, no cache. With `TLS_CERT` and
//! `TLS_KEY` in its environment, which name files in PEM, it speaks TLS as our door does.
#![expect(clippy::expect_used, reason = "a rival in a benchmark may fall over")]

use std::convert::Infallible;
use std::env;
use std::fs;
use std::net::Ipv4Addr;

use bytes::Bytes;
use distcache_http::doors::Certificate;
use http_body_util::Full;
use hyper::Response;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// As in our server: it is not the allocators that are compared.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() {
    let mut arguments = env::args().skip(1);
    let port: u16 = arguments.next().and_then(|port| port.parse().ok()).expect("a port");
    let body = Bytes::from(arguments.next().expect("a body"));
    let headers: HeaderMap = arguments.map(|line| header(&line)).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("threads").block_on(serve(port, body, headers));
}

fn header(line: &str) -> (HeaderName, HeaderValue) {
    let (name, value) = line.split_once(": ").expect("NAME: VALUE");
    (name.parse().expect("a name"), value.parse().expect("a value"))
}

/// What TLS is spoken by; `None` for none.
fn acceptor() -> Option<TlsAcceptor> {
    let [chain, key] = ["TLS_CERT", "TLS_KEY"].map(|name| env::var_os(name).map(fs::read));
    let (chain, key) = (chain?.expect("a certificate"), key?.expect("its key"));
    let certificate = Certificate::from_pem(&chain, &key).expect("a certificate with its key");
    Some(certificate.config().into())
}

async fn serve(port: u16, body: Bytes, headers: HeaderMap) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.expect("a free port");
    let acceptor = acceptor();
    while let Ok((stream, _)) = listener.accept().await {
        stream.set_nodelay(true).expect("an open socket");
        let (body, headers, acceptor) = (body.clone(), headers.clone(), acceptor.clone());
        tokio::spawn(async move {
            match acceptor {
                None => answer(stream, body, headers).await,
                Some(acceptor) => {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        answer(stream, body, headers).await;
                    }
                }
            }
        });
    }
}

async fn answer(stream: impl AsyncRead + AsyncWrite + Unpin, body: Bytes, headers: HeaderMap) {
    let answer = service_fn(move |_| {
        let mut response = Response::new(Full::new(body.clone()));
        response.headers_mut().clone_from(&headers);
        std::future::ready(Ok::<_, Infallible>(response))
    });
    // A client that leaves is no business of ours.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
}
