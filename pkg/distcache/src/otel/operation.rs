//! The calls that are told of, and what they are called.

/// A call of a keyspace, or of the engine about one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Get,
    GetMany,
    /// Also of `contains` and `ttl`, which are peeks.
    Peek,
    Put,
    PutMany,
    /// Also of `delete_if_version`.
    Delete,
    DeleteMany,
    /// Also of `decrement`.
    Increment,
    Touch,
    Expire,
    Persist,
    Invalidate,
    InvalidateTags,
    InvalidatePrefix,
    Clear,
    Scan,
    AddKeyspace,
    UpdateKeyspace,
    DeleteKeyspace,
}

#[cfg(feature = "otel")]
impl Operation {
    pub(super) const ALL: [Self; 19] = [
        Self::Get,
        Self::GetMany,
        Self::Peek,
        Self::Put,
        Self::PutMany,
        Self::Delete,
        Self::DeleteMany,
        Self::Increment,
        Self::Touch,
        Self::Expire,
        Self::Persist,
        Self::Invalidate,
        Self::InvalidateTags,
        Self::InvalidatePrefix,
        Self::Clear,
        Self::Scan,
        Self::AddKeyspace,
        Self::UpdateKeyspace,
        Self::DeleteKeyspace,
    ];

    /// The name of its span. Behind the dot is the name of the operation.
    pub(super) fn span_name(self) -> &'static str {
        match self {
            Self::Get => "distcache.get",
            Self::GetMany => "distcache.get_many",
            Self::Peek => "distcache.peek",
            Self::Put => "distcache.put",
            Self::PutMany => "distcache.put_many",
            Self::Delete => "distcache.delete",
            Self::DeleteMany => "distcache.delete_many",
            Self::Increment => "distcache.increment",
            Self::Touch => "distcache.touch",
            Self::Expire => "distcache.expire",
            Self::Persist => "distcache.persist",
            Self::Invalidate => "distcache.invalidate",
            Self::InvalidateTags => "distcache.invalidate_tags",
            Self::InvalidatePrefix => "distcache.invalidate_prefix",
            Self::Clear => "distcache.clear",
            Self::Scan => "distcache.scan",
            Self::AddKeyspace => "distcache.add_keyspace",
            Self::UpdateKeyspace => "distcache.update_keyspace",
            Self::DeleteKeyspace => "distcache.delete_keyspace",
        }
    }

    pub(super) fn name(self) -> &'static str {
        self.span_name().trim_start_matches("distcache.")
    }
}

#[cfg(all(test, feature = "otel"))]
mod tests {
    use super::*;

    #[test]
    fn every_operation_is_in_its_place_and_has_its_own_name() {
        for (at, operation) in Operation::ALL.into_iter().enumerate() {
            assert_eq!(operation as usize, at, "{operation:?}");
            let same = Operation::ALL.iter().filter(|other| other.name() == operation.name());
            assert_eq!(same.count(), 1, "{operation:?}");
        }
    }
}
