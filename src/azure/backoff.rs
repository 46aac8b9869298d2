//! Backoff: how long to wait before a service is asked again.

use std::time::Duration;

/// Doubles from `first` to `longest`, and starts over after a success. No jitter: one process, few clients.
///
/// ```
/// use std::time::Duration;
/// use streamgauge::azure::backoff::Backoff;
///
/// let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_millis(300));
/// let waits: Vec<u128> = (0..4).map(|_| backoff.next_wait().as_millis()).collect();
/// assert_eq!(waits, [100, 200, 300, 300]);
/// backoff.reset();
/// assert_eq!(backoff.next_wait().as_millis(), 100);
/// ```
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl Backoff {
    /// Waits `first` after the first failure and never more than `longest`.
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, next: first }
    }

    /// The wait after one more failure.
    pub fn next_wait(&mut self) -> Duration {
        let wait = self.next.min(self.longest);
        self.next = wait.saturating_mul(2).min(self.longest);
        wait
    }

    /// The service answered: the next failure waits `first` again.
    pub fn reset(&mut self) {
        self.next = self.first;
    }
}
