//! Runs whole clusters under faults, and says whether their clients ever saw something
//! older than they might: `consistency --help`.
#![expect(clippy::print_stdout, reason = "telling what came of a run is what it is for")]

use std::process::ExitCode;

use clap::Parser;
use distcache_consistency::{Arguments, run};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime can be made");
    match runtime.block_on(run(&arguments)) {
        Ok(true) => {
            println!("all was as it should be");
            ExitCode::SUCCESS
        }
        Ok(false) => ExitCode::FAILURE,
        Err(failed) => {
            println!("the run could not be made: {failed}");
            ExitCode::from(2)
        }
    }
}
