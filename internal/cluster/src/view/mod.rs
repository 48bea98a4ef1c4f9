//! Who is a member, and which member owns a key.

mod address;
pub use address::Address;

mod id;
pub use id::{ClusterId, IdInvalid, MemberId};

mod member;
pub use member::{Member, MemberState, ZONE_BYTES_MAX};

mod change;
pub use change::{Change, Outcome};

mod roster;
pub use roster::{
    KEYSPACES_MAX, MEMBERS_MAX, Roster, SETTINGS_BYTES_MAX, SETTINGS_VALUES_MAX, WEIGHT_MAX,
};

mod placement;

#[expect(clippy::module_inception, reason = "the view is what this folder is about")]
mod view;
pub use view::View;
