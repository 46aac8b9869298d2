//! Lines on their way out while something is measured: whoever reads them slowly, or not at all, holds nothing up.
//!
//! A thread of its own writes; between it and the measuring is a queue with bounds. When that is full a line is left out
//! and counted. The last lines, once the measuring is over, are waited for.

use std::io::{self, Write};

use tokio::sync::{mpsc, oneshot};

/// Lines that may wait: some minutes' worth, and more than a pipe holds.
const WAITING: usize = 512;

/// A queue in front of an output.
#[derive(Debug)]
pub(super) struct LineQueue {
    lines: mpsc::Sender<String>,
    outcome: oneshot::Receiver<io::Result<()>>,
    left_out: u64,
}

impl LineQueue {
    /// Begins to write, each line at once.
    ///
    /// # Errors
    /// A thread that can't be started.
    pub(super) fn start(mut output: impl Write + Send + 'static) -> io::Result<Self> {
        let (lines, mut waiting) = mpsc::channel::<String>(WAITING);
        let (tell, outcome) = oneshot::channel();
        std::thread::Builder::new().name("lines".into()).spawn(move || {
            let write = || {
                while let Some(line) = waiting.blocking_recv() {
                    writeln!(output, "{line}").and_then(|()| output.flush())?;
                }
                Ok(())
            };
            // Whoever began may have gone.
            drop(tell.send({ write }()));
        })?;
        Ok(Self { lines, outcome, left_out: 0 })
    }

    /// Says a line, or leaves it out where too many wait.
    pub(super) fn say(&mut self, line: String) {
        if matches!(self.lines.try_send(line), Err(mpsc::error::TrySendError::Full(_))) {
            self.left_out += 1;
        }
    }

    /// Whether nothing can be said any more: the reader has gone, or the output can't be written.
    pub(super) fn is_closed(&self) -> bool {
        self.lines.is_closed()
    }

    /// How many lines were left out.
    pub(super) const fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Says the last lines, and waits until all is written.
    ///
    /// # Errors
    /// As the output says.
    pub(super) async fn finish(self, last: Vec<String>) -> io::Result<()> {
        let Self { lines, outcome, .. } = self;
        for line in last {
            if lines.send(line).await.is_err() {
                break;
            }
        }
        drop(lines);
        outcome.await.unwrap_or(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::sync::{Arc, Mutex};

    use super::*;

    /// An output that nobody reads until it is let go.
    struct Held {
        go: Option<Receiver<()>>,
        began: Sender<()>,
        written: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Held {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if let Some(go) = self.go.take() {
                self.began.send(()).unwrap();
                go.recv().unwrap();
            }
            self.written.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn what_nobody_reads_is_left_out_and_counted_and_the_last_is_not() {
        let (let_go, go) = channel();
        let (began, begun) = channel();
        let written = Arc::new(Mutex::new(Vec::new()));
        let mut queue = LineQueue::start(Held { go: Some(go), began, written: Arc::clone(&written) }).unwrap();
        queue.say("first".into());
        begun.recv().unwrap();
        for line in 0..WAITING + 20 {
            queue.say(line.to_string());
        }
        assert_eq!(queue.left_out(), 20);
        assert!(!queue.is_closed());
        let_go.send(()).unwrap();
        queue.finish(vec!["summary".into()]).await.unwrap();
        let said = String::from_utf8(written.lock().unwrap().clone()).unwrap();
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!((lines.len(), lines[0], lines[WAITING + 1]), (WAITING + 2, "first", "summary"));
    }

    #[tokio::test]
    async fn an_output_that_is_gone_is_told() {
        struct Gone;
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut queue = LineQueue::start(Gone).unwrap();
        queue.say("first".into());
        let error = queue.finish(vec!["summary".into()]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}
