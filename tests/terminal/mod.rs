//! The program in a pseudo-terminal: keys in, and what the terminal then shows.

#![allow(dead_code, reason = "each test has use for a part of it")]

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system};

/// Nothing here may hang: a wait that takes longer is a failure, with the screen in its message.
const LIMIT: Duration = Duration::from_secs(90);

pub(crate) struct Program {
    child: Option<Box<dyn Child + Send + Sync>>,
    master: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
    output: Receiver<Vec<u8>>,
    reader: Option<JoinHandle<()>>,
    leave: Arc<AtomicBool>,
    terminal: vt100::Parser,
    modes_before: String,
}

/// The program itself, as a command.
pub(crate) const STREAMGAUGE: &str = env!("CARGO_BIN_EXE_streamgauge");

impl Program {
    pub(crate) fn start(arguments: &[&str], size: (u16, u16)) -> Self {
        Self::start_with(arguments, size, &[])
    }

    /// With these variables besides the usual ones.
    pub(crate) fn start_with(arguments: &[&str], size: (u16, u16), variables: &[(&str, &str)]) -> Self {
        let mut command = CommandBuilder::new(STREAMGAUGE);
        command.args(arguments);
        Self::run(command, size, variables)
    }

    /// A shell that controls jobs, to start the program in.
    pub(crate) fn shell(size: (u16, u16)) -> Self {
        let mut command = CommandBuilder::new("sh");
        command.arg("-i");
        Self::run(command, size, &[("PS1", "ready> "), ("ENV", "")])
    }

    fn run(mut command: CommandBuilder, (columns, rows): (u16, u16), variables: &[(&str, &str)]) -> Self {
        let size = PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).expect("a pseudo-terminal");
        let modes_before = modes(&*pair.master);
        command.env("TERM", "xterm-256color");
        command.env("COLORTERM", "truecolor");
        command.env("LC_ALL", "C.UTF-8");
        for variable in ["NO_COLOR", "COLORFGBG"] {
            command.env_remove(variable);
        }
        // Recordings go where nobody keeps theirs.
        command.env("XDG_STATE_HOME", env!("CARGO_TARGET_TMPDIR"));
        // Nor do the themes and settings of who runs the tests count.
        command.env("XDG_CONFIG_HOME", concat!(env!("CARGO_TARGET_TMPDIR"), "/no-settings"));
        command.env("RUST_BACKTRACE", "0");
        for (name, value) in variables {
            command.env(name, value);
        }
        let child = pair.slave.spawn_command(command).expect("the program starts");
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().expect("its output");
        let (send, output) = channel();
        let leave = Arc::new(AtomicBool::new(false));
        let left = Arc::clone(&leave);
        let reader = std::thread::spawn(move || {
            let mut buffer = [0; 8_192];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                if send.send(buffer[..count].to_vec()).is_err() || left.load(Ordering::SeqCst) {
                    break;
                }
            }
        });
        let keys = pair.master.take_writer().expect("its input");
        let terminal = vt100::Parser::new(rows, columns, 0);
        Self {
            child: Some(child),
            master: pair.master,
            keys,
            output,
            reader: Some(reader),
            leave,
            terminal,
            modes_before,
        }
    }

    pub(crate) fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).and_then(|()| self.keys.flush()).expect("the keys are taken");
    }

    pub(crate) fn resize(&mut self, (columns, rows): (u16, u16)) {
        let size = PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 };
        self.master.resize(size).expect("the terminal is resized");
        self.terminal.screen_mut().set_size(rows, columns);
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.as_ref().and_then(|child| child.process_id()).expect("it runs").to_string();
        let sent = std::process::Command::new("kill").args([&format!("-{name}"), &id]).status().expect("kill runs");
        assert!(sent.success());
    }

    /// What the terminal shows now.
    pub(crate) fn screen(&self) -> String {
        self.terminal.screen().contents()
    }

    /// The colour of the first place where a text stands on the terminal.
    #[allow(dead_code, reason = "not every test that drives a terminal looks at colours")]
    pub(crate) fn colour_of(&self, text: &str) -> Option<vt100::Color> {
        let screen = self.terminal.screen();
        let (_, columns) = screen.size();
        let (row, line) = (0_u16..).zip(screen.rows(0, columns)).find(|(_, line)| line.contains(text))?;
        let before = line.split(text).next()?.chars().count();
        screen.cell(row, u16::try_from(before).ok()?).map(vt100::Cell::fgcolor)
    }

    /// Whether the program has asked the terminal for something: what it wrote holds this.
    #[allow(dead_code, reason = "not every test that drives a terminal answers it")]
    pub(crate) fn wait_for_bytes(&mut self, wanted: &[u8]) {
        let limit = Instant::now() + LIMIT;
        let mut seen = Vec::new();
        while !seen.windows(wanted.len()).any(|window| window == wanted) {
            let bytes = self.output.recv_timeout(limit.saturating_duration_since(Instant::now())).expect("more output");
            self.terminal.process(&bytes);
            seen.extend(bytes);
        }
    }

    /// Whether the program has taken the terminal for itself.
    pub(crate) fn has_the_terminal(&self) -> bool {
        self.terminal.screen().alternate_screen()
    }

    /// What of the terminal is not as it was before; empty when everything is.
    pub(crate) fn not_as_before(&self) -> Vec<String> {
        let screen = self.terminal.screen();
        let mut found = Vec::new();
        if screen.alternate_screen() {
            found.push("the alternate screen is on".to_owned());
        }
        if screen.hide_cursor() {
            found.push("the cursor is hidden".to_owned());
        }
        if screen.mouse_protocol_mode() != vt100::MouseProtocolMode::None {
            found.push("the mouse is taken".to_owned());
        }
        if screen.application_keypad() || screen.application_cursor() || screen.bracketed_paste() {
            found.push("keys are sent otherwise".to_owned());
        }
        let now = modes(&*self.master);
        if now != self.modes_before {
            found.push(format!("the modes were {} and are {now}", self.modes_before));
        }
        found
    }

    /// Clicks a cell, both from 1 on, as a terminal reports it (SGR).
    pub(crate) fn click(&mut self, (column, row): (u16, u16)) {
        self.press(&format!("\u{1b}[<0;{column};{row}M\u{1b}[<0;{column};{row}m"));
    }

    /// Turns the wheel a step down over a cell.
    pub(crate) fn wheel_down(&mut self, (column, row): (u16, u16)) {
        self.press(&format!("\u{1b}[<65;{column};{row}M"));
    }

    /// The place, from 1 on, of a text on the screen.
    pub(crate) fn place_of(&self, text: &str) -> (u16, u16) {
        let screen = self.screen();
        let found = screen.lines().zip(1..).find_map(|(line, row)| {
            let before = &line[..line.find(text)?];
            Some((u16::try_from(before.chars().count()).ok()? + 1, row))
        });
        found.unwrap_or_else(|| panic!("{text} is not on the screen:\n{screen}"))
    }

    /// Closes the terminal, as a window is closed; comes back with the program's end.
    pub(crate) fn hang_up(mut self) -> ExitStatus {
        self.leave.store(true, Ordering::SeqCst);
        // The reader leaves with the next frame, which changes with every second.
        assert!(self.reader.take().is_some_and(|reader| reader.join().is_ok()), "the reader left");
        self.keys = Box::new(std::io::sink());
        self.master = native_pty_system().openpty(PtySize::default()).expect("another terminal").master;
        let mut child = self.child.take().expect("it runs");
        let (send, ended) = channel();
        std::thread::spawn(move || send.send(child.wait()));
        ended.recv_timeout(LIMIT).expect("it ends without a terminal").expect("how it ended")
    }

    /// Waits until the terminal shows something.
    pub(crate) fn wait_for(&mut self, what: &str, shown: impl Fn(&str) -> bool) {
        let limit = Instant::now() + LIMIT;
        loop {
            if shown(&self.screen()) {
                return;
            }
            match self.output.recv_timeout(limit.saturating_duration_since(Instant::now())) {
                Ok(bytes) => self.terminal.process(&bytes),
                Err(RecvTimeoutError::Timeout) => panic!("waited for {what}; the screen:\n{}", self.screen()),
                Err(RecvTimeoutError::Disconnected) if shown(&self.screen()) => return,
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("it ended while waiting for {what}; the screen:\n{}", self.screen())
                }
            }
        }
    }

    /// Waits for the end, and takes in what was written until then.
    pub(crate) fn end(&mut self) -> ExitStatus {
        let limit = Instant::now() + LIMIT;
        loop {
            match self.output.recv_timeout(limit.saturating_duration_since(Instant::now())) {
                Ok(bytes) => self.terminal.process(&bytes),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("it does not end; the screen:\n{}", self.screen()),
            }
        }
        self.child.as_mut().expect("it runs").wait().expect("it ended")
    }
}

/// The terminal's modes, as `stty -a` tells them.
fn modes(master: &dyn MasterPty) -> String {
    let modes = master.get_termios().expect("the terminal's modes");
    format!(
        "{:?}",
        (modes.input_flags, modes.output_flags, modes.local_flags, modes.control_flags, modes.control_chars)
    )
}

impl Drop for Program {
    fn drop(&mut self) {
        // It has ended already, unless a test failed.
        drop(self.child.as_mut().map(|child| child.kill()));
    }
}

/// The figure that follows a label on the screen, at the first place where one does: in
/// `stored p99 255 ms .. sent 1,402  stored 1,398` that of `stored` is 1398.
pub(crate) fn figure(screen: &str, label: &str) -> Option<u64> {
    let label = format!("{label} ");
    let places = screen.match_indices(&label).map(|(at, found)| &screen[at + found.len()..]);
    let digits = |rest: &str| -> String {
        rest.chars().take_while(|c| c.is_ascii_digit() || *c == ',').filter(char::is_ascii_digit).collect()
    };
    places.map(digits).find_map(|digits| digits.parse().ok())
}
