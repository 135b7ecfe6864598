/** The queue that wakes workers, on the server that their store is on. */
import { bullQueue, localQueue } from "asimov-agents/worker";
import type { Place } from "../worker/place.ts";

export const QUEUES = ["local", "bull"] as const;
export type QueueName = (typeof QUEUES)[number];

/** @throws Error for a place that no server holds, which has no such queue */
export function queueAt(name: QueueName, place: Place): { queue: ReturnType<typeof localQueue>; close(): Promise<void> } {
  if (name === "local") return { queue: localQueue(), close: async () => {} };
  if ("file" in place) throw new Error("BullMQ has no queue in a file.");
  const queue =
    "url" in place ? bullQueue({ connection: place.url }) : bullQueue({ connection: place.connectionString, backend: "postgres" });
  return { queue, close: () => queue.close() };
}
