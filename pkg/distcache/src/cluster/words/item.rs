//! A value on its way into a keyspace.

use bytes::Bytes;
use distcache_cluster::proto::{self, Nothing, condition::OnlyIf, until::End};
use distcache_manager::{Condition, Version};

use super::ms;
use crate::Item;
use crate::keyspace::Until;

/// An item that came from another member.
pub(in crate::cluster) struct OwnItem {
    key: Bytes,
    value: Bytes,
    until: Until,
    content_type: Option<String>,
    tags: Vec<String>,
    condition: Condition,
}

impl OwnItem {
    /// As the engine takes it.
    pub(in crate::cluster) fn item(&self) -> Item<'_> {
        let item = Item::new(&self.key, &self.value).until(self.until);
        let item = self.tags.iter().fold(item, |item, tag| item.tag(tag));
        let item = match &self.content_type {
            Some(content_type) => item.content_type(content_type),
            None => item,
        };
        match self.condition {
            Condition::Always => item,
            Condition::Absent => item.if_absent(),
            Condition::Present => item.if_present(),
            Condition::Version(version) => item.if_version(version),
            Condition::Before(version) => item.if_before(version),
        }
    }
}

impl From<proto::Item> for OwnItem {
    fn from(item: proto::Item) -> Self {
        let proto::Item { key, value, until, content_type, tags, condition } = item;
        let condition = match condition.and_then(|condition| condition.only_if) {
            None => Condition::Always,
            Some(OnlyIf::Absent(Nothing {})) => Condition::Absent,
            Some(OnlyIf::Present(Nothing {})) => Condition::Present,
            Some(OnlyIf::Version(version)) => Condition::Version(Version::from(version)),
            Some(OnlyIf::Before(version)) => Condition::Before(Version::from(version)),
        };
        Self { key, value, until: until_from(until), content_type, tags, condition }
    }
}

/// An item, as it is sent.
pub(in crate::cluster) fn item_to(item: &Item<'_>) -> proto::Item {
    let only_if = match item.condition() {
        Condition::Always => None,
        Condition::Absent => Some(OnlyIf::Absent(Nothing {})),
        Condition::Present => Some(OnlyIf::Present(Nothing {})),
        Condition::Version(version) => Some(OnlyIf::Version(version.get())),
        Condition::Before(version) => Some(OnlyIf::Before(version.get())),
    };
    proto::Item {
        key: Bytes::copy_from_slice(item.key()),
        value: Bytes::copy_from_slice(item.value()),
        until: until_to(item.stays()),
        content_type: item.type_of_content().map(str::to_owned),
        tags: item.tags().iter().map(|&tag| tag.to_owned()).collect(),
        condition: only_if.map(|only_if| proto::Condition { only_if: Some(only_if) }),
    }
}

pub(super) fn until_to(until: Until) -> Option<proto::Until> {
    let end = match until {
        Until::Default => return None,
        Until::For(ttl) => End::TtlLeftMs(ms(ttl)),
        Until::Evicted => End::Evicted(Nothing {}),
    };
    Some(proto::Until { end: Some(end) })
}

pub(super) fn until_from(until: Option<proto::Until>) -> Until {
    match until.and_then(|until| until.end) {
        None => Until::Default,
        Some(End::TtlLeftMs(ms)) => Until::For(std::time::Duration::from_millis(ms)),
        Some(End::Evicted(Nothing {})) => Until::Evicted,
    }
}
