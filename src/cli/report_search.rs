//! The search of `report --live --search`: tries on a live scenario, each looked at while it lasts, with a drain between.

use std::time::{Duration, Instant};

use super::report_live::{Gathering, Pause, run_until};
use super::session::Stage;
use crate::load::search::judgement::{Ending, Hold, Looks, judge};
use crate::load::search::{Search, Step};
use crate::model::health::Health;
use crate::model::observation::Target;
use crate::model::units::EventRate;
use crate::report::summary;
use crate::wall_clock::wall_clock;

/// Between two tries a backlog may take so long to drain, or twice as long as a try where that is longer: twice the
/// capacity for as long as a try drains in about that time.
const DRAIN: Duration = Duration::from_secs(300);

/// A search on a live scenario. What it found stays with it when the session ends early.
pub(super) struct LiveSearch {
    pub(super) search: Search,
    pub(super) hold: Hold,
}

impl LiveSearch {
    /// Tries one rate after the other, until the search is over or nobody observes or listens any more.
    pub(super) async fn follow(&mut self, stage: &mut impl Stage, gathering: &mut Gathering) {
        while let Step::Run(rate) = self.search.step() {
            gathering.mark(format!("try {}/s", crate::figures::compact(rate)));
            stage.set_target(Target::Rate(EventRate::new(rate)));
            gathering.looks = Some(Looks::new(wall_clock()));
            let lasts = self.hold.lasts();
            let pause = run_until(Instant::now(), lasts, lasts, stage, gathering).await;
            let Some(looks) = gathering.looks.take().filter(|_| pause != Pause::Ended) else {
                return self.search.end(ended(gathering));
            };
            let session = &gathering.account.session;
            let behind = session.load.as_ref().map_or(Duration::ZERO, |load| load.figures.behind);
            let ending = Ending { behind, health: Health::of(session, wall_clock()) };
            self.search.tell(judge(self.hold, &looks, &ending));
            stage.set_target(Target::Paused);
            let limit = DRAIN.max(self.hold.lasts() * 2);
            match gathering.until(tokio::time::Instant::now() + limit, summary::is_settled).await {
                Pause::Reached => {}
                Pause::Ended => self.search.end(ended(gathering)),
                // The next try would be judged by this one's backlog.
                Pause::TimeOver => {
                    let waiting = crate::figures::count(gathering.account.session.in_flight());
                    self.search.end(format!("{waiting} events had not drained {} s after a try", limit.as_secs()));
                }
            }
        }
    }
}

/// Why a session that nobody interrupted is over.
fn ended(gathering: &Gathering) -> String {
    if gathering.said.is_closed() { "nobody reads any more" } else { "nothing is observed any more" }.into()
}
