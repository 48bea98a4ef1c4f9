//! The lines of an answer that has no end, each of them bounded.

use http_body_util::BodyExt;
use kube::client::Body;

use distcache_cluster::excerpt::told;

/// The longest line: one event, and so one slice. That of a slice with the most endpoints
/// that it may have (1,000) is some 400 KB.
pub(super) const LINE_BYTES_MAX: usize = 2 << 20;

/// What is left of an answer.
pub(super) struct Lines {
    body: Body,
    /// What came behind the last line that was read.
    held: Vec<u8>,
    /// So much of it has no end of a line.
    searched: usize,
}

/// How an answer ended before its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// The connection did.
    Cut(String),
    /// A line is longer than any may be.
    TooLong,
}

impl Lines {
    pub(super) fn of(body: Body) -> Self {
        Self { body, held: Vec::new(), searched: 0 }
    }

    /// The next one; `None` at the end. What comes behind the last end of a line is none.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<u8>>, Broken> {
        loop {
            let unseen = &self.held[self.searched..];
            if let Some(at) = unseen.iter().position(|byte| *byte == b'\n') {
                let rest = self.held.split_off(self.searched + at + 1);
                self.searched = 0;
                return Ok(Some(std::mem::replace(&mut self.held, rest)));
            }
            self.searched = self.held.len();
            if LINE_BYTES_MAX < self.held.len() {
                return Err(Broken::TooLong);
            }
            match self.body.frame().await {
                None => return Ok(None),
                Some(Err(error)) => return Err(Broken::Cut(told(&error))),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.held.extend_from_slice(&data);
                    }
                }
            }
        }
    }
}

/// All of a body, if it is no longer than that.
pub(super) async fn whole(mut body: Body, bytes_max: usize) -> Result<Vec<u8>, Broken> {
    let mut all = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Broken::Cut(told(&error)))?;
        if let Ok(data) = frame.into_data() {
            all.extend_from_slice(&data);
        }
        if bytes_max < all.len() {
            return Err(Broken::TooLong);
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn lines(text: &str) -> Vec<String> {
        let mut lines = Lines::of(Body::from(text.as_bytes().to_vec()));
        let mut all = Vec::new();
        while let Some(line) = lines.next().await.expect("it is whole") {
            all.push(String::from_utf8(line).expect("text"));
        }
        all
    }

    #[tokio::test]
    async fn lines_end_where_they_end() {
        assert_eq!(lines("a\n\nbc\n").await, ["a\n", "\n", "bc\n"]);
        assert_eq!(lines("a\nhalf").await, ["a\n"], "a half one is none");
        assert!(lines("").await.is_empty());
    }

    #[tokio::test]
    async fn a_line_that_does_not_end_is_given_up() {
        let mut lines = Lines::of(Body::from(vec![b'x'; LINE_BYTES_MAX + 1]));
        assert_eq!(lines.next().await.unwrap_err(), Broken::TooLong);
    }

    #[tokio::test]
    async fn a_body_that_is_too_long_is_given_up() {
        assert_eq!(whole(Body::from(vec![1; 9]), 9).await.unwrap().len(), 9);
        assert_eq!(whole(Body::from(vec![1; 10]), 9).await.unwrap_err(), Broken::TooLong);
    }
}
