//! The rights to the keys of a batch.

use std::sync::Arc;

use crate::routing::Routing;
use crate::territory::confirm;
use crate::{Claim, Error, Keyspace, Territory};

/// For each key of a batch, whether this process answers for it.
pub(super) struct Claims {
    /// `None` where no other process has any keys.
    territory: Option<Arc<dyn Territory>>,
    /// Of each key, where there is a territory.
    claims: Vec<Option<Claim>>,
}

impl Claims {
    pub(super) fn of<'a>(
        routing: &Routing,
        keyspace: &Keyspace,
        mut keys: impl Iterator<Item = &'a [u8]>,
    ) -> Self {
        let Some(territory) = &routing.territory else {
            return Self { territory: None, claims: Vec::new() };
        };
        let claims = territory.claims(keyspace, &mut keys);
        Self { territory: Some(territory.clone()), claims }
    }

    /// Whether the key at a place is ours.
    pub(super) fn has(&self, at: usize) -> bool {
        self.territory.is_none() || self.claims[at].is_some()
    }

    /// The places of those keys that are not ours.
    pub(super) fn elsewhere(&self) -> impl Iterator<Item = usize> {
        self.claims.iter().enumerate().filter_map(|(at, claim)| claim.is_none().then_some(at))
    }

    /// What a change of the key at a place came to, if the claim to it was not over.
    pub(super) fn confirm<T>(&self, at: usize, outcome: Result<T, Error>) -> Result<T, Error> {
        match self.territory.as_deref().zip(self.claims.get(at).copied().flatten()) {
            Some((territory, claim)) => confirm(territory, claim, outcome),
            None => outcome,
        }
    }
}
