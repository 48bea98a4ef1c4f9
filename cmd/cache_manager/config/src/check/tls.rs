//! What of TLS goes together.

use distcache_http::doors::Kind;

use crate::config::{Config, conflict};
use crate::fault::Faults;
use crate::setting::Section;

pub(super) fn combinations(config: &Config, faults: &mut Faults) {
    let server = config.common(Section::Server);
    for (given, missing) in [("tls_cert", "tls_key"), ("tls_key", "tls_cert")] {
        if server.is_given(given) && !server.is_given(missing) {
            faults.add(|| {
                let what = format!("{given} is given, and {missing} is not");
                conflict(&server.origin(given), what, "give both, or neither")
            });
        }
    }
    if server.is_given("tls_cert") && config.http_server() == Kind::TinyHttp {
        faults.add(|| {
            let what = "tiny_http speaks no TLS, and tls_cert is given".to_owned();
            conflict(&server.origin("tls_cert"), what, "use the server hyper, or leave this out")
        });
    }
}
