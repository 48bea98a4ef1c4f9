//! Whether settings go together, as far as that can be said without opening a file.

mod cluster;
mod otel;
mod source;
mod tls;
mod warnings;

pub(crate) use warnings::warnings;

use distcache::codes;
use distcache_manager::KEYSPACES_MAX;

use crate::config::{Config, conflict};
use crate::fault::{Fault, Faults};
use crate::origin::Origin;
use crate::setting::Section;
use crate::tables::Place;
use crate::units::Size;

/// Finds what cannot hold together.
pub(crate) fn combinations(config: &Config, faults: &mut Faults) {
    engine(config, faults);
    limits(config, faults);
    otel::combinations(config, faults);
    cluster::combinations(config, faults);
    tls::combinations(config, faults);
    let capacity = config.common(Section::Engine).fixed_size("capacity");
    for name in config.tables.keyspaces() {
        let keyspace = config.tables.view(&Place::Keyspace(name.clone()));
        if let Some(bytes) = keyspace.size("bytes_max").filter(|bytes| capacity < *bytes) {
            faults.add(|| {
                let (bytes, capacity) = (Size(bytes), Size(capacity));
                let what = format!("bytes_max is {bytes}, and the whole capacity is {capacity}");
                conflict(&keyspace.origin("bytes_max"), what, "lower it, or raise the capacity")
            });
        }
        let source = Place::Source(name.clone());
        if config.tables.0.contains_key(&source) {
            source::combinations(config.tables.view(&source), faults);
        }
    }
    let count = config.tables.keyspaces().count();
    if KEYSPACES_MAX < count {
        faults.add(|| {
            let (what, right) =
                (format!("there are {count} keyspaces"), codes::KEYSPACES_FULL.remedy());
            Fault::new(&Origin::Default, codes::KEYSPACES_FULL, what, right)
        });
    }
}

fn engine(config: &Config, faults: &mut Faults) {
    let engine = config.common(Section::Engine);
    let time = |name| config.time(Section::Engine, name);
    if time("silence_max") < time("status_every").saturating_mul(3) {
        let given = if engine.is_given("silence_max") { "silence_max" } else { "status_every" };
        faults.add(|| {
            let what = "silence_max is less than three times status_every".to_owned();
            conflict(&engine.origin(given), what, "raise silence_max, or lower status_every")
        });
    }
}

fn limits(config: &Config, faults: &mut Faults) {
    let limits = config.common(Section::Limits);
    let value = config.common(Section::Engine).size("max_value");
    let (Some(buffered), Some(value)) = (limits.size("max_buffered"), value) else { return };
    if buffered < value {
        faults.add(|| {
            let (buffered, value) = (Size(buffered), Size(value));
            let what = format!("max_buffered is {buffered}, and max_value is {value}");
            conflict(&limits.origin("max_buffered"), what, "let it hold one value at least")
        });
    }
}
