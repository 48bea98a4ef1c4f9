//! Where spans and numbers go.

use crate::support::{mistakes, printed, read};

const ENDPOINT: &str = "[otel]\nendpoint = 'http://127.0.0.1:4318'\n";

#[test]
fn nothing_is_told_unless_there_is_an_endpoint() {
    assert_eq!(read("").unwrap().otel(), Ok(None));
    assert_eq!(printed(&read("").unwrap(), "[otel]", "endpoint"), "# endpoint: none # default");
}

#[cfg(not(feature = "otel"))]
#[test]
fn a_program_without_opentelemetry_says_that_it_has_none() {
    let [told] = &mistakes(ENDPOINT)[..] else { panic!("one") };
    assert!(told.starts_with("users.toml:2:12: DC-308 "), "{told}");
    assert!(told.contains("--features otel"), "{told}");
    assert!(mistakes("otel.sample = 0.5")[0].contains("DC-308"));
}

#[cfg(feature = "otel")]
mod built {
    use std::time::Duration;

    use distcache_config::{Config, Given, OtelSettings};

    use super::*;
    use crate::support::{Folder, NAME, variables};

    fn settings(config: &Config) -> OtelSettings {
        config.otel().expect("it is right").expect("there is an endpoint")
    }

    #[test]
    fn an_endpoint_is_enough_and_the_rest_has_defaults() {
        let expected = OtelSettings {
            endpoint: "http://127.0.0.1:4318".to_owned(),
            service_name: "cache_manager".to_owned(),
            sample: 1.0,
            export_interval: Duration::from_mins(1),
            span_interval: Duration::from_secs(5),
            export_timeout: Duration::from_secs(10),
            spans_waiting_max: 2_048,
            headers: Vec::new(),
        };
        assert_eq!(settings(&read(ENDPOINT).unwrap()), expected);
        let with_slash = read("otel.endpoint = 'http://127.0.0.1:4318/'").unwrap();
        assert_eq!(settings(&with_slash), expected);
    }

    #[test]
    fn variables_are_named_after_the_section() {
        let variables = variables(&[
            ("DISTCACHE_OTEL_ENDPOINT", "https://collector.example"),
            ("DISTCACHE_OTEL_SERVICE_NAME", "users"),
            ("DISTCACHE_OTEL_SAMPLE", "0.01"),
        ]);
        let settings = settings(&Config::of(None, &variables, &Given::new()).unwrap());
        assert_eq!(settings.endpoint, "https://collector.example");
        assert_eq!((settings.service_name.as_str(), settings.sample), ("users", 0.01));
    }

    #[test]
    fn what_is_no_address_is_refused_and_not_repeated() {
        for wrong in ["127.0.0.1:4318", "grpc://a", "http://", "http:///a", "http://a b"] {
            let told = mistakes(&format!("otel.endpoint = '{wrong}'"));
            assert!(told[0].starts_with("users.toml:1:17: DC-323 "), "{told:?}");
        }
        let told = mistakes("otel.endpoint = 'https://cache:open-sesame@a'");
        assert!(!told[0].contains("sesame"), "{told:?}");
    }

    #[test]
    fn what_is_about_exports_needs_an_endpoint() {
        let told = mistakes("otel.sample = 0.5");
        assert!(told[0].contains("DC-324") && told[0].contains("give an endpoint"), "{told:?}");
    }

    #[test]
    fn headers_come_from_the_setting_or_a_file_and_are_never_shown() {
        let folder = Folder::new();
        folder.write("headers", "Authorization: Bearer open-sesame\n\nX-Tenant: cache\n");
        let ways = [
            "headers = ['Authorization: Bearer open-sesame', 'X-Tenant: cache']",
            "headers_file = 'headers'",
        ];
        for way in ways {
            folder.write(NAME, format!("{ENDPOINT}{way}\n"));
            let loaded = folder.load().unwrap();
            let settings = settings(loaded.config());
            let headers: Vec<_> = settings
                .headers
                .iter()
                .map(|(name, value)| format!("{name}={}", value.reveal()))
                .collect();
            assert_eq!(headers, ["Authorization=Bearer open-sesame", "X-Tenant=cache"], "{way}");
            let shown = format!("{}{settings:?}{loaded:?}", loaded.config().print());
            assert!(!shown.contains("sesame"), "{shown}");
        }
    }

    #[test]
    fn headers_that_are_none_are_told_with_their_place_and_not_shown() {
        let folder = Folder::new();
        for wrong in ["open-sesame", "open sesame: a", ": sesame", "a: open\u{7}sesame"] {
            folder.write("headers", wrong);
            folder.write(NAME, format!("{ENDPOINT}headers_file = 'headers'\n"));
            let told = folder.load().unwrap_err();
            assert!(told.starts_with("users.toml:3:16: DC-325 headers_file"), "{told}");
            assert!(!told.contains("sesame"), "{told}");
        }
    }
}
