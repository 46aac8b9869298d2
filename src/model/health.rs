//! One word for the whole pipeline, and the sentence why: a pure function of the session.

use std::time::Duration;

use super::capacity::{IngestUse, Of};
use super::lag::Lag;
use super::observation::{Station, StationState};
use super::partition::Partition;
use super::series::stale_after;
use super::session::Session;
use super::status::Status;
use super::units::Time;
use crate::figures::{self, percent};

/// The word for the whole pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Word {
    /// Nothing has been seen yet.
    Starting,
    /// What comes in is processed.
    KeepingUp,
    /// There is a backlog and it shrinks.
    Draining,
    /// There is a backlog; it neither grows nor shrinks.
    Behind,
    /// There is a backlog and it grows.
    FallingBehind,
    /// Events wait and nothing moves, on one partition at least.
    Stalled,
    /// The monitor can't see: a station does not answer.
    Blind,
}

impl Word {
    /// All of them, the least worry first.
    pub const ALL: [Self; 7] = [
        Self::Starting,
        Self::KeepingUp,
        Self::Draining,
        Self::Behind,
        Self::FallingBehind,
        Self::Stalled,
        Self::Blind,
    ];

    /// As on screen.
    pub fn text(self) -> &'static str {
        match self {
            Self::Starting => "STARTING",
            Self::KeepingUp => "KEEPING UP",
            Self::Draining => "DRAINING",
            Self::Behind => "BEHIND",
            Self::FallingBehind => "FALLING BEHIND",
            Self::Stalled => "STALLED",
            Self::Blind => "BLIND",
        }
    }
}

/// The word and the sentence why.
#[derive(Debug, Clone, PartialEq)]
pub struct Health {
    /// The word.
    pub word: Word,
    /// Events a second by which the backlog grows (above zero) or shrinks, where that says something.
    pub growth: Option<f64>,
    /// Why, in one sentence; empty where all is well.
    pub reason: String,
}

impl Health {
    /// Judges the session at a moment.
    pub fn of(session: &Session, now: Time) -> Self {
        let seen = |station| !session.is_unwatched(station) && session.station(station).is_some();
        if session.partitions.is_empty() && ![Station::Ingest, Station::Checkpoints].into_iter().any(seen) {
            return Self { word: Word::Starting, growth: None, reason: "waiting for the first look".into() };
        }
        let statuses = session.statuses(now);
        let count = |status| statuses.get(&status).copied().unwrap_or(0);
        let partitions = session.partitions.len();
        let growth: f64 = session.partitions.values().map(Partition::growth).sum();

        if let Some(reason) = unseen(session, now).filter(|_| partitions == 0 || count(Status::Blind) > 0) {
            return Self { word: Word::Blind, growth: None, reason };
        }
        if session.is_unwatched(Station::Checkpoints) && count(Status::Blind) > 0 {
            let reason = "no positions are watched, so lag can't be known: the scenario has no [position]".into();
            return Self { word: Word::Blind, growth: None, reason };
        }
        let first = first_round(session, now).or_else(|| first_of_group(session, now));
        if let Some(reason) = first.filter(|_| count(Status::Blind) > 0) {
            return Self { word: Word::Starting, growth: None, reason };
        }
        if count(Status::Blind) > 0 {
            let reason = unread(session, now, count(Status::Blind));
            return Self { word: Word::Blind, growth: None, reason };
        }
        if let Some((word, reason)) = stuck(session, now, count(Status::Stalled)) {
            return Self { word, growth: Some(growth), reason };
        }
        let behind = count(Status::FallingBehind) + count(Status::Behind) + count(Status::Rewound);
        if behind > 0 {
            let word = if count(Status::FallingBehind) > 0 { Word::FallingBehind } else { Word::Behind };
            // Of a backlog that grows on some partitions and shrinks on more, the sum would contradict the word.
            let growth = Some(growth).filter(|growth| *growth > 0.0 || word == Word::Behind);
            return Self { word, growth, reason: with_deadline(cause(session, now), session, now) };
        }
        if count(Status::Draining) > 0 {
            let events = session.lag_events().unwrap_or(0);
            let reason = format!(
                "{} events wait on {} of {partitions} partitions",
                figures::count(events),
                count(Status::Draining)
            );
            return Self { word: Word::Draining, growth: Some(growth), reason };
        }
        if count(Status::NoPosition) == partitions {
            let retained: u64 = session
                .partitions
                .values()
                .filter_map(|p| match p.lag()? {
                    Lag::NoPosition { retained } => Some(retained),
                    Lag::Behind { .. } => None,
                })
                .sum();
            let reason = format!("no checkpoint yet; the log holds {} events", figures::count(retained));
            return Self { word: Word::Starting, growth: None, reason };
        }
        let reason =
            store_trouble(session, now).or_else(|| ingest_limit(session, now)).or_else(|| unusable_checkpoint(session));
        Self { word: Word::KeepingUp, growth: None, reason: reason.unwrap_or_default() }
    }
}

/// Which partitions could not be read: by name where they are few.
fn unread(session: &Session, now: Time, blind: usize) -> String {
    const NAMED: usize = 3;
    let partitions = session.partitions.len();
    if blind > NAMED || blind == partitions {
        return format!("{blind} of {partitions} partitions could not be read");
    }
    let is_blind = |partition: &Partition| partition.status(now) == Status::Blind;
    let names = session.partitions.iter().filter(|(_, partition)| is_blind(partition)).map(|(id, _)| id.to_string());
    let (names, noun) = (names.collect::<Vec<_>>().join(", "), if blind == 1 { "partition" } else { "partitions" });
    format!("{noun} {names} of {partitions} could not be read")
}

/// How long the longer of the two rounds takes that a lag needs: of log ends and of positions.
fn longest_round(session: &Session) -> Duration {
    session.round(Station::Ingest).max(session.round(Station::Checkpoints))
}

/// Whether all that can't be seen are partitions that were never judged, because the first round of reads is under way.
fn first_round(session: &Session, now: Time) -> Option<String> {
    let began = session.hub_since().filter(|_| session.probes.contains_key(&Station::Ingest))?;
    let round = longest_round(session);
    let count = |which: &dyn Fn(&Partition) -> bool| session.partitions.values().filter(|p| which(p)).count();
    let unjudged = count(&|partition| partition.lag().is_none());
    let blind = count(&|partition| partition.status(now) == Status::Blind);
    let read = count(&|partition| partition.log_end().is_some());
    let lately = now.since(began) <= stale_after(Partition::STALE, round);
    let partitions = session.partitions.len();
    let (what, read) = match read {
        all if all == partitions => ("positions", partitions - unjudged),
        read => ("log ends", read),
    };
    (unjudged == blind && lately).then(|| format!("the first round of {what}: {read} of {partitions} partitions read"))
}

/// Whether all that can't be seen are partitions of which the consumer group that is watched since a moment was not judged
/// yet.
fn first_of_group(session: &Session, now: Time) -> Option<String> {
    let (since, group) = (session.group_since()?, session.group.as_ref()?);
    let round = longest_round(session);
    let judged = session.partitions.values().filter(|partition| partition.lag().is_some()).count();
    let blind = session.partitions.values().filter(|partition| partition.status(now) == Status::Blind).count();
    let lately = now.since(since) <= stale_after(Partition::STALE, round);
    (lately && judged + blind == session.partitions.len())
        .then(|| format!("consumer group {group}: the lag of {judged} of {} partitions is known", judged + blind))
}

/// What the first station, in the order of the flow, that does not answer says of itself, and which others don't either.
fn unseen(session: &Session, now: Time) -> Option<String> {
    let silent = [Station::Ingest, Station::Checkpoints, Station::Store].into_iter().filter_map(|station| {
        let silence = session.silence(station, now).map_or(0, |silence| silence.as_secs());
        let said = match &session.station(station)?.state {
            StationState::Retrying { reason, .. } => reason.clone(),
            _ if silence >= 5 => format!("no answer for {silence} s"),
            _ => return None,
        };
        Some((station.name(), said))
    });
    let silent: Vec<(&str, String)> = silent.collect();
    let ((first, said), others) = silent.split_first()?;
    let others: Vec<&str> = others.iter().map(|(name, _)| *name).collect();
    // What is wrong comes first: the end of a long sentence has no room on a small screen.
    let either = if others.is_empty() { String::new() } else { format!("; nor can {} be seen", others.join(" or ")) };
    Some(format!("{first}: {said}{either}"))
}

/// Partitions whose position stands still though events wait.
fn stuck(session: &Session, now: Time, stalled: usize) -> Option<(Word, String)> {
    if stalled == 0 {
        return None;
    }
    let (id, worst) = session.worst_partition(now)?;
    let still = worst.status_for(now).map_or(0, |still| still.as_secs());
    let reason = match (stalled, session.station(Station::Processor).map(|health| &health.state)) {
        (_, Some(StationState::Stopped)) => "the processor is stopped".into(),
        (1, _) => format!("partition {id} has not moved for {still} s"),
        _ => format!("{stalled} of {} partitions stand still, partition {id} for {still} s", session.partitions.len()),
    };
    Some((Word::Stalled, store_trouble(session, now).map_or(reason.clone(), |trouble| format!("{reason}; {trouble}"))))
}

/// Why the backlog grows.
fn cause(session: &Session, now: Time) -> String {
    if let Some(trouble) = store_trouble(session, now) {
        return trouble;
    }
    if let Some(StationState::Retrying { reason, .. }) = session.station(Station::Processor).map(|health| &health.state)
    {
        return format!("the processor: {reason}");
    }
    match (session.processed_rate(now), session.ingest_rate(now)) {
        (Some(processed), Some(ingest)) => {
            format!("{}/s processed of {}/s", rounded(processed.per_second()), rounded(ingest.per_second()))
        }
        _ => String::new(),
    }
}

/// That the log takes in as much as it can, if it does: what is more waits with its senders.
fn ingest_limit(session: &Session, now: Time) -> Option<String> {
    let used = session.ingest_use(now).filter(|used| used.share >= IngestUse::LIMIT)?;
    let of = match used.of {
        Of::Events => "events",
        Of::Bytes => "bytes",
    };
    Some(format!("ingest is at its limit: {} of {}, by {of}", percent(used.share), used.capacity.text()))
}

/// The first partition whose checkpoint can't be used: of its lag nothing is known.
fn unusable_checkpoint(session: &Session) -> Option<String> {
    let unusable = |p: &Partition| p.checkpoint_note().filter(|_| p.position().is_none()).map(str::to_owned);
    session.partitions.iter().find_map(|(id, partition)| Some(format!("partition {id}: {}", unusable(partition)?)))
}

/// A cause, and when it begins to cost events, if that is within the hour.
fn with_deadline(cause: String, session: &Session, now: Time) -> String {
    let soonest = session.partitions.values().filter_map(|partition| partition.retention_loss(now)).min();
    match soonest.filter(|soonest| soonest.as_secs() < 3_600) {
        None => cause,
        Some(soonest) => {
            let deadline = format!("unread events are dropped in {}", figures::span(soonest));
            if cause.is_empty() { deadline } else { format!("{deadline}; {cause}") }
        }
    }
}

/// What the store suffers from, if it does.
fn store_trouble(session: &Session, now: Time) -> Option<String> {
    if let Some(StationState::Retrying { reason, .. }) = session.station(Station::Store).map(|health| &health.state) {
        return Some(format!("the store: {reason}"));
    }
    let throttled = session.throttled_rate(now).filter(|rate| *rate >= 0.5)?;
    let units = session.request_units(now);
    let mut sentence = String::from("Cosmos DB throttles: ");
    if let (Some(units), Some(provisioned)) = (&units, session.provisioned) {
        sentence += &format!("{} of {} RU/s, ", percent(units.share), rounded(provisioned.0));
    }
    sentence += &format!("{} 429s/s", rounded(throttled));
    if let Some(hottest) = units.and_then(|units| units.hottest) {
        sentence += &format!(", range {} hottest", hottest.range);
    }
    Some(sentence)
}

/// A figure without a fraction, thousands apart.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rates are small and never negative")]
fn rounded(value: f64) -> String {
    figures::count(value.round() as u64)
}
