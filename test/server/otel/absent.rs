//! A program that was built without the feature `otel`.

use crate::support::Process;

#[test]
fn to_be_told_where_spans_go_ends_it_before_it_begins() {
    let endpoint = ["--otel-endpoint", "http://127.0.0.1:4318", "--port", "0"];
    let ended = Process::start(&endpoint).wait();
    assert_eq!(ended.status, Some(2));
    let told = "DC-308 --otel-endpoint: This program was built without OpenTelemetry.";
    assert!(ended.stderr.starts_with(told), "{}", ended.stderr);
}
