//! The clock of a replay: which moment of the recording is shown. Pure: the time on the wall is told to it.

use std::time::Duration;

use super::jump::{Jump, JumpError};
use super::survey::{Event, Moment};
use crate::model::units::Time;

/// One step: services are looked at four times a second.
pub const STEP: Duration = Duration::from_millis(250);

/// How fast the recording plays: a power of two from an eighth to 64 times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Speed(i8);

impl Speed {
    const SLOWEST: i8 = -3;
    const FASTEST: i8 = 6;

    /// As it happened.
    pub const NORMAL: Self = Self(0);

    /// Twice as fast, up to 64 times.
    #[must_use]
    pub fn faster(self) -> Self {
        Self((self.0 + 1).min(Self::FASTEST))
    }

    /// Half as fast, down to an eighth.
    #[must_use]
    pub fn slower(self) -> Self {
        Self((self.0 - 1).max(Self::SLOWEST))
    }

    /// What passes in the recording while a span passes on the wall.
    fn times(self, span: Duration) -> Duration {
        let (nanos, places) = (span.as_nanos(), u32::from(self.0.unsigned_abs()));
        let scaled = if self.0 < 0 { nanos >> places } else { nanos << places };
        Duration::from_nanos(u64::try_from(scaled).unwrap_or(u64::MAX))
    }
}

impl std::fmt::Display for Speed {
    /// `1/8x`, `1x`, `64x`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let power = 1_u32 << self.0.unsigned_abs();
        if self.0 < 0 { write!(f, "1/{power}x") } else { write!(f, "{power}x") }
    }
}

/// What kind of moment to go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Marks.
    Mark,
    /// Faults, and what ended them.
    Fault,
    /// Changes of the pipeline's status.
    Status,
    /// Any of them.
    Any,
}

impl Kind {
    fn fits(self, event: &Event) -> bool {
        match self {
            Self::Mark => matches!(event, Event::Mark(_)),
            Self::Fault => matches!(event, Event::Fault(_) | Event::Recovery(_)),
            Self::Status => matches!(event, Event::Status(_)),
            Self::Any => true,
        }
    }
}

/// The clock of a replay. It always stands within the recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayClock {
    first: Time,
    last: Time,
    speed: Speed,
    looping: bool,
    /// Where it stood when something last changed.
    from: Time,
    /// What the wall said then, while it plays.
    playing_since: Option<Time>,
    /// What the wall said last.
    told: Time,
    at: Time,
}

impl ReplayClock {
    /// A clock for a recording from `first` to `last`: it stands at the beginning.
    pub fn new(first: Time, last: Time) -> Self {
        let last = last.max(first);
        let told = Time::from_micros(i64::MIN);
        Self { first, last, speed: Speed::NORMAL, looping: false, from: first, playing_since: None, told, at: first }
    }

    /// The moment that is shown.
    pub fn at(&self) -> Time {
        self.at
    }

    /// Where the recording begins and ends.
    pub fn span(&self) -> (Time, Time) {
        (self.first, self.last)
    }

    /// How far into the recording it stands.
    pub fn elapsed(&self) -> Duration {
        self.at.since(self.first)
    }

    /// How far before the end it stands: while live, how far behind.
    pub fn behind(&self) -> Duration {
        self.last.since(self.at)
    }

    /// Whether it plays.
    pub fn is_playing(&self) -> bool {
        self.playing_since.is_some()
    }

    /// How fast it plays.
    pub fn speed(&self) -> Speed {
        self.speed
    }

    /// Whether it begins again at the end.
    pub fn is_looping(&self) -> bool {
        self.looping
    }

    /// Moves on to what the wall says, and gives the moment to be shown.
    ///
    /// At the end it pauses, or begins again. Worked example: at 64x, two seconds before the end, a tenth of a second
    /// on the wall is 6.4 s in the recording; a looping clock then stands 4.4 s after the beginning.
    ///
    /// Where the wall was set back, it goes on from where it stands.
    pub fn tick(&mut self, wall: Time) -> Time {
        if wall < self.told {
            self.anchor(wall);
        }
        self.told = wall;
        if let Some(since) = self.playing_since {
            let passed = self.speed.times(wall.since(since));
            let at = self.from.after(passed);
            if at < self.last {
                self.at = at;
            } else if self.looping && self.last > self.first {
                let over = at.since(self.first).as_micros() % self.last.since(self.first).as_micros();
                let over = Duration::from_micros(u64::try_from(over).unwrap_or(0));
                self.at = self.first.after(over);
                self.anchor(wall);
            } else {
                self.at = self.last;
                self.playing_since = None;
            }
        }
        self.at
    }

    /// Counts anew from here.
    fn anchor(&mut self, wall: Time) {
        self.from = self.at;
        if self.playing_since.is_some() {
            self.playing_since = Some(wall);
        }
    }

    /// Plays. At the end it begins anew.
    pub fn play(&mut self, wall: Time) {
        self.tick(wall);
        if self.at >= self.last {
            self.at = self.first;
        }
        self.playing_since = Some(wall);
        self.anchor(wall);
    }

    /// Pauses.
    pub fn pause(&mut self, wall: Time) {
        self.tick(wall);
        self.playing_since = None;
    }

    /// Plays or pauses.
    pub fn toggle(&mut self, wall: Time) {
        self.tick(wall);
        if self.is_playing() { self.pause(wall) } else { self.play(wall) }
    }

    /// Plays at another speed from here on.
    pub fn set_speed(&mut self, speed: Speed, wall: Time) {
        self.tick(wall);
        self.anchor(wall);
        self.speed = speed;
    }

    /// Begins again at the end, or stops there.
    pub fn set_looping(&mut self, looping: bool) {
        self.looping = looping;
    }

    /// The recording has become longer, or more of it is known.
    pub fn extend(&mut self, last: Time) {
        self.last = self.last.max(last);
    }

    /// Goes to a moment, or to the end that is nearer to it, and goes on playing if it played.
    pub fn go_to(&mut self, at: Time, wall: Time) {
        self.tick(wall);
        self.at = at.clamp(self.first, self.last);
        self.anchor(wall);
    }

    /// Goes forth.
    pub fn forth(&mut self, span: Duration, wall: Time) {
        self.tick(wall);
        self.go_to(self.at.after(span), wall);
    }

    /// Goes back.
    pub fn back(&mut self, span: Duration, wall: Time) {
        self.tick(wall);
        self.go_to(self.at.before(span), wall);
    }

    /// Pauses one look later.
    pub fn step_forth(&mut self, wall: Time) {
        self.pause(wall);
        self.forth(STEP, wall);
    }

    /// Pauses one look earlier.
    pub fn step_back(&mut self, wall: Time) {
        self.pause(wall);
        self.back(STEP, wall);
    }

    /// Goes where a text says: see [`Jump::read`]. Times of day are of the zone at `offset`.
    pub fn jump(&mut self, text: &str, offset: time::UtcOffset, wall: Time) -> Result<(), JumpError> {
        self.tick(wall);
        let to = Jump::read(text)?.from(self.at, self.span(), offset)?;
        self.go_to(to, wall);
        Ok(())
    }

    /// Goes to the next moment of a kind; stays, and says false, if there is none.
    pub fn next_moment(&mut self, moments: &[Moment], kind: Kind, wall: Time) -> bool {
        self.tick(wall);
        let after = moments.partition_point(|moment| moment.at <= self.at);
        let found = moments[after..].iter().find(|moment| kind.fits(&moment.event));
        found.map(|moment| self.go_to(moment.at, wall)).is_some()
    }

    /// Goes to the moment of a kind before; stays, and says false, if there is none. While it plays, one that was passed
    /// within the last second of watching is passed over: who asks twice wants the one before it.
    pub fn previous_moment(&mut self, moments: &[Moment], kind: Kind, wall: Time) -> bool {
        self.tick(wall);
        let grace = if self.is_playing() { self.speed.times(Duration::from_secs(1)) } else { Duration::ZERO };
        let limit = self.at.before(grace);
        let before = moments.partition_point(|moment| moment.at < limit);
        let found = moments[..before].iter().rev().find(|moment| kind.fits(&moment.event));
        found.map(|moment| self.go_to(moment.at, wall)).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seconds(s: i64) -> Time {
        Time::from_millis(s * 1_000)
    }

    fn span(s: u64) -> Duration {
        Duration::from_secs(s)
    }

    /// A recording from 100 s to 200 s, played since the wall said 0.
    fn playing() -> ReplayClock {
        let mut clock = ReplayClock::new(seconds(100), seconds(200));
        clock.play(seconds(0));
        clock
    }

    #[test]
    fn it_plays_at_any_speed_and_stops_at_the_end() {
        let mut clock = playing();
        assert_eq!(clock.tick(seconds(10)), seconds(110));
        clock.set_speed(Speed::NORMAL.faster().faster(), seconds(10));
        assert_eq!(clock.tick(seconds(15)), seconds(130));
        clock.set_speed(Speed::NORMAL.slower(), seconds(15));
        assert_eq!(clock.tick(seconds(25)), seconds(135));
        assert_eq!(clock.tick(seconds(900)), seconds(200));
        assert!(!clock.is_playing());
        clock.toggle(seconds(900));
        assert_eq!(clock.tick(seconds(902)), seconds(101), "play at the end begins anew, at the same speed");
    }

    #[test]
    fn a_wall_that_is_set_back_holds_nothing_up() {
        let mut clock = playing();
        assert_eq!(clock.tick(seconds(10)), seconds(110));
        assert_eq!(clock.tick(seconds(-3_600)), seconds(110), "nothing is shown again");
        assert_eq!(clock.tick(seconds(-3_595)), seconds(115));
    }

    #[test]
    fn a_looping_clock_begins_again() {
        let mut clock = playing();
        clock.set_looping(true);
        clock.set_speed((0..9).fold(Speed::NORMAL, |speed, _| speed.faster()), seconds(0));
        assert_eq!(clock.speed().to_string(), "64x");
        clock.go_to(seconds(198), seconds(0));
        assert_eq!(clock.tick(Time::from_millis(100)), Time::from_millis(104_400));
    }

    #[test]
    fn speeds_are_said_plainly() {
        let mut speed = (0..9).fold(Speed::NORMAL, |speed, _| speed.slower());
        let mut said = Vec::new();
        for _ in 0..10 {
            said.push(speed.to_string());
            speed = speed.faster();
        }
        assert_eq!(said.join(" "), "1/8x 1/4x 1/2x 1x 2x 4x 8x 16x 32x 64x");
    }

    #[test]
    fn steps_pause_and_skips_do_not() {
        let mut clock = playing();
        clock.forth(span(10), seconds(5));
        assert_eq!(clock.tick(seconds(6)), seconds(116));
        clock.step_back(seconds(6));
        assert_eq!(clock.tick(seconds(60)), Time::from_millis(115_750));
        clock.step_forth(seconds(60));
        assert_eq!((clock.at(), clock.is_playing()), (seconds(116), false));
        clock.back(span(60), seconds(61));
        assert_eq!(clock.at(), seconds(100), "not before the beginning");
    }

    #[test]
    fn it_goes_from_moment_to_moment() {
        let mark = |at, text: &str| Moment { at: seconds(at), event: Event::Mark(text.into()) };
        let fault = |at| Moment { at: seconds(at), event: Event::Fault(crate::model::observation::Station::Store) };
        let moments = [mark(110, "a"), fault(120), mark(130, "b")];
        let mut clock = ReplayClock::new(seconds(100), seconds(200));
        let visited: Vec<Time> =
            std::iter::from_fn(|| clock.next_moment(&moments, Kind::Mark, seconds(0)).then(|| clock.at())).collect();
        assert_eq!(visited, [seconds(110), seconds(130)]);
        assert!(clock.previous_moment(&moments, Kind::Any, seconds(0)));
        assert_eq!(clock.at(), seconds(120));
        assert!(!clock.next_moment(&moments, Kind::Status, seconds(0)));
        assert_eq!(clock.at(), seconds(120), "it stays");
        clock.play(seconds(0));
        assert!(clock.previous_moment(&moments, Kind::Any, Time::from_millis(500)));
        assert_eq!(clock.at(), seconds(110), "the one just passed is passed over");
    }

    #[test]
    fn while_the_recording_grows_it_says_how_far_behind_it_is() {
        let mut clock = ReplayClock::new(seconds(100), seconds(200));
        clock.go_to(seconds(150), seconds(0));
        clock.extend(seconds(210));
        assert_eq!(clock.behind(), span(60));
    }

    #[derive(Debug, Clone)]
    enum Key {
        Wait(i64),
        Toggle,
        Faster,
        Slower,
        Forth(u64),
        Back(u64),
        StepForth,
        StepBack,
        GoTo(i64),
        Loop(bool),
        Extend(i64),
    }

    fn any_key() -> impl Strategy<Value = Key> {
        prop_oneof![
            4 => (-1_000_000_i64..100_000_000).prop_map(Key::Wait),
            2 => Just(Key::Toggle),
            1 => Just(Key::Faster),
            1 => Just(Key::Slower),
            1 => (0_u64..100).prop_map(Key::Forth),
            1 => (0_u64..100).prop_map(Key::Back),
            1 => Just(Key::StepForth),
            1 => Just(Key::StepBack),
            1 => any::<i64>().prop_map(Key::GoTo),
            1 => any::<bool>().prop_map(Key::Loop),
            1 => (0_i64..1_000).prop_map(Key::Extend),
        ]
    }

    proptest! {
        /// Whatever keys are pressed, and whatever the wall clock does, it stands within the recording.
        #[test]
        fn it_never_leaves_the_recording(keys in proptest::collection::vec(any_key(), 0..60)) {
            let mut clock = ReplayClock::new(seconds(100), seconds(200));
            let mut wall = 0_i64;
            for key in keys {
                let now = Time::from_micros(wall);
                match key {
                    Key::Wait(micros) => wall += micros,
                    Key::Toggle => clock.toggle(now),
                    Key::Faster => clock.set_speed(clock.speed().faster(), now),
                    Key::Slower => clock.set_speed(clock.speed().slower(), now),
                    Key::Forth(s) => clock.forth(span(s), now),
                    Key::Back(s) => clock.back(span(s), now),
                    Key::StepForth => clock.step_forth(now),
                    Key::StepBack => clock.step_back(now),
                    Key::GoTo(micros) => clock.go_to(Time::from_micros(micros), now),
                    Key::Loop(looping) => clock.set_looping(looping),
                    Key::Extend(s) => clock.extend(seconds(s)),
                }
                let at = clock.tick(Time::from_micros(wall));
                let (first, last) = clock.span();
                prop_assert!(first <= at && at <= last, "{at:?}");
            }
        }

        /// It does not matter how often it is asked: many ticks and one tick come to the same moment.
        #[test]
        fn many_ticks_are_one(ticks in proptest::collection::vec(0_i64..400_000, 1..50), slower in 0..3) {
            let mut often = playing();
            let speed = (0..slower).fold(Speed::NORMAL, |speed, _| speed.slower());
            often.set_speed(speed, seconds(0));
            let mut once = often.clone();
            let mut wall = 0;
            for tick in ticks {
                wall += tick;
                often.tick(Time::from_micros(wall));
            }
            prop_assert_eq!(often.at(), once.tick(Time::from_micros(wall)));
        }

        /// A skip there and back is where it was, away from the ends.
        #[test]
        fn there_and_back(at in 140_i64..160, by in 0_u64..40) {
            let mut clock = ReplayClock::new(seconds(100), seconds(200));
            clock.go_to(seconds(at), seconds(0));
            clock.forth(span(by), seconds(0));
            clock.back(span(by), seconds(0));
            prop_assert_eq!(clock.at(), seconds(at));
        }
    }
}
