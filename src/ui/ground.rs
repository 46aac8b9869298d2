//! Whether the terminal is light or dark: it is asked, and answers among the keys.
//!
//! The question is xterm's OSC 11: `ESC ] 11 ; ? ESC \` is answered by `ESC ] 11 ; rgb:1e1e/1e1e/2e2e ESC \`
//! (<https://invisible-island.net/xterm/ctlseqs/ctlseqs.html>, "Operating System Commands"). The answer comes in by the way
//! of typed keys and is taken for keys by who does not know better: Alt-], 1, 1, ;, r .. Alt-\. It is known by that here and
//! taken out, whether it comes at once or, over a slow line, after frames were drawn; no key that was typed meanwhile is
//! lost.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::theme::colour;

/// What the terminal's own ground is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ground {
    /// Light text on dark.
    #[default]
    Dark,
    /// Dark text on light.
    Light,
}

impl Ground {
    /// Whether dark or light text reads better on a colour.
    pub fn of(colour: colour::Rgb) -> Self {
        let with = |text| colour::contrast(text, colour);
        if with([0; 3]) > with([255; 3]) { Self::Light } else { Self::Dark }
    }

    /// What `COLORFGBG` says, which rxvt, Konsole and others set: `15;0` or `0;default;15`, the ground last, one of the
    /// sixteen. As in Vim, the greys are the two light ones (7 and 15) and the dark ones 0 and 8.
    pub fn of_colorfgbg(said: &str) -> Option<Self> {
        match said.rsplit(';').next()?.parse::<u8>().ok()? {
            0..=6 | 8 => Some(Self::Dark),
            7 | 9..=15 => Some(Self::Light),
            _ => None,
        }
    }
}

/// The question.
pub(super) const QUESTION: &str = "\x1b]11;?\x1b\\";

/// How long the first frame waits for the answer. A terminal on the same machine needs a few milliseconds; a later answer
/// is heard too.
pub(super) const PATIENCE: Duration = Duration::from_millis(50);

/// Takes the answer out of what comes in.
#[derive(Debug, Default)]
pub(super) struct Listener {
    /// What may be the beginning of an answer.
    held: Vec<Event>,
    /// The same as text.
    text: String,
    /// What is not, and waits to be taken.
    ready: VecDeque<Event>,
    /// Whether there is a question that was not answered yet.
    waiting: bool,
}

impl Listener {
    /// One that knows that the question was asked.
    pub(super) fn after_question() -> Self {
        Self { waiting: true, ..Self::default() }
    }

    /// Hears until the answer has come, or for so long.
    pub(super) fn wait(&mut self, patience: Duration) -> std::io::Result<Option<Ground>> {
        let until = Instant::now() + patience;
        while crossterm::event::poll(until.saturating_duration_since(Instant::now()))? {
            if let Some(ground) = self.hear(crossterm::event::read()?) {
                return Ok(Some(ground));
            }
        }
        Ok(None)
    }

    /// Takes an event in; gives the answer if it is complete with it.
    pub(super) fn hear(&mut self, event: Event) -> Option<Ground> {
        if !self.waiting {
            self.ready.push_back(event);
            return None;
        }
        let begun = !self.held.is_empty();
        match event {
            Event::Key(key) if begun || is_start(key) => {
                self.held.push(event);
                if !begun {
                    return None;
                }
                if is_end(key)
                    && let Some(ground) = ground_of(&self.text)
                {
                    self.held.clear();
                    self.waiting = false;
                    return Some(ground);
                }
                match key.code {
                    KeyCode::Char(typed) if !is_end(key) => self.text.push(typed),
                    _ => return self.release(),
                }
                if !may_become_answer(&self.text) {
                    return self.release();
                }
            }
            // A resize or a click between two bytes of an answer: it has nothing to do with it.
            _ => self.ready.push_back(event),
        }
        None
    }

    /// It was no answer; but its last key may be the first of one.
    fn release(&mut self) -> Option<Ground> {
        let last = self.held.pop_if(|last| matches!(last, Event::Key(key) if is_start(*key)));
        self.ready.extend(self.held.drain(..));
        self.held.extend(last);
        self.text.clear();
        None
    }

    /// The next event that is no part of an answer.
    pub(super) fn next(&mut self) -> Option<Event> {
        self.ready.pop_front()
    }
}

fn is_start(key: KeyEvent) -> bool {
    key.kind == KeyEventKind::Press && key.code == KeyCode::Char(']') && key.modifiers.contains(KeyModifiers::ALT)
}

/// `ESC \` or, from some terminals, a bell, which is Ctrl-G.
fn is_end(key: KeyEvent) -> bool {
    match key.code {
        KeyCode::Char('\\') => key.modifiers.contains(KeyModifiers::ALT),
        KeyCode::Char('g') => key.modifiers.contains(KeyModifiers::CONTROL),
        _ => false,
    }
}

/// Longer is no answer: `11;rgba:ffff/ffff/ffff/ffff`.
const LONGEST: usize = 27;

fn may_become_answer(text: &str) -> bool {
    let fits = |beginning: &str| {
        let (known, rest) = text.split_at_checked(beginning.len()).unwrap_or((text, ""));
        beginning.starts_with(known) && rest.chars().all(|c| c.is_ascii_hexdigit() || c == '/')
    };
    text.len() <= LONGEST && (fits("11;rgb:") || fits("11;rgba:"))
}

/// `11;rgb:R/G/B`, each of one to four hexadecimal digits, a share of the most that so many can say.
fn ground_of(text: &str) -> Option<Ground> {
    let channels = text.strip_prefix("11;rgb:").or_else(|| text.strip_prefix("11;rgba:"))?;
    let mut shares = channels.split('/').map(|digits| {
        let most = (1_u32 << (4 * u32::try_from(digits.len()).ok().filter(|count| (1..=4).contains(count))?)) - 1;
        u8::try_from(u32::from_str_radix(digits, 16).ok()? * 255 / most).ok()
    });
    Some(Ground::of([shares.next()??, shares.next()??, shares.next()??]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keys as crossterm makes them of bytes.
    fn keys(bytes: &str) -> Vec<Event> {
        let mut events = Vec::new();
        let mut characters = bytes.chars();
        while let Some(character) = characters.next() {
            events.push(Event::Key(match character {
                '\x1b' => KeyEvent::new(KeyCode::Char(characters.next().unwrap()), KeyModifiers::ALT),
                '\x07' => KeyEvent::new(KeyCode::Char('g'), KeyModifiers::CONTROL),
                upper if upper.is_ascii_uppercase() => KeyEvent::new(KeyCode::Char(upper), KeyModifiers::SHIFT),
                other => KeyEvent::from(KeyCode::Char(other)),
            }));
        }
        events
    }

    /// What comes in, the answer that is heard, and the keys that are left.
    #[test]
    fn answers_are_taken_out_and_keys_are_not() {
        let (dark, light) = (Some(Ground::Dark), Some(Ground::Light));
        let table = [
            ("\x1b]11;rgb:1e1e/1e1e/2e2e\x1b\\", dark, ""),
            ("\x1b]11;rgb:FFFF/ffff/FFFF\x1b\\", light, ""),
            ("\x1b]11;rgb:fd/f6/e3\x07", light, ""),
            ("\x1b]11;rgba:0000/0000/0000/ffff\x1b\\", dark, ""),
            ("qp\x1b]11;rgb:0/0/0\x1b\\[[", dark, "qp[["),
            ("[]11;rgb:", None, "[]11;rgb:"),
            ("\x1b]\x1b]11;rgb:0/0/0\x07", dark, "\x1b]"),
            ("\x1b]q", None, "\x1b]q"),
            ("\x1b]11;rgb:zz", None, "\x1b]11;rgb:zz"),
            ("\x1b]11;rgb:12345/1/1\x1b\\x", None, "\x1b]11;rgb:12345/1/1\x1b\\x"),
            ("\x1b]11;rgb:1/1\x1b\\", None, "\x1b]11;rgb:1/1\x1b\\"),
            ("\x1b]10;", None, "\x1b]10;"),
        ];
        for (bytes, expected, rest) in table {
            let mut listener = Listener::after_question();
            let heard = keys(bytes).into_iter().fold(None, |heard, key| listener.hear(key).or(heard));
            let left: Vec<Event> = std::iter::from_fn(|| listener.next()).collect();
            assert_eq!((heard, left), (expected, keys(rest)), "{bytes:?}");
        }
    }

    #[test]
    fn what_nobody_asked_for_is_no_answer() {
        let mut listener = Listener::default();
        let bytes = "\x1b]11;rgb:ffff/ffff/ffff\x1b\\";
        assert!(keys(bytes).into_iter().all(|key| listener.hear(key).is_none()));
        assert_eq!(std::iter::from_fn(|| listener.next()).collect::<Vec<_>>(), keys(bytes));
    }

    #[test]
    fn a_resize_amid_an_answer_is_kept() {
        let mut events = keys("\x1b]11;rgb:ffff/ffff/ffff\x1b\\");
        events.insert(7, Event::Resize(80, 24));
        let mut listener = Listener::after_question();
        let heard = events.into_iter().fold(None, |heard, event| listener.hear(event).or(heard));
        assert_eq!((heard, listener.next(), listener.next()), (Some(Ground::Light), Some(Event::Resize(80, 24)), None));
    }

    #[test]
    fn what_colorfgbg_says() {
        let (dark, light) = (Some(Ground::Dark), Some(Ground::Light));
        let table = [
            ("15;0", dark),
            ("0;15", light),
            ("0;default;15", light),
            ("12;8", dark),
            ("0;7", light),
            ("default", None),
            ("", None),
            ("0;99", None),
        ];
        for (said, expected) in table {
            assert_eq!(Ground::of_colorfgbg(said), expected, "{said:?}");
        }
    }
}
