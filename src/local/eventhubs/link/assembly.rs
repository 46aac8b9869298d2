//! Puts messages together that arrive in several transfers.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::local::eventhubs::codec::performatives::Transfer;

/// Buffers up to this length are kept by their link between deliveries.
const SMALL_BUFFER: usize = 4096;

/// The unfinished messages of one connection: how many bytes they hold together, and a buffer to use again.
#[derive(Debug)]
pub(crate) struct AssemblyPool {
    limit: usize,
    held: AtomicUsize,
    spare: Mutex<Vec<u8>>,
}

impl AssemblyPool {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, held: AtomicUsize::new(0), spare: Mutex::default() }
    }

    fn spare(&self) -> std::sync::MutexGuard<'_, Vec<u8>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A whole message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Delivery<'a> {
    pub(crate) id: u32,
    pub(crate) message_format: u32,
    /// The sender does not wait for word of it.
    pub(crate) settled: bool,
    pub(crate) message: &'a [u8],
}

/// Where the delivery stands after a transfer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Progress<'a> {
    /// More transfers follow, or the sender took the delivery back.
    Nothing,
    Whole(Delivery<'a>),
    /// The message is larger than the link allows: the delivery, none where its sender settled it, and how long it
    /// is at the least.
    TooLarge {
        unsettled: Option<u32>,
        length: usize,
    },
    /// The connection's unfinished messages together are larger than it may hold.
    TooMuch,
    /// The first transfer of a delivery has no delivery id.
    NoDeliveryId,
}

/// The message that is arriving on one link.
#[derive(Debug)]
pub(crate) struct Assembly {
    pool: Arc<AssemblyPool>,
    buffer: Vec<u8>,
    begun: Option<Begun>,
}

#[derive(Debug, Clone, Copy)]
struct Begun {
    id: u32,
    message_format: u32,
    settled: bool,
}

impl Assembly {
    pub(crate) fn new(pool: &Arc<AssemblyPool>) -> Self {
        Self { pool: Arc::clone(pool), buffer: Vec::new(), begun: None }
    }

    /// Takes the next transfer in. A message that arrives in one is not copied.
    pub(crate) fn accept<'a>(
        &'a mut self,
        transfer: &Transfer<'_>,
        payload: &'a [u8],
        max_message_length: usize,
    ) -> Progress<'a> {
        let Some(mut begun) = self.begun.or_else(|| {
            let id = transfer.delivery_id?;
            Some(Begun { id, message_format: transfer.message_format.unwrap_or(0), settled: false })
        }) else {
            return Progress::NoDeliveryId;
        };
        begun.settled |= transfer.settled.unwrap_or(false);
        if transfer.aborted {
            self.release();
            return Progress::Nothing;
        }
        let length = self.buffered().saturating_add(payload.len());
        if length > max_message_length {
            self.release();
            return Progress::TooLarge { unsettled: (!begun.settled).then_some(begun.id), length };
        }
        let whole = |message| {
            let Begun { id, message_format, settled } = begun;
            Progress::Whole(Delivery { id, message_format, settled, message })
        };
        if self.begun.is_none() && !transfer.more {
            return whole(payload);
        }
        if self.begun.is_none() {
            self.release();
            std::mem::swap(&mut self.buffer, &mut *self.pool.spare());
            self.buffer.clear();
        }
        if self.pool.held.fetch_add(payload.len(), Ordering::Relaxed) + payload.len() > self.pool.limit {
            self.pool.held.fetch_sub(payload.len(), Ordering::Relaxed);
            self.release();
            return Progress::TooMuch;
        }
        self.buffer.extend_from_slice(payload);
        if transfer.more {
            self.begun = Some(begun);
            return Progress::Nothing;
        }
        self.begun = None;
        self.pool.held.fetch_sub(self.buffer.len(), Ordering::Relaxed);
        whole(&self.buffer)
    }

    /// Gives the buffer of a delivery that was dealt with back to the connection.
    pub(crate) fn finish(&mut self) {
        if self.begun.is_none() && self.buffer.capacity() > SMALL_BUFFER {
            let mut spare = self.pool.spare();
            if spare.capacity() < self.buffer.capacity() {
                std::mem::swap(&mut *spare, &mut self.buffer);
            }
            self.buffer = Vec::new();
        }
    }

    /// How much of an unfinished message is held.
    fn buffered(&self) -> usize {
        if self.begun.is_some() { self.buffer.len() } else { 0 }
    }

    fn release(&mut self) {
        self.pool.held.fetch_sub(self.buffered(), Ordering::Relaxed);
        self.begun = None;
        self.buffer = Vec::new();
    }
}

impl Drop for Assembly {
    fn drop(&mut self) {
        self.release();
    }
}
