//! The connections of one endpoint, by the downstream that each is reserved for.
use crate::slots::ConnKey;

/// The connections to an endpoint. Shared ones come first, and the reserved ones are sorted by downstream,
/// since a worker may have thousands of them.
#[derive(Default)]
pub(super) struct Links(Vec<Link>);

struct Link {
    conn: ConnKey,
    reserved_for: Option<ConnKey>,
}

impl Link {
    fn sort_key(&self) -> Option<u32> {
        self.reserved_for.map(ConnKey::bits)
    }
}

impl Links {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn insert(&mut self, conn: ConnKey, reserved_for: Option<ConnKey>) {
        let link = Link { conn, reserved_for };
        let at = self.0.partition_point(|l| l.sort_key() <= link.sort_key());
        self.0.insert(at, link);
    }

    /// Returns whether the connection was in the list.
    pub(super) fn remove(&mut self, conn: ConnKey) -> bool {
        let at = self.0.iter().position(|l| l.conn == conn);
        at.map(|at| self.0.remove(at)).is_some()
    }

    /// All connections.
    pub(super) fn all(&self) -> impl Iterator<Item = ConnKey> + '_ {
        self.0.iter().map(|l| l.conn)
    }

    /// The connections that calls of this downstream may use; `None` stands for the shared ones.
    #[inline]
    pub(super) fn of(&self, downstream: Option<ConnKey>) -> impl Iterator<Item = ConnKey> + '_ {
        let sort_key = downstream.map(ConnKey::bits);
        // shared connections come first, and most clusters have no others
        let start = match downstream {
            None => 0,
            Some(_) => self.0.partition_point(|l| l.sort_key() < sort_key),
        };
        let theirs = self.0[start..]
            .iter()
            .take_while(move |l| l.reserved_for == downstream);
        theirs.map(|l| l.conn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_downstream_sees_its_own_links_only() {
        let key = ConnKey::from_bits;
        let mut links = Links::default();
        for (conn, downstream) in [(1, Some(9)), (2, None), (3, Some(8)), (4, Some(9)), (5, None)] {
            links.insert(key(conn), downstream.map(key));
        }
        let of = |links: &Links, downstream: Option<u32>| -> Vec<u32> {
            links.of(downstream.map(key)).map(ConnKey::bits).collect()
        };
        assert_eq!(of(&links, None), [2, 5]);
        assert_eq!(of(&links, Some(8)), [3]);
        assert_eq!(of(&links, Some(9)), [1, 4]);
        assert_eq!(of(&links, Some(7)), [] as [u32; 0]);
        assert!(links.remove(key(1)));
        assert!(!links.remove(key(1)));
        assert_eq!(of(&links, Some(9)), [4]);
        assert_eq!(links.len(), 4);
    }
}
