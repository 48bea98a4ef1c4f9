//! Any path is there or is not; a key and a name in it are those, byte for byte.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| distcache_fuzz::path(bytes));
