//! Azure Resource Manager, the management API: what is deployed, and where. It is read, never written, and no key is ever
//! asked for.
//!
//! - [`address`]: which cloud's; [`client`]: calls with their bounds, pages, throttling; [`error`]: what can go wrong
//! - [`subscriptions`], [`resource_groups`], [`event_hubs`], [`storage`], [`cosmos`]: a file for each kind of reply
//!
//! | reply | `api-version` |
//! |---|---|
//! | subscriptions | 2022-12-01 |
//! | resource groups | 2021-04-01 |
//! | Microsoft.EventHub: namespaces, hubs, consumer groups | 2024-01-01 |
//! | Microsoft.Storage: accounts, containers | 2023-05-01 |
//! | Microsoft.DocumentDB: accounts, databases, containers | 2024-08-15 |
//!
//! Source: Azure/azure-rest-api-specs, each version's document and examples.

pub mod address;
pub mod client;
pub mod cosmos;
pub mod error;
pub mod event_hubs;
pub mod resource_groups;
pub mod storage;
pub mod subscriptions;

pub use address::ManagementAddress;
pub use client::{Limits, Management};
pub use error::ManagementError;
