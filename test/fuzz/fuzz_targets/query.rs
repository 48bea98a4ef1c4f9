//! Any text as a query or a form is what it says, read a second time, or is refused.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| distcache_fuzz::query(bytes));
