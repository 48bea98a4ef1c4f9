//! INTERNAL to the distcache server: certificates for tests and small installations.
//!
//! An [`Order`] names the members, and is filled by files in one directory: the
//! certificate and the key of an authority, and for each
//! [`Member`] its certificate and its key. Each is good for both ends of a
//! connection: members of a cluster are clients of each other.
//!
//! A larger installation has an authority of its own, whose key is on none of the
//! machines that it vouches for.
#![forbid(unsafe_code)]

mod error;
pub use error::CertsError;

mod member;
pub use member::{Member, NotAMember};

mod authority;

mod directory;

mod order;
pub use order::{AuthorityFiles, DAYS, DAYS_MAX, MEMBERS_MAX, Order};
