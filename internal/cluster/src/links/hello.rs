//! How two members introduce themselves, and whom they refuse.

use std::ops::RangeInclusive;

use super::{MemberId, Settings};
use crate::proto::refusal::Reason;
use crate::proto::{Hello, Refusal};
use crate::wire::{Address, Identity};

/// The longest first word, in bytes: names and addresses are shorter together. A
/// stranger makes us hold no more.
pub(super) const HELLO_BYTES_MAX: usize = 4096;

/// Two members are not connected, because one of them does not want to be.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the connection was refused: {text}")]
pub struct Refused {
    /// Why.
    pub reason: Reason,
    /// For people to read.
    pub text: String,
    /// Where the one who has refused is reached, if it said so.
    pub(super) address: Option<Address>,
}

/// A member that has introduced itself, and is welcome as far as it alone can tell.
#[derive(Debug, Clone)]
pub(super) struct Introduced {
    pub(super) member: MemberId,
    pub(super) address: Address,
    /// The version that both will speak.
    pub(super) version: u32,
    /// The number of the connection, if the other has begun it.
    pub(super) dial: u64,
    /// The last connection of ours that it has taken.
    pub(super) taken: Option<(MemberId, u64)>,
    /// Whether it has reached us by another name than we give ourselves.
    pub(super) is_by_alias: bool,
}

/// What we say of ourselves.
pub(super) fn ours(settings: &Settings) -> Hello {
    Hello {
        cluster: settings.cluster.clone(),
        member: settings.member.get(),
        version_lowest: *settings.versions.start(),
        version_highest: *settings.versions.end(),
        address: settings.address.to_string(),
        ..Hello::default()
    }
}

/// Whether one who says this is welcome.
pub(super) fn judge(
    settings: &Settings,
    hello: &Hello,
    identity: &Identity,
) -> Result<Introduced, Refused> {
    if hello.cluster != settings.cluster {
        let text = format!("this is the cluster {:?}, not {:?}", settings.cluster, hello.cluster);
        return Err(refused(Reason::OtherCluster, text));
    }
    let theirs = hello.version_lowest..=hello.version_highest;
    let version = common_version(&settings.versions, &theirs).ok_or_else(|| {
        let text = format!("we speak versions {:?}, not {theirs:?}", settings.versions);
        refused(Reason::NoCommonVersion, text)
    })?;
    let member = MemberId::new(hello.member)
        .ok_or_else(|| refused(Reason::NoHello, "a member has no number".to_owned()))?;
    let no_address = |error: crate::wire::NotAnAddress| refused(Reason::NoHello, error.to_string());
    let address: Address = hello.address.parse().map_err(no_address)?;
    if member == settings.member || address == settings.address {
        return Err(refused(Reason::MemberTaken, format!("{member} at {address} is this member")));
    }
    if !identity.may_be_at(&address) {
        let text = format!("the certificate does not stand for {:?}", address.host());
        return Err(refused(Reason::NotCertified, text));
    }
    let taken = MemberId::new(hello.taken_from).map(|from| (from, hello.taken_dial));
    let is_by_alias = !hello.to.is_empty() && hello.to != settings.address.as_str();
    Ok(Introduced { member, address, version, dial: hello.dial, taken, is_by_alias })
}

/// The highest version that both speak.
fn common_version(ours: &RangeInclusive<u32>, theirs: &RangeInclusive<u32>) -> Option<u32> {
    let highest = *ours.end().min(theirs.end());
    (ours.contains(&highest) && theirs.contains(&highest)).then_some(highest)
}

pub(super) fn refused(reason: Reason, text: String) -> Refused {
    Refused { reason, text, address: None }
}

impl Refused {
    /// As it is told to the other.
    pub(super) fn told_by(&self, settings: &Settings) -> Refusal {
        let (reason, text) = (self.reason.into(), self.text.clone());
        Refusal { reason, text, address: settings.address.to_string() }
    }

    /// As the other has told it.
    pub(super) fn heard(refusal: &Refusal) -> Self {
        let address = refusal.address.parse().ok();
        // It is shown to people, and may come from anybody.
        let text = refusal.text.chars().filter(|c| !c.is_control()).collect();
        Self { reason: refusal.reason(), text, address }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_version_that_both_speak_is_spoken() {
        for (ours, theirs, spoken) in [
            (1..=1, 1..=1, Some(1)),
            (1..=2, 2..=3, Some(2)),
            (2..=5, 1..=4, Some(4)),
            (1..=1, 2..=3, None),
            (3..=4, 1..=2, None),
        ] {
            assert_eq!(common_version(&ours, &theirs), spoken, "{ours:?} {theirs:?}");
        }
    }

    /// What nobody honest says.
    #[test]
    fn no_version_is_spoken_with_one_who_speaks_none() {
        let backwards = RangeInclusive::new(3, 1);
        assert_eq!(common_version(&(1..=5), &backwards), None);
        assert_eq!(common_version(&(1..=2), &(0..=0)), None);
    }
}
