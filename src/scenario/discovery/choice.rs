//! Which of several things was meant. What a person wrote narrows the candidates down; one that remains is taken, and
//! several are left to the person.

use std::collections::BTreeSet;

use crate::azure::management::ManagementError;
use crate::toml_file::nearest;

/// What is to be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A subscription.
    Subscription,
    /// A resource group.
    ResourceGroup,
    /// The hub that events come in by.
    Hub,
    /// The processor's consumer group.
    ConsumerGroup,
    /// The container of the processor's checkpoints.
    Checkpoints,
    /// The container of Cosmos DB that events end up in.
    Store,
}

impl Kind {
    /// What one is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Subscription => "subscription",
            Self::ResourceGroup => "resource group",
            Self::Hub => "hub",
            Self::ConsumerGroup => "consumer group",
            Self::Checkpoints => "container for checkpoints",
            Self::Store => "Cosmos DB container",
        }
    }

    /// What several are called.
    pub fn names(self) -> &'static str {
        match self {
            Self::Subscription => "subscriptions",
            Self::ResourceGroup => "resource groups",
            Self::Hub => "hubs",
            Self::ConsumerGroup => "consumer groups",
            Self::Checkpoints => "containers that can hold checkpoints",
            Self::Store => "Cosmos DB containers",
        }
    }

    /// The flag that names one.
    pub fn flag(self) -> &'static str {
        match self {
            Self::Subscription => "--subscription",
            Self::ResourceGroup => "--resource-group",
            Self::Hub => "--hub",
            Self::ConsumerGroup => "--consumer-group",
            Self::Checkpoints => "--checkpoints",
            Self::Store => "--store",
        }
    }

    /// Whether a scenario does without: the station is then not watched.
    pub fn is_optional(self) -> bool {
        matches!(self, Self::Checkpoints | Self::Store)
    }
}

/// What a person writes to do without an optional station.
pub const NONE: &str = "none";

/// Something that can be chosen.
pub trait Candidate {
    /// Its name below the names of what it is in: `[namespace, hub]`.
    fn path(&self) -> Vec<&str>;

    /// What else helps a person to choose, in a few words.
    fn note(&self) -> String {
        String::new()
    }

    /// The path in one piece, as it can be given to a flag: `namespace/hub`.
    fn shown(&self) -> String {
        self.path().join("/")
    }

    /// Whether a person who wrote this can have meant it: the end of its path, in any case.
    fn answers_to(&self, wanted: &str) -> bool {
        let (path, wanted): (Vec<&str>, Vec<&str>) = (self.path(), wanted.trim().split('/').collect());
        let end = path.len().checked_sub(wanted.len()).and_then(|skipped| path.get(skipped..));
        end.is_some_and(|end| end.iter().zip(&wanted).all(|(own, wanted)| own.eq_ignore_ascii_case(wanted)))
    }
}

/// What remains to be chosen from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice<T> {
    /// Nothing is there, or none is wanted.
    Nothing,
    /// This.
    One(T),
    /// One of these.
    Several(Vec<T>),
}

/// Why no scenario was made of a resource group.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DiscoveryError {
    /// The management API.
    #[error(transparent)]
    Management(#[from] ManagementError),
    /// There is no such resource group.
    #[error("there is no resource group {typed:?} in {place}; {}", instead(.meant.as_deref(), *.count))]
    NoGroup {
        /// What was asked for.
        typed: String,
        /// Where was looked.
        place: String,
        /// The nearest name that is there.
        meant: Option<String>,
        /// How many others there are.
        count: usize,
    },
    /// There is one in several subscriptions, and nobody can be asked.
    #[error(
        "there is a resource group {name} in {} subscriptions ({}): say which with {}",
        .known.len(), listed(.known), Kind::Subscription.flag()
    )]
    GroupInSeveral {
        /// The group.
        name: String,
        /// The subscriptions.
        known: Vec<String>,
    },
    /// There is nothing to watch.
    #[error("{place} has no {}; {}", .kind.names(), hint(*.kind))]
    Nothing {
        /// What is missing.
        kind: Kind,
        /// Where was looked.
        place: String,
    },
    /// Nothing there answers to what was asked for.
    #[error("{place} has no {} {typed:?}; {}", .kind.name(), did_you_mean(.meant.as_deref(), .known))]
    NoSuch {
        /// What was to be chosen.
        kind: Kind,
        /// Where was looked.
        place: String,
        /// What was asked for.
        typed: String,
        /// The nearest that is there.
        meant: Option<String>,
        /// What is there.
        known: Vec<String>,
    },
    /// Several are there, and nobody can be asked.
    #[error("{place} has {} {} ({}): say which with {}{}", .known.len(), .kind.names(), listed(.known), .kind.flag(), or_none(*.kind))]
    Several {
        /// What is to be chosen.
        kind: Kind,
        /// Where was looked.
        place: String,
        /// The candidates.
        known: Vec<String>,
    },
}

fn instead(meant: Option<&str>, count: usize) -> String {
    match (meant, count) {
        (Some(meant), _) => format!("did you mean {meant}?"),
        (None, 0) => "none at all is shown to this credential: it takes the role Reader on the resource group".into(),
        (None, count) => format!("none of the {count} there has a name like it"),
    }
}

fn hint(kind: Kind) -> &'static str {
    match kind {
        Kind::Subscription => "log in with an account that has one, in its tenant (`az login --tenant`)",
        Kind::ResourceGroup => "this credential is shown none: it takes the role Reader on one",
        Kind::Hub => "there is nothing to watch; is it another group?",
        Kind::ConsumerGroup | Kind::Checkpoints | Kind::Store => "that station is not watched",
    }
}

fn did_you_mean(meant: Option<&str>, known: &[String]) -> String {
    match meant {
        Some(meant) => format!("did you mean {meant}?"),
        None if known.is_empty() => "it has none at all".into(),
        None => format!("it has {}", listed(known)),
    }
}

fn or_none(kind: Kind) -> String {
    if kind.is_optional() { format!(", or {NONE}") } else { String::new() }
}

/// The first of them, and how many more.
fn listed(known: &[String]) -> String {
    const SHOWN: usize = 8;
    let shown = known.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match known.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// How candidates are called in a sentence; with their notes where two have the same name, as subscriptions may.
pub fn names_of<T: Candidate>(all: &[T]) -> Vec<String> {
    let names: BTreeSet<String> = all.iter().map(Candidate::shown).collect();
    let differ = names.len() == all.len();
    let name = |candidate: &T| {
        let note = if differ { String::new() } else { candidate.note() };
        format!("{} {note}", candidate.shown()).trim_end().to_owned()
    };
    all.iter().map(name).collect()
}

/// The candidate whose name is nearest to what was typed, comparing as much of the path as was typed.
fn nearest_end(typed: &str, known: &[String]) -> Option<String> {
    let depth = typed.split('/').count();
    let end = |name: &String| {
        let parts: Vec<&str> = name.split('/').collect();
        parts.get(parts.len().saturating_sub(depth)..).unwrap_or_default().join("/")
    };
    let ends: Vec<String> = known.iter().map(end).collect();
    let meant = nearest(typed, ends.iter().map(String::as_str))?;
    known.iter().zip(&ends).find(|(_, end)| *end == meant).map(|(name, _)| name.clone())
}

/// Narrows candidates down by what a person wrote, if anything. `place` is where they are, such as `the resource group
/// contoso`.
///
/// # Errors
/// [`DiscoveryError::NoSuch`] where none answers to it; [`DiscoveryError::Nothing`] where there is none at all of what a
/// scenario can't do without.
pub fn narrow<T: Candidate>(
    kind: Kind,
    place: &str,
    mut all: Vec<T>,
    wanted: Option<&str>,
) -> Result<Choice<T>, DiscoveryError> {
    if kind.is_optional() && wanted.is_some_and(|wanted| wanted.trim().eq_ignore_ascii_case(NONE)) {
        return Ok(Choice::Nothing);
    }
    let known = names_of(&all);
    if let Some(wanted) = wanted {
        all.retain(|candidate| candidate.answers_to(wanted));
        // Two may differ in nothing but case; whoever writes one exactly means that one.
        if all.len() > 1 && all.iter().any(|candidate| candidate.shown() == wanted.trim()) {
            all.retain(|candidate| candidate.shown() == wanted.trim());
        }
        if all.is_empty() {
            let typed: String = wanted.chars().take(90).collect();
            let meant = nearest_end(&typed, &known);
            return Err(DiscoveryError::NoSuch { kind, place: place.to_owned(), typed, meant, known });
        }
    }
    match (all.len(), kind.is_optional()) {
        (0, true) => Ok(Choice::Nothing),
        (0, false) => Err(DiscoveryError::Nothing { kind, place: place.to_owned() }),
        (1, _) => Ok(all.pop().map_or(Choice::Nothing, Choice::One)),
        _ => Ok(Choice::Several(all)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, PartialEq, Eq)]
    struct Named(&'static str);

    impl Candidate for Named {
        fn path(&self) -> Vec<&str> {
            self.0.split('/').collect()
        }
    }

    const HUBS: [Named; 3] = [Named("one/in"), Named("one/out"), Named("two/in")];

    fn hubs(wanted: Option<&str>) -> Result<Choice<Named>, DiscoveryError> {
        narrow(Kind::Hub, "the resource group g", HUBS.to_vec(), wanted)
    }

    #[test]
    fn one_is_taken_and_several_are_left_to_the_person() {
        assert_eq!(hubs(None), Ok(Choice::Several(HUBS.to_vec())));
        assert_eq!(hubs(Some("out")), Ok(Choice::One(Named("one/out"))));
        assert_eq!(hubs(Some("IN")), Ok(Choice::Several(vec![Named("one/in"), Named("two/in")])));
        assert_eq!(hubs(Some("two/in")), Ok(Choice::One(Named("two/in"))));
        let only = narrow(Kind::Hub, "g", vec![Named("one/in")], None);
        assert_eq!(only, Ok(Choice::One(Named("one/in"))));
        let by_case = narrow(Kind::Store, "g", vec![Named("a/d/C"), Named("a/d/c")], Some("a/d/c"));
        assert_eq!(by_case, Ok(Choice::One(Named("a/d/c"))));
    }

    #[test]
    fn a_station_may_be_left_out_but_not_the_log() {
        let none = |kind, wanted| narrow(kind, "the resource group g", vec![Named("a/b")], wanted);
        assert_eq!(none(Kind::Store, Some("none")), Ok(Choice::Nothing));
        assert!(none(Kind::Hub, Some("none")).is_err());
        assert_eq!(narrow::<Named>(Kind::Checkpoints, "g", vec![], None), Ok(Choice::Nothing));
        let sentence = narrow::<Named>(Kind::Hub, "the resource group g", vec![], None).unwrap_err().to_string();
        assert_eq!(sentence, "the resource group g has no hubs; there is nothing to watch; is it another group?");
    }

    #[test]
    fn what_is_not_there_is_told_with_what_is() {
        let sentence = hubs(Some("one/inn")).unwrap_err().to_string();
        assert_eq!(sentence, "the resource group g has no hub \"one/inn\"; did you mean one/in?");
        let sentence = hubs(Some("zebra")).unwrap_err().to_string();
        assert_eq!(sentence, "the resource group g has no hub \"zebra\"; it has one/in, one/out, two/in");
        let known: Vec<String> = (0..11).map(|number| format!("c{number}")).collect();
        let sentence = DiscoveryError::Several { kind: Kind::Checkpoints, place: "it".into(), known }.to_string();
        assert_eq!(
            sentence,
            "it has 11 containers that can hold checkpoints (c0, c1, c2, c3, c4, c5, c6, c7 and 3 more): say which with \
             --checkpoints, or none"
        );
    }
}
