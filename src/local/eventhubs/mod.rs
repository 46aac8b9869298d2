//! The eventhubs endpoint of the embedded scenario.
