//! From a resource group to a scenario file: what was not named and is there more than once is put to the person at the
//! terminal. `streamgauge attach` without arguments begins here.

use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::NonEmptyStringValueParser;

use super::complain;
use super::picker::{self, PickError, Row};
use super::session::stop_signal;
use super::solution;
use crate::azure::credentials::{CredentialError, Environment};
use crate::azure::management::resource_groups::{GroupPlace, ResourceGroup};
use crate::azure::management::subscriptions::Subscription;
use crate::azure::management::{Management, ManagementAddress, ManagementError};
use crate::scenario::ScenarioFile;
use crate::scenario::catalogue::CatalogueError;
use crate::scenario::discovery::look::{groups_named, is_guid, look};
use crate::scenario::discovery::{Candidate, Choice, DiscoveryError, Kind, NONE, Selection, names_of, narrow};
use crate::ui::terminal::{ScreenError, watch_for_stops};

/// The subscription where none is named, as in Azure's own tools.
pub(super) const SUBSCRIPTION: &str = "AZURE_SUBSCRIPTION_ID";

/// Flags that name what is meant in a resource group.
#[derive(Debug, Args)]
pub struct DiscoveryFlags {
    /// Find the scenario in a resource group of Azure
    #[arg(long, value_name = "G", value_parser = NonEmptyStringValueParser::new(), conflicts_with_all = ["file", "solution"])]
    resource_group: Option<String>,
    /// The subscription that it is in, by id or name
    ///
    /// Without it, that of `AZURE_SUBSCRIPTION_ID`, else every one that has such a group.
    #[arg(long, value_name = "S", conflicts_with = "file")]
    subscription: Option<String>,
    /// Of several hubs in it this one: HUB or NAMESPACE/HUB
    #[arg(long, value_name = "HUB", conflicts_with_all = ["file", "solution"], hide_short_help = true)]
    hub: Option<String>,
    /// Of several consumer groups this one
    #[arg(long, value_name = "NAME", conflicts_with_all = ["file", "solution"], hide_short_help = true)]
    consumer_group: Option<String>,
    /// Of several containers the one with the checkpoints: CONTAINER or ACCOUNT/CONTAINER; or none
    #[arg(long, value_name = "CONTAINER", conflicts_with_all = ["file", "solution"], hide_short_help = true)]
    checkpoints: Option<String>,
    /// Of several Cosmos DB containers this one: CONTAINER, DATABASE/CONTAINER or ACCOUNT/DATABASE/CONTAINER; or none
    #[arg(long, value_name = "CONTAINER", conflicts_with_all = ["file", "solution"], hide_short_help = true)]
    store: Option<String>,
    /// Another cloud's Azure Resource Manager [default: the public one's]
    #[arg(long, value_name = "URL", conflicts_with = "file", hide_short_help = true)]
    management_endpoint: Option<String>,
}

/// Why there is no scenario: one sentence.
#[derive(Debug, thiserror::Error)]
pub(super) enum DiscoverFailure {
    #[error(transparent)]
    Discovery(#[from] DiscoveryError),
    #[error(transparent)]
    Management(#[from] ManagementError),
    #[error(transparent)]
    Credential(#[from] CredentialError),
    #[error(transparent)]
    Pick(#[from] PickError),
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    #[error(transparent)]
    Screen(#[from] ScreenError),
    #[error("{0}")]
    Address(String),
    #[error("the namespace {namespace} has no hub of this solution")]
    NoSuchHub { namespace: String },
    #[error("the namespace {namespace} has several hubs of this solution ({known}): say which with --partitions N")]
    SeveralHubs { namespace: String, known: String },
    #[error("{wanted}; its hubs can't be listed: {why}")]
    Unlisted { wanted: CatalogueError, why: Box<DiscoverFailure> },
    #[error(
        "attach to what? give a scenario file, --solution NAME --prefix P, or --resource-group G (at a terminal it is asked)"
    )]
    NothingNamed,
    #[error("the runtime could not be started ({0}); close other programs and try again")]
    Runtime(std::io::Error),
}

impl DiscoverFailure {
    /// Whether the command line could have said more.
    pub(super) fn is_usage(&self) -> bool {
        use DiscoveryError::{GroupInSeveral, Several};
        let several = matches!(self, Self::Discovery(Several { .. } | GroupInSeveral { .. }));
        let unsaid = matches!(self, Self::SeveralHubs { .. } | Self::Unlisted { .. });
        several || unsaid || matches!(self, Self::NothingNamed | Self::Address(_) | Self::Catalogue(_))
    }
}

/// What a person at the terminal chose to attach to.
pub(super) enum Chosen {
    /// A scenario file.
    File(PathBuf),
    /// The text of one that was made, and what it is called.
    Made { text: String, place: String },
}

impl DiscoveryFlags {
    /// Whether a resource group is to be looked into.
    pub(super) fn is_asked_for(&self) -> bool {
        let named =
            [&self.resource_group, &self.subscription, &self.hub, &self.consumer_group, &self.checkpoints, &self.store];
        named.into_iter().any(Option::is_some)
    }

    /// Asks what to attach to: a resource group, one of upstream's solutions, or a scenario file of this folder.
    pub(super) fn ask(&self) -> Result<Chosen, DiscoverFailure> {
        if !picker::is_possible() {
            return Err(DiscoverFailure::NothingNamed);
        }
        let files = files_of(Path::new("."));
        let row = |name: &str, note: &str| Row { name: name.into(), note: note.into() };
        let mut rows = vec![
            row("a resource group of Azure", "what is in it is found"),
            row("a solution of streaming-at-scale", "by its name and the prefix of its deployment"),
        ];
        rows.extend(files.iter().map(|(path, title)| row(&path.display().to_string(), title)));
        match picker::pick("Attach to what?", rows)? {
            0 => self.find(),
            1 => solution::ask(self),
            other => {
                let file = other.checked_sub(2).and_then(|at| files.into_iter().nth(at));
                file.map(|(path, _)| Chosen::File(path)).ok_or(DiscoverFailure::NothingNamed)
            }
        }
    }

    /// What is needed to ask the management API.
    pub(super) fn finder(&self) -> Result<Finder, DiscoverFailure> {
        // Before the first thread: a screen may follow.
        watch_for_stops()?;
        let variable = |name: &str| std::env::var(name).ok();
        let environment = Environment::new(&variable);
        let address = ManagementAddress::of(self.management_endpoint.as_deref(), &environment);
        let address = address.map_err(DiscoverFailure::Address)?;
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(DiscoverFailure::Runtime)?;
        let finder = Finder { management: Management::connect(address)?, runtime, asks: picker::is_possible() };
        // The Azure CLI alone may take seconds.
        finder.tell(&format!("asking Azure Resource Manager at {}", finder.management.address().shown()));
        Ok(finder)
    }

    /// Makes a scenario of what is in the resource group.
    pub(super) fn find(&self) -> Result<Chosen, DiscoverFailure> {
        let finder = self.finder()?;
        let selection = self.select(&finder)?;
        if !finder.asks {
            complain(&selection.summary());
        }
        if let Some(growth) = selection.growth() {
            complain(&growth);
        }
        Ok(Chosen::Made { text: selection.text(), place: format!("what is in the resource group {}", selection.group) })
    }

    fn select(&self, finder: &Finder) -> Result<Selection, DiscoverFailure> {
        let (subscription, group) = self.group(finder)?;
        let (name, management) = (group.name, &finder.management);
        let place = GroupPlace { subscription: subscription.id.clone(), name };
        let found = finder.wait(look(management, &place))?;
        let its = format!("the resource group {}", place.name);
        let hub = finder.one(Kind::Hub, &its, found.hubs, self.hub.as_deref())?;
        let (namespace, hub_name) = (&hub.namespace.name, &hub.hub.name);
        let groups = finder.wait(management.consumer_groups(&place, namespace, hub_name))?;
        let hubs = format!("the hub {}", hub.shown());
        let consumer_group = finder.one(Kind::ConsumerGroup, &hubs, groups, self.consumer_group.as_deref())?;
        let checkpoints = finder.choose(Kind::Checkpoints, &its, found.checkpoints, self.checkpoints.as_deref())?;
        let store = finder.choose(Kind::Store, &its, found.stores, self.store.as_deref())?;
        let consumer_group = consumer_group.name;
        Ok(Selection { subscription, group: place.name, hub, consumer_group, checkpoints, store })
    }

    /// The resource group, and its subscription.
    fn group(&self, finder: &Finder) -> Result<(Subscription, ResourceGroup), DiscoverFailure> {
        if let Some(name) = &self.resource_group {
            return self.group_named(finder, name);
        }
        let subscriptions = self.subscriptions(finder)?;
        let subscription = finder.one(Kind::Subscription, "this credential", subscriptions, None)?;
        let groups = finder.wait(finder.management.resource_groups(&subscription.id))?;
        let place = format!("the subscription {}", subscription.shown());
        let group = finder.one(Kind::ResourceGroup, &place, groups, None)?;
        Ok((subscription, group))
    }

    /// The resource group of a name, and its subscription.
    pub(super) fn group_named(
        &self,
        finder: &Finder,
        name: &str,
    ) -> Result<(Subscription, ResourceGroup), DiscoverFailure> {
        let subscriptions = self.subscriptions(finder)?;
        let found = finder.wait(groups_named(&finder.management, &subscriptions, name))?;
        if found.len() > 1 && !finder.asks {
            return Err(DiscoveryError::GroupInSeveral { name: name.to_owned(), known: names_of(&found) }.into());
        }
        finder.one(Kind::Subscription, "this credential", found, None)
    }

    /// The subscriptions that may be meant.
    fn subscriptions(&self, finder: &Finder) -> Result<Vec<Subscription>, DiscoverFailure> {
        let set = std::env::var(SUBSCRIPTION).ok().filter(|set| !set.trim().is_empty());
        let wanted = self.subscription.clone().or(set);
        if let Some(id) = wanted.as_deref().filter(|wanted| is_guid(wanted)) {
            return Ok(vec![Subscription { id: id.trim().to_owned(), name: String::new() }]);
        }
        let all = finder.wait(finder.management.subscriptions())?;
        match narrow(Kind::Subscription, "this credential", all, wanted.as_deref())? {
            Choice::Nothing => Ok(Vec::new()),
            Choice::One(one) => Ok(vec![one]),
            Choice::Several(several) => Ok(several),
        }
    }
}

/// What a discovery needs to get on.
pub(super) struct Finder {
    pub(super) management: Management,
    runtime: tokio::runtime::Runtime,
    /// Whether there is somebody to be asked.
    pub(super) asks: bool,
}

impl Finder {
    /// Waits for an answer, or for somebody who wants an end.
    pub(super) fn wait<T, E: Into<DiscoverFailure>>(
        &self,
        question: impl Future<Output = Result<T, E>>,
    ) -> Result<T, DiscoverFailure> {
        self.runtime.block_on(async {
            tokio::select! {
                answer = question => answer.map_err(Into::into),
                () = stop_signal() => Err(PickError::Left.into()),
            }
        })
    }

    /// One that a scenario can't do without.
    fn one<T: Candidate>(
        &self,
        kind: Kind,
        place: &str,
        all: Vec<T>,
        wanted: Option<&str>,
    ) -> Result<T, DiscoverFailure> {
        let chosen = self.choose(kind, place, all, wanted)?;
        chosen.ok_or_else(|| DiscoveryError::Nothing { kind, place: place.to_owned() }.into())
    }

    /// The one that is meant; `None` of what a scenario does without.
    fn choose<T: Candidate>(
        &self,
        kind: Kind,
        place: &str,
        all: Vec<T>,
        wanted: Option<&str>,
    ) -> Result<Option<T>, DiscoverFailure> {
        let several = match narrow(kind, place, all, wanted)? {
            Choice::Nothing => {
                self.tell(&format!("no {}: that station is not watched", kind.name()));
                return Ok(None);
            }
            Choice::One(one) => {
                let only = if wanted.is_none() { ", the only one" } else { "" };
                self.tell(&format!("{}: {}{only}", kind.name(), one.shown()));
                return Ok(Some(one));
            }
            Choice::Several(several) => several,
        };
        if !self.asks {
            let known = names_of(&several);
            return Err(DiscoveryError::Several { kind, place: place.to_owned(), known }.into());
        }
        let row = |candidate: &T| Row { name: candidate.shown(), note: candidate.note() };
        let mut rows: Vec<Row> = several.iter().map(row).collect();
        if kind.is_optional() {
            rows.push(Row { name: NONE.into(), note: "do not watch that station".into() });
        }
        let chosen = picker::pick(&format!("Which {}?", kind.name()), rows)?;
        Ok(several.into_iter().nth(chosen))
    }

    /// At a terminal each step is told as it is taken; elsewhere all of them in one line at the end.
    fn tell(&self, what: &str) {
        if self.asks {
            complain(&what);
        }
    }
}

/// The scenario files of a folder, with their titles, in order of their names.
fn files_of(folder: &Path) -> Vec<(PathBuf, String)> {
    /// A scenario file has some lines; a folder may hold anything.
    const LONGEST: u64 = 64 * 1024;
    const MOST: usize = 200;
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let is_toml = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "toml");
    let is_short = |path: &PathBuf| path.metadata().is_ok_and(|file| file.is_file() && file.len() <= LONGEST);
    let paths = entries.flatten().map(|entry| entry.path()).filter(is_toml).filter(is_short).take(MOST);
    let scenario = |path: PathBuf| {
        let file = ScenarioFile::read(&path).ok()?;
        let path = path.strip_prefix(".").map(Path::to_owned).unwrap_or(path);
        Some((path, file.title.unwrap_or_else(|| "a scenario file".into())))
    };
    let mut found: Vec<(PathBuf, String)> = paths.filter_map(scenario).collect();
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_scenario_files_of_a_folder_are_offered() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("b.toml", crate::scenario::file::SAMPLE);
        write("a.toml", "[ingest.event-hubs]\nnamespace = \"n.example\"\nhub = \"in\"\n");
        write("Cargo.toml", "[package]\nname = \"x\"\n");
        write("scenario.txt", crate::scenario::file::SAMPLE);
        std::fs::create_dir(folder.path().join("folder.toml")).unwrap();
        let found: Vec<(String, String)> = files_of(folder.path())
            .into_iter()
            .map(|(path, title)| (path.file_name().unwrap().to_string_lossy().into_owned(), title))
            .collect();
        assert_eq!(
            found,
            [
                ("a.toml".to_owned(), "a scenario file".to_owned()),
                ("b.toml".to_owned(), "contoso: Event Hubs, Functions, Cosmos DB".to_owned())
            ]
        );
        assert!(files_of(Path::new("nowhere")).is_empty());
    }
}
