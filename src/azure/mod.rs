//! What several parts share to reach Azure: addresses, credentials, and clients that can be trusted to answer or fail.
