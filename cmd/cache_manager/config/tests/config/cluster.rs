//! A server's part in a cluster.

use crate::support::{mistakes, printed, read};

#[test]
fn a_server_is_alone_unless_it_is_said_to_be_a_node() {
    assert!(!read("").unwrap().is_node());
    assert_eq!(printed(&read("").unwrap(), "[cluster]", "mode"), "mode = \"alone\" # default");
}

#[cfg(not(feature = "cluster"))]
#[test]
fn a_program_without_clusters_says_that_it_has_none() {
    let [told] = &mistakes("[cluster]\nmode = 'node'\n")[..] else { panic!("one") };
    assert!(told.starts_with("users.toml:2:8: DC-310 "), "{told}");
    assert!(told.contains("--features cluster"), "{told}");
}

#[cfg(feature = "cluster")]
mod built {
    use std::net::SocketAddr;

    use distcache_balancer::BalancerConfig;
    use distcache_config::Membership;

    use super::*;
    use crate::support::{Folder, NAME};

    /// The part in the cluster of a server with these settings.
    fn membership(text: &str) -> Membership {
        let folder = Folder::new();
        folder.write(NAME, text);
        let loaded = folder.load().expect("it is right");
        let http: SocketAddr = loaded.config().address();
        loaded.membership(http).expect("it is right").expect("it is a node")
    }

    /// What the engine is told, as it prints itself.
    fn told(text: &str) -> String {
        format!("{:?}", membership(text).config)
    }

    const DEFAULT: &str = "[cluster]\nmode = 'node'\n";

    #[test]
    fn a_node_is_the_first_of_three_on_this_machine_if_nothing_else_is_said() {
        assert_eq!(read(DEFAULT).unwrap().address().to_string(), "127.0.0.1:8081");
        let membership = membership(DEFAULT);
        assert_eq!(membership.listen.to_string(), "127.0.0.1:18081");
        assert_eq!(membership.name, "distcache");
        assert!(membership.tls.is_none());
        let told = format!("{:?}", membership.config);
        let listed = r#"["localhost:18081", "localhost:18082", "localhost:18083"]"#;
        assert!(told.contains(listed), "{told}");
        // By the name by which the others know it: else they would count four.
        assert!(told.contains(r#"advertise: Some("localhost:18081")"#), "{told}");
    }

    #[test]
    fn the_other_nodes_are_told_by_their_servers_or_by_where_they_listen_or_by_a_name() {
        let of = |line: &str| told(&format!("{DEFAULT}{line}\n[server]\nport = 9000\n"));
        let nodes = of("nodes = ['127.0.0.1:9000', 'b.example:9001']");
        assert!(nodes.contains(r#"["127.0.0.1:19000", "b.example:19001"]"#), "{nodes}");
        assert!(nodes.contains(r#"advertise: Some("127.0.0.1:19000")"#), "{nodes}");
        let peers = of("peers = ['127.0.0.1:7', 'b.example:8']\npeer_listen = '127.0.0.1:7'");
        assert!(peers.contains(r#"["127.0.0.1:7", "b.example:8"]"#), "{peers}");
        assert!(peers.contains(r#"advertise: Some("127.0.0.1:7")"#), "{peers}");
        let dns = of("dns = 'cache.example:7'");
        assert!(dns.contains(r#"Dns { name: "cache.example", port: 7 }"#), "{dns}");
        assert!(dns.contains("advertise: None"), "{dns}");
        let srv = of("srv = '_distcache._tcp.cache.example'");
        assert!(srv.contains(r#"Srv { name: "_distcache._tcp.cache.example""#), "{srv}");
        assert!(srv.contains("advertise: None") && srv.contains("expect: None"), "{srv}");
        #[cfg(target_os = "linux")]
        assert!(of("advertise = '%lo:7'").contains(r#"advertise: Some("127.0.0.1:7")"#));
        let said = of("advertise = 'a.example:7'");
        assert!(said.contains(r#"advertise: Some("a.example:7")"#), "{said}");
    }

    #[test]
    fn what_members_agree_upon_is_passed_on() {
        let told = told(&format!(
            "{DEFAULT}name = 'users'\nexpect = 5\nlease = '3s'\non_minority = 'serve'\n\
             zone = 'b'\nweight = 4\n"
        ));
        for part in
            ["\"users\"", "expect: Some(5)", "lease: 3s", "Serve", "Some(\"b\")", "weight: 4"]
        {
            assert!(told.contains(part), "no {part} in {told}");
        }
    }

    #[test]
    fn what_goes_wrong_names_the_flag_that_mends_it() {
        let cases = [
            ("nodes = ['a:1']", "give --mode node"),
            ("mode = 'node'\nnodes = ['a']", "give HOST:PORT"),
            ("mode = 'node'\nnodes = ['a:60000']", "--peers"),
            ("mode = 'node'\npeers = ['a:1']\ndns = 'b:2'", "give one of them"),
            ("mode = 'node'\nsrv = 'a'\ndns = 'b:2'", "give one of them"),
            ("mode = 'node'\nnodes = ['a:1']\nsrv = 'b'", "give one of them"),
            ("mode = 'node'\nsrv = 'b:2'", "a name without a port"),
            ("srv = 'a'", "give --mode node"),
            ("mode = 'node'\nnats = ['nats://a:4222']\nsrv = 'b'", "give one of them"),
            ("mode = 'node'\nnats = ['nats://a:4222']", "--expect"),
            ("mode = 'node'\nkubernetes = 'cache:links'", "--expect"),
            ("mode = 'node'\nkubernetes_namespace = 'shop'", "give kubernetes too"),
            ("mode = 'node'\nnats_subject = 'x'", "give nats too"),
            ("mode = 'node'\nnats_user = 'x'", "give nats too"),
            ("mode = 'node'\nnats_cert = 'x'", "give nats_key too"),
            ("mode = 'node'\nadvertise = '%nowhere0:1'", "an interface that has one address"),
            ("mode = 'node'\nnats_prefix = 'x'", "give transport too"),
            ("mode = 'node'\ntransport = ['tcp']\nnats_prefix = 'x'", "give transport too"),
            ("mode = 'node'\ntransport = ['tcp']\nnats_user = 'x'", "give nats too"),
            ("transport = ['nats://a:4222']", "give --mode node"),
            ("mode = 'node'\nlease = '1ms'", "200ms"),
            ("mode = 'node'\n[server]\nport = 60000", "--peer-listen"),
            ("mode = 'node'\n[server]\nlisten = '192.0.2.7:8081'", "--insecure"),
            ("mode = 'node'\n[server]\nlisten = '0.0.0.0:9000'\ninsecure = true", "--advertise"),
        ];
        for (text, remedy) in cases {
            let told = mistakes(&format!("[cluster]\n{text}\n"));
            assert!(told.len() == 1 && told[0].contains(remedy), "{text}: {told:?}");
        }
    }

    #[test]
    fn another_machine_reaches_a_node_that_says_so() {
        let text = "mode = 'node'\n[server]\nlisten = '192.0.2.7:8081'\ninsecure = true\n";
        let told = told(&format!("[cluster]\n{text}"));
        assert!(told.contains("is_insecure: true"), "{told}");
    }

    #[cfg(feature = "kubernetes")]
    #[test]
    fn nodes_of_a_service_are_told_by_kubernetes() {
        let of = |lines: &str| told(&format!("{DEFAULT}expect = 3\nkubernetes = {lines}\n"));
        let service = of("'cache:links'\nkubernetes_namespace = 'shop'");
        for part in [
            r#"selector: "kubernetes.io/service-name=cache""#,
            r#"port: "links""#,
            r#"namespace: Some("shop")"#,
            "told: Addresses",
            "expect: Some(3)",
        ] {
            assert!(service.contains(part), "no {part} in {service}");
        }
        let labelled = of("'app=cache,tier=hot:links'");
        assert!(labelled.contains(r#"selector: "app=cache,tier=hot""#), "{labelled}");
        let named = of("'cache:links'\nkubernetes_names = true");
        assert!(named.contains(r#"told: Names("cache")"#), "{named}");
        for (wrong, right) in [
            ("'cache'", "give SERVICE:PORT_NAME"),
            ("'cache:18081'", "name of a port"),
            ("'Cache:links'", "name of a service"),
            ("'app=c:links'\nkubernetes_names = true", "the pods of a service"),
            ("'cache:links'\nkubernetes_namespace = 'a/b'", "namespace"),
        ] {
            let told = mistakes(&format!("{DEFAULT}expect = 3\nkubernetes = {wrong}\n"));
            assert!(told.len() == 1 && told[0].contains(right), "{wrong}: {told:?}");
        }
    }

    #[cfg(feature = "nats")]
    #[test]
    fn nodes_that_announce_themselves_say_where_others_reach_them() {
        let of = |lines: &str| told(&format!("{DEFAULT}expect = 3\nnats = {lines}\n"));
        let here = of("['nats://a:4222', 'tls://b:4222']\nnats_subject = 'x.y'\nname = 'users'");
        for part in [r#"address: "127.0.0.1:18081""#, r#"subject: "x.y""#, r#"cluster: "users""#] {
            assert!(here.contains(part), "no {part} in {here}");
        }
        let said = of("['nats://a:4222']\nadvertise = 'a.example:7'");
        assert!(said.contains(r#"address: "a.example:7""#), "{said}");
        for (wrong, right) in [
            ("['a:4222']", "nats://HOST:PORT"),
            ("['nats://me:sesame@a:4222']", "stands in a file"),
            ("['nats://a:4222']\nnats_subject = 'a.*'", "no wildcard"),
            ("['nats://a:4222']\nnats_token_file = 'a'\nnats_credentials = 'b'", "one of them"),
        ] {
            let told = mistakes(&format!("{DEFAULT}expect = 3\nnats = {wrong}\n"));
            assert!(told.len() == 1 && told[0].contains(right), "{wrong}: {told:?}");
            assert!(!told[0].contains("sesame"), "{told:?}");
        }
    }

    #[cfg(feature = "nats")]
    #[test]
    fn nodes_reach_each_other_over_nats_if_they_are_told_to() {
        let of = |lines: &str| membership(&format!("{DEFAULT}{lines}"));
        assert!(!of("transport = ['tcp']").is_over_nats);
        let here = of("transport = ['nats://127.0.0.1:4222', 'nats://localhost:4223']");
        assert!(here.is_over_nats);
        let told = format!("{:?}", here.config);
        for part in ["nats: Some", r#"prefix: "distcache.wire""#, "127.0.0.1:4222", "tls: None"] {
            assert!(told.contains(part), "no {part} in {told}");
        }
        // No port of another machine's is opened: so it asks for no TLS of the nodes' own.
        let text = "transport = ['tls://nats.example:4222']\nnats_prefix = 'shop.cache'\n\
                    nats_user = 'cache'\nnats_password_file = '/etc/hostname'\n\
                    peers = ['a.example:1', 'b.example:1']\nadvertise = 'a.example:1'\n\
                    [server]\nlisten = '0.0.0.0:8081'\n";
        let told = format!("{:?}", of(text).config);
        for part in ["shop.cache", "Password", r#"advertise: Some("a.example:1")"#] {
            assert!(told.contains(part), "no {part} in {told}");
        }
        assert!(!told.contains("hostname"), "{told}");
    }

    #[cfg(feature = "nats")]
    #[test]
    fn what_is_wrong_with_a_transport_is_told_without_a_password() {
        for (wrong, right) in [
            ("['udp']", "nats://HOST:PORT"),
            ("['tcp', 'nats://a:4222']", "nats://HOST:PORT"),
            ("['nats://me:sesame@a:4222']", "stands in a file"),
            ("['nats://127.0.0.1:1']\nnats_prefix = 'a.>'", "no wildcard"),
            ("['nats://nats.example:4222']", "--insecure"),
            ("['nats://nats.example:4222']\nnats_token_file = 'x'", "nats_credentials"),
            ("['tls://nats.example:4222']", "nats_credentials"),
            (
                "['nats://127.0.0.1:1']\n[server]\ntls_cert = 'a'\ntls_key = 'b'\ntls_ca = 'c'",
                "tls_ca",
            ),
        ] {
            let told = mistakes(&format!("{DEFAULT}transport = {wrong}\n"));
            assert!(told.iter().any(|one| one.contains(right)), "{wrong}: {told:?}");
            assert!(!told.iter().any(|one| one.contains("sesame")), "{told:?}");
        }
        let insecure = "transport = ['nats://nats.example:1']\n[server]\ninsecure = true\n";
        assert!(membership(&format!("{DEFAULT}{insecure}")).is_over_nats);
    }

    #[cfg(feature = "nats")]
    #[test]
    fn a_file_for_nats_that_is_not_there_is_told_before_the_server_starts() {
        let folder = Folder::new();
        let text = "expect = 3\nnats = ['nats://a:4222']\nnats_credentials = 'cache.creds'\n";
        folder.write(NAME, format!("{DEFAULT}{text}"));
        let loaded = folder.load().expect("it is right");
        let told = loaded.membership(loaded.config().address()).unwrap_err().to_string();
        assert!(told.contains("DC-325") && told.contains("nats_credentials"), "{told}");
    }

    #[cfg(not(feature = "nats"))]
    #[test]
    fn a_program_that_cannot_speak_over_nats_says_by_which_feature_it_could() {
        let told = mistakes(&format!("{DEFAULT}transport = ['nats://127.0.0.1:4222']\n"));
        let [told] = &told[..] else { panic!("one: {told:?}") };
        assert!(told.contains("DC-311") && told.contains("--features nats"), "{told}");
        assert!(told.contains("reach nodes over tcp"), "{told}");
    }

    #[cfg(not(any(feature = "kubernetes", feature = "nats")))]
    #[test]
    fn a_program_that_cannot_ask_says_by_which_feature_it_could() {
        for (line, feature) in
            [("kubernetes = 'cache:links'", "kubernetes"), ("nats = ['nats://a:4222']", "nats")]
        {
            let [told] = &mistakes(&format!("{DEFAULT}expect = 3\n{line}\n"))[..] else {
                panic!("one")
            };
            assert!(told.starts_with("users.toml:4:"), "{told}");
            assert!(
                told.contains(&format!(
                    "DC-311 this program was built without the feature `{feature}`"
                )),
                "{told}"
            );
        }
    }

    const BALANCER: &str = "[cluster]\nmode = 'load_balancer'\n";

    fn balancer(text: &str) -> BalancerConfig {
        let folder = Folder::new();
        folder.write(NAME, format!("{BALANCER}{text}"));
        let loaded = folder.load().expect("it is right");
        loaded.balancer().expect("it is right").expect("it is a load balancer")
    }

    #[test]
    fn a_load_balancer_is_before_three_on_this_machine_if_nothing_else_is_said() {
        let config = read(BALANCER).unwrap();
        assert_eq!(config.address().to_string(), "127.0.0.1:8080");
        assert!(config.is_balancer() && !config.is_node() && !config.sends_in_the_clear());
        let (told, members) =
            (balancer(""), ["localhost:8081", "localhost:8082", "localhost:8083"]);
        let expected = BalancerConfig::new(members.map(|text| text.parse().unwrap()).to_vec());
        // The reference tells these defaults, and the library has its own.
        assert_eq!(format!("{told:?}"), format!("{expected:?}"));
        assert!(read(&format!("{BALANCER}nodes = ['a.example:1']")).unwrap().sends_in_the_clear());
    }

    #[test]
    fn how_a_load_balancer_works_is_passed_on() {
        let told = balancer(
            "nodes = ['a:1', '[::1]:2']\n[balancer]\nbalance = 'ring'\nrequest_timeout = '3s'\n\
             tries = 4\nhedge_after = '5ms'\nhealth_every = '6s'\nhealth_timeout = '7s'\n\
             node_connections = 8\n",
        );
        let told = format!("{told:?}");
        for part in [
            "host: \"::1\", port: 2",
            "Ring",
            "request_timeout: 3s",
            "tries: 4",
            "hedge_after: Some(5ms)",
            "look_every: 6s",
            "look_timeout: 7s",
            "connections: 8",
        ] {
            assert!(told.contains(part), "no {part} in {told}");
        }
    }

    #[test]
    fn what_goes_wrong_with_a_load_balancer_names_what_mends_it() {
        let cases = [
            ("nodes = []", "HOST:PORT"),
            ("nodes = ['']", "HOST:PORT"),
            ("nodes = ['a:1', 'a:1']", "a:1 is named twice"),
            ("peers = ['a:1']", "--nodes"),
            ("weight = 2", "--nodes"),
            ("[server]\nhttp_server = 'tiny_http'", "hyper"),
            ("[balancer]\ntries = 0", "from 1 to 100"),
            ("[balancer]\nhealth_every = '1ms'", "10ms"),
        ];
        for (text, remedy) in cases {
            let told = mistakes(&format!("{BALANCER}{text}\n"));
            assert!(told.len() == 1 && told[0].contains(remedy), "{text}: {told:?}");
        }
        let told = mistakes("[balancer]\nbalance = 'ring'\n");
        assert!(told.len() == 1 && told[0].contains("--mode load_balancer"), "{told:?}");
        let idle = read(&format!("{BALANCER}[engine]\ncapacity = '1GiB'\nmax_value = '1KiB'\n"));
        let warned: Vec<_> = idle.unwrap().warnings().iter().map(ToString::to_string).collect();
        assert!(warned.len() == 1 && warned[0].contains("a load balancer has none"), "{warned:?}");
    }
}
