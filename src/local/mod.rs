//! The embedded scenario: the endpoints of Event Hubs, Blob storage and Cosmos DB, on loopback.

pub mod blob;
pub mod cosmos;
pub mod eventhubs;
pub mod fault;
mod http;
pub mod scenario;
pub mod tls;
