//! A script while it is performed: its acts are done to a stage, and what concerns the screen is handed on as cues.

use std::time::Duration;

use super::progress::Progress;
use super::script::{Act, Script, Service};
use crate::figures;
use crate::local::fault::{Fault, FaultSwitch};
use crate::local::scenario::Scenario;
use crate::model::observation::Target;
use crate::model::units::{PartitionId, Time};
use crate::ui::controls::Cue;
use crate::ui::state::{ScriptSign, ScriptStands, Zoom};

/// A script that is looped begins anew so long after its end.
const REST: Duration = Duration::from_secs(10);

/// What a script is performed on.
pub trait Stage {
    /// What the load is asked to do.
    fn load(&self) -> Target;
    /// Asks the load for something else.
    fn set_load(&mut self, target: Target);
    /// Switches a fault of a service on, or all of its faults off.
    fn set_fault(&mut self, service: Service, fault: Option<Fault>);
    /// Kills the processor, or starts it. One sentence if it could not.
    fn set_processor(&mut self, runs: bool) -> Result<(), String>;
    /// Lets the processor pass over a partition, or read it again.
    fn set_held(&mut self, partition: PartitionId, held: bool);
}

impl Stage for Scenario {
    fn load(&self) -> Target {
        Self::load(self).target()
    }

    fn set_load(&mut self, target: Target) {
        Self::load(self).set_target(target);
    }

    fn set_fault(&mut self, service: Service, fault: Option<Fault>) {
        let switch: &FaultSwitch = match service {
            Service::EventHubs => &self.faults.eventhubs,
            Service::Blob => &self.faults.blob,
            Service::Cosmos => &self.faults.cosmos,
        };
        match fault {
            Some(fault) => switch.set(fault),
            None => switch.clear(),
        }
    }

    fn set_processor(&mut self, runs: bool) -> Result<(), String> {
        if runs {
            return self.start_processor().map_err(|error| error.to_string());
        }
        self.kill_processor();
        Ok(())
    }

    fn set_held(&mut self, partition: PartitionId, held: bool) {
        if held { self.hold(partition) } else { self.release(partition) }
    }
}

/// A script being performed.
///
/// While somebody looks back it waits, and the load waits with it: a backlog that grows behind the speaker's back would
/// tell another story than the script does.
#[derive(Debug)]
pub struct Performance {
    script: Script,
    progress: Progress,
    looping: bool,
    stands: ScriptStands,
    /// What the load was asked for before the script began to wait.
    load_before: Option<Target>,
}

impl Performance {
    /// Begins with the first tick.
    pub fn new(script: Script, looping: bool) -> Self {
        let progress = Progress::new(&script);
        Self { script, progress, looping, stands: ScriptStands::Running, load_before: None }
    }

    /// Where it is.
    pub fn sign(&self) -> ScriptSign {
        ScriptSign { place: self.progress.place(), span: self.script.end, stands: self.stands }
    }

    /// Does what has become due. `waiting` says that somebody looks back.
    pub fn tick(&mut self, wall: Time, waiting: bool, stage: &mut impl Stage) -> Vec<Cue> {
        let mut cues = Vec::new();
        if self.stands == ScriptStands::Over && !self.looping {
            return cues;
        }
        if waiting {
            self.wait(stage, &mut cues);
            return cues;
        }
        self.go_on(stage, &mut cues);
        for step in self.progress.tick(wall) {
            for act in self.script.steps.get(step).map(|step| step.acts.clone()).unwrap_or_default() {
                perform(act, stage, &mut cues);
            }
        }
        if self.progress.is_over() && self.stands == ScriptStands::Running {
            self.stands = ScriptStands::Over;
            cues.push(Cue::Mark("the end of the script".into()));
            let after = if self.looping { "it begins again in a moment" } else { "space looks back" };
            cues.push(Cue::Caption(Some(format!("The end. q leaves, {after}."))));
        }
        if self.looping && self.progress.over_for() >= REST {
            self.set_back(stage, &mut cues);
        }
        cues
    }

    fn wait(&mut self, stage: &mut impl Stage, cues: &mut Vec<Cue>) {
        if self.stands != ScriptStands::Running {
            return;
        }
        self.progress.wait();
        self.stands = ScriptStands::Waiting;
        self.load_before = Some(stage.load());
        stage.set_load(Target::Paused);
        cues.push(Cue::Mark("the script waits, load paused".into()));
    }

    fn go_on(&mut self, stage: &mut impl Stage, cues: &mut Vec<Cue>) {
        if self.stands != ScriptStands::Waiting {
            return;
        }
        self.stands = ScriptStands::Running;
        // A load that somebody has set meanwhile is left alone.
        if let Some(target) = self.load_before.take().filter(|_| stage.load() == Target::Paused) {
            stage.set_load(target);
            cues.push(Cue::Mark(format!("the script goes on, load {}", figures::target(target))));
        }
    }

    /// Everything as at the beginning; what was sent stays sent.
    fn set_back(&mut self, stage: &mut impl Stage, cues: &mut Vec<Cue>) {
        self.mend(stage);
        if let Err(sentence) = stage.set_processor(true) {
            cues.push(Cue::Notice(sentence));
        }
        stage.set_load(self.script.scenario.target);
        cues.extend([Cue::Zoom(Zoom::Overview), Cue::Big(false), Cue::Caption(None)]);
        cues.push(Cue::Mark("the script begins again".into()));
        self.progress.restart();
        self.stands = ScriptStands::Running;
    }

    /// Takes every fault away, so that what is under way can come to its end.
    pub fn mend(&self, stage: &mut impl Stage) {
        for service in Service::ALL {
            stage.set_fault(service, None);
        }
        for act in self.script.steps.iter().flat_map(|step| &step.acts) {
            if let Act::Hold(partition) = act {
                stage.set_held(*partition, false);
            }
        }
    }
}

/// Does one thing, and says so by a mark.
fn perform(act: Act, stage: &mut impl Stage, cues: &mut Vec<Cue>) {
    let done = match act {
        Act::Load(target) => {
            stage.set_load(target);
            format!("load {}", figures::target(target))
        }
        Act::Fault(service, fault) => {
            stage.set_fault(service, Some(fault));
            let name = service.name();
            match fault {
                Fault::Cut => format!("{name} goes away"),
                Fault::Refuse => format!("{name} refuses connections"),
                Fault::Delay(by) => format!("{name} answers {} later", figures::span(by)),
                Fault::Throttle => format!("{name} throttles everything"),
                Fault::Deny => format!("{name} refuses the credential"),
                Fault::WrongReply => format!("{name} answers nonsense"),
            }
        }
        Act::Repair(service) => {
            stage.set_fault(service, None);
            format!("{} is back", service.name())
        }
        Act::KillProcessor | Act::StartProcessor => {
            let runs = act == Act::StartProcessor;
            match stage.set_processor(runs) {
                Ok(()) if runs => "processor started".into(),
                Ok(()) => "processor killed".into(),
                Err(sentence) => return cues.push(Cue::Notice(sentence)),
            }
        }
        Act::Hold(partition) => {
            stage.set_held(partition, true);
            format!("partition {partition} is held")
        }
        Act::Release(partition) => {
            stage.set_held(partition, false);
            format!("partition {partition} is released")
        }
        Act::Zoom(zoom) => return cues.push(Cue::Zoom(zoom)),
        Act::Sort(sort) => return cues.push(Cue::Sort(sort)),
        Act::Big(big) => return cues.push(Cue::Big(big)),
        Act::Caption(caption) => {
            cues.extend(caption.clone().map(Cue::Mark));
            return cues.push(Cue::Caption(caption));
        }
        Act::Mark(text) => text,
    };
    cues.push(Cue::Mark(done));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::units::EventRate;

    /// A stage that remembers what was done to it.
    #[derive(Debug)]
    struct Remembers {
        load: Target,
        done: Vec<String>,
    }

    impl Stage for Remembers {
        fn load(&self) -> Target {
            self.load
        }
        fn set_load(&mut self, target: Target) {
            self.load = target;
            self.done.push(format!("load {}", figures::target(target)));
        }
        fn set_fault(&mut self, service: Service, fault: Option<Fault>) {
            self.done.push(format!("{service:?} {fault:?}"));
        }
        fn set_processor(&mut self, runs: bool) -> Result<(), String> {
            self.done.push(format!("processor {runs}"));
            if runs { Err("it can't".into()) } else { Ok(()) }
        }
        fn set_held(&mut self, partition: PartitionId, held: bool) {
            self.done.push(format!("partition {partition} {held}"));
        }
    }

    const SCRIPT: &str = r#"
title = "t"
end = "20s"
scenario = { partitions = 4, rate = 50 }
[[step]]
at = "0s"
caption = "Here we go."
hold = 2
[[step]]
at = "10s"
rate = 100
fault = { service = "blob", kind = "cut" }
processor = "kill"
zoom = "lag"
[[step]]
at = "15s"
processor = "start"
caption = ""
"#;

    fn begin(looping: bool) -> (Performance, Remembers) {
        let script = Script::parse(SCRIPT, "t.toml").unwrap();
        let load = script.scenario.target;
        (Performance::new(script, looping), Remembers { load, done: Vec::new() })
    }

    fn at(seconds: i64) -> Time {
        Time::from_millis(1_795_348_800_000 + seconds * 1_000)
    }

    fn mark(text: &str) -> Cue {
        Cue::Mark(text.into())
    }

    #[test]
    fn acts_reach_the_stage_and_cues_the_screen() {
        let (mut performance, mut stage) = begin(false);
        let cues = performance.tick(at(0), false, &mut stage);
        let said = "Here we go.".to_owned();
        assert_eq!(cues, [mark("partition 2 is held"), mark(&said), Cue::Caption(Some(said))]);
        assert_eq!(performance.tick(at(5), false, &mut stage), []);
        let cues = performance.tick(at(15), false, &mut stage);
        let lag = Zoom::named("lag").unwrap();
        let expected = [
            mark("load 100/s"),
            mark("Blob Storage goes away"),
            mark("processor killed"),
            Cue::Zoom(lag),
            Cue::Notice("it can't".into()),
            Cue::Caption(None),
        ];
        assert_eq!(cues, expected);
        assert_eq!(
            stage.done,
            ["partition 2 true", "load 100/s", "Blob Some(Cut)", "processor false", "processor true"]
        );
        let cues = performance.tick(at(20), false, &mut stage);
        let end = Cue::Caption(Some("The end. q leaves, space looks back.".into()));
        assert_eq!(cues, [mark("the end of the script"), end]);
        assert_eq!(performance.sign().stands, ScriptStands::Over);
        assert_eq!(performance.tick(at(60), false, &mut stage), []);
    }

    #[test]
    fn the_load_waits_with_the_script() {
        let (mut performance, mut stage) = begin(false);
        performance.tick(at(0), false, &mut stage);
        performance.tick(at(9), false, &mut stage);
        let rate = stage.load;
        assert_eq!(performance.tick(at(9), true, &mut stage), [mark("the script waits, load paused")]);
        assert_eq!(performance.tick(at(50), true, &mut stage), []);
        assert_eq!((stage.load, performance.sign().stands), (Target::Paused, ScriptStands::Waiting));
        assert_eq!(performance.tick(at(60), false, &mut stage), [mark("the script goes on, load 50/s")]);
        assert_eq!((stage.load, performance.sign().place), (rate, Duration::from_secs(9)));
        // Who set the load while the script waited meant it.
        performance.tick(at(60), true, &mut stage);
        stage.load = Target::Rate(EventRate::new(7.0));
        assert_eq!(performance.tick(at(70), false, &mut stage), []);
        assert_eq!(stage.load, Target::Rate(EventRate::new(7.0)));
    }

    #[test]
    fn a_loop_begins_with_everything_mended() {
        let (mut performance, mut stage) = begin(true);
        performance.tick(at(0), false, &mut stage);
        performance.tick(at(21), false, &mut stage);
        assert_eq!(performance.sign().stands, ScriptStands::Over);
        stage.done.clear();
        let cues = performance.tick(at(30), false, &mut stage);
        assert!(cues.contains(&mark("the script begins again")), "{cues:?}");
        let expected =
            ["EventHubs None", "Blob None", "Cosmos None", "partition 2 false", "processor true", "load 50/s"];
        assert_eq!(stage.done, expected);
        let cues = performance.tick(at(31), false, &mut stage);
        assert_eq!(cues.first(), Some(&mark("partition 2 is held")));
        assert_eq!(performance.sign().place, Duration::ZERO);
    }
}
