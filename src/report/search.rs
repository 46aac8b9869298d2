//! The verdict of a search for the highest rate that is kept up with.
//!
//! A search overloads the pipeline on purpose, so the default rules would judge what it is meant to do. It is held to one
//! rule of its own instead: that a rate was found. Rules that somebody asked for judge beside it.

use super::verdict::{Judgement, Outcome, Verdict};
use crate::load::search::Found;

/// The name of a search's own rule.
pub const SEARCH: &str = "search";

/// The verdict of a search, and of the rules that were asked for beside it.
pub fn verdict(found: &Found, rules: Verdict) -> Verdict {
    let of_search = Judgement {
        rule: SEARCH.into(),
        limit: "a rate that is kept up with".into(),
        unit: None,
        limit_value: None,
        outcome: if found.highest.is_some() { Outcome::Pass } else { Outcome::CantTell },
        figure: found.to_string(),
        figure_value: None,
        when: None,
    };
    let beside = if rules.asked { rules.rules } else { Vec::new() };
    let rules: Vec<Judgement> = std::iter::once(of_search).chain(beside).collect();
    let outcome = rules.iter().map(|judgement| judgement.outcome).max().unwrap_or(Outcome::CantTell);
    Verdict { outcome, asked: true, rules }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(highest: Option<f64>) -> Found {
        Found { highest, next: None, tried: Vec::new(), unfinished: None }
    }

    fn rules(asked: bool, outcome: Outcome) -> Verdict {
        let lost = Judgement {
            rule: "lost".into(),
            limit: "at most 0".into(),
            unit: None,
            limit_value: None,
            outcome,
            figure: "of 7 events".into(),
            figure_value: None,
            when: None,
        };
        Verdict { outcome, asked, rules: vec![lost] }
    }

    #[test]
    fn the_default_rules_do_not_judge_a_search_and_those_asked_for_do() {
        let outcome = |highest, asked, of_rule| verdict(&found(highest), rules(asked, of_rule)).outcome;
        assert_eq!(outcome(Some(700.0), false, Outcome::Fail), Outcome::Pass);
        assert_eq!(outcome(None, false, Outcome::Pass), Outcome::CantTell);
        assert_eq!(outcome(Some(700.0), true, Outcome::Fail), Outcome::Fail);
        assert_eq!(outcome(Some(700.0), true, Outcome::CantTell), Outcome::CantTell);
        assert_eq!(outcome(None, true, Outcome::Pass), Outcome::CantTell);
        let names = |asked| verdict(&found(None), rules(asked, Outcome::Pass)).rules.len();
        assert_eq!((names(false), names(true)), (1, 2));
    }
}
