//! The configuration file: TOML, read within bounds, every mistake with its place.

use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use distcache::codes::{self, Code};
use distcache_manager::{KEYSPACE_NAME_BYTES_MAX, KEYSPACES_MAX};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::fault::{Fault, Faults};
use crate::nearest::nearest;
use crate::origin::Origin;
use crate::setting::Section;
use crate::table;
use crate::tables::{Place, Tables};
use crate::value::Raw;

/// The longest configuration file: a thousand keyspaces with every setting.
pub const FILE_BYTES_MAX: u64 = 1 << 20;

const KEYSPACES: &str = "keyspaces";
const SOURCE: &str = "source";
const MARK: char = '\u{FEFF}';

/// Reads a file as bytes, within the bound.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Fault> {
    read_within(path, FILE_BYTES_MAX).map_err(|what| {
        let file = Origin::WholeFile(path.display().to_string().into());
        let right = codes::CONFIG_UNREADABLE.remedy();
        Fault::new(&file, codes::CONFIG_UNREADABLE, what, right)
    })
}

/// Reads a regular file that has no more than so many bytes. To open a pipe would
/// be to wait for its other end.
pub(crate) fn read_within(path: &Path, bytes_max: u64) -> Result<Vec<u8>, String> {
    let said = |error: std::io::Error| error.to_string();
    let about = path.metadata().map_err(said)?;
    if about.is_dir() {
        return Err("it is a directory".to_owned());
    }
    if !about.is_file() {
        return Err("it is no regular file".to_owned());
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(said)?;
    file.take(bytes_max + 1).read_to_end(&mut bytes).map_err(said)?;
    if bytes_max < bytes.len() as u64 {
        return Err(format!("it has more than {bytes_max} bytes"));
    }
    Ok(bytes)
}

/// Reads the settings of a file's bytes. Whatever they are, this ends with settings
/// or with faults.
pub(crate) fn parse(name: &str, bytes: &[u8], faults: &mut Faults) -> Tables {
    let Some(text) = text_of(name, bytes, faults) else { return Tables::default() };
    let folder = Path::new(name).parent().unwrap_or(Path::new(""));
    let mut reader = Reader {
        text,
        lines: lines_of(text),
        file: name.into(),
        folder,
        faults,
        tables: Tables::default(),
    };
    let (root, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let at = error.span().unwrap_or(0..0);
        let what = error.message().to_owned();
        reader.fault(&at, codes::CONFIG_SYNTAX, || (what, "see https://toml.io".to_owned()));
    }
    reader.root(root.get_ref());
    reader.tables
}

/// The text, without a byte order mark, which some editors begin with.
fn text_of<'a>(name: &str, bytes: &'a [u8], faults: &mut Faults) -> Option<&'a str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(text.strip_prefix(MARK).unwrap_or(text)),
        Err(error) => {
            faults.add(|| {
                let good = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
                let (line, column) = place_in(&good, &lines_of(&good), good.len());
                let origin = Origin::File { file: name.into(), line, column };
                let what = "it is not UTF-8 from here on";
                let right = codes::CONFIG_UNREADABLE.remedy();
                Fault::new(&origin, codes::CONFIG_UNREADABLE, what, right)
            });
            None
        }
    }
}

/// Where each line begins.
fn lines_of(text: &str) -> Vec<usize> {
    std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect()
}

/// Line and column of a byte, both from 1, the column in characters.
fn place_in(text: &str, lines: &[usize], at: usize) -> (usize, usize) {
    let line = lines.partition_point(|begin| *begin <= at);
    let begin = lines[line - 1];
    let column = text.get(begin..at).map_or(0, |before| before.chars().count());
    (line, column + 1)
}

struct Reader<'a> {
    text: &'a str,
    lines: Vec<usize>,
    file: Arc<str>,
    folder: &'a Path,
    faults: &'a mut Faults,
    tables: Tables,
}

type Key<'a> = Spanned<Cow<'a, str>>;

impl Reader<'_> {
    fn origin(&self, at: &Range<usize>) -> Origin {
        let (line, column) = place_in(self.text, &self.lines, at.start);
        Origin::File { file: self.file.clone(), line, column }
    }

    fn fault(&mut self, at: &Range<usize>, code: Code, say: impl FnOnce() -> (String, String)) {
        let (text, lines, file) = (self.text, &self.lines, &self.file);
        self.faults.add(|| {
            let (line, column) = place_in(text, lines, at.start);
            let (what, right) = say();
            Fault::new(&Origin::File { file: file.clone(), line, column }, code, what, right)
        });
    }

    /// What stands at the top: the sections.
    fn root(&mut self, root: &DeTable<'_>) {
        for (key, value) in root {
            let name = key.get_ref().as_ref();
            let section = table::COMMON.into_iter().find(|section| section.name() == name);
            match section {
                Some(section) => self.section(&Place::Common(section), key, value),
                None if name == KEYSPACES => self.keyspaces(key, value),
                None => self.unknown(key, None),
            }
        }
    }

    /// The table that a key has; a fault if it has something else.
    fn table_at<'v, 'i>(
        &mut self,
        heading: &str,
        key: &Key<'_>,
        value: &'v Spanned<DeValue<'i>>,
    ) -> Option<&'v DeTable<'i>> {
        if let DeValue::Table(table) = value.get_ref() {
            return Some(table);
        }
        self.fault(&key.span(), codes::SETTING_INVALID, || {
            (format!("{:?} is no table", key.get_ref()), format!("begin it with {heading}"))
        });
        None
    }

    fn section(&mut self, place: &Place, key: &Key<'_>, value: &Spanned<DeValue<'_>>) {
        let heading = place.heading();
        let Some(table) = self.table_at(&heading, key, value) else { return };
        let origin = self.origin(&key.span());
        self.tables.at(place, &origin);
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            match (table::find(place.section(), name), place) {
                (Some(setting), _) => {
                    let origin = self.origin(&value.span());
                    let given = (&raw(value.get_ref()), self.folder);
                    self.tables.give(place, setting, given, &origin, self.faults);
                }
                (None, Place::Keyspace(keyspace)) if name == SOURCE => {
                    self.section(&Place::Source(keyspace.clone()), key, value);
                }
                (None, _) => self.unknown(key, Some(place.section())),
            }
        }
    }

    fn keyspaces(&mut self, key: &Key<'_>, value: &Spanned<DeValue<'_>>) {
        let Some(table) = self.table_at("[keyspaces.NAME]", key, value) else { return };
        if KEYSPACES_MAX < table.len() {
            self.fault(&key.span(), codes::KEYSPACES_FULL, || {
                (
                    format!("there are {} keyspaces", table.len()),
                    format!("have at most {KEYSPACES_MAX}"),
                )
            });
            return;
        }
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            if is_a_name(name) {
                self.section(&Place::Keyspace(name.into()), key, value);
            } else {
                self.fault(&key.span(), codes::KEYSPACE_NAME_INVALID, || {
                    (
                        "no keyspace can have this name".to_owned(),
                        codes::KEYSPACE_NAME_INVALID.remedy().to_owned(),
                    )
                });
            }
        }
    }

    /// A name that is none: which was meant, or where it belongs.
    fn unknown(&mut self, key: &Key<'_>, section: Option<Section>) {
        let name = key.get_ref().as_ref();
        self.fault(&key.span(), codes::SETTING_UNKNOWN, || {
            let shown: String = name.chars().take(NAME_SHOWN_MAX).collect();
            let what = match section {
                Some(section) => format!("there is no {shown:?} in {}", section.heading()),
                None => format!("there is no table {shown:?}"),
            };
            (what, suggestion(name, section))
        });
    }
}

/// The longest part of an unknown name that is repeated, in characters.
const NAME_SHOWN_MAX: usize = 64;

/// What somebody probably meant who wrote `name` in a section, or at the top.
pub(crate) fn suggestion(name: &str, section: Option<Section>) -> String {
    let elsewhere = Section::ALL.into_iter().find(|other| table::find(*other, name).is_some());
    let near = match section {
        Some(Section::Keyspace) => {
            nearest(name, names(Section::Keyspace).chain(std::iter::once(SOURCE)))
        }
        Some(section) => nearest(name, names(section)),
        None => nearest(name, table::COMMON.iter().map(|one| one.name()).chain([KEYSPACES])),
    };
    match (elsewhere, near) {
        (Some(other), _) => format!("it belongs in {}", other.heading()),
        (None, Some(near)) => format!("the nearest is {near:?}"),
        (None, None) => codes::SETTING_UNKNOWN.remedy().to_owned(),
    }
}

fn names(section: Section) -> impl Iterator<Item = &'static str> {
    table::settings(section).iter().map(|setting| setting.name)
}

/// Whether a keyspace can be called so: what the engine says.
pub(crate) fn is_a_name(name: &str) -> bool {
    let is_good = |c: char| !c.is_control() && c != '/';
    !name.is_empty() && name.len() <= KEYSPACE_NAME_BYTES_MAX && name.chars().all(is_good)
}

/// A value of the file, as the settings read it.
fn raw<'v>(value: &'v DeValue<'_>) -> Raw<'v> {
    match value {
        DeValue::String(text) => Raw::Text(Cow::Borrowed(text)),
        DeValue::Integer(number) => {
            let digits = i128::from_str_radix(number.as_str(), number.radix());
            Raw::Number(digits.map_or_else(|_| number.as_str().to_owned(), |n| n.to_string()))
        }
        DeValue::Float(number) => Raw::Number(number.as_str().to_owned()),
        DeValue::Boolean(on) => Raw::Switch(*on),
        DeValue::Datetime(_) => Raw::Other("a date"),
        DeValue::Array(items) => Raw::List(items.iter().map(|item| raw(item.get_ref())).collect()),
        DeValue::Table(_) => Raw::Other("a table"),
    }
}
