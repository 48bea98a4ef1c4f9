//! What is wrong with a configuration: where, what, and what would be right.

use std::fmt;

use distcache::codes::{self, Code};

use crate::origin::Origin;

/// One thing that is wrong.
///
/// Displays as one line: `FILE:LINE:COLUMN: DC-nnn what; what would be right`, or
/// for what is in no file, `DC-nnn NAME: what; what would be right`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault(Box<Parts>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Parts {
    origin: Origin,
    code: Code,
    what: String,
    right: String,
}

impl Fault {
    pub(crate) fn new(
        origin: &Origin,
        code: Code,
        what: impl Into<String>,
        right: impl Into<String>,
    ) -> Self {
        // Of a flag or variable the code says that it is one.
        let of_a_setting =
            [codes::SETTING_UNKNOWN, codes::SETTING_INVALID, codes::SETTINGS_CONFLICT];
        let is_outside = matches!(origin, Origin::Flag(_) | Origin::Variable(_));
        let code =
            if is_outside && of_a_setting.contains(&code) { codes::FLAG_INVALID } else { code };
        Self(Box::new(Parts {
            origin: origin.clone(),
            code,
            what: what.into(),
            right: right.into(),
        }))
    }

    /// Its stable code.
    pub fn code(&self) -> Code {
        self.0.code
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parts { origin, code, what, right } = &*self.0;
        match origin {
            Origin::Default => write!(f, "{code} {what}; {right}"),
            Origin::Variable(_) | Origin::Flag(_) => {
                write!(f, "{code} {origin}: {what}; {right}")
            }
            Origin::File { .. } | Origin::WholeFile(_) => {
                write!(f, "{origin}: {code} {what}; {right}")
            }
        }
    }
}

/// Everything that is wrong, as far as anybody will read it.
#[derive(Debug, Default)]
pub struct Faults {
    list: Vec<Fault>,
    left_out: usize,
}

/// How many are told: whoever has more of them begins with these.
const FAULTS_MAX: usize = 100;

impl Faults {
    /// Adds a fault. When there are enough of them already it is not made: a file
    /// full of nonsense is refused as soon as one with one mistake.
    pub(crate) fn add(&mut self, fault: impl FnOnce() -> Fault) {
        if self.list.len() < FAULTS_MAX {
            self.list.push(fault());
        } else {
            self.left_out += 1;
        }
    }

    /// The value, or nothing and a fault more.
    pub(crate) fn take<T>(&mut self, result: Result<T, Fault>) -> Option<T> {
        result.map_err(|fault| self.add(|| fault)).ok()
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Each, in the order of the file, those that are in no file last.
    pub fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.list.iter()
    }

    pub(crate) fn sort(&mut self) {
        self.list.sort_by_key(|fault| match &fault.0.origin {
            Origin::WholeFile(_) => (0, 0),
            Origin::File { line, column, .. } => (*line, *column),
            Origin::Default | Origin::Variable(_) | Origin::Flag(_) => (usize::MAX, 0),
        });
    }
}

impl fmt::Display for Faults {
    /// One line each.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.list.iter().try_for_each(|fault| writeln!(f, "{fault}"))?;
        if 0 < self.left_out {
            writeln!(f, "and {} more", self.left_out)?;
        }
        Ok(())
    }
}

impl From<Fault> for Faults {
    fn from(fault: Fault) -> Self {
        Self { list: vec![fault], left_out: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_one_line_with_its_place_its_code_and_what_would_be_right() {
        let file = Origin::File { file: "users.toml".into(), line: 7, column: 3 };
        let fault =
            |origin| Fault::new(origin, codes::SETTING_INVALID, "it is odd", "make it even");
        assert_eq!(fault(&file).to_string(), "users.toml:7:3: DC-323 it is odd; make it even");
        let flag = fault(&Origin::Flag("capacity")).to_string();
        assert_eq!(flag, "DC-301 --capacity: it is odd; make it even");
    }

    #[test]
    fn no_more_faults_are_told_than_anybody_reads() {
        let mut faults = Faults::default();
        for _ in 0..FAULTS_MAX + 7 {
            faults.add(|| Fault::new(&Origin::Default, codes::SETTING_INVALID, "odd", "even"));
        }
        assert_eq!(faults.iter().count(), FAULTS_MAX);
        assert!(faults.to_string().ends_with("and 7 more\n"));
    }
}
