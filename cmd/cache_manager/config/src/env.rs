//! The environment: each setting as a variable.
//!
//! `--max-value` is `DISTCACHE_MAX_VALUE`; a setting of a keyspace is
//! `DISTCACHE_KEYSPACES__USERS__TTL`, one of its source
//! `DISTCACHE_KEYSPACES__USERS__SOURCE__CONNECTIONS`.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::sync::Arc;

use distcache::codes;

use crate::fault::{Fault, Faults};
use crate::file;
use crate::nearest::is_a_slip_of;
use crate::origin::Origin;
use crate::setting::{Section, Setting};
use crate::table;
use crate::tables::{Place, Tables};
use crate::value::Raw;

pub(crate) const PREFIX: &str = "DISTCACHE_";
const KEYSPACES: &str = "KEYSPACES__";
const SOURCE: &str = "__SOURCE";

/// The variable that names the configuration file.
pub const CONFIG: &str = "DISTCACHE_CONFIG";

/// A name as a variable has it.
pub(crate) fn in_capitals(name: &str) -> String {
    let capital = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    name.chars().map(capital).collect()
}

/// The settings of the environment. `known` are the keyspaces that there are
/// already: the case of their names is not to be seen in a variable.
pub(crate) fn parse(
    variables: impl Iterator<Item = (OsString, OsString)>,
    known: &[Arc<str>],
    faults: &mut Faults,
) -> Tables {
    let mut tables = Tables::default();
    let ours = variables.filter_map(|(name, value)| {
        let name = name.into_string().ok()?;
        name.starts_with(PREFIX).then_some((name, value))
    });
    let mut ours: Vec<_> = ours.collect();
    ours.sort();
    for (name, value) in &ours {
        let origin = Origin::Variable(name.clone());
        let Some((place, setting)) = faults.take(target(name, known)).flatten() else { continue };
        let Some(value) = faults.take(text_of(value, &origin)) else { continue };
        let given = (&Raw::Word(value.into()), Path::new(""));
        tables.give(&place, setting, given, &origin, faults);
    }
    tables
}

fn text_of<'v>(value: &'v OsStr, origin: &Origin) -> Result<&'v str, Fault> {
    let odd = || Fault::new(origin, codes::SETTING_INVALID, "it is not UTF-8", "give UTF-8");
    value.to_str().ok_or_else(odd)
}

type Target = (Place, &'static Setting);

/// Which setting a variable is for; `None` for one that is not ours.
fn target(name: &str, known: &[Arc<str>]) -> Result<Option<Target>, Fault> {
    if let Some(rest) = name.strip_prefix(PREFIX).and_then(|rest| rest.strip_prefix(KEYSPACES)) {
        return of_a_keyspace(name, rest, known).map(Some);
    }
    if let Some(setting) = table::common().find(|setting| setting.variable() == name) {
        return Ok(Some((Place::Common(setting.section), setting)));
    }
    // Others use the prefix too: Kubernetes sets `DISTCACHE_SERVICE_HOST` for a
    // service of our name. Only what is nearly ours is taken for a mistake.
    let ours = table::common().map(Setting::variable).chain([CONFIG.to_owned()]);
    match ours.into_iter().find(|right| name != CONFIG && is_a_slip_of(name, right)) {
        None => Ok(None),
        Some(right) => {
            let origin = Origin::Variable(name.to_owned());
            let right = format!("the nearest is {right}");
            Err(Fault::new(&origin, codes::SETTING_UNKNOWN, "there is no such variable", right))
        }
    }
}

/// `USERS__TTL` or `USERS__SOURCE__CONNECTIONS`.
fn of_a_keyspace(variable: &str, rest: &str, known: &[Arc<str>]) -> Result<Target, Fault> {
    let origin = &Origin::Variable(variable.to_owned());
    let refuse =
        |what: String, right: &str| Err(Fault::new(origin, codes::SETTING_UNKNOWN, what, right));
    let form = "write DISTCACHE_KEYSPACES__NAME__SETTING, or ...__NAME__SOURCE__SETTING";
    let Some((keyspace, setting)) = rest.rsplit_once("__") else {
        return refuse("it names no setting".to_owned(), form);
    };
    let (keyspace, section) = match keyspace.strip_suffix(SOURCE) {
        Some(keyspace) => (keyspace, Section::Source),
        None => (keyspace, Section::Keyspace),
    };
    let Some(keyspace) = keyspace_of(origin, keyspace, known)? else {
        return refuse("it names no keyspace".to_owned(), form);
    };
    let setting = setting.to_ascii_lowercase();
    match table::find(section, &setting) {
        Some(setting) if section == Section::Source => Ok((Place::Source(keyspace), setting)),
        Some(setting) => Ok((Place::Keyspace(keyspace), setting)),
        None => {
            let what = format!("there is no {setting:?} in {}", section.heading());
            refuse(what, &file::suggestion(&setting, Some(section)))
        }
    }
}

/// The keyspace of a variable: one that there is, or a new one in small letters.
fn keyspace_of(
    origin: &Origin,
    capitals: &str,
    known: &[Arc<str>],
) -> Result<Option<Arc<str>>, Fault> {
    let mut meant = known.iter().filter(|name| in_capitals(name) == capitals);
    match (meant.next(), meant.next()) {
        (Some(one), Some(other)) => {
            let what = format!("it could mean the keyspace {one:?} or {other:?}");
            let right = "set it in the file";
            Err(Fault::new(origin, codes::SETTINGS_CONFLICT, what, right))
        }
        (Some(one), None) => Ok(Some(one.clone())),
        (None, _) => {
            let name = capitals.to_ascii_lowercase();
            Ok(file::is_a_name(&name).then(|| name.into()))
        }
    }
}
