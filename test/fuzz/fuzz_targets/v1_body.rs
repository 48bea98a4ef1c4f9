//! Any bytes as the body of a batch, or of settings, are done as a whole or refused.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| distcache_fuzz::v1_body(bytes));
