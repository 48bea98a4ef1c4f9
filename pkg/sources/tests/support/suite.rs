//! What every source with tables passes.

use distcache::{Answer, DataSource, DataStore};
use distcache_sources::{Error, Query, Rows, Table};

use super::{assert_silent, error, failure, fetch, fetch_many, found, patient};

/// A database for one test.
pub(crate) trait Bed: Sized {
    type Source: DataSource + DataStore;

    /// A type for any bytes.
    const BYTES: &'static str;

    /// What the type of whole numbers is called when a key is none.
    const INTEGER: &'static str;

    /// `?` or `$`.
    const PARAMETER: char;

    /// A database with what some SQL has made; `None` where there is none to be
    /// had.
    fn with(sql: &str) -> Option<Self>;

    /// A source over it, whose keys are integers if it is a query.
    fn source(&self, rows: impl Into<Rows>) -> Self::Source;

    fn kv(&self) -> Self::Source {
        self.source(Table::new("kv", "k", "v"))
    }
}

/// Each function of this file as a test.
macro_rules! passes_the_suite {
    ($bed:ty: $($test:ident)*) => {$(
        #[test]
        fn $test() {
            $crate::support::suite::$test::<$bed>();
        }
    )*};
}
pub(crate) use passes_the_suite;

pub(crate) fn a_value_is_found_and_a_missing_key_and_a_null_are_not<B: Bed>() {
    let Some(bed) = B::with(
        "CREATE TABLE kv (k TEXT PRIMARY KEY, v TEXT);
         INSERT INTO kv VALUES ('a', 'one'), ('empty', ''), ('null', NULL)",
    ) else {
        return;
    };
    let source = bed.kv();
    assert_eq!(fetch(&source, "a"), found("one"));
    assert_eq!(fetch(&source, "empty"), found(""));
    assert_eq!(fetch(&source, "null"), Answer::NotFound);
    assert_eq!(fetch(&source, "b"), Answer::NotFound);
    let keys: [&[u8]; 5] = [b"b", b"empty", b"null", b"a", b"a"];
    let expected = [Answer::NotFound, found(""), Answer::NotFound, found("one"), found("one")];
    assert_eq!(fetch_many(&source, &keys), expected);
    assert_eq!(fetch_many(&source, &[]), []);
}

pub(crate) fn a_number_is_found_under_one_key_only<B: Bed>() {
    let Some(bed) = B::with(
        "CREATE TABLE kv (k INTEGER PRIMARY KEY, v TEXT);
         INSERT INTO kv VALUES (7, 'x'), (-7, 'y')",
    ) else {
        return;
    };
    let query = Query::new(format!("SELECT v FROM kv WHERE k = {}1", B::PARAMETER));
    for source in [bed.kv(), bed.source(query)] {
        assert_eq!(fetch(&source, "7"), found("x"));
        assert_eq!(fetch(&source, "-7"), found("y"));
        let strange = ["07", "+7", " 7", "7.0", "seven", "", "\0", "99999999999999999999"];
        for key in strange {
            assert_eq!(fetch(&source, key), Answer::NotFound, "{key}");
        }
        assert_eq!(fetch(&source, b"\xff"), Answer::NotFound);
        let many = fetch_many(&source, &[b"07", b"7", b"x"]);
        assert_eq!(many, [Answer::NotFound, found("x"), Answer::NotFound]);
    }
    assert_eq!(fetch_many(&bed.kv(), &[b"x", b"y"]), [Answer::NotFound, Answer::NotFound]);
}

pub(crate) fn a_text_key_may_have_any_characters<B: Bed>() {
    let Some(bed) = B::with("CREATE TABLE kv (k TEXT PRIMARY KEY, v TEXT)") else { return };
    let source = bed.kv();
    let odd =
        ["", "'", "\"", "'; DROP TABLE kv; --", "\\", "%_", "{a,\"b\"}", "NULL", "\n", "\u{1F600}"];
    for key in odd {
        source.store(key.as_bytes(), key.as_bytes(), &patient()).expect("stored");
    }
    let keys: Vec<&[u8]> = odd.iter().map(|key| key.as_bytes()).collect();
    assert_eq!(fetch_many(&source, &keys), odd.map(found));
    assert!(odd.iter().all(|key| fetch(&source, key) == found(*key)));
    assert_eq!(fetch(&source, b"\xff\xfe"), Answer::NotFound);
    let refused = source.store(b"\xff\xfe", b"v", &patient()).expect_err("no text");
    assert_eq!(*error(&refused), Error::Key { of: "text".into() });
    source.remove(b"\xff\xfe", &patient()).expect("nothing to remove");
}

pub(crate) fn a_key_of_bytes_may_have_any_bytes<B: Bed>() {
    let table = format!("CREATE TABLE kv (k {0} PRIMARY KEY, v {0})", B::BYTES);
    let Some(bed) = B::with(&table) else { return };
    let source = bed.kv();
    let all: Vec<u8> = (0..=255).collect();
    let mut keys: Vec<&[u8]> = all.chunks(1).collect();
    keys.extend([&all[..], b"", b"\0\0"]);
    let writes: Vec<_> = keys.iter().map(|key| (*key, Some(*key))).collect();
    assert!(source.write_many(&writes, &patient()).iter().all(Result::is_ok));
    let expected: Vec<_> = keys.iter().map(|key| found(*key)).collect();
    assert_eq!(fetch_many(&source, &keys), expected);
    assert_eq!(fetch(&source, &all), found(all));
}

pub(crate) fn a_value_may_have_a_mebibyte<B: Bed>() {
    let table = format!("CREATE TABLE kv (k TEXT PRIMARY KEY, v {})", B::BYTES);
    let Some(bed) = B::with(&table) else { return };
    let large: Vec<u8> = (0..=255).cycle().take(1 << 20).collect();
    let source = bed.kv();
    source.store(b"large", &large, &patient()).expect("stored");
    assert_eq!(fetch(&source, "large"), found(large));
}

pub(crate) fn names_may_have_any_characters<B: Bed>() {
    let Some(bed) =
        B::with(r#"CREATE TABLE "a ""b"" '; --" ("select" TEXT PRIMARY KEY, "1 ü" TEXT)"#)
    else {
        return;
    };
    let source = bed.source(Table::new("a \"b\" '; --", "select", "1 ü"));
    source.store(b"k", b"v", &patient()).expect("stored");
    assert_eq!(fetch_many(&source, &[b"k", b"l"]), [found("v"), Answer::NotFound]);
    source.remove(b"k", &patient()).expect("removed");
    assert_eq!(fetch(&source, "k"), Answer::NotFound);
}

pub(crate) fn two_rows_for_one_key_are_an_error<B: Bed>() {
    let Some(bed) = B::with(
        "CREATE TABLE kv (k TEXT, v TEXT);
         INSERT INTO kv VALUES ('a', '1'), ('a', '2'), ('b', '3')",
    ) else {
        return;
    };
    let source = bed.kv();
    assert_eq!(failure(&source, "a", &patient()), Error::Ambiguous);
    let answers = source.fetch_many(&[b"a", b"b"], &patient()).expect("answers");
    assert_eq!(*error(answers[0].as_ref().expect_err("two rows")), Error::Ambiguous);
    assert_eq!(*answers[1].as_ref().expect("one row"), found("3"));
}

pub(crate) fn a_value_is_stored_replaced_and_removed<B: Bed>() {
    let Some(bed) =
        B::with("CREATE TABLE kv (k TEXT PRIMARY KEY, v TEXT, note TEXT DEFAULT 'the default')")
    else {
        return;
    };
    let (source, notes) = (bed.kv(), bed.source(Table::new("kv", "k", "note")));
    source.store(b"a", b"one", &patient()).expect("stored");
    assert_eq!(fetch(&source, "a"), found("one"));
    assert_eq!(fetch(&notes, "a"), found("the default"));
    notes.store(b"a", b"kept", &patient()).expect("stored");
    source.store(b"a", b"", &patient()).expect("replaced");
    assert_eq!((fetch(&source, "a"), fetch(&notes, "a")), (found(""), found("kept")));
    source.remove(b"a", &patient()).expect("removed");
    source.remove(b"a", &patient()).expect("removed again");
    assert_eq!(fetch(&source, "a"), Answer::NotFound);
}

pub(crate) fn a_batch_stores_and_removes<B: Bed>() {
    let Some(bed) = B::with(
        "CREATE TABLE kv (k INTEGER PRIMARY KEY, v TEXT);
         INSERT INTO kv VALUES (1, 'old'), (2, 'old')",
    ) else {
        return;
    };
    let source = bed.kv();
    let writes: [(&[u8], Option<&[u8]>); 4] =
        [(b"2", Some(b"two")), (b"1", None), (b"3", Some(b"three")), (b"9", None)];
    assert!(source.write_many(&writes, &patient()).iter().all(Result::is_ok));
    let expected = [Answer::NotFound, found("two"), found("three"), Answer::NotFound];
    assert_eq!(fetch_many(&source, &[b"1", b"2", b"3", b"9"]), expected);
    assert!(source.write_many(&[], &patient()).is_empty());
}

pub(crate) fn one_bad_write_of_a_batch_fails_alone<B: Bed>() {
    let Some(bed) = B::with("CREATE TABLE kv (k INTEGER PRIMARY KEY, v TEXT CHECK (v <> 'bad'))")
    else {
        return;
    };
    let source = bed.kv();
    let writes: [(&[u8], Option<&[u8]>); 5] = [
        (b"1", Some(b"good")),
        (b"2", Some(b"bad")),
        (b"three", Some(b"good")),
        (b"four", None),
        (b"5", Some(b"good")),
    ];
    let results = source.write_many(&writes, &patient());
    let expected = [found("good"), Answer::NotFound, found("good")];
    assert_eq!(fetch_many(&source, &[b"1", b"2", b"5"]), expected);
    let failed = |place: usize| error(results[place].as_ref().expect_err("refused"));
    assert!(matches!(failed(1), Error::Rejected { .. }), "{:?}", failed(1));
    assert_eq!(*failed(2), Error::Key { of: B::INTEGER.into() });
    // There can be nothing to remove under a key that is no number.
    assert!([0, 3, 4].iter().all(|&place| results[place].is_ok()), "{results:?}");

    let results = source.write_many(&[(b"6", Some(b"bad")), (b"7", Some(b"good"))], &patient());
    assert!(results[0].is_err() && results[1].is_ok(), "{results:?}");
    assert_eq!(fetch_many(&source, &[b"6", b"7"]), [Answer::NotFound, found("good")]);
}

pub(crate) fn a_query_writes_by_its_own_statements_or_not_at_all<B: Bed>() {
    let Some(bed) = B::with("CREATE TABLE todos (id INTEGER PRIMARY KEY, body TEXT)") else {
        return;
    };
    let p = B::PARAMETER;
    let query = Query::new(format!("SELECT body FROM todos WHERE id = {p}1"));
    let readable = bed.source(query.clone());
    let refused = readable.store(b"1", b"x", &patient()).expect_err("no statement");
    assert_eq!(*error(&refused), Error::NoStatement { what: "store" });
    let refused = readable.remove(b"1", &patient()).expect_err("no statement");
    assert_eq!(*error(&refused), Error::NoStatement { what: "remove" });

    let query = query
        .store(format!("INSERT INTO todos VALUES ({p}1, upper({p}2))"))
        .remove(format!("DELETE FROM todos WHERE id = {p}1"));
    let source = bed.source(query);
    source.store(b"1", b"x", &patient()).expect("stored");
    assert_eq!(fetch(&source, "1"), found("X"));
    source.remove(b"1", &patient()).expect("removed");
    assert_eq!(fetch(&source, "1"), Answer::NotFound);
}

pub(crate) fn a_table_without_a_unique_key_is_read_but_not_written<B: Bed>() {
    let Some(bed) = B::with("CREATE TABLE kv (k TEXT, v TEXT); INSERT INTO kv VALUES ('a', 'x')")
    else {
        return;
    };
    let source = bed.kv();
    let refused = source.store(b"a", b"y", &patient()).expect_err("no unique key");
    let text = refused.to_string().to_lowercase();
    assert!(text.contains("on conflict") && text.contains("unique"), "{text}");
    assert_eq!(fetch(&source, "a"), found("x"));
}

pub(crate) fn a_rejected_write_shows_neither_key_nor_value<B: Bed>() {
    let Some(bed) = B::with(
        "CREATE TABLE kv (k TEXT PRIMARY KEY, v TEXT CHECK (length(v) < 12), u TEXT UNIQUE);
         INSERT INTO kv VALUES ('one', 'x', 'secret-u')",
    ) else {
        return;
    };
    let refused = bed.kv().store(b"secret-key", b"secret-value", &patient());
    assert_silent(&refused.expect_err("too long"), &["secret"]);
    let unique = bed.source(Table::new("kv", "k", "u"));
    let refused = unique.store(b"secret-key", b"secret-u", &patient());
    assert_silent(&refused.expect_err("not unique"), &["secret"]);
}
