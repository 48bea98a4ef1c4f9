//! What an entry may say of its value: its content type, and its validator.

use std::fmt;

/// The longest content type, in bytes.
pub const CONTENT_TYPE_BYTES_MAX: usize = 255;
/// The longest validator, in bytes.
pub const VALIDATOR_BYTES_MAX: usize = 512;

/// What stands behind a label's texts: the length of each.
const LENGTHS_BYTES: usize = 2 * size_of::<u16>();
/// The longest label, as it stands in an entry.
#[cfg(test)]
const LABEL_BYTES_MAX: usize = CONTENT_TYPE_BYTES_MAX + VALIDATOR_BYTES_MAX + LENGTHS_BYTES;

/// What an entry may say of its value: its content type, and its validator, by
/// which the value's source can be asked whether it has changed.
///
/// In an entry it is both texts and then their lengths, so that it is read from
/// its end. One that says nothing takes nothing.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Label<'a> {
    content_type: &'a str,
    validator: &'a str,
}

/// A text cannot stand in a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LabelInvalid {
    /// The content type. It is sent as a header of HTTP: a line break in it
    /// would begin another one.
    #[error(
        "the content type, of {bytes} bytes, is not 1 to {CONTENT_TYPE_BYTES_MAX} visible ASCII \
         characters and spaces"
    )]
    ContentType {
        /// Its length.
        bytes: usize,
    },
    /// The validator.
    #[error("the validator has {bytes} bytes, and one has 1 to {VALIDATOR_BYTES_MAX}")]
    Validator {
        /// Its length.
        bytes: usize,
    },
}

impl<'a> Label<'a> {
    /// Of what is known of a value.
    ///
    /// # Errors
    /// When one of them is empty or too long, or the content type has other
    /// characters than visible ASCII and spaces.
    pub fn new(
        content_type: Option<&'a str>,
        validator: Option<&'a str>,
    ) -> Result<Self, LabelInvalid> {
        if let Some(text) = content_type
            && !is_content_type(text)
        {
            return Err(LabelInvalid::ContentType { bytes: text.len() });
        }
        if let Some(text) = validator
            && !(1..=VALIDATOR_BYTES_MAX).contains(&text.len())
        {
            return Err(LabelInvalid::Validator { bytes: text.len() });
        }
        let (content_type, validator) = (content_type.unwrap_or(""), validator.unwrap_or(""));
        Ok(Self { content_type, validator })
    }

    /// The value's content type.
    pub fn content_type(&self) -> Option<&'a str> {
        Some(self.content_type).filter(|text| !text.is_empty())
    }

    /// By what its source knows this very value.
    pub fn validator(&self) -> Option<&'a str> {
        Some(self.validator).filter(|text| !text.is_empty())
    }

    /// Whether it says nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.content_type.is_empty() && self.validator.is_empty()
    }

    /// What it takes in an entry.
    pub(crate) fn bytes(&self) -> usize {
        if self.is_empty() {
            return 0;
        }
        self.content_type.len() + self.validator.len() + LENGTHS_BYTES
    }

    /// Hands out what it is in an entry, part by part.
    pub(crate) fn write(&self, mut part: impl FnMut(&[u8])) {
        if self.is_empty() {
            return;
        }
        for text in [self.content_type, self.validator] {
            part(text.as_bytes());
        }
        for text in [self.content_type, self.validator] {
            let length = u16::try_from(text.len()).expect("new() bounds it");
            part(&length.to_le_bytes());
        }
    }

    /// How many bytes a label has that ends where `bytes` do.
    pub(crate) fn bytes_at_end(bytes: &[u8]) -> usize {
        let (content_type, validator) = lengths_at_end(bytes);
        content_type + validator + LENGTHS_BYTES
    }

    /// The label that ends where `bytes` do.
    pub(crate) fn at_end(bytes: &'a [u8]) -> Self {
        let (content_type, validator) = lengths_at_end(bytes);
        let (rest, _) = bytes.split_at(bytes.len() - LENGTHS_BYTES);
        let (rest, validator) = rest.split_at(rest.len() - validator);
        let (_, content_type) = rest.split_at(rest.len() - content_type);
        let text = |bytes| str::from_utf8(bytes).expect("texts were written");
        Self { content_type: text(content_type), validator: text(validator) }
    }
}

fn is_content_type(text: &str) -> bool {
    (1..=CONTENT_TYPE_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic())
}

fn lengths_at_end(bytes: &[u8]) -> (usize, usize) {
    let &[a, b, c, d] = bytes.last_chunk().expect("a label ends with its lengths");
    (u16::from_le_bytes([a, b]).into(), u16::from_le_bytes([c, d]).into())
}

impl fmt::Debug for Label<'_> {
    /// Tells the validator's size only: it may be made of the value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Label")
            .field("content_type", &self.content_type)
            .field("validator_bytes", &self.validator.len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(label: Label<'_>) -> Vec<u8> {
        let mut bytes = b"before".to_vec();
        label.write(|part| bytes.extend_from_slice(part));
        assert_eq!(bytes.len(), b"before".len() + label.bytes());
        bytes
    }

    #[test]
    fn a_label_is_read_as_it_was_written() {
        let longest = (&*"c".repeat(CONTENT_TYPE_BYTES_MAX), &*"é".repeat(VALIDATOR_BYTES_MAX / 2));
        for label in [
            Label::new(Some("text/html; charset=utf-8"), None),
            Label::new(None, Some("\"33a64df5\"")),
            Label::new(Some("a"), Some("b")),
            Label::new(Some(longest.0), Some(longest.1)),
        ] {
            let label = label.unwrap();
            let bytes = written(label);
            assert_eq!(Label::bytes_at_end(&bytes), label.bytes());
            assert_eq!(Label::at_end(&bytes), label);
            assert!(label.bytes() <= LABEL_BYTES_MAX);
        }
    }

    #[test]
    fn a_label_that_says_nothing_takes_nothing() {
        let label = Label::new(None, None).unwrap();
        assert_eq!((label.bytes(), label), (0, Label::default()));
        assert_eq!(written(label), b"before");
        assert_eq!((label.content_type(), label.validator()), (None, None));
    }

    #[test]
    fn what_would_be_another_header_is_no_content_type() {
        let too_long = "c".repeat(CONTENT_TYPE_BYTES_MAX + 1);
        let bad = ["", "a\r\nSet-Cookie: b", "a\nb", "a\tb", "a\0", "a\x7f", "café", &too_long];
        for text in bad {
            let invalid = LabelInvalid::ContentType { bytes: text.len() };
            assert_eq!(Label::new(Some(text), None), Err(invalid), "{text:?}");
        }
        assert!(Label::new(Some(&too_long[1..]), None).is_ok());
    }

    #[test]
    fn a_validator_one_byte_too_long_is_refused() {
        let too_long = "v".repeat(VALIDATOR_BYTES_MAX + 1);
        for text in ["", &too_long] {
            let invalid = LabelInvalid::Validator { bytes: text.len() };
            assert_eq!(Label::new(None, Some(text)), Err(invalid));
        }
        assert!(Label::new(None, Some(&too_long[1..])).is_ok());
    }

    #[test]
    fn debug_shows_no_validator() {
        let label = Label::new(Some("text/plain"), Some("secret")).unwrap();
        let shown = format!("{label:?}");
        assert!(shown.contains("text/plain") && !shown.contains("secret"), "{shown}");
    }
}
