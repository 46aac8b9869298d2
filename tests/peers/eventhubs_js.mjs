// Drives the Event Hubs endpoint with Microsoft's JavaScript client (@azure/event-hubs 6.0).
//
// Usage: eventhubs_js.mjs CONNECTION_STRING
//
// Expects a fresh hub with four partitions. Prints a line for each check and ends with `N passed, 0 failed`; a check
// that fails prints why, and the exit code is then 1.

import assert from "node:assert/strict";
import { createRequire } from "node:module";

// A module path may come from NODE_PATH, which `import` does not read.
const { EventHubConsumerClient, EventHubProducerClient, earliestEventPosition, latestEventPosition } =
  createRequire(import.meta.url)("@azure/event-hubs");

const PATIENCE_MS = 30_000;
const GROUP = "$Default";
const connectionString = process.argv[2];
const options = { retryOptions: { maxRetries: 0, timeoutInMs: PATIENCE_MS } };

async function withProducer(use) {
  const client = new EventHubProducerClient(connectionString, options);
  try {
    return await use(client);
  } finally {
    await client.close();
  }
}

function send(bodies, where) {
  return withProducer(async (client) => {
    const batch = await client.createBatch(where);
    for (const body of bodies) assert.ok(batch.tryAdd({ body }), "the batch is full");
    await client.sendBatch(batch);
  });
}

// The first `count` events from a position on.
async function receive(partition, startPosition, count, group = GROUP) {
  const client = new EventHubConsumerClient(group, connectionString, options);
  const events = [];
  let subscription;
  try {
    await new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`${events.length} of ${count} events came within ${PATIENCE_MS} ms`)),
        PATIENCE_MS,
      );
      const end = (settle, value) => (clearTimeout(timer), settle(value));
      subscription = client.subscribe(
        partition,
        {
          processEvents: async (received) => {
            events.push(...received);
            if (events.length >= count) end(resolve);
          },
          processError: async (error) => end(reject, error),
        },
        { startPosition, maxBatchSize: 100 },
      );
    });
  } finally {
    await subscription?.close();
    await client.close();
  }
  return events.slice(0, count);
}

const checks = {
  async "hub properties"() {
    const properties = await withProducer((client) => client.getEventHubProperties());
    assert.deepEqual(properties.partitionIds, ["0", "1", "2", "3"]);
    assert.ok(properties.createdOn.getFullYear() >= 2026, properties.createdOn);
  },

  async "fresh partition"() {
    const properties = await withProducer((client) => client.getPartitionProperties("0"));
    assert.equal(properties.beginningSequenceNumber, 0);
    assert.equal(properties.lastEnqueuedSequenceNumber, -1);
    assert.equal(properties.lastEnqueuedOffset, "-1");
    assert.equal(properties.isEmpty, true);
  },

  async "unknown partition"() {
    await assert.rejects(withProducer((client) => client.getPartitionProperties("99")), /99/);
  },

  async "batch to a partition"() {
    await send(Array.from({ length: 10 }, (_, number) => `event ${number}`), { partitionId: "0" });
    const properties = await withProducer((client) => client.getPartitionProperties("0"));
    assert.equal(properties.lastEnqueuedSequenceNumber, 9);
    assert.equal(properties.isEmpty, false);
  },

  async "from a sequence number"() {
    const events = await receive("0", { sequenceNumber: 6 }, 3);
    assert.deepEqual(events.map((event) => event.body), ["event 7", "event 8", "event 9"]);
    assert.deepEqual(events.map((event) => event.sequenceNumber), [7, 8, 9]);
    assert.ok(events[0].enqueuedTimeUtc.getFullYear() >= 2026, events[0].enqueuedTimeUtc);
  },

  async "from an offset"() {
    const [fifth] = await receive("0", { sequenceNumber: 4, isInclusive: true }, 1);
    assert.equal(fifth.sequenceNumber, 4);
    const [sixth] = await receive("0", { offset: fifth.offset }, 1);
    assert.equal(sixth.sequenceNumber, 5);
  },

  async "from an enqueued time"() {
    const [first] = await receive("0", { enqueuedOn: new Date(0) }, 1);
    assert.equal(first.sequenceNumber, 0);
  },

  async "from the beginning"() {
    const events = await receive("0", earliestEventPosition, 10);
    assert.deepEqual(events.map((event) => event.sequenceNumber), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  },

  async "properties of events survive"() {
    const event = { body: { nested: [1, 2] }, properties: { kind: "test", number: 7 }, contentType: "application/json" };
    await withProducer((client) => client.sendBatch([event], { partitionId: "1" }));
    const [received] = await receive("1", earliestEventPosition, 1);
    assert.deepEqual(received.body, event.body);
    assert.deepEqual(received.properties, event.properties);
    assert.equal(received.contentType, event.contentType);
  },

  async "by key"() {
    await send(["one", "two"], { partitionKey: "sensor-17" });
    await send(["three"], { partitionKey: "sensor-17" });
    const found = [];
    for (const partition of ["0", "1", "2", "3"]) {
      const { lastEnqueuedSequenceNumber: last } = await withProducer((client) => client.getPartitionProperties(partition));
      if (last < 0) continue;
      for (const event of await receive(partition, earliestEventPosition, last + 1)) {
        if (event.partitionKey === "sensor-17") found.push({ partition, body: event.body });
      }
    }
    assert.deepEqual(found.map(({ body }) => body), ["one", "two", "three"]);
    assert.equal(new Set(found.map(({ partition }) => partition)).size, 1);
  },

  async "large batch in several frames"() {
    await send(Array.from({ length: 16 }, () => "x".repeat(60_000)), { partitionId: "2" });
    const events = await receive("2", { sequenceNumber: 15, isInclusive: true }, 1);
    assert.equal(events[0].body.length, 60_000);
  },

  async "too large event"() {
    const event = { body: "x".repeat(2_000_000) };
    await assert.rejects(withProducer((client) => client.sendBatch([event], { partitionId: "3" })));
  },

  async "a higher epoch takes the partition over"() {
    const first = new EventHubConsumerClient(GROUP, connectionString, options);
    const second = new EventHubConsumerClient(GROUP, connectionString, options);
    const handlers = (onError) => ({ processEvents: async () => {}, processError: async (error) => onError(error) });
    const subscriptions = [];
    try {
      const lost = await new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error("nobody was told")), PATIENCE_MS);
        const tell = (error) => (clearTimeout(timer), resolve(error));
        const subscribe = (client, ownerLevel, onReady, onError) =>
          subscriptions.push(
            client.subscribe(
              "0",
              { ...handlers(onError), processEvents: async (events) => events.length > 0 && onReady?.() },
              { startPosition: earliestEventPosition, ownerLevel },
            ),
          );
        let taken = false;
        const takeOver = () => {
          if (!taken) subscribe(second, 2, undefined, reject);
          taken = true;
        };
        subscribe(first, 1, takeOver, tell);
      });
      assert.equal(lost.code, "ReceiverDisconnectedError");
    } finally {
      await Promise.all(subscriptions.map((subscription) => subscription.close()));
      await Promise.all([first.close(), second.close()]);
    }
  },

  async "unknown consumer group"() {
    await assert.rejects(receive("0", latestEventPosition, 1, "nobody"), /nobody/);
  },
};

let passed = 0;
let failed = 0;
for (const [name, check] of Object.entries(checks)) {
  try {
    await check();
    passed += 1;
    console.log(`ok     ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED ${name}\n${error?.stack ?? error}`);
  }
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
