//! The verdict: each rule passes, fails, or can't be told, with its figure and the moment at which it failed.
//!
//! A rule that can't be told is neither: a monitor that saw nothing must not say that all was well.

mod backlog;
mod by_minute;
mod figure;
mod ledger;
mod rules;

use by_minute::Measured;
use schemars::JsonSchema;
use serde::Serialize;

pub use rules::{LimitUnit, Most, Rule, RuleTable, Rules};

use super::account::Account;
use super::document::Moment;
use crate::model::units::Time;

/// What became of a rule, or of all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was kept.
    Pass,
    /// It can't be told.
    CantTell,
    /// It was broken.
    Fail,
}

impl Outcome {
    /// As in a table.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::CantTell => "can't tell",
            Self::Fail => "FAIL",
        }
    }
}

/// What became of one rule.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Judgement {
    /// The rule's name.
    pub rule: String,
    /// Its limit, in words.
    pub limit: String,
    /// What its limit and its figure are counted in; `null` where they are no numbers.
    pub unit: Option<LimitUnit>,
    /// Its limit as a number.
    pub limit_value: Option<f64>,
    /// What became of it.
    pub outcome: Outcome,
    /// The figure that it was judged by, in words, or why it can't be told.
    pub figure: String,
    /// The same as a number; `null` where nothing is known. Of a rule that can't be told it is as far as it is known.
    pub figure_value: Option<f64>,
    /// When it was first broken, where that has a moment.
    pub when: Option<Moment>,
}

/// Whether a session kept the rules.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Verdict {
    /// Fail if a rule failed; else can't tell if a rule that was asked for can't be told; else pass.
    pub outcome: Outcome,
    /// Whether the rules were asked for. Of the default ones, those that can't be told don't count.
    pub asked: bool,
    /// Each rule.
    pub rules: Vec<Judgement>,
}

/// A figure, what it means for the rule, and when the rule was broken.
struct Found {
    outcome: Outcome,
    figure: String,
    value: Option<f64>,
    at: Option<Time>,
}

impl Found {
    fn pass(figure: impl Into<String>) -> Self {
        Self { outcome: Outcome::Pass, figure: figure.into(), value: None, at: None }
    }

    fn fail(figure: impl Into<String>, at: Option<Time>) -> Self {
        Self { outcome: Outcome::Fail, figure: figure.into(), value: None, at }
    }

    fn untold(why: impl Into<String>) -> Self {
        Self { outcome: Outcome::CantTell, figure: why.into(), value: None, at: None }
    }

    /// With the figure as a number, in the unit of the rule.
    fn with(self, value: impl Into<Option<f64>>) -> Self {
        Self { value: value.into(), ..self }
    }
}

impl Verdict {
    /// Judges an account.
    pub fn of(account: &Account, rules: &Rules) -> Self {
        let judged: Vec<Judgement> = rules
            .rules
            .iter()
            .map(|rule| {
                let found = judge(account, rules, *rule);
                Judgement {
                    rule: rule.name().into(),
                    limit: rule.limit(),
                    unit: Some(rule.unit()),
                    limit_value: Some(exact(rule.limit_value())),
                    outcome: found.outcome,
                    figure: found.figure,
                    figure_value: found.value.filter(|value| value.is_finite()).map(exact),
                    when: found.at.map(|at| Moment::of(account.begin(), at)),
                }
            })
            .collect();
        let worst = judged.iter().map(|judgement| judgement.outcome).max().unwrap_or(Outcome::Pass);
        let outcome = match worst {
            Outcome::CantTell if !rules.asked && judged.iter().any(|rule| rule.outcome == Outcome::Pass) => {
                Outcome::Pass
            }
            worst => worst,
        };
        Self { outcome, asked: rules.asked, rules: judged }
    }
}

/// Millionths: microseconds of a span, and more of a share than a count can tell.
fn exact(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

fn judge(account: &Account, rules: &Rules, rule: Rule) -> Found {
    let acknowledged = |meter| Measured { meter, events: &account.stages.acknowledged };
    match rule {
        Rule::Throughput(least) => by_minute::throughput(account, rules, least),
        Rule::P99Stored(most) => by_minute::p99_stored(account, most),
        Rule::P99Due(most) => by_minute::p99(account, &acknowledged(&account.latencies.from_due), most),
        Rule::P99Send(most) => by_minute::p99(account, &acknowledged(&account.latencies.from_send), most),
        Rule::Lag(most) => backlog::lag(account, most),
        Rule::LagBack(within) => backlog::lag_back(account, within),
        Rule::Lost(most) => ledger::lost(account, most),
        Rule::Duplicates(most) => ledger::duplicates(account, most),
        Rule::OutOfOrder(most) => ledger::out_of_order(account, most),
        Rule::UpstreamThroughput(least) => by_minute::upstream_throughput(account, rules, least),
        Rule::UpstreamLatency(most) => by_minute::upstream_latency(account, most),
    }
}
