/** Jobs of BullMQ that do nothing. */
import { Queue, Worker } from "bullmq";

const AT_ONCE = 10;

/** Milliseconds until the last of them has ended. */
export async function bareJobs(url: string, count: number): Promise<number> {
  const connection = { url };
  const queue = new Queue("bare", { connection });
  await queue.addBulk(Array.from({ length: count }, (_, at) => ({ name: "job", data: { at } })));
  let left = count;
  const { promise: over, resolve } = Promise.withResolvers<void>();
  const startedAt = performance.now();
  const worker = new Worker("bare", async () => {}, { connection, concurrency: AT_ONCE });
  worker.on("completed", () => {
    if (--left === 0) resolve();
  });
  await over;
  const ms = performance.now() - startedAt;
  await worker.close();
  await queue.obliterate({ force: true });
  await queue.close();
  return ms;
}
