//! Pipes that come about within a time, or do not.

use std::io;
use std::time::Duration;

use tokio::time::timeout;

use super::{Address, ConnectFailed, Pipe};

pub(super) async fn in_time(
    address: Address,
    within: Duration,
    work: impl Future<Output = io::Result<Pipe>>,
) -> Result<Pipe, ConnectFailed> {
    match timeout(within, work).await {
        Ok(Ok(pipe)) => Ok(pipe),
        Ok(Err(error)) => Err(ConnectFailed::refused(&address, error)),
        Err(_elapsed) => Err(ConnectFailed::TimedOut { address, within }),
    }
}
