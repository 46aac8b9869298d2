//! The terminal: taken for the screen, and given back on every way out and while the program is stopped.

#[cfg(unix)]
mod job;
mod keys;

use std::io::{self, IsTerminal, Stdout};
use std::mem::ManuallyDrop;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use crossterm::cursor::{Hide, Show};
use crossterm::event::{DisableMouseCapture, EnableMouseCapture, Event};
use crossterm::execute;
use crossterm::style::Print;
use crossterm::terminal::{
    Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use tokio::sync::mpsc;

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

/// What comes from the terminal, and from the shell about it.
#[derive(Debug)]
pub enum Input {
    /// A key, the mouse, a new size.
    Terminal(Event),
    /// The program is asked to stop, as a shell's job: [`Screen::stop`] does it.
    Stop,
    /// The program goes on after a stop that it was not asked for: [`Screen::take_again`] draws everything anew.
    Continued,
}

/// Inputs that may wait: more than a wheel that is turned fast gives between two frames.
const WAITING: usize = 64;

/// The terminal while it is ours. Dropping it gives it back.
#[derive(Debug)]
pub struct Screen {
    /// Where frames are drawn; [`Screen::draw`] draws them as the terminal can show them.
    ///
    /// Never dropped: that would show the cursor once more, and panic if the terminal is gone.
    pub terminal: ManuallyDrop<Terminal<CrosstermBackend<Stdout>>>,
    inputs: mpsc::Receiver<io::Result<Input>>,
    look: Look,
    /// Whether the terminal is light or dark, once it has said so.
    answer: Option<Ground>,
    /// Takes that answer out of what comes in.
    listener: Listener,
}

/// Waits from now on for the shell's wish to stop the program, without a screen too. [`Screen::take`] does it by itself;
/// who starts threads before should ask for it first, as a stop that catches one of them stops the program at once.
pub fn watch_for_stops() -> Result<(), ScreenError> {
    #[cfg(unix)]
    job::watch()?;
    Ok(())
}

impl Screen {
    /// Takes the terminal: raw mode, alternate screen, mouse. Asks it whether it is light or dark, where that decides the
    /// theme.
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
        watch_for_stops()?;
        restore_on_panic();
        // What colours there are was decided; crossterm would ask NO_COLOR once more.
        crossterm::style::force_color_output(look.rendition.depth != Depth::None);
        let (tell, inputs) = mpsc::channel(WAITING);
        TAKEN.store(true, Ordering::SeqCst);
        let taken = enter().and_then(|()| Terminal::new(CrosstermBackend::new(io::stdout()))).and_then(|terminal| {
            let terminal = ManuallyDrop::new(terminal);
            let mut screen = Self { terminal, inputs, look, answer: None, listener: Listener::default() };
            // The question comes first: from then on the keys are read elsewhere.
            screen.ask()?;
            keys::listen(tell.clone())?;
            Ok(screen)
        });
        match taken {
            Ok(screen) => {
                #[cfg(unix)]
                job::set_listener(Some(tell));
                Ok(screen)
            }
            Err(error) => {
                give_back();
                Err(error.into())
            }
        }
    }

    /// Asks whether the terminal is light or dark, and waits a moment for the answer.
    fn ask(&mut self) -> io::Result<()> {
        if !self.look.asks || !matches!(self.look.choice, Choice::ByGround { .. }) {
            return Ok(());
        }
        execute!(io::stdout(), Print(ground::QUESTION))?;
        self.listener = Listener::after_question();
        self.answer = self.listener.wait(ground::PATIENCE)?;
        Ok(())
    }

    /// The next input; `None` once there will be none. What the terminal answers is none.
    pub async fn next(&mut self) -> Option<io::Result<Input>> {
        loop {
            if let Some(event) = self.listener.next() {
                let input = Some(Ok(Input::Terminal(event)));
                #[cfg(debug_assertions)]
                panic_for_a_test(input.as_ref());
                return input;
            }
            match self.inputs.recv().await {
                Some(Ok(Input::Terminal(event))) => self.answer = self.listener.hear(event).or(self.answer),
                other => return other,
            }
        }
    }

    /// What should be said of the theme, once.
    pub fn take_notice(&mut self) -> Option<String> {
        self.look.notice.take()
    }

    /// Draws a frame, and brings it down to what the terminal can show.
    pub fn draw(&mut self, paint: impl FnOnce(Rect, &mut Buffer, &Theme)) -> io::Result<()> {
        let (look, theme) = (&self.look, self.look.theme(self.answer));
        self.terminal.draw(|frame| {
            paint(frame.area(), frame.buffer_mut(), theme);
            look.finish(frame.buffer_mut());
        })?;
        Ok(())
    }

    /// Gives the terminal back and stops the process until the shell lets it go on; then takes the terminal again.
    /// Where there is no shell that could, it goes on at once.
    pub fn stop(&mut self) -> Result<(), ScreenError> {
        give_back();
        #[cfg(unix)]
        job::stop_here()?;
        self.take_again()
    }

    /// Takes the terminal again, whatever it was made to be meanwhile; the next frame is drawn whole.
    pub fn take_again(&mut self) -> Result<(), ScreenError> {
        // Without this, raw mode would be taken for still set.
        give_back();
        TAKEN.store(true, Ordering::SeqCst);
        enter()?;
        // Forgets the frame that stood: of the two buffers this empties the one that is not empty yet. (`clear` would ask
        // the terminal where its cursor is, and not every terminal answers.)
        self.terminal.swap_buffers();
        Ok(())
    }
}

/// Asks for a stop of the whole job, as the terminal does for Ctrl-Z where it is not in raw mode. It comes back as
/// [`Input::Stop`].
pub fn ask_to_stop() -> Result<(), ScreenError> {
    #[cfg(unix)]
    job::ask_job_to_stop()?;
    Ok(())
}

impl ScreenError {
    /// Whether the other side of the terminal is gone: a window that was closed, a connection that was lost.
    ///
    /// A write says so itself, with EIO. Asking for the size, which comes before each frame, fails for any reason that the
    /// last of several attempts had: so the terminal is asked once more.
    pub fn is_hangup(&self) -> bool {
        #[cfg(unix)]
        {
            use nix::errno::Errno;
            use nix::sys::termios::tcgetattr;
            let Self::Terminal(error) = self else { return false };
            error.raw_os_error() == Some(Errno::EIO as i32) || tcgetattr(io::stdout()).err() == Some(Errno::EIO)
        }
        #[cfg(not(unix))]
        false
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        #[cfg(unix)]
        job::set_listener(None);
        give_back();
    }
}

fn enter() -> io::Result<()> {
    enable_raw_mode()?;
    execute!(io::stdout(), EnterAlternateScreen, Clear(ClearType::All), Hide, EnableMouseCapture)
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

/// The tests' way to a panic at a moment of their choice: F12, where `STREAMGAUGE_PANIC` says on which thread. Only a build
/// for debugging has it, so that nothing in the environment can bring a released program down.
#[cfg(debug_assertions)]
#[expect(clippy::panic, reason = "that is what it is for")]
fn panic_for_a_test(input: Option<&io::Result<Input>>) {
    let Some(Ok(Input::Terminal(Event::Key(key)))) = input else { return };
    if key.code != crossterm::event::KeyCode::F(12) {
        return;
    }
    match std::env::var("STREAMGAUGE_PANIC").as_deref() {
        Ok("drawing") => panic!("a test asked for it"),
        Ok("other") => drop(std::thread::spawn(|| panic!("a test asked for it"))),
        _ => {}
    }
}
