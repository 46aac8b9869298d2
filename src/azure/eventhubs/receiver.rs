//! A link that receives, over a connection of our own: the events of one partition in their order.
//!
//! Source of the names and the filter: the official clients, and Azure's page on Event Hubs and AMQP 1.0.

use azure_core_amqp::message::AmqpSourceFilter;
use azure_core_amqp::{
    AmqpDelivery, AmqpDeliveryApis as _, AmqpDescribed, AmqpError, AmqpReceiver, AmqpReceiverApis as _,
    AmqpReceiverOptions, AmqpSession, AmqpSessionApis as _, AmqpSource, AmqpValue, ReceiverCreditMode,
};
use azure_messaging_eventhubs::models::ReceivedEventData;

use super::connection::HubConnection;
use crate::model::units::{PartitionId, SequenceNumber};

/// How many events may be on their way before they are asked for: as the official client has it.
const PREFETCH: u32 = 300;

/// A link to one partition.
pub(super) struct HubReceiver {
    session: AmqpSession,
    receiver: AmqpReceiver,
}

impl HubReceiver {
    /// Attaches: events after one, or from the earliest on. Asks for an owner level as the official client does, and like
    /// it in vain: fe2o3-amqp 0.14.1 drops a link's properties when the link is named.
    pub(super) async fn attach(
        connection: &HubConnection,
        group: &str,
        partition: PartitionId,
        owner_level: i64,
        after: Option<SequenceNumber>,
    ) -> Result<Self, AmqpError> {
        let filter = AmqpSourceFilter::selector_filter();
        let source = AmqpSource::builder()
            .with_address(connection.entity(&format!("ConsumerGroups/{group}/Partitions/{partition}")))
            .add_to_filter(
                filter.description().into(),
                Box::new(AmqpDescribed::new(filter.code(), begins_after(after))),
            )
            .build();
        let name = format!("streamgauge-{}", azure_core::Uuid::new_v4());
        let properties = [
            ("com.microsoft.com:receiver-name", AmqpValue::from(name.clone())),
            ("com.microsoft:epoch", AmqpValue::from(owner_level)),
        ];
        let options = AmqpReceiverOptions {
            name: Some(name),
            properties: Some(properties.into_iter().map(|(name, value)| (name.into(), value)).collect()),
            credit_mode: Some(ReceiverCreditMode::Auto(PREFETCH)),
            auto_accept: true,
            ..AmqpReceiverOptions::default()
        };
        let session = connection.session().await?;
        let receiver = AmqpReceiver::new();
        receiver.attach(&session, source, Some(options)).await?;
        Ok(Self { session, receiver })
    }

    /// The next event. Nothing is lost if this is dropped.
    pub(super) async fn next(&self) -> Result<ReceivedEventData, AmqpError> {
        self.receiver.receive_delivery().await.map(AmqpDelivery::into_message).map(ReceivedEventData::from)
    }

    /// Says goodbye: without one the service would go on sending.
    pub(super) async fn close(self) -> Result<(), AmqpError> {
        self.receiver.detach().await?;
        self.session.end().await
    }
}

/// The condition of the filter by which a receiver says where it begins.
fn begins_after(sequence: Option<SequenceNumber>) -> String {
    match sequence {
        Some(SequenceNumber(number)) => format!("amqp.annotation.x-opt-sequence-number > '{number}'"),
        None => "amqp.annotation.x-opt-offset > '-1'".to_owned(),
    }
}
