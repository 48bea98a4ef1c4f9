//! How far an export is, as its state says.

use serde::{Deserialize, Serialize};

use super::Export;

/// What is written, and where the scan goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cursor {
    /// The keyspace.
    export: String,
    pattern: String,
    /// The file, by its whole path; `-` for standard output.
    output: String,
    /// The process that has given the cursor.
    pub(super) instance: String,
    /// Where the scan goes on; null when it is at its end.
    pub(super) next: Option<String>,
    /// Bytes of the file that are whole pages: what is behind them is written anew.
    pub(super) bytes: u64,
    /// Items in them.
    pub(super) items: u64,
}

impl Cursor {
    pub(super) fn start(export: &Export, instance: String) -> Self {
        Self {
            export: export.keyspace.clone(),
            pattern: export.pattern.clone(),
            output: name_of(export),
            instance,
            next: None,
            bytes: 0,
            items: 0,
        }
    }

    /// Whether it is the state of this very export.
    pub(super) fn is_of(&self, export: &Export) -> bool {
        let same = [&self.export, &self.pattern, &self.output];
        same == [&export.keyspace, &export.pattern, &name_of(export)]
    }
}

fn name_of(export: &Export) -> String {
    let Some(path) = &export.output else { return "-".to_owned() };
    let path = std::path::absolute(path).unwrap_or_else(|_as_it_is| path.clone());
    path.to_string_lossy().into_owned()
}
