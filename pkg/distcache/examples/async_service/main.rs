//! A web service whose users are in a database, with a cache in between: tokio,
//! axum, `SQLite` behind an async client. `service.rs` is what to learn from.
//!
//! `cargo run -p distcache --example async_service`

mod client;
mod service;

use std::error::Error;
use std::io::Write;
use std::net::Ipv4Addr;
use std::path::Path;

use async_sqlite::ClientBuilder;
use client::Client;
use distcache::Engine;
use service::{PATIENCE, Service};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

type Result<T = (), E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

/// Clients that ask for one user at once.
const CLIENTS: u64 = 200;

async fn serve_and_ask(engine: &Engine, out: &mut impl Write) -> Result {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("users.db");
    let service = Service::new(engine, service::open(&file).await?)?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let client = Client { service: listener.local_addr()? };
    let (stop, stopped) = oneshot::channel::<()>();
    let server = axum::serve(listener, service.clone().router())
        .with_graceful_shutdown(async { drop(stopped.await) });
    let server = tokio::spawn(server.into_future());

    reads_go_through(client, out).await?;
    changes_are_seen_at_once(client, out).await?;
    many_clients_wait_for_one_load(client, &service, &file, out).await?;
    an_outage_is_told(client, &service, out).await?;

    drop(stop);
    server.await??;
    Ok(())
}

async fn reads_go_through(client: Client, out: &mut impl Write) -> Result {
    writeln!(out, "Reads go through to the database, once:")?;
    writeln!(out, "  {}", client.get("/users/1").await?)?;
    writeln!(out, "  {}", client.put("/users/1", "\"Ada\"").await?)?;
    writeln!(out, "  {}", client.get("/users/1").await?)?;
    writeln!(out, "  {}", client.get("/users/1").await?)?;
    Ok(())
}

async fn changes_are_seen_at_once(client: Client, out: &mut impl Write) -> Result {
    writeln!(out, "A change is seen by the next read:")?;
    writeln!(out, "  {}", client.put("/users/1", "\"Ada Lovelace\"").await?)?;
    writeln!(out, "  {}", client.get("/users/1").await?)?;
    Ok(())
}

/// Somebody locks the database, as a long migration does; meanwhile everybody
/// wants the same user.
async fn many_clients_wait_for_one_load(
    client: Client,
    service: &Service,
    file: &Path,
    out: &mut impl Write,
) -> Result {
    client.put("/users/2", "\"Grace\"").await?;
    let loads_before = service.users.stats()?.loads;
    let migration = ClientBuilder::new().path(file).open().await?;
    migration.conn(|database| database.execute_batch("BEGIN EXCLUSIVE")).await?;

    let ask = |_| tokio::spawn(async move { client.get("/users/2").await });
    let asking: Vec<_> = (0..CLIENTS).map(ask).collect();
    // All but the first wait for what the first has begun.
    let all_wait = async {
        while service.users.stats()?.collapsed < CLIENTS - 1 {
            tokio::task::yield_now().await;
        }
        Ok::<_, distcache::Error>(())
    };
    tokio::time::timeout(PATIENCE, all_wait).await??;
    migration.conn(|database| database.execute_batch("COMMIT")).await?;

    let mut served = 0;
    for reply in asking {
        served += u64::from(reply.await??.status == 200);
    }
    let loads = service.users.stats()?.loads - loads_before;
    writeln!(out, "{CLIENTS} clients ask for one user: {served} are served, by {loads} load")?;
    Ok(())
}

async fn an_outage_is_told(client: Client, service: &Service, out: &mut impl Write) -> Result {
    writeln!(out, "Without its database the service has what the cache has:")?;
    service.database.close().await?;
    writeln!(out, "  {}", client.get("/users/1").await?)?;
    writeln!(out, "  {}", client.get("/users/3").await?)?;
    Ok(())
}

fn tell(out: &mut impl Write) -> Result {
    let engine = Engine::builder().start()?;
    Runtime::new()?.block_on(serve_and_ask(&engine, out))?;
    engine.shutdown(PATIENCE)?;
    Ok(())
}

fn main() -> Result {
    tell(&mut std::io::stdout().lock())
}

#[test]
fn two_hundred_clients_cause_one_load_and_an_outage_has_a_code() {
    let mut told = Vec::new();
    tell(&mut told).unwrap();
    let expected = r#"
Reads go through to the database, once:
  GET /users/1 -> 404
  PUT /users/1 -> 204
  GET /users/1 -> 200 {"id":1,"name":"Ada"} (users; fwd=miss)
  GET /users/1 -> 200 {"id":1,"name":"Ada"} (users; hit)
A change is seen by the next read:
  PUT /users/1 -> 204
  GET /users/1 -> 200 {"id":1,"name":"Ada Lovelace"} (users; fwd=miss)
200 clients ask for one user: 200 are served, by 1 load
Without its database the service has what the cache has:
  GET /users/1 -> 200 {"id":1,"name":"Ada Lovelace"} (users; hit)
  GET /users/3 -> 503 {"code":"DC-131","title":"The data source failed; nothing of that is kept."}
"#;
    assert_eq!(String::from_utf8(told).unwrap(), expected.trim_start());
}
