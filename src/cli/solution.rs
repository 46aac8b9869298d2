//! From one of upstream's solutions and the prefix of its deployment to a scenario file. The one thing that the prefix does
//! not say is the number in the hub's name: the hubs are listed where the management API can be asked, else a person is.

use super::complain;
use super::discover::{Chosen, DiscoverFailure, DiscoveryFlags, Finder};
use super::picker::{self, PickError, Row};
use crate::azure::management::ManagementError;
use crate::azure::management::resource_groups::GroupPlace;
use crate::scenario::catalogue::{CatalogueError, IngestPart, SOLUTIONS, Solution, hubs_of};
use crate::scenario::discovery::DiscoveryError;

/// Asks which solution, and under which prefix.
pub(super) fn ask(flags: &DiscoveryFlags) -> Result<Chosen, DiscoverFailure> {
    let watchable = |solution: &&Solution| !matches!(solution.ingest, IngestPart::NotYet(_));
    let solutions: Vec<&Solution> = SOLUTIONS.iter().filter(watchable).collect();
    let row =
        |solution: &&Solution| Row { name: solution.name.into(), note: format!("watches {}", solution.watched()) };
    let chosen = picker::pick("Which solution?", solutions.iter().map(row).collect())?;
    let Some(solution) = solutions.get(chosen).copied() else { return Err(DiscoverFailure::NothingNamed) };
    let check = |prefix: &str| solution.file(prefix, Some(1)).map(drop).map_err(|error| error.to_string());
    let prefix = picker::ask("The prefix it was deployed with:", "as given to upstream's scripts (-d)", check)?;
    let text = text(flags, solution, &prefix, None)?;
    Ok(Chosen::Made { text, place: format!("{} of {prefix}", solution.name) })
}

/// The scenario file of a solution. The number of partitions is found or asked for where it was not given.
pub(super) fn text(
    flags: &DiscoveryFlags,
    solution: &Solution,
    prefix: &str,
    partitions: Option<u32>,
) -> Result<String, DiscoverFailure> {
    let wanted = match solution.file(prefix, partitions) {
        Err(wanted @ CatalogueError::PartitionsWanted { .. }) => wanted,
        made => return Ok(made?),
    };
    let partitions = match flags.finder().and_then(|finder| deployed(flags, &finder, solution, prefix)) {
        Ok(partitions) => partitions,
        // Those say themselves what to do.
        Err(
            failure @ (DiscoverFailure::Pick(_)
            | DiscoverFailure::Address(_)
            | DiscoverFailure::SeveralHubs { .. }
            | DiscoverFailure::Discovery(DiscoveryError::GroupInSeveral { .. })),
        ) => return Err(failure),
        Err(why) => asked(wanted, why)?,
    };
    Ok(solution.file(prefix, Some(partitions))?)
}

/// The partitions of the solution's hub, as it is deployed; of several hubs, of the one that is meant.
fn deployed(
    flags: &DiscoveryFlags,
    finder: &Finder,
    solution: &Solution,
    prefix: &str,
) -> Result<u32, DiscoverFailure> {
    let (subscription, group) = flags.group_named(finder, prefix)?;
    let place = GroupPlace { subscription: subscription.id, name: group.name };
    let namespace = hubs_of(prefix);
    let management = &finder.management;
    let what = format!("hubs of the namespace {namespace}");
    let hubs = finder.wait(management.bounded(&what, management.hubs(&place, &namespace)))?;
    let number = |name: &String| solution.number_in(prefix, name);
    let mut found: Vec<(u32, String)> =
        hubs.into_iter().filter_map(|hub| Some((number(&hub.name)?, hub.name))).collect();
    found.sort();
    match found.as_slice() {
        [] => Err(DiscoverFailure::NoSuchHub { namespace }),
        [(partitions, name)] => {
            complain(&format!("hub: {name}, the only one of {namespace} that is this solution's"));
            Ok(*partitions)
        }
        several if finder.asks => {
            let row = |(_, name): &(u32, String)| Row { name: name.clone(), note: String::new() };
            let chosen = picker::pick("Which hub?", several.iter().map(row).collect())?;
            several.get(chosen).map(|(partitions, _)| *partitions).ok_or_else(|| PickError::Left.into())
        }
        several => {
            let known = several.iter().map(|(_, name)| name.clone()).collect::<Vec<_>>().join(", ");
            Err(DiscoverFailure::SeveralHubs { namespace, known })
        }
    }
}

/// The number of partitions, from a person: one of upstream's, or any other.
fn asked(wanted: CatalogueError, why: DiscoverFailure) -> Result<u32, DiscoverFailure> {
    const NOTES: [&str; 3] = ["for 1,000 events/s", "for 5,000 events/s", "for 10,000 events/s"];
    let CatalogueError::PartitionsWanted { hub, usual, .. } = &wanted else { return Err(wanted.into()) };
    if !picker::is_possible() {
        return Err(match why {
            // Nobody said that there is one.
            DiscoverFailure::Management(ManagementError::NoToken { .. }) | DiscoverFailure::Credential(_) => {
                wanted.into()
            }
            why => DiscoverFailure::Unlisted { wanted, why: Box::new(why) },
        });
    }
    complain(&format!("the hubs can't be listed: {why}"));
    let row = |(partitions, note): (&u32, &str)| Row {
        name: hub.replace('N', &partitions.to_string()),
        note: format!("{partitions} partitions, {note}"),
    };
    let mut rows: Vec<Row> = usual.iter().zip(NOTES).map(row).collect();
    rows.push(Row { name: "another number".into(), note: "to be typed".into() });
    let chosen = picker::pick("Which hub?", rows)?;
    if let Some(partitions) = usual.get(chosen) {
        return Ok(*partitions);
    }
    let check = |typed: &str| super::attach::partitions(typed.trim()).map(drop);
    let typed =
        picker::ask(&format!("The number in the name of the hub {hub}:"), "as it is deployed, 1 to 2048", check)?;
    super::attach::partitions(typed.trim()).map_err(DiscoverFailure::Address)
}
