//! Web pages of other sites, as the server sees them.

use crate::support::{TestDoor, on_each_door};

on_each_door! {
    pages_of_other_sites_cannot_write,
    the_pages_that_are_trusted_can_write,
    a_name_that_is_not_loopback_is_refused_on_every_route,
}

fn pages_of_other_sites_cannot_write(door: &TestDoor) {
    let foreign = [
        "Sec-Fetch-Site: cross-site\r\n",
        "Sec-Fetch-Site: same-site\r\nOrigin: http://localhost:3000\r\n",
        "Origin: https://evil.example\r\n",
        "Origin: null\r\n",
    ];
    for headers in foreign {
        for method in ["POST", "DELETE"] {
            let reply = door.ask(method, "/?key=a", headers, b"");
            assert_eq!(
                (reply.status, reply.code().as_str()),
                (403, "DC-209"),
                "{method} {headers}"
            );
        }
        assert_eq!(door.ask("GET", "/livez", headers, b"").status, 200, "{headers}");
    }
    assert_eq!(door.get("a").status, 404);
}

fn the_pages_that_are_trusted_can_write(door: &TestDoor) {
    let own = format!("Host: {0}\r\nOrigin: http://{0}\r\n", door.address());
    let trusted = [
        own.as_str(),
        "Sec-Fetch-Site: none\r\n",
        "Origin: https://friend.example\r\nSec-Fetch-Site: cross-site\r\n",
    ];
    for headers in trusted {
        let reply = door.ask("POST", "/?key=a&value=1", headers, b"");
        assert_eq!(reply.status, 200, "{headers}");
        assert_eq!(reply.header("access-control-allow-origin"), None);
    }
}

fn a_name_that_is_not_loopback_is_refused_on_every_route(door: &TestDoor) {
    for target in ["/?key=a", "/livez", "/readyz", "/v1/nodes", "/nothing"] {
        for method in ["GET", "POST", "OPTIONS"] {
            let reply = door.ask(method, target, "Host: evil.example:8080\r\n", b"");
            assert_eq!((reply.status, reply.code().as_str()), (403, "DC-210"), "{method} {target}");
        }
    }
    let absolute = door.ask("GET", "http://evil.example/livez", "", b"");
    assert_eq!(absolute.code(), "DC-210");
    for host in ["localhost:1", "[::1]:8080", "127.0.0.2", "app.localhost"] {
        let reply = door.ask("GET", "/livez", &format!("Host: {host}\r\n"), b"");
        assert_eq!(reply.status, 200, "{host}");
    }
}
