//! Which keys of a keyspace are read most.

use distcache::{HOT_KEYS_MAX, HotKey, Keyspace};

use super::{Spaces, read_limit};
use crate::pairs::Pairs;
use crate::{Problem, Response, octets};

/// Keys that are listed if nothing is said.
pub(crate) const KEYS: usize = 20;

impl Spaces<'_> {
    /// `{"keys":[{"key","reads","reads_of_others_max"}]}`, the most read first.
    pub(super) fn hot(&self, keyspace: &Keyspace) -> Result<Response, Problem> {
        let mut pairs = Pairs::of(self.request.query)?;
        let limit = pairs.take("limit")?;
        let limit = limit.map_or(Ok(KEYS), |text| read_limit(&text, HOT_KEYS_MAX))?;
        pairs.finish("`hot` takes `limit`")?;
        let mut out = b"{\"keys\":[".to_vec();
        for (at, hot) in keyspace.hot_keys(limit).iter().enumerate() {
            if 0 < at {
                out.push(b',');
            }
            write(&mut out, hot);
        }
        out.extend_from_slice(b"]}\n");
        Ok(Response::json(out))
    }
}

fn write(out: &mut Vec<u8>, hot: &HotKey) {
    let HotKey { key, reads, reads_of_others_max, .. } = hot;
    out.extend_from_slice(b"{\"key\":");
    octets::write(out, key, usize::MAX);
    let numbers = format!(",\"reads\":{reads},\"reads_of_others_max\":{reads_of_others_max}}}");
    out.extend_from_slice(numbers.as_bytes());
}
