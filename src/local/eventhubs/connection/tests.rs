//! The protocol without sockets: a client's frames in, the endpoint's frames out, and time as told.

mod client;
mod links;
mod nodes;
mod opening;
