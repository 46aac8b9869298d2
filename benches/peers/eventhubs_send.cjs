// Sends full batches with Microsoft's JavaScript client and prints the events per second.
//
// Usage: eventhubs_send.cjs CONNECTION_STRING BODY_BYTES SECONDS

const { EventHubProducerClient } = require("@azure/event-hubs");

async function main(connectionString, bodyBytes, seconds) {
  const producer = new EventHubProducerClient(connectionString);
  const body = Buffer.alloc(Number(bodyBytes), "x");
  let events = 0;
  let began;
  while (began === undefined || performance.now() - began < Number(seconds) * 1000) {
    const batch = await producer.createBatch({ partitionId: "0" });
    while (batch.tryAdd({ body }));
    await producer.sendBatch(batch);
    if (began === undefined) began = performance.now(); // the first batch opens the link
    else events += batch.count;
  }
  console.log(events / ((performance.now() - began) / 1000));
  await producer.close();
}

main(...process.argv.slice(2)).catch((error) => {
  console.error(String(error));
  process.exit(1);
});
