//! The ledger: which of our own events were sent, acknowledged and stored, by device and sequence number.
