//! Resource ids: the `_rid` of databases, containers, ranges and items.
//!
//! Base64 of 4 bytes for a database, 8 for a container, 16 for what is in one, with `-` for `/`. The first bytes are
//! those of the parent, so an id says where its resource lies:
//!
//! ```text
//! database 1                00 00 00 01                                       AAAAAQ==
//! container 1 in it         00 00 00 01 80 00 00 01                           AAAAAYAAAAE=
//! item 2 in that            00 00 00 01 80 00 00 01 02 00 00 00 00 00 00 00   AAAAAYAAAAECAAAAAAAAAA==
//! ```
//!
//! The numbers are given in the order of creation, so an endpoint that starts again gives the same ids to the same
//! container, and clients that remember them need not look it up anew. Layout from the tests of
//! `azure_data_cosmos_driver`.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A resource id as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ResourceId(String);

impl ResourceId {
    fn of(bytes: &[u8]) -> Self {
        Self(STANDARD.encode(bytes).replace('/', "-"))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The place of a database in the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DatabaseRid(u32);

impl DatabaseRid {
    pub(super) fn new(number: u32) -> Self {
        Self(number)
    }

    pub(super) fn id(self) -> ResourceId {
        ResourceId::of(&self.0.to_be_bytes())
    }

    pub(super) fn container(self, number: u32) -> ContainerRid {
        // The high bit tells a container from other children of a database.
        ContainerRid((u64::from(self.0) << 32) | u64::from(number) | 0x8000_0000)
    }
}

/// The place of a container in its database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ContainerRid(u64);

impl ContainerRid {
    pub(super) fn id(self) -> ResourceId {
        ResourceId::of(&self.0.to_be_bytes())
    }

    pub(super) fn item(self, number: u64) -> ResourceId {
        self.child(number)
    }

    pub(super) fn range(self, number: u32) -> ResourceId {
        // The top bits say what kind of child it is; those of items are zero.
        self.child((5 << 60) | u64::from(number))
    }

    /// The throughput offer of the container. Clients put it into paths as it is, so it has letters and digits only.
    pub(super) fn offer(self) -> String {
        format!("o{}", self.0)
    }

    fn child(self, number: u64) -> ResourceId {
        ResourceId::of(&[self.0.to_be_bytes(), number.to_le_bytes()].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_says_where_its_resource_lies() {
        let database = DatabaseRid::new(1);
        let container = database.container(1);
        assert_eq!(database.id().as_str(), "AAAAAQ==");
        assert_eq!(container.id().as_str(), "AAAAAYAAAAE=");
        assert_eq!(container.item(2).as_str(), "AAAAAYAAAAECAAAAAAAAAA==");
        assert_eq!(container.range(0).as_str(), "AAAAAYAAAAEAAAAAAAAAUA==");
    }

    #[test]
    fn ids_have_no_slash_because_they_stand_in_paths() {
        let ids = (0..10_000).map(|number| DatabaseRid::new(1).container(1).item(number));
        assert!(ids.into_iter().all(|id| !id.as_str().contains('/')));
    }
}
