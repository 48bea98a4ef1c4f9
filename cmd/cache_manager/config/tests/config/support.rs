//! Configurations from texts.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use distcache_config::{Config, Faults, Given, Inputs, Loaded};

/// What the texts of these tests are called.
pub(crate) const NAME: &str = "users.toml";

pub(crate) fn read(text: &str) -> Result<Config, Faults> {
    Config::of(Some((NAME, text.as_bytes())), &[], &Given::new())
}

pub(crate) fn variables(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    pairs.iter().map(|(name, value)| (name.into(), value.into())).collect()
}

/// Each thing that is wrong with a text, as it is told.
pub(crate) fn mistakes(text: &str) -> Vec<String> {
    match read(text) {
        Ok(config) => panic!("nothing is wrong with {}", config.print()),
        Err(faults) => faults.iter().map(ToString::to_string).collect(),
    }
}

/// The line of a print that is about a setting, below a heading.
pub(crate) fn printed(config: &Config, heading: &str, name: &str) -> String {
    let text = config.print();
    let (_, rest) = text.split_once(heading).unwrap_or_else(|| panic!("no {heading} in {text}"));
    let lines = rest.lines().skip(1).take_while(|line| !line.starts_with('['));
    let line = lines.map(str::trim).find(|line| {
        line.starts_with(&format!("{name} = ")) || line.starts_with(&format!("# {name}: "))
    });
    let words = line.unwrap_or_else(|| panic!("no {name} in {text}")).split_whitespace();
    words.collect::<Vec<_>>().join(" ")
}

/// A folder with a configuration file and what it names.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> &Self {
        std::fs::write(self.path(name), content).expect("a file");
        self
    }

    pub(crate) fn inputs(&self) -> Inputs {
        Inputs { file: Some(self.path(NAME)), ..Inputs::default() }
    }

    /// What the file that was written is read as, the folder's path left out of
    /// what is told.
    pub(crate) fn load(&self) -> Result<Loaded, String> {
        Loaded::read(&self.inputs()).map_err(|faults| self.short(&faults.to_string()))
    }

    pub(crate) fn short(&self, text: &str) -> String {
        let folder: &Path = self.0.path();
        text.replace(&format!("{}/", folder.display()), "")
    }
}
