//! `cache_manager import` and `export`.

use std::fmt::Display;
use std::io::Write;
use std::time::Duration;

use distcache::codes;
use distcache_bulk::{Door, DoorOptions, Fault, Import, Tally};
use distcache_config::{Config, Faults};

use crate::bulk_flags::{Bulk, VALUE_BYTES_MAX, Work};
use crate::failure::Failure;
use crate::{ready, tokens};

/// Does it, and tells on standard error what has become of it: what is exported
/// may go to standard output.
pub(crate) fn run(bulk: &Bulk) -> Result<(), Failure> {
    let config = Config::read(&bulk.inputs)?;
    let given = config.value_bytes_max().map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
    let value_bytes_max = given.unwrap_or(VALUE_BYTES_MAX);
    let door = door(bulk, &config, value_bytes_max)?;
    match &bulk.work {
        Work::Import(import) => {
            let done = Import { value_bytes_max, ..import.clone() }.run(&door)?;
            let next = format!("; the next line is {}", done.next_line);
            report("imported", &done.tally, done.took, &next, done.fault)
        }
        Work::Export(export) => {
            let done = export.run(&door)?;
            report("exported", &done.tally, done.took, "", done.fault)
        }
    }
}

fn door(bulk: &Bulk, config: &Config, value_bytes_max: usize) -> Result<Door, Failure> {
    let scheme = if config.is_secured() { "https" } else { "http" };
    let own = || format!("{scheme}://{}", ready::from_here(config.address()));
    let url = bulk.url.clone().unwrap_or_else(own);
    let reads = match bulk.work {
        Work::Import(_) => None,
        Work::Export(_) => config.read_token_file(),
    };
    let file = config.token_file().or(reads);
    let token = file.map(|file| tokens::first(&file)).transpose()?;
    let authority = config.tls_authority().map_err(Faults::from)?;
    let options = DoorOptions { url, token, authority, retries: bulk.retries, value_bytes_max };
    Door::new(&options).map_err(|error| Failure::to_start(codes::FLAG_INVALID, error))
}

fn report(
    done: &str,
    tally: &Tally,
    took: Duration,
    rest: &str,
    fault: Option<Fault>,
) -> Result<(), Failure> {
    tally.failures().for_each(|line| tell(&line));
    let (number, failed) = (tally.done, tally.failed);
    tell(&format_args!("{done}: {number}, failed: {failed}, in {:.1} s{rest}", took.as_secs_f64()));
    fault.map_or(Ok(()), |fault| Err(fault.into()))
}

fn tell(line: &dyn Display) {
    // Where it goes is closed: there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "{line}");
}
