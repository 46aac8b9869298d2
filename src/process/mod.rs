//! The stream processor: reads every partition, writes to the store, checkpoints what is stored.
