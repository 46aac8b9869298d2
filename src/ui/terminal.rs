//! The terminal: taken for the screen, and given back on every way out.

use std::io::{self, IsTerminal, Stdout};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use crossterm::cursor::Show;
use crossterm::event::{DisableMouseCapture, EnableMouseCapture};
use crossterm::execute;
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;

/// Why there is no screen.
#[derive(Debug, thiserror::Error)]
pub enum ScreenError {
    /// Standard output or input is a pipe or a file.
    #[error(
        "the screen needs a terminal, and standard {0} is none; run it in a terminal, or use `streamgauge local \
         --headless`"
    )]
    NoTerminal(&'static str),
    /// The terminal refused.
    #[error("the terminal could not be used ({0}); try another one, or `streamgauge local --headless`")]
    Terminal(#[from] io::Error),
}

/// Whether the terminal is ours at the moment: a panic must give it back once, and only then.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// The terminal while it is ours. Dropping it gives it back.
#[derive(Debug)]
pub struct Screen {
    /// Where frames are drawn.
    pub terminal: Terminal<CrosstermBackend<Stdout>>,
}

impl Screen {
    /// Takes the terminal: raw mode, alternate screen.
    pub fn take() -> Result<Self, ScreenError> {
        if !io::stdout().is_terminal() {
            return Err(ScreenError::NoTerminal("output"));
        }
        // Keys come from the terminal itself where standard input is something else, such as a recording.
        if !io::stdin().is_terminal() && std::fs::File::open("/dev/tty").is_err() {
            return Err(ScreenError::NoTerminal("input"));
        }
        restore_on_panic();
        TAKEN.store(true, Ordering::SeqCst);
        let taken = enable_raw_mode()
            .and_then(|()| execute!(io::stdout(), EnterAlternateScreen, EnableMouseCapture))
            .and_then(|()| Terminal::new(CrosstermBackend::new(io::stdout())));
        match taken {
            Ok(terminal) => Ok(Self { terminal }),
            Err(error) => {
                give_back();
                Err(error.into())
            }
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// Gives the terminal back as it was; does nothing if it is not taken.
fn give_back() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        // On the way out there is nobody to tell and nothing else to try.
        drop(execute!(io::stdout(), DisableMouseCapture, LeaveAlternateScreen, Show));
        drop(disable_raw_mode());
    }
}

/// A panic on the thread that draws ends the program: the terminal is given back before the message is printed. A
/// panic on another thread (an SDK's, say) must not tear the picture: its part of the program goes silent, which the
/// screen shows as stale, and the rest goes on.
fn restore_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let drawing = std::thread::current().id();
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if std::thread::current().id() == drawing {
                give_back();
            }
            if !TAKEN.load(Ordering::SeqCst) {
                before(panic);
            }
        }));
    });
}
