//! What of `[otel]` goes together.

use distcache::codes;

use crate::config::{Config, conflict};
use crate::fault::{Fault, Faults};
use crate::setting::{Section, Setting};
use crate::table;
use crate::tables::default_of;

/// What an address of a collector begins with.
const SCHEMES: [&str; 2] = ["http://", "https://"];

pub(super) fn combinations(config: &Config, faults: &mut Faults) {
    let view = config.common(Section::Otel);
    // What is printed names every default, and is a configuration like any other.
    let says_something = |setting: &&Setting| {
        view.is_given(setting.name) && view.value(setting.name) != default_of(setting)
    };
    let mut settings = table::settings(Section::Otel).iter();
    let Some(Setting { name: given, .. }) = settings.find(says_something) else { return };
    if cfg!(not(feature = "otel")) {
        faults.add(|| {
            let (code, what) = (codes::OTEL_NOT_BUILT, codes::OTEL_NOT_BUILT.meaning());
            Fault::new(&view.origin(given), code, what, code.remedy())
        });
        return;
    }
    let Some(endpoint) = view.text("endpoint") else {
        faults.add(|| {
            let what = format!("{given} is about what is exported, and there is no endpoint");
            conflict(&view.origin(given), what, "give an endpoint, or leave this out")
        });
        return;
    };
    let host = SCHEMES.iter().find_map(|scheme| endpoint.strip_prefix(scheme));
    let is_address = host.is_some_and(|host| !host.is_empty() && !host.starts_with('/'));
    if !is_address || endpoint.contains(|c: char| c.is_whitespace() || "?#@".contains(c)) {
        faults.add(|| {
            // It is not repeated: what is no address may hold a password.
            let what = "the endpoint is no address that values can be sent to".to_owned();
            let right = "give http://HOST:PORT or https://HOST, without a password";
            Fault::new(&view.origin("endpoint"), codes::SETTING_INVALID, what, right)
        });
    }
}
