//! A script as a person writes it, and as it is performed once it is known to be right.

use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use crate::local::fault::Fault;
use crate::model::observation::Target;
use crate::model::units::{EventRate, PartitionId};
use crate::span::read_span;
use crate::toml_file::{self, TomlFileError};
use crate::ui::state::{Sort, Zoom};
use crate::ui::view::LONGEST_CAPTION;

/// The longest script.
const LONGEST: Duration = Duration::from_secs(86_400);

/// The highest rate that a script may ask for.
const HIGHEST_RATE: f64 = 10_000_000.0;

/// A script, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Script {
    /// For the title line.
    pub title: String,
    /// What it shows, for the list.
    pub sentence: String,
    /// What it is played against.
    pub scenario: Setting,
    /// In the order of time.
    pub steps: Vec<Step>,
    /// When it is over.
    pub end: Duration,
}

/// The scenario of a script.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// Partitions of the ingest log, 1 to 2,048.
    pub partitions: u32,
    /// The load at the beginning.
    pub target: Target,
    /// Provisioned RU/s of the store, 400 to 1,000,000.
    pub request_units: u32,
    /// Seed of the events.
    pub seed: u64,
    /// One event in so many is sent twice; 0 for none.
    pub duplicates: u32,
}

/// What is done at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// When, from the beginning.
    pub at: Duration,
    /// What: to the scenario first, then to the screen.
    pub acts: Vec<Act>,
}

/// One thing that a script can do.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    /// Ask the load for something else.
    Load(Target),
    /// Let a service do something wrong.
    Fault(Service, Fault),
    /// Let it do right again.
    Repair(Service),
    /// Kill the processor without a goodbye.
    KillProcessor,
    /// Start it again.
    StartProcessor,
    /// Let the processor pass over a partition.
    Hold(PartitionId),
    /// Let it read the partition again.
    Release(PartitionId),
    /// Fill the screen with something, or with everything.
    Zoom(Zoom),
    /// Put the partitions in another order.
    Sort(Sort),
    /// The word for the whole pipeline in big letters, or not.
    Big(bool),
    /// Say something to the room, or fall silent.
    Caption(Option<String>),
    /// Set a mark.
    Mark(String),
}

/// A service of the embedded scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Service {
    /// The ingest log.
    EventHubs,
    /// The checkpoints.
    Blob,
    /// The store.
    Cosmos,
}

impl Service {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::EventHubs, Self::Blob, Self::Cosmos];

    /// As in marks.
    pub fn name(self) -> &'static str {
        match self {
            Self::EventHubs => "Event Hubs",
            Self::Blob => "Blob Storage",
            Self::Cosmos => "Cosmos DB",
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ScriptFile {
    title: Spanned<String>,
    #[serde(default)]
    sentence: String,
    #[serde(default)]
    scenario: SettingFile,
    end: Spanned<String>,
    #[serde(default)]
    step: Vec<Spanned<StepFile>>,
}

/// What is left out is as in `streamgauge local`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct SettingFile {
    partitions: Option<Spanned<u32>>,
    rate: Option<Spanned<f64>>,
    ru: Option<Spanned<u32>>,
    seed: Option<u64>,
    duplicates: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StepFile {
    at: Spanned<String>,
    rate: Option<Spanned<f64>>,
    fault: Option<Spanned<FaultFile>>,
    repair: Option<Service>,
    processor: Option<ProcessorFile>,
    hold: Option<Spanned<u32>>,
    release: Option<Spanned<u32>>,
    zoom: Option<Spanned<String>>,
    sort: Option<SortFile>,
    big: Option<bool>,
    caption: Option<Spanned<String>>,
    mark: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FaultFile {
    service: Service,
    kind: FaultKind,
    by: Option<Spanned<String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum FaultKind {
    Refuse,
    Cut,
    Delay,
    Throttle,
    Deny,
    WrongReply,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ProcessorFile {
    Kill,
    Start,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum SortFile {
    Worst,
    Number,
    Events,
    Time,
    Rate,
}

/// What is wrong, and where in the text.
type Wrong = (Range<usize>, String);

impl Script {
    /// Reads a file.
    ///
    /// # Errors
    /// One sentence for the person who wrote it: file, line, what is wrong, and what to try.
    pub fn read(path: &Path) -> Result<Self, TomlFileError> {
        Self::read_with_text(path).map(|(script, _)| script)
    }

    /// Reads a file, and gives its text as well.
    ///
    /// # Errors
    /// As [`Script::read`].
    pub fn read_with_text(path: &Path) -> Result<(Self, String), TomlFileError> {
        let text = toml_file::text(path)?;
        Self::parse(&text, &path.display().to_string()).map(|script| (script, text))
    }

    /// Parses the text of a file that is called `place` in errors.
    ///
    /// # Errors
    /// As [`Script::read`].
    ///
    /// ```
    /// use std::time::Duration;
    /// use streamgauge::demo::script::{Act, Script};
    ///
    /// let text = "title = 'Two steps'\nend = '1m'\n\n[[step]]\nat = '10s'\nrate = 400\ncaption = 'More.'\n";
    /// let script = Script::parse(text, "two.toml").unwrap();
    /// assert_eq!(script.end, Duration::from_secs(60));
    /// assert_eq!(script.steps[0].acts[1], Act::Caption(Some("More.".into())));
    ///
    /// let error = Script::parse(&text.replace("rate", "rat"), "two.toml").unwrap_err();
    /// assert_eq!(error.to_string(), "two.toml, line 6: unknown field `rat`; did you mean `rate`?");
    /// ```
    pub fn parse(text: &str, place: &str) -> Result<Self, TomlFileError> {
        let file: ScriptFile = toml_file::parse(text, place)?;
        check(file).map_err(|(at, sentence)| toml_file::wrong(text, place, &at, sentence))
    }
}

fn check(file: ScriptFile) -> Result<Script, Wrong> {
    let title = text_of(&file.title, "title", 60)?;
    let end = span_of(&file.end)?;
    if end.is_zero() || end > LONGEST {
        return Err((file.end.span(), "a script ends after 1ms to 24h".into()));
    }
    let scenario = setting(&file.scenario)?;
    let mut steps: Vec<Step> = Vec::with_capacity(file.step.len());
    for written in &file.step {
        let step = step(written, scenario.partitions)?;
        let written = written.get_ref();
        if step.at > end {
            return Err((
                written.at.span(),
                format!("{} is after the end, {}", written.at.get_ref(), file.end.get_ref()),
            ));
        }
        if steps.last().is_some_and(|before| before.at > step.at) {
            let at = written.at.get_ref();
            return Err((
                written.at.span(),
                format!("{at} is before the step above; put the steps in the order of time"),
            ));
        }
        steps.push(step);
    }
    Ok(Script { title, sentence: file.sentence, scenario, steps, end })
}

fn setting(file: &SettingFile) -> Result<Setting, Wrong> {
    let whole = |value: &Option<Spanned<u32>>, usual: u32, range: std::ops::RangeInclusive<u32>, what: &str| {
        let Some(value) = value else { return Ok(usual) };
        let found = *value.get_ref();
        if range.contains(&found) {
            return Ok(found);
        }
        Err((value.span(), format!("{found} is not {what}: give {} to {}", range.start(), range.end())))
    };
    Ok(Setting {
        partitions: whole(&file.partitions, 8, 1..=2_048, "a number of partitions")?,
        target: file.rate.as_ref().map_or(Ok(Target::Rate(EventRate::new(1_000.0))), target)?,
        request_units: whole(&file.ru, 20_000, 400..=1_000_000, "a number of request units")?,
        seed: file.seed.unwrap_or(0),
        duplicates: file.duplicates.unwrap_or(1_000),
    })
}

fn step(written: &Spanned<StepFile>, partitions: u32) -> Result<Step, Wrong> {
    let file = written.get_ref();
    let mut acts = Vec::new();
    if let Some(rate) = &file.rate {
        acts.push(Act::Load(target(rate)?));
    }
    if let Some(fault) = &file.fault {
        acts.push(fault_of(fault)?);
    }
    acts.extend(file.repair.map(Act::Repair));
    acts.extend(file.processor.map(|asked| match asked {
        ProcessorFile::Kill => Act::KillProcessor,
        ProcessorFile::Start => Act::StartProcessor,
    }));
    if let Some(number) = &file.hold {
        acts.push(Act::Hold(partition(number, partitions)?));
    }
    if let Some(number) = &file.release {
        acts.push(Act::Release(partition(number, partitions)?));
    }
    if let Some(zoom) = &file.zoom {
        acts.push(Act::Zoom(Zoom::named(zoom.get_ref()).map_err(|sentence| (zoom.span(), sentence))?));
    }
    acts.extend(file.sort.map(|sort| {
        Act::Sort(match sort {
            SortFile::Worst => Sort::Worst,
            SortFile::Number => Sort::Number,
            SortFile::Events => Sort::Events,
            SortFile::Time => Sort::Time,
            SortFile::Rate => Sort::Rate,
        })
    }));
    acts.extend(file.big.map(Act::Big));
    if let Some(caption) = &file.caption {
        let said = text_of(caption, "caption", LONGEST_CAPTION)?;
        acts.push(Act::Caption(Some(said).filter(|said| !said.is_empty())));
    }
    if let Some(mark) = &file.mark {
        acts.push(Act::Mark(text_of(mark, "mark", LONGEST_CAPTION)?));
    }
    if acts.is_empty() {
        return Err((
            written.span(),
            "this step does nothing; give it a caption, a rate or a fault, or remove it".into(),
        ));
    }
    Ok(Step { at: span_of(&file.at)?, acts })
}

fn text_of(written: &Spanned<String>, what: &str, most: usize) -> Result<String, Wrong> {
    let text = written.get_ref().trim();
    let wrong = |sentence| Err((written.span(), sentence));
    if text.chars().any(char::is_control) {
        return wrong(format!("a {what} is one line of text"));
    }
    match text.chars().count() {
        long if long > most => wrong(format!("this {what} has {long} characters; {most} can be shown")),
        _ => Ok(text.to_owned()),
    }
}

fn span_of(written: &Spanned<String>) -> Result<Duration, Wrong> {
    let typed = written.get_ref();
    read_span(typed.trim()).ok_or_else(|| (written.span(), format!("{typed:?} is not a time; try 10s, 1m30s or 500ms")))
}

fn target(written: &Spanned<f64>) -> Result<Target, Wrong> {
    let rate = *written.get_ref();
    if rate == 0.0 {
        Ok(Target::Paused)
    } else if (0.001..=HIGHEST_RATE).contains(&rate) {
        Ok(Target::Rate(EventRate::new(rate)))
    } else {
        Err((written.span(), format!("{rate} is not a rate: give events a second from 0 to {HIGHEST_RATE:.0}")))
    }
}

fn partition(written: &Spanned<u32>, partitions: u32) -> Result<PartitionId, Wrong> {
    let number = *written.get_ref();
    if number < partitions {
        return Ok(PartitionId(number));
    }
    Err((written.span(), format!("there is no partition {number}; the scenario has 0 to {}", partitions - 1)))
}

fn fault_of(written: &Spanned<FaultFile>) -> Result<Act, Wrong> {
    let file = written.get_ref();
    let fault = match (file.kind, &file.by) {
        (FaultKind::Delay, Some(by)) => Fault::Delay(span_of(by)?),
        (FaultKind::Delay, None) => {
            return Err((
                written.span(),
                "a delay needs `by`: how much later answers come, such as by = \"2s\"".into(),
            ));
        }
        (_, Some(by)) => return Err((by.span(), "`by` belongs to a delay; remove it, or say kind = \"delay\"".into())),
        (FaultKind::Refuse, None) => Fault::Refuse,
        (FaultKind::Cut, None) => Fault::Cut,
        (FaultKind::Throttle, None) => Fault::Throttle,
        (FaultKind::Deny, None) => Fault::Deny,
        (FaultKind::WrongReply, None) => Fault::WrongReply,
    };
    Ok(Act::Fault(file.service, fault))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"
title = "All there is"
sentence = "Everything once."
end = "1m10s"

[scenario]
partitions = 4
rate = 50
ru = 600
seed = 7
duplicates = 0

[[step]]
at = "0s"
caption = "It begins."
mark = "the beginning"

[[step]]
at = "10s"
rate = 110.5
fault = { service = "cosmos", kind = "delay", by = "500ms" }
processor = "kill"
hold = 3
zoom = "lag"
sort = "number"
big = true

[[step]]
at = "10s"
rate = 0
fault = { service = "eventhubs", kind = "wrong-reply" }
repair = "blob"
processor = "start"
release = 3
zoom = "3"
caption = ""
"#;

    #[test]
    fn a_script_can_do_all_of_this() {
        let script = Script::parse(WHOLE, "whole.toml").unwrap();
        assert_eq!((script.end, script.steps.len()), (Duration::from_secs(70), 3));
        let scenario = &script.scenario;
        assert_eq!((scenario.partitions, scenario.request_units, scenario.seed, scenario.duplicates), (4, 600, 7, 0));
        let [begins, breaks, mends] = script.steps.as_slice() else { panic!("three steps") };
        assert_eq!(begins.acts, [Act::Caption(Some("It begins.".into())), Act::Mark("the beginning".into())]);
        assert_eq!(
            breaks.acts,
            [
                Act::Load(Target::Rate(EventRate::new(110.5))),
                Act::Fault(Service::Cosmos, Fault::Delay(Duration::from_millis(500))),
                Act::KillProcessor,
                Act::Hold(PartitionId(3)),
                Act::Zoom(Zoom::named("lag").unwrap()),
                Act::Sort(Sort::Number),
                Act::Big(true),
            ]
        );
        assert_eq!(
            mends.acts,
            [
                Act::Load(Target::Paused),
                Act::Fault(Service::EventHubs, Fault::WrongReply),
                Act::Repair(Service::Blob),
                Act::StartProcessor,
                Act::Release(PartitionId(3)),
                Act::Zoom(Zoom::Partition(PartitionId(3))),
                Act::Caption(None),
            ]
        );
    }

    /// What is written instead of what, and the sentence.
    #[test]
    fn a_mistake_names_its_line_and_what_to_try() {
        let long = format!("caption = \"{}\"", "a".repeat(101));
        let table = [
            ("sentence =", "sentense =", "line 3: unknown field `sentense`; did you mean `sentence`?"),
            ("end = \"1m10s\"\n", "", "line 1: missing field `end`"),
            ("\"1m10s\"", "\"0s\"", "line 4: end: a script ends after 1ms to 24h"),
            ("\"1m10s\"", "\"25h\"", "line 4: end: a script ends after 1ms to 24h"),
            ("\"1m10s\"", "\"9s\"", "line 19: at: 10s is after the end, 9s"),
            ("\"1m10s\"", "\"soon\"", "line 4: end: \"soon\" is not a time; try 10s, 1m30s or 500ms"),
            ("partitions = 4", "partitions = 0", "line 7: 0 is not a number of partitions: give 1 to 2048"),
            ("partitions = 4", "partition = 4", "line 7: unknown field `partition`; did you mean `partitions`?"),
            ("rate = 50", "rate = -1", "line 8: -1 is not a rate: give events a second from 0 to 10000000"),
            ("rate = 50", "rate = nan", "line 8: NaN is not a rate: give events a second from 0 to 10000000"),
            ("ru = 600", "ru = 1", "line 9: ru: 1 is not a number of request units: give 400 to 1000000"),
            (
                "at = \"0s\"",
                "at = \"20s\"",
                "line 19: at: 10s is before the step above; put the steps in the order of time",
            ),
            ("at = \"0s\"\n", "", "line 13: missing field `at`"),
            ("caption = \"It begins.\"", "capton = \"\"", "line 15: unknown field `capton`; did you mean `caption`?"),
            ("caption = \"It begins.\"", &long, "line 15: this caption has 101 characters; 100 can be shown"),
            ("\"It begins.\"", "\"It\\nbegins.\"", "line 15: a caption is one line of text"),
            ("\"delay\"", "\"dealy\"", "line 21: kind: unknown variant `dealy`; did you mean `delay`?"),
            (", by = \"500ms\"", "", "line 21: a delay needs `by`: how much later answers come, such as by = \"2s\""),
            ("\"delay\"", "\"cut\"", "line 21: `by` belongs to a delay; remove it, or say kind = \"delay\""),
            ("\"cosmos\"", "\"cosmo\"", "line 21: service: unknown variant `cosmo`; did you mean `cosmos`?"),
            ("\"kill\"", "\"kil\"", "line 22: processor: unknown variant `kil`; did you mean `kill`?"),
            ("hold = 3", "hold = 4", "line 23: hold: there is no partition 4; the scenario has 0 to 3"),
            ("zoom = \"lag\"", "zoom = \"serf\"", "line 24: zoom: \"serf\" can't fill the screen; did you mean serve?"),
            ("sort = \"number\"", "sort = \"numbr\"", "line 25: sort: unknown variant `numbr`; did you mean `number`?"),
        ];
        for (right, wrong, expected) in table {
            let text = WHOLE.replacen(right, wrong, 1);
            assert_ne!(text, WHOLE, "{right}");
            let sentence = Script::parse(&text, "whole.toml").unwrap_err().to_string();
            assert_eq!(sentence, format!("whole.toml, {expected}"));
        }
        let idle = "title = 'idle'\nend = '9s'\n\n[[step]]\nat = '1s'\n";
        let sentence = Script::parse(idle, "idle.toml").unwrap_err().to_string();
        assert!(sentence.starts_with("idle.toml, line 4: this step does nothing; give it"), "{sentence}");
    }
}
