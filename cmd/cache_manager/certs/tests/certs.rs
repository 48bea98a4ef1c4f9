//! What is made is of use between members, and nothing is lost in making it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use distcache_certs::{AuthorityFiles, CertsError, DAYS, DAYS_MAX, Member, Order};
use distcache_cluster::wire::{Address, Certificates, Listener, Tcp, Tls, Wire};
use tempfile::TempDir;

/// Long enough for any machine; what is right comes sooner.
const PATIENCE: Duration = Duration::from_mins(1);

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

fn order(directory: &Path, members: &[&str]) -> Order {
    let members = members.iter().map(|name| name.parse::<Member>().expect("a member")).collect();
    Order { directory: directory.into(), members, days: DAYS, authority: None, replaces: false }
}

fn authority_in(directory: &Path) -> AuthorityFiles {
    AuthorityFiles { certificate: directory.join("ca.pem"), key: directory.join("ca-key.pem") }
}

/// An order that has the authority of another directory vouch for its members.
fn order_by(authority: &Path, directory: &Path, members: &[&str]) -> Order {
    Order { authority: Some(authority_in(authority)), ..order(directory, members) }
}

fn fill(order: &Order) -> Result<Vec<PathBuf>, CertsError> {
    order.fill(SystemTime::now())
}

/// How a member with these files speaks to others, who have this authority.
fn wire(authority: &Path, directory: &Path, stem: &str) -> Tcp {
    let read = |path: PathBuf| fs::read(path).expect("a file that was made");
    let certificates = Certificates::from_pem(
        &read(authority.join("ca.pem")),
        &read(directory.join(format!("{stem}.pem"))),
        &read(directory.join(format!("{stem}-key.pem"))),
    );
    let tls = Tls::new(certificates.expect("PEM")).expect("certificates that go together");
    Tcp::secured(tls.into())
}

/// Whether one who connects to the other lets it in, and is let in.
async fn reaches(from: &Tcp, to: &Tcp) -> bool {
    let at: Address = "127.0.0.1:0".parse().expect("an address");
    let mut listener: Box<dyn Listener> = to.listen(&at).await.expect("a free port");
    let at = listener.address().clone();
    let accepts = async { listener.accept().await.expect("one comes").await };
    let (near, far) = tokio::join!(from.connect(&at, PATIENCE), accepts);
    near.is_ok() && far.is_ok()
}

#[tokio::test]
async fn members_of_one_authority_let_each_other_in_and_no_others() {
    let (ours, theirs) = (folder(), folder());
    let made = fill(&order(ours.path(), &["127.0.0.1", "cache-2.internal,127.0.0.1"])).unwrap();
    let names: Vec<_> =
        made.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "ca.pem",
            "ca-key.pem",
            "127.0.0.1.pem",
            "127.0.0.1-key.pem",
            "cache-2.internal.pem",
            "cache-2.internal-key.pem",
        ]
    );
    fill(&order(theirs.path(), &["127.0.0.1"])).unwrap();
    let one = wire(ours.path(), ours.path(), "127.0.0.1");
    let other = wire(ours.path(), ours.path(), "cache-2.internal");
    assert!(reaches(&one, &other).await && reaches(&other, &one).await);
    let stranger = wire(ours.path(), theirs.path(), "127.0.0.1");
    assert!(!reaches(&stranger, &one).await, "it connects");
    assert!(!reaches(&one, &stranger).await, "it listens");
}

#[tokio::test]
async fn a_member_of_another_name_is_refused() {
    let folder = folder();
    fill(&order(folder.path(), &["127.0.0.1", "elsewhere.internal"])).unwrap();
    let here = wire(folder.path(), folder.path(), "127.0.0.1");
    let elsewhere = wire(folder.path(), folder.path(), "elsewhere.internal");
    assert!(!reaches(&here, &elsewhere).await);
    assert!(reaches(&elsewhere, &here).await, "as a client it has no name to be called by");
}

#[tokio::test]
async fn a_member_that_comes_later_is_of_the_same_authority() {
    let (first, later) = (folder(), folder());
    fill(&order(first.path(), &["127.0.0.1"])).unwrap();
    let made = fill(&order_by(first.path(), later.path(), &["127.0.0.1"])).unwrap();
    assert_eq!(made.len(), 2, "the authority is not written again: {made:?}");
    let old = wire(first.path(), first.path(), "127.0.0.1");
    let new = wire(first.path(), later.path(), "127.0.0.1");
    assert!(reaches(&old, &new).await && reaches(&new, &old).await);
}

#[tokio::test]
async fn what_has_ended_is_let_in_no_more() {
    let folder = folder();
    let then = SystemTime::now() - Duration::from_hours(49);
    let order = Order { days: 2, ..order(folder.path(), &["127.0.0.1"]) };
    order.fill(then).unwrap();
    let ended = wire(folder.path(), folder.path(), "127.0.0.1");
    assert!(!reaches(&ended, &ended).await);
    let later = Order { replaces: true, days: 3, ..order };
    later.fill(then).unwrap();
    let lasts = wire(folder.path(), folder.path(), "127.0.0.1");
    assert!(reaches(&lasts, &lasts).await);
}

#[test]
fn a_file_that_is_there_stays_unless_it_is_to_be_replaced() {
    let folder = folder();
    let key = folder.path().join("a-key.pem");
    fs::write(&key, "the only copy").unwrap();
    let wanted = order(folder.path(), &["a", "b"]);
    let error = fill(&wanted).unwrap_err().to_string();
    assert!(
        error
            .ends_with("a-key.pem is there already: name another directory, or replace by --force")
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing was made");
    assert_eq!(fs::read_to_string(&key).unwrap(), "the only copy");
    fill(&Order { replaces: true, ..wanted }).unwrap();
    assert!(fs::read_to_string(&key).unwrap().contains("PRIVATE KEY"));
}

#[cfg(unix)]
#[test]
fn keys_are_read_by_their_owner_alone_also_where_they_replace_others() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder();
    let key = folder.path().join("a-key.pem");
    fs::write(&key, "open").unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    fill(&Order { replaces: true, ..order(folder.path(), &["a"]) }).unwrap();
    for name in ["a-key.pem", "ca-key.pem"] {
        let mode = folder.path().join(name).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn two_things_are_never_written_into_one_file() {
    let folder = folder();
    for members in [&["a", "A"][..], &["a", "a-key"], &["ca"], &["a", "a,b"]] {
        let error = fill(&order(folder.path(), members)).unwrap_err();
        assert!(matches!(error, CertsError::Twice { .. }), "{members:?}: {error}");
    }
    // A name that only looks like it.
    fill(&order(folder.path(), &["a", "b-key"])).unwrap();
    let by = order_by(folder.path(), folder.path(), &["ca"]);
    let by = Order { replaces: true, ..by };
    assert!(
        matches!(fill(&by).unwrap_err(), CertsError::Twice { .. }),
        "not even by that authority"
    );
}

#[test]
fn an_order_is_of_a_time_and_of_members_that_there_can_be() {
    let folder = folder();
    let told = |order: &Order| fill(order).unwrap_err().to_string();
    for days in [0, DAYS_MAX + 1, u32::MAX] {
        let wanted = Order { days, ..order(folder.path(), &["a"]) };
        assert_eq!(told(&wanted), format!("certificates last from 1 to 3650 days, not {days}"));
    }
    assert_eq!(told(&order(folder.path(), &[])), "an order names from 1 to 1000 members, not 0");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    fill(&Order { days: DAYS_MAX, ..order(folder.path(), &["a"]) }).unwrap();
}

#[test]
fn no_certificate_outlives_its_authority() {
    let (first, later) = (folder(), folder());
    let then = SystemTime::now() - Duration::from_hours(24 * 3_640 + 1);
    order(first.path(), &["a"]).fill(then).unwrap();
    let wanted = order_by(first.path(), later.path(), &["b"]);
    let error = fill(&wanted).unwrap_err().to_string();
    assert!(error.ends_with("ca.pem ends in 9 days: ask for at most as many, not 365"), "{error}");
    fill(&Order { days: 9, ..wanted }).unwrap();
}

#[test]
fn an_authority_that_is_none_is_named_with_what_is_wrong() {
    let (first, other) = (folder(), folder());
    fill(&order(first.path(), &["a"])).unwrap();
    fill(&order(other.path(), &["a"])).unwrap();
    fs::write(first.path().join("text"), "no certificate").unwrap();
    fs::write(first.path().join("long"), "a".repeat(70_000)).unwrap();
    let told = |certificate: &Path, key: &Path| {
        let authority = AuthorityFiles { certificate: certificate.into(), key: key.into() };
        let wanted =
            Order { authority: Some(authority), ..order(&first.path().join("new"), &["b"]) };
        let error = fill(&wanted).unwrap_err().to_string();
        error.replace(&format!("{}/", first.path().display()), "")
    };
    let at = |name: &str| first.path().join(name);
    let (ca, ca_key) = (at("ca.pem"), at("ca-key.pem"));
    let of_other = told(&ca, &other.path().join("ca-key.pem"));
    assert!(of_other.ends_with("ca-key.pem is not the key of ca.pem"), "{of_other}");
    let of_member = told(&at("a.pem"), &at("a-key.pem"));
    assert_eq!(of_member, "a.pem is the certificate of no authority: it may not vouch for others");
    assert!(told(&at("text"), &ca_key).starts_with("text has no certificate in PEM: "));
    assert!(told(&ca, &at("text")).starts_with("text has no private key in PEM: "));
    assert!(told(&ca, &at("nowhere")).starts_with("nowhere cannot be read: "));
    assert_eq!(told(&ca, &at("long")), "long has more than 65536 bytes");
    assert!(!at("new").exists(), "nothing was made");
}
