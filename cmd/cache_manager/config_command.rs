//! `cache_manager config check` and `config print`.

use std::fmt::Write;
use std::time::Duration;

use distcache_config::{Config, Faults, Inputs, Loaded};

use crate::failure::Failure;

/// How long each source may take to answer a check.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// The whole configuration as it would hold, for a person to read.
pub(crate) fn print(inputs: &Inputs) -> Result<String, Failure> {
    Ok(Config::read(inputs)?.print())
}

/// Says that a configuration is right, and of what it should be warned.
pub(crate) fn check(inputs: &Inputs, connects: bool) -> Result<String, Failure> {
    let loaded = Loaded::read(inputs)?;
    loaded.try_out().map_err(Faults::from)?;
    if connects {
        loaded.ask_sources(ANSWER_MAX)?;
    }
    let mut text = String::new();
    let (warnings, config) = (loaded.config().warnings(), loaded.config());
    for warning in &warnings {
        writeln!(text, "{warning}").expect("a String takes all text");
    }
    let file = inputs.file.as_ref().map_or("no file".into(), |file| file.to_string_lossy());
    let asked = if connects { ", each asked" } else { "" };
    let (keyspaces, sources) = (config.keyspaces().count(), loaded.sources());
    writeln!(
        text,
        "{file}: right; keyspaces: {keyspaces}, sources: {sources}{asked}, warnings: {}",
        warnings.len()
    )
    .expect("a String takes all text");
    Ok(text)
}
