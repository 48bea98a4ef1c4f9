//! A strict reader of `OpenMetrics` text: what is not as the format says it fails.
//!
//! <https://prometheus.io/docs/specs/om/open_metrics_spec/>

use std::collections::{BTreeMap, BTreeSet};

/// Names and values of labels.
pub(crate) type Labels = BTreeMap<String, String>;

/// Each sample, by its name and labels.
#[derive(Debug, Default)]
pub(crate) struct Page {
    samples: BTreeMap<(String, Labels), f64>,
    kinds: BTreeMap<String, String>,
}

impl Page {
    /// # Panics
    /// When the text is not `OpenMetrics`.
    pub(crate) fn read(text: &str) -> Self {
        let body = text.strip_suffix("# EOF\n").expect("the page ends with its mark");
        let mut page = Self::default();
        let mut family = None;
        for line in body.lines() {
            assert!(!line.is_empty() && line.trim() == line, "{line:?}");
            match line.strip_prefix("# ") {
                Some(described) => page.describe(described, &mut family),
                None => page.sample(line, family.as_deref().expect("a family before its samples")),
            }
        }
        page.check_histograms();
        page
    }

    fn describe(&mut self, line: &str, family: &mut Option<String>) {
        let (what, rest) = line.split_once(' ').expect("a word");
        let (name, value) = rest.split_once(' ').expect("a name");
        assert!(is_name(name), "{name}");
        match what {
            "TYPE" => {
                let before = self.kinds.insert(name.to_owned(), value.to_owned());
                assert_eq!(before, None, "the family {name} comes twice");
                *family = Some(name.to_owned());
            }
            "HELP" | "UNIT" if family.as_deref() == Some(name) || what == "HELP" => {}
            _ => panic!("{line}"),
        }
    }

    fn sample(&mut self, line: &str, family: &str) {
        let name_end = line.find(['{', ' ']).expect("a value");
        let (name, rest) = line.split_at(name_end);
        let suffix = name.strip_prefix(family).unwrap_or_else(|| panic!("{name} in {family}"));
        let allowed: &[&str] = match &*self.kinds[family] {
            "counter" => &["_total"],
            "gauge" => &[""],
            "histogram" => &["_bucket", "_sum", "_count"],
            other => panic!("{other}"),
        };
        assert!(allowed.contains(&suffix), "{name} in a {}", self.kinds[family]);
        let (labels, value) = match rest.strip_prefix('{') {
            Some(rest) => read_labels(rest),
            None => (Labels::new(), rest),
        };
        let value = value.strip_prefix(' ').expect("one space");
        let value: f64 = value.parse().unwrap_or_else(|_| panic!("{line}"));
        assert!(!value.is_nan() && (suffix.is_empty() || 0.0 <= value), "{line}");
        let before = self.samples.insert((name.to_owned(), labels), value);
        assert_eq!(before, None, "twice: {line}");
    }

    /// Counts grow from bound to bound, and the last is all of them.
    fn check_histograms(&self) {
        let histograms = self.kinds.iter().filter(|(_, kind)| *kind == "histogram");
        for (family, _) in histograms {
            let counts =
                self.samples.iter().filter(|((name, _), _)| *name == format!("{family}_count"));
            for ((_, labels), count) in counts {
                let mut buckets: Vec<(f64, f64)> = self.buckets(family, labels);
                buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
                assert!(buckets.windows(2).all(|pair| pair[0].1 <= pair[1].1), "{buckets:?}");
                assert_eq!(buckets.last(), Some(&(f64::INFINITY, *count)), "{family}");
                assert!(self.samples.contains_key(&(format!("{family}_sum"), labels.clone())));
            }
        }
    }

    fn buckets(&self, family: &str, labels: &Labels) -> Vec<(f64, f64)> {
        let bucket = |((name, held), value): (&(String, Labels), &f64)| {
            let mut held = held.clone();
            let bound = held.remove("le")?;
            let is_it = *name == format!("{family}_bucket") && held == *labels;
            is_it.then(|| (bound.parse().expect("a bound"), *value))
        };
        self.samples.iter().filter_map(bucket).collect()
    }

    /// The value of a sample.
    pub(crate) fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let owned = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let key = (name.to_owned(), owned.collect());
        *self.samples.get(&key).unwrap_or_else(|| panic!("no {name} {labels:?}"))
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.samples.keys().any(|(known, _)| known == name)
    }

    /// How many series there are.
    pub(crate) fn series(&self) -> BTreeSet<(String, Labels)> {
        self.samples.keys().cloned().collect()
    }
}

/// Labels and what follows their brace.
fn read_labels(mut rest: &str) -> (Labels, &str) {
    let mut labels = Labels::new();
    loop {
        let (name, behind) = rest.split_once("=\"").expect("a label and its quote");
        assert!(is_name(name), "{name}");
        let (value, behind) = read_quoted(behind);
        assert_eq!(labels.insert(name.to_owned(), value), None, "{name} comes twice");
        match behind.split_at(1) {
            (",", next) => rest = next,
            ("}", next) => return (labels, next),
            (other, _) => panic!("{other:?} behind a label"),
        }
    }
}

fn read_quoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, &text[at + 1..]),
            '\\' => value.push(match characters.next().expect("an escaped character").1 {
                'n' => '\n',
                plain @ ('\\' | '"') => plain,
                other => panic!("\\{other} is no escape"),
            }),
            '\n' => panic!("a raw end of line"),
            plain => value.push(plain),
        }
    }
    panic!("a label without its end");
}

fn is_name(name: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    name.chars().all(is_part) && name.starts_with(|c: char| !c.is_ascii_digit())
}
