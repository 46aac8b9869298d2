//! The search for the highest rate that a pipeline still keeps up with: double until it does not, then halve the gap.
//! Pure: it says what to try, and is told what became of it ([`judgement`] says that). Between two tries the pipeline
//! drains, so that one try's backlog is not the next one's; where it does not drain, the search ends with what it has.
//!
//! Worked example: a pipeline that carries 2,300 events/s, a search from 1,000/s to a twentieth: 1,000 and 2,000 are kept
//! up with, 4,000 is not; then 3,000 is not, 2,500 is not, 2,250 is, 2,375 is not: it is 2,250/s, within 6 %.

pub mod judgement;

use crate::figures::compact;

/// The gap between what is kept up with and what is not is narrow enough at this share of the first.
pub const NARROW: f64 = 0.06;

/// What became of a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Try {
    /// The pipeline kept up.
    KeptUp,
    /// It did not: why, in one sentence.
    FellBehind(String),
    /// It can't be told: why, in one sentence.
    Unmeasured(String),
}

/// A rate that was tried.
#[derive(Debug, Clone, PartialEq)]
pub struct Tried {
    /// In events a second.
    pub rate: f64,
    /// What became of it.
    pub outcome: Try,
}

/// What the search is at.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Run so many events a second, and say what became of it.
    Run(f64),
    /// It is over.
    Found(Found),
}

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The highest rate that was kept up with, in events a second; `None` if none was.
    pub highest: Option<f64>,
    /// The lowest rate that was not, and why; `None` if there was none.
    pub next: Option<(f64, String)>,
    /// The rates that were tried, in order.
    pub tried: Vec<Tried>,
    /// Why the search ended before the gap was narrow enough; `None` if it did not.
    pub unfinished: Option<String>,
}

impl std::fmt::Display for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(why) = &self.unfinished {
            write!(f, "not finished, {why}: so far it ")?;
        }
        match self.highest {
            Some(highest) => write!(f, "keeps up with {}/s", compact(highest))?,
            None if self.tried.is_empty() => f.write_str("has tried no rate to the end")?,
            None => f.write_str("keeps up with none of the rates tried")?,
        }
        match &self.next {
            Some((rate, reason)) => write!(f, "; with {}/s it does not: {reason}", compact(*rate)),
            None if self.unfinished.is_some() => Ok(()),
            None => f.write_str("; the search was not asked to go higher"),
        }
    }
}

/// A search.
#[derive(Debug, Clone)]
pub struct Search {
    highest: Option<f64>,
    lowest_failed: Option<(f64, String)>,
    next: f64,
    least: f64,
    most: f64,
    tried: Vec<Tried>,
    ended: Option<String>,
}

impl Search {
    /// Begins at a rate, and tries none that is a hundred times lower or is higher than `most`.
    pub fn new(from: f64, most: f64) -> Self {
        let from = from.clamp(f64::MIN_POSITIVE, most);
        let least = from / 100.0;
        Self { highest: None, lowest_failed: None, next: from, least, most, tried: Vec::new(), ended: None }
    }

    /// What to do next.
    pub fn step(&self) -> Step {
        if self.ended.is_none() && self.is_open() { Step::Run(self.next) } else { Step::Found(self.found()) }
    }

    /// What is found so far.
    pub fn found(&self) -> Found {
        let unfinished = self.is_open().then(|| self.ended.clone().unwrap_or_else(|| "it goes on".into()));
        Found { highest: self.highest, next: self.lowest_failed.clone(), tried: self.tried.clone(), unfinished }
    }

    /// Whether another try could say more.
    fn is_open(&self) -> bool {
        match (self.highest, &self.lowest_failed) {
            (Some(highest), Some((failed, _))) => failed - highest > highest * NARROW,
            (Some(highest), None) => highest < self.most,
            (None, Some((failed, _))) => *failed > self.least,
            (None, None) => true,
        }
    }

    /// What became of the rate that [`Self::step`] said. Where that can't be told, neither can anything above or below it,
    /// and the search ends.
    pub fn tell(&mut self, outcome: Try) {
        let rate = self.next;
        match &outcome {
            Try::KeptUp => self.highest = Some(rate),
            Try::FellBehind(reason) => self.lowest_failed = Some((rate, reason.clone())),
            Try::Unmeasured(why) => self.end(format!("the try with {}/s can't be judged ({why})", compact(rate))),
        }
        self.tried.push(Tried { rate, outcome });
        self.next = match (self.highest, &self.lowest_failed) {
            (Some(highest), Some((failed, _))) => f64::midpoint(highest, *failed),
            (Some(highest), None) => (highest * 2.0).min(self.most),
            (None, Some((failed, _))) => (failed / 2.0).max(self.least),
            (None, None) => self.next,
        };
    }

    /// Ends the search before its time, for the first reason that is given. A search that is over stays as it is.
    pub fn end(&mut self, why: String) {
        self.ended.get_or_insert(why);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A pipeline in miniature: a store that carries so much, and a backlog that the next try finds unless it drained.
    struct Pipeline {
        capacity: f64,
        backlog: f64,
    }

    impl Pipeline {
        fn run(&mut self, rate: f64, seconds: f64) -> Try {
            self.backlog = (self.backlog + (rate - self.capacity) * seconds).max(0.0);
            if self.backlog > rate * 3.0 {
                Try::FellBehind(format!("{} events wait", self.backlog.round()))
            } else {
                Try::KeptUp
            }
        }

        fn drain(&mut self) {
            self.backlog = 0.0;
        }
    }

    fn search(capacity: f64, from: f64, most: f64) -> (Vec<f64>, Found) {
        let mut pipeline = Pipeline { capacity, backlog: 0.0 };
        let mut search = Search::new(from, most);
        let mut tried = Vec::new();
        loop {
            match search.step() {
                Step::Run(rate) => {
                    tried.push(rate);
                    search.tell(pipeline.run(rate, 600.0));
                    pipeline.drain();
                }
                Step::Found(found) => return (tried, found),
            }
        }
    }

    #[test]
    fn the_worked_example_of_the_module() {
        let (tried, found) = search(2_300.0, 1_000.0, 1e6);
        assert_eq!(tried, [1_000.0, 2_000.0, 4_000.0, 3_000.0, 2_500.0, 2_250.0, 2_375.0]);
        assert_eq!((found.highest, found.tried.len(), &found.unfinished), (Some(2_250.0), 7, &None));
        assert_eq!(found.tried[1], Tried { rate: 2_000.0, outcome: Try::KeptUp });
        assert_eq!(found.to_string(), "keeps up with 2,250/s; with 2,375/s it does not: 45000 events wait");
    }

    #[test]
    fn it_goes_down_where_the_first_rate_is_too_high_and_ends_at_both_ends() {
        let (tried, found) = search(300.0, 1_000.0, 1e6);
        assert_eq!(tried[..3], [1_000.0, 500.0, 250.0]);
        assert!(found.highest.is_some_and(|highest| (280.0..=300.0).contains(&highest)), "{found:?}");
        let (_, nothing) = search(0.0, 1_000.0, 1e6);
        assert_eq!(nothing.highest, None);
        assert!(
            nothing.to_string().starts_with("keeps up with none of the rates tried; with 10/s it does not"),
            "{nothing}"
        );
        let (_, all) = search(1e9, 1_000.0, 5_000.0);
        assert_eq!((all.highest, all.next), (Some(5_000.0), None));
    }

    #[test]
    fn a_search_that_ends_early_says_what_it_has_and_why() {
        let mut search = Search::new(1_000.0, 1e6);
        let said = |search: &Search| search.found().to_string();
        let mut at_once = search.clone();
        at_once.end("interrupted".into());
        assert_eq!(said(&at_once), "not finished, interrupted: so far it has tried no rate to the end");
        search.tell(Try::KeptUp);
        search.tell(Try::FellBehind("slow".into()));
        let mut stuck = search.clone();
        stuck.end("70 events had not drained".into());
        stuck.end("another reason".into());
        assert_eq!(
            said(&stuck),
            "not finished, 70 events had not drained: so far it keeps up with 1,000/s; with 2,000/s it does not: slow"
        );
        assert_eq!(stuck.step(), Step::Found(stuck.found()));
        search.tell(Try::Unmeasured("blind".into()));
        assert_eq!(
            said(&search),
            "not finished, the try with 1,500/s can't be judged (blind): so far it keeps up with 1,000/s; with 2,000/s it \
             does not: slow"
        );
        assert_eq!(search.found().tried.len(), 3);
    }

    #[test]
    fn a_search_that_is_over_can_not_be_ended() {
        let mut search = Search::new(1_000.0, 1_000.0);
        search.tell(Try::KeptUp);
        search.end("interrupted".into());
        assert_eq!(search.found().unfinished, None);
    }

    proptest! {
        /// Whatever the capacity: what is found is kept up with, what comes next is not, and they are near each other.
        #[test]
        fn the_capacity_lies_between(capacity in 20.0_f64..1e6, from in 10.0_f64..1e5) {
            let (tried, found) = search(capacity, from, 1e7);
            prop_assert!(tried.len() < 50);
            if let (Some(highest), Some((next, _))) = (found.highest, found.next) {
                // A rate is kept up with if less than three seconds of it wait after ten minutes.
                let edge = capacity * 600.0 / 597.0;
                prop_assert!(highest <= edge * 1.000_001 && edge <= next * 1.000_001, "{highest} {edge} {next}");
                prop_assert!(next - highest <= highest * NARROW * 1.000_001);
            }
        }
    }
}
