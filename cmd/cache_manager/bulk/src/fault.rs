//! Why an import or export ends before its end.

use std::fmt;

use distcache::{Code, codes};

/// What went wrong, by its stable code and for a person. Names no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The stable code.
    pub code: Code,
    /// What happened, and to what.
    pub what: String,
    /// Whether anything was done before.
    pub has_begun: bool,
}

impl Fault {
    /// Nothing was done yet.
    pub(crate) fn to_begin(code: Code, what: impl fmt::Display) -> Self {
        Self { code, what: what.to_string(), has_begun: false }
    }

    /// Something was done.
    pub(crate) fn midway(code: Code, what: impl fmt::Display) -> Self {
        Self { code, what: what.to_string(), has_begun: true }
    }

    /// The same, and nothing was done.
    pub(crate) fn before_anything(self) -> Self {
        Self { has_begun: false, ..self }
    }
}

/// The code that a text such as `DC-201` names.
pub(crate) fn code_of(text: &str) -> Option<Code> {
    let number = text.strip_prefix("DC-")?;
    let is_it = |code: &&Code| code.to_string().strip_prefix("DC-") == Some(number);
    codes::ALL.iter().find(is_it).copied()
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({})", self.code, self.what, self.code.remedy())
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_found_by_its_text() {
        assert_eq!(code_of("DC-105"), Some(codes::VALUE_TOO_LARGE));
        for number in ["", "1", "999", "0105"] {
            assert_eq!(code_of(&format!("DC-{number}")), None, "{number}");
        }
        assert_eq!(code_of("105"), None);
    }
}
