//! Keys, mouse and resizes, read on a thread of their own.
//!
//! Why a thread: once the other side of the terminal is gone, crossterm's reader may turn in a circle and never come back.
//! Here it can hold up nobody.

use std::io;
use std::pin::pin;

use crossterm::event::EventStream;
use futures::StreamExt;
use futures::executor::block_on;
use futures::future::{Either, select};
use tokio::sync::mpsc::Sender;

use super::Input;

/// Reads until nobody listens any more.
pub(super) fn listen(tell: Sender<io::Result<Input>>) -> io::Result<()> {
    std::thread::Builder::new().name("keys".into()).spawn(move || block_on(read(&tell))).map(drop)
}

async fn read(tell: &Sender<io::Result<Input>>) {
    let mut events = EventStream::new();
    while let Either::Left((Some(event), _)) = select(events.next(), pin!(tell.closed())).await {
        if tell.send(event.map(Input::Terminal)).await.is_err() {
            break;
        }
    }
}
