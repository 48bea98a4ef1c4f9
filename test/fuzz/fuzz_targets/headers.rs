//! Any bytes as the headers that the routes read are what they say, or are refused.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| distcache_fuzz::headers(bytes));
