//! A source of one's own, and what callers see when it is gone: pages in a
//! directory, asked for many at a time, forgotten by tag, spared while they
//! cannot be read.
//!
//! `cargo run -p distcache --example custom_source`

use std::collections::HashSet;
use std::error::Error;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use distcache::{
    Answer, Answers, CircuitBreaker, Clock, Context, DataSource, Engine, How, Keyspace,
    KeyspaceConfig, Loaded, ManualClock, RateLimit, SourceError,
};

type Result<T = (), E = Box<dyn Error>> = std::result::Result<T, E>;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);

/// A directory of pages. The first line of a page has its tags.
struct Pages {
    directory: PathBuf,
}

impl Pages {
    /// The names of the pages. A page that is not among them is not found; a
    /// directory that cannot be listed has not said so of any. And what a client
    /// asks for is looked up here before it becomes a path: `../secret` is not a
    /// page.
    fn names(&self) -> io::Result<HashSet<OsString>> {
        fs::read_dir(&self.directory)?.map(|entry| Ok(entry?.file_name())).collect()
    }

    fn page(&self, key: &[u8], names: &HashSet<OsString>) -> Result<Answer, SourceError> {
        let name = OsStr::new(std::str::from_utf8(key)?);
        if !names.contains(name) {
            return Ok(Answer::NotFound);
        }
        let page = fs::read_to_string(self.directory.join(name))?;
        let (tags, text) = page.split_once('\n').ok_or("a page without a line of tags")?;
        Ok(tags.split_whitespace().fold(Loaded::new(text), Loaded::tag).into())
    }
}

impl DataSource for Pages {
    fn fetch(&self, key: &[u8], _context: &Context) -> Result<Answer, SourceError> {
        self.page(key, &self.names()?)
    }

    /// One listing for all of them.
    fn fetch_many(&self, keys: &[&[u8]], _: &Context) -> Result<Answers, SourceError> {
        let names = self.names()?;
        Ok(keys.iter().map(|key| self.page(key, &names)).collect())
    }
}

/// A site whose pages are cached, on a clock that is moved by hand.
struct Site {
    directory: PathBuf,
    pages: Keyspace,
    clock: Arc<ManualClock>,
}

impl Site {
    fn start(engine: &Engine, clock: Arc<ManualClock>, directory: &Path) -> Result<Self> {
        let config = KeyspaceConfig::new("pages")
            .ttl(MINUTE)
            .ttl_jitter(0.0) // so that all pages end together, for this story
            .stale_if_error(10 * MINUTE)
            .circuit_breaker(CircuitBreaker::new(3, 10 * SECOND))
            .rate_limit(RateLimit::per_second(5.0))
            .source(Pages { directory: directory.to_owned() });
        let pages = engine.add_keyspace(config)?;
        Ok(Self { directory: directory.to_owned(), pages, clock })
    }

    fn write(&self, name: &str, tags: &str, text: &str) -> io::Result<()> {
        fs::write(self.directory.join(name), format!("{tags}\n{text}"))
    }

    /// What a caller sees of a page.
    fn see(&self, name: &str) -> String {
        let found = match self.pages.get(name.as_bytes()) {
            Ok(Some(found)) => found,
            Ok(None) => return format!("{name}: no such page"),
            Err(error) => return format!("{name}: {}, {}", error.code(), error.code().meaning()),
        };
        let text = String::from_utf8_lossy(&found);
        match found.how() {
            How::Stale { since } => {
                format!("{name}: {text:?}, stale for {:?}", self.clock.now().since(since))
            }
            how => format!("{name}: {text:?} ({how:?})"),
        }
    }

    fn show(&self, out: &mut impl Write, names: &[&str]) -> Result {
        for name in names {
            writeln!(out, "  {}", self.see(name))?;
        }
        Ok(())
    }

    fn show_source(&self, out: &mut impl Write) -> Result {
        let requests = self.pages.stats()?.source_requests;
        let breaker = self.pages.breaker().ok_or("this keyspace has a breaker")?;
        writeln!(out, "  (requests to the source: {requests}; breaker: {breaker:?})")?;
        Ok(())
    }
}

fn many_keys_are_one_request(site: &Site, out: &mut impl Write) -> Result {
    writeln!(out, "Many keys are one request:")?;
    site.write("home", "news", "hello")?;
    site.write("blog", "news", "first post")?;
    site.write("about", "", "us")?;
    for page in site.pages.get_many(&[b"home", b"blog", b"about", b"../secret"]) {
        writeln!(out, "  {:?}", page?.map(|found| String::from_utf8_lossy(&found).into_owned()))?;
    }
    site.show_source(out)
}

fn a_tag_is_forgotten_at_once(site: &Site, out: &mut impl Write) -> Result {
    writeln!(out, "Pages that bear a tag are forgotten together:")?;
    site.write("home", "news", "hello again")?;
    site.write("blog", "news", "second post")?;
    site.pages.invalidate_tags(&["news"])?;
    site.show(out, &["home", "blog", "about"])
}

fn an_outage_shows_stale_pages(site: &Site, out: &mut impl Write) -> Result {
    fs::rename(&site.directory, site.directory.with_extension("away"))?;
    site.clock.advance(MINUTE + SECOND);
    writeln!(out, "The directory is gone, and a minute later every page is stale:")?;
    site.show(out, &["home", "blog", "about"])?;
    site.show_source(out)?;
    writeln!(out, "After three failures it is left alone. Who has a stale page gets that:")?;
    site.show(out, &["home", "never-seen"])?;
    site.show_source(out)?;
    writeln!(out, "What is invalidated is never served stale:")?;
    site.pages.invalidate(b"about")?;
    site.show(out, &["about"])
}

fn a_long_one_ends_in_errors(site: &Site, out: &mut impl Write) -> Result {
    site.clock.advance(10 * MINUTE);
    writeln!(out, "Ten minutes later stale pages are over too. One is tried, to see:")?;
    site.show(out, &["home", "blog"])?;
    site.show_source(out)?;
    fs::rename(site.directory.with_extension("away"), &site.directory)?;
    site.clock.advance(10 * SECOND);
    writeln!(out, "The directory is back, and the next try finds it:")?;
    site.show(out, &["home", "blog"])?;
    site.show_source(out)
}

fn the_source_is_asked_no_faster_than_it_likes(site: &Site, out: &mut impl Write) -> Result {
    site.clock.advance(SECOND);
    writeln!(out, "Five loads a second are made; reads of what is cached are free:")?;
    site.show(out, &["about", "1", "2", "3", "4", "5", "about"])
}

fn tell(out: &mut impl Write) -> Result {
    let directory = tempfile::tempdir()?;
    let pages = directory.path().join("pages");
    fs::create_dir(&pages)?;
    let clock = Arc::new(ManualClock::new());
    let engine = Engine::builder().clock(clock.clone()).start()?;
    let site = Site::start(&engine, clock, &pages)?;
    many_keys_are_one_request(&site, out)?;
    a_tag_is_forgotten_at_once(&site, out)?;
    an_outage_shows_stale_pages(&site, out)?;
    a_long_one_ends_in_errors(&site, out)?;
    the_source_is_asked_no_faster_than_it_likes(&site, out)?;
    engine.shutdown(10 * SECOND)?;
    Ok(())
}

fn main() -> Result {
    tell(&mut io::stdout().lock())
}

#[test]
fn an_outage_is_survived_by_stale_pages_for_ten_minutes() {
    let mut told = Vec::new();
    tell(&mut told).unwrap();
    let expected = r#"
Many keys are one request:
  Some("hello")
  Some("first post")
  Some("us")
  None
  (requests to the source: 1; breaker: Closed)
Pages that bear a tag are forgotten together:
  home: "hello again" (Loaded)
  blog: "second post" (Loaded)
  about: "us" (Hit)
The directory is gone, and a minute later every page is stale:
  home: "hello again", stale for 1s
  blog: "second post", stale for 1s
  about: "us", stale for 1s
  (requests to the source: 6; breaker: Open)
After three failures it is left alone. Who has a stale page gets that:
  home: "hello again", stale for 1s
  never-seen: DC-136, The data source has failed again and again, and is left alone for a while.
  (requests to the source: 6; breaker: Open)
What is invalidated is never served stale:
  about: DC-136, The data source has failed again and again, and is left alone for a while.
Ten minutes later stale pages are over too. One is tried, to see:
  home: DC-131, The data source failed; nothing of that is kept.
  blog: DC-136, The data source has failed again and again, and is left alone for a while.
  (requests to the source: 7; breaker: Open)
The directory is back, and the next try finds it:
  home: "hello again" (Loaded)
  blog: "second post" (Loaded)
  (requests to the source: 9; breaker: Closed)
Five loads a second are made; reads of what is cached are free:
  about: "us" (Loaded)
  1: no such page
  2: no such page
  3: no such page
  4: no such page
  5: DC-135, The data source is not asked more often than its rate limit allows.
  about: "us" (Hit)
"#;
    assert_eq!(String::from_utf8(told).unwrap(), expected.trim_start());
}
