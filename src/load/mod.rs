//! Load: what is sent, when it is due, and what became of it.
