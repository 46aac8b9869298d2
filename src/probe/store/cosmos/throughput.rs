//! What the store may spend, as its offer says: on the container, or on the database that it shares.

use azure_data_cosmos::CosmosError;
use azure_data_cosmos::models::ThroughputProperties;
use azure_data_cosmos::options::ThroughputOptions;

use super::page::no_waiting;
use crate::azure::cosmos::Store;
use crate::azure::error::cause;
use crate::model::observation::Provisioned;
use crate::model::units::RequestUnits;

/// Reads the offer, and how many calls that took. `None` where nothing can be said this time: another look may.
pub(super) async fn read(store: &Store) -> (Option<Provisioned>, u64) {
    let options = || Some(ThroughputOptions::default().with_operation_options(no_waiting()));
    let (offer, calls) = match store.container.read_throughput(options()).await {
        // It shares what its database has.
        Ok(None) => (store.database.read_throughput(options()).await, 3),
        own => (own, 1),
    };
    let provisioned = match offer {
        Ok(Some(offer)) => of(&offer),
        Ok(None) => Some(unknown("neither the container nor its database has an offer: a serverless account")),
        Err(error) if error.status().is_forbidden() || error.status().is_unauthorized() => Some(refused(&error)),
        Err(_) => None,
    };
    (provisioned, calls)
}

fn of(offer: &ThroughputProperties) -> Option<Provisioned> {
    let units = |units: u64| RequestUnits(units as f64);
    match (offer.autoscale_maximum(), offer.throughput()) {
        (Some(most), _) => Some(Provisioned::Autoscale { most: units(most) }),
        (None, Some(throughput)) => Some(Provisioned::Manual(units(throughput))),
        (None, None) => None,
    }
}

fn refused(error: &CosmosError) -> Provisioned {
    let status = u16::from(error.status().status_code());
    unknown(&format!(
        "this credential may not read offers ({status}): roles of the data plane can't, a key can ({})",
        cause(error)
    ))
}

fn unknown(why: &str) -> Provisioned {
    Provisioned::Unknown { reason: format!("the provisioned RU/s are not known; {why}") }
}
