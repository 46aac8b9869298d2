//! The terminal: taken for the screen, and given back on every way out.

use std::io::{self, IsTerminal, Stdout};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use crossterm::cursor::Show;
use crossterm::event::{DisableMouseCapture, EnableMouseCapture, Event, EventStream};
use crossterm::execute;
use crossterm::style::Print;
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::ground::{self, Ground, Listener};
use super::look::{Choice, Look};
use super::theme::Theme;
use super::theme::rendition::Depth;

/// Why there is no screen.
#[derive(Debug, thiserror::Error)]
pub enum ScreenError {
    /// Standard output or input is a pipe or a file.
    #[error(
        "the screen needs a terminal, and standard {0} is none; run it in a terminal, or use `streamgauge local \
         --headless`"
    )]
    NoTerminal(&'static str),
    /// The terminal says that it can't place text.
    #[error(
        "the screen needs a terminal that can place text, and TERM=dumb says that this one can't; set TERM to what it is \
         (xterm-256color, say), or use `streamgauge local --headless`"
    )]
    Dumb,
    /// The terminal refused.
    #[error("the terminal could not be used ({0}); try another one, or `streamgauge local --headless`")]
    Terminal(#[from] io::Error),
}

/// Whether the terminal is ours at the moment: a panic must give it back once, and only then.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// The terminal while it is ours. Dropping it gives it back.
#[derive(Debug)]
pub struct Screen {
    /// Where frames are drawn; [`Screen::draw`] draws them as the terminal can show them.
    pub terminal: Terminal<CrosstermBackend<Stdout>>,
    look: Look,
    /// Whether the terminal is light or dark, once it has said so.
    answer: Arc<OnceLock<Ground>>,
    /// What came in while the terminal was asked; the events take it over.
    listener: Listener,
}

/// Keys, mouse and resizes, without what the terminal answers among them.
#[derive(Debug)]
pub struct Events {
    stream: EventStream,
    listener: Listener,
    answer: Arc<OnceLock<Ground>>,
}

impl Screen {
    /// Takes the terminal: raw mode, alternate screen. Asks it whether it is light or dark, where that decides the theme.
    pub fn take(look: Look) -> Result<Self, ScreenError> {
        if !io::stdout().is_terminal() {
            return Err(ScreenError::NoTerminal("output"));
        }
        // Keys come from the terminal itself where standard input is something else, such as a recording.
        if !io::stdin().is_terminal() && std::fs::File::open("/dev/tty").is_err() {
            return Err(ScreenError::NoTerminal("input"));
        }
        if look.is_dumb {
            return Err(ScreenError::Dumb);
        }
        restore_on_panic();
        // What colours there are was decided; crossterm would ask NO_COLOR once more.
        crossterm::style::force_color_output(look.rendition.depth != Depth::None);
        TAKEN.store(true, Ordering::SeqCst);
        let taken = enable_raw_mode()
            .and_then(|()| execute!(io::stdout(), EnterAlternateScreen, EnableMouseCapture))
            .and_then(|()| Terminal::new(CrosstermBackend::new(io::stdout())));
        let asked = taken.and_then(|terminal| {
            let mut screen = Self { terminal, look, answer: Arc::default(), listener: Listener::default() };
            screen.ask()?;
            Ok(screen)
        });
        asked.map_err(|error| {
            give_back();
            error.into()
        })
    }

    /// Asks whether the terminal is light or dark, and waits a moment for the answer.
    fn ask(&mut self) -> io::Result<()> {
        if !self.look.asks || !matches!(self.look.choice, Choice::ByGround { .. }) {
            return Ok(());
        }
        execute!(io::stdout(), Print(ground::QUESTION))?;
        self.listener = Listener::after_question();
        if let Some(ground) = self.listener.wait(ground::PATIENCE)? {
            self.answer.get_or_init(|| ground);
        }
        Ok(())
    }

    /// What comes in from here on, and what came in before. To be asked for once: later ones share the keys.
    pub fn events(&mut self) -> Events {
        let listener = std::mem::take(&mut self.listener);
        Events { stream: EventStream::new(), listener, answer: Arc::clone(&self.answer) }
    }

    /// What should be said of the theme, once.
    pub fn take_notice(&mut self) -> Option<String> {
        self.look.notice.take()
    }

    /// Draws a frame, and brings it down to what the terminal can show.
    pub fn draw(&mut self, paint: impl FnOnce(Rect, &mut Buffer, &Theme)) -> io::Result<()> {
        let (look, theme) = (&self.look, self.look.theme(self.answer.get().copied()));
        self.terminal.draw(|frame| {
            paint(frame.area(), frame.buffer_mut(), theme);
            look.finish(frame.buffer_mut());
        })?;
        Ok(())
    }
}

impl futures::Stream for Events {
    type Item = io::Result<Event>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(event) = self.listener.next() {
                return Poll::Ready(Some(Ok(event)));
            }
            match std::task::ready!(Pin::new(&mut self.stream).poll_next(context)) {
                Some(Ok(event)) => {
                    if let Some(ground) = self.listener.hear(event) {
                        self.answer.get_or_init(|| ground);
                    }
                }
                ended => return Poll::Ready(ended),
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
