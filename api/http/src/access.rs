//! Who may do what: bearer tokens (RFC 6750).

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use distcache::codes::{self, Code};
use subtle::{Choice, ConstantTimeEq};

use crate::{HeaderName, Problem, Request};

/// What a request needs to be let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    /// To see what is cached.
    Read,
    /// To change it as well.
    Write,
}

/// Tokens that one server knows at most: each request is compared with all.
pub const TOKENS_MAX: usize = 64;
/// The shortest token, in bytes: 16 random characters are not guessed.
pub const TOKEN_BYTES_MIN: usize = 16;
/// The longest token, in bytes.
pub const TOKEN_BYTES_MAX: usize = 512;

/// Who may do what. Without any token, everybody may do everything.
///
/// Clones share one list, which can be replaced while requests run.
///
/// ```
/// use distcache_http::{Access, Right};
///
/// let access = Access::default();
/// let tokens = [("a-token-of-the-readers", Right::Read), ("a-token-of-the-service", Right::Write)];
/// access.replace(tokens.map(|(token, right)| (token.to_owned(), right)).to_vec())?;
/// assert!(!access.is_open());
/// # Ok::<(), distcache_http::TokenError>(())
/// ```
#[derive(Clone, Default)]
pub struct Access {
    tokens: Arc<ArcSwap<Vec<(String, Right)>>>,
}

/// A token that cannot be used. Says nothing of what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// Too short to be safe, or too long for a header.
    #[error("token {number} has {bytes} bytes; a token has {TOKEN_BYTES_MIN} to {TOKEN_BYTES_MAX}")]
    Length {
        /// Which one, from 1.
        number: usize,
        /// Its length, in bytes.
        bytes: usize,
    },
    /// A character that no `Authorization` header can hold.
    #[error("token {number} has a character that is not visible ASCII")]
    Character {
        /// Which one, from 1.
        number: usize,
    },
    /// Too many.
    #[error("there are {tokens} tokens; there can be {TOKENS_MAX}")]
    TooMany {
        /// How many.
        tokens: usize,
    },
}

/// A door where other machines reach it, and that lets everybody in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{address} can be reached by other machines, and there is no token")]
pub struct Exposed {
    /// Where the door was to be.
    pub address: SocketAddr,
}

impl Exposed {
    /// Its stable code.
    pub fn code(&self) -> Code {
        codes::EXPOSED
    }
}

impl Access {
    /// Whether everybody may do everything.
    pub fn is_open(&self) -> bool {
        self.tokens.load().is_empty()
    }

    /// Checks that these rules will do for a door at an address: where other machines can
    /// reach it not everybody is let in, unless somebody has said so (`is_insecure`).
    ///
    /// # Errors
    /// [`Exposed`].
    pub fn check_at(&self, address: SocketAddr, is_insecure: bool) -> Result<(), Exposed> {
        let is_hidden = address.ip().to_canonical().is_loopback();
        if self.is_open() && !is_hidden && !is_insecure { Err(Exposed { address }) } else { Ok(()) }
    }

    /// Lets in who has one of these tokens, and nobody else; or, without any,
    /// everybody.
    ///
    /// # Errors
    /// When one cannot be used; nothing has changed then.
    pub fn replace(&self, tokens: Vec<(String, Right)>) -> Result<(), TokenError> {
        if TOKENS_MAX < tokens.len() {
            return Err(TokenError::TooMany { tokens: tokens.len() });
        }
        tokens.iter().zip(1..).try_for_each(|((token, _), number)| check(token, number))?;
        self.tokens.store(Arc::new(tokens));
        Ok(())
    }

    /// Checks that a request comes from somebody with this right.
    ///
    /// # Errors
    /// 401 without a token that is known, 403 with one that may only read.
    pub(crate) fn check(&self, request: &Request<'_>, right: Right) -> Result<(), Problem> {
        let tokens = self.tokens.load();
        if tokens.is_empty() {
            return Ok(());
        }
        let given = request.headers.value_of(HeaderName::Authorization).and_then(bearer);
        let Some(given) = given else { return Err(unknown("there is no bearer token")) };
        match right_of(given, &tokens) {
            None => Err(unknown("the bearer token is not known here")),
            Some(has) if has < right => Err(Problem::new(403, codes::READ_ONLY_TOKEN)),
            Some(_) => Ok(()),
        }
    }
}

fn check(token: &str, number: usize) -> Result<(), TokenError> {
    if !(TOKEN_BYTES_MIN..=TOKEN_BYTES_MAX).contains(&token.len()) {
        return Err(TokenError::Length { number, bytes: token.len() });
    }
    let is_visible = token.bytes().all(|byte| byte.is_ascii_graphic());
    if is_visible { Ok(()) } else { Err(TokenError::Character { number }) }
}

/// What the holder of `given` may do. Compares with every token, and each time
/// all of it: how long that takes tells nothing but the lengths.
fn right_of(given: &[u8], tokens: &[(String, Right)]) -> Option<Right> {
    let is = |token: &str| token.as_bytes().ct_eq(given);
    let of = |right| {
        let those = tokens.iter().filter(|(_, has)| *has == right);
        bool::from(those.fold(Choice::from(0), |known, (token, _)| known | is(token)))
    };
    let (reads, writes) = (of(Right::Read), of(Right::Write));
    if writes { Some(Right::Write) } else { reads.then_some(Right::Read) }
}

/// The token of `Bearer TOKEN`; the scheme is compared without case.
fn bearer(header: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = header.split_at_checked(b"bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

fn unknown(detail: &'static str) -> Problem {
    Problem::new(401, codes::TOKEN_UNKNOWN).detail(detail).header("www-authenticate", "Bearer")
}

/// Tells how many there are, and none of them.
impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("tokens", &self.tokens.load().len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::Method;

    const READS: &str = "reads-reads-reads-reads";
    const WRITES: &str = "writes-writes-writes";

    fn access() -> Access {
        let access = Access::default();
        let tokens = [(READS, Right::Read), (WRITES, Right::Write)];
        let tokens = tokens.map(|(token, right)| (token.to_owned(), right)).to_vec();
        access.replace(tokens).expect("good tokens");
        access
    }

    fn verdict(access: &Access, header: Option<&str>, right: Right) -> Option<(u16, Code)> {
        let headers: Vec<_> =
            header.map(|text| (HeaderName::Authorization, text)).into_iter().collect();
        let request = Request {
            method: Method::Get,
            authority: None,
            path: "/",
            query: None,
            headers: &headers.as_slice(),
            body: Bytes::new(),
        };
        access.check(&request, right).err().map(|problem| (problem.status(), problem.code()))
    }

    #[test]
    fn without_tokens_everybody_may_do_everything() {
        assert_eq!(verdict(&Access::default(), None, Right::Write), None);
    }

    #[test]
    fn a_token_gives_its_right_and_no_more() {
        let access = access();
        let (reads, writes) = (format!("Bearer {READS}"), format!("bearer  {WRITES} "));
        assert_eq!(verdict(&access, Some(&reads), Right::Read), None);
        assert_eq!(
            verdict(&access, Some(&reads), Right::Write),
            Some((403, codes::READ_ONLY_TOKEN))
        );
        assert_eq!(verdict(&access, Some(&writes), Right::Read), None);
        assert_eq!(verdict(&access, Some(&writes), Right::Write), None);
    }

    #[test]
    fn no_token_or_a_wrong_one_is_401() {
        let (access, refused) = (access(), Some((401, codes::TOKEN_UNKNOWN)));
        assert_eq!(verdict(&access, None, Right::Read), refused);
        let longer = format!("Bearer {READS}s");
        for wrong in ["", "Bearer", "Bearer ", "Bearer x", "Basic cmVhZHM6", READS, &longer] {
            assert_eq!(verdict(&access, Some(wrong), Right::Read), refused, "{wrong}");
        }
    }

    #[test]
    fn tokens_that_could_be_guessed_or_not_sent_are_refused_and_change_nothing() {
        let access = access();
        let replace = |token: &str| access.replace(vec![(token.to_owned(), Right::Write)]);
        assert_eq!(replace("short"), Err(TokenError::Length { number: 1, bytes: 5 }));
        assert_eq!(replace(&"x".repeat(513)), Err(TokenError::Length { number: 1, bytes: 513 }));
        assert_eq!(replace("a blank within is no token"), Err(TokenError::Character { number: 1 }));
        let many = vec![(READS.to_owned(), Right::Read); TOKENS_MAX + 1];
        assert_eq!(access.replace(many), Err(TokenError::TooMany { tokens: TOKENS_MAX + 1 }));
        assert_eq!(verdict(&access, Some(&format!("Bearer {READS}")), Right::Read), None);
    }

    #[test]
    fn where_others_reach_it_somebody_must_have_a_token_or_say_that_nobody_needs_one() {
        let open = Access::default();
        for inside in ["127.0.0.1:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            assert_eq!(open.check_at(inside.parse().unwrap(), false), Ok(()), "{inside}");
        }
        for outside in ["0.0.0.0:1", "[::]:1", "192.0.2.1:1"] {
            let address = outside.parse().unwrap();
            let exposed = open.check_at(address, false).unwrap_err();
            assert_eq!((exposed.address, exposed.code()), (address, codes::EXPOSED));
            assert_eq!(open.check_at(address, true), Ok(()));
            assert_eq!(access().check_at(address, false), Ok(()));
        }
    }

    #[test]
    fn debug_shows_no_token() {
        assert_eq!(format!("{:?}", access()), "Access { tokens: 2 }");
    }
}
