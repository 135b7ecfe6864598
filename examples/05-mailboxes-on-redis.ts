/** A writer and a reviewer, two agents that know each other's mailboxes alone; any other Redis client could take either part. */
import { Agent, defineModule, FlowControlModule, Node, Task } from "asimov-agents";
import { RedisCache } from "asimov-agents/redis";

const url = process.env.REDIS_URL;
if (url === undefined) {
  console.error(
    "This example needs a Redis server. Start one, then: REDIS_URL=redis://127.0.0.1:6379 npx node --conditions=asimov-source examples/05-mailboxes-on-redis.ts",
  );
  process.exit(1);
}

// A prefix for each agent: no prefix sees another's keys. What agents say to each other lies in their caches; a run's own values do not.
const office = `office-${process.pid}`;
const writerCache = new RedisCache({ url, defaultPrefix: `${office}-writer` });
const reviewerCache = new RedisCache({ url, defaultPrefix: `${office}-reviewer` });

const write = defineModule({
  name: "write",
  outputMailbox: { shared: "drafts" },
  process: async ({ node }) => ({ status: "success", result: `A robot may not${" ever".repeat(node.visit - 1)} injure a human being.` }),
});
const waitForReview = defineModule({
  name: "wait for review",
  process: async ({ cache, values, signal }) => {
    const review = await cache.getMessage<{ approved: boolean; remark: string }>("reviews", { timeoutMs: 10_000, signal });
    if (review === null) throw new Error("no review came within 10 s");
    console.log("writer got:", review.remark);
    await values.set("approved", review.approved);
    return { status: "success", result: review };
  },
});
const again = new FlowControlModule({ name: "again?", flowConfig: { decisions: [{ nextNode: "write", condition: "not approved" }] } });

const writer = new Agent({
  cache: writerCache,
  nodes: [
    new Node({ name: "write", modules: [write] }),
    new Node({ name: "review", modules: [waitForReview], dependencies: ["write"] }),
    new Node({ name: "decide", modules: [again], dependencies: ["review"] }),
  ],
});

const review = defineModule({
  name: "review",
  process: async ({ cache, signal }) => {
    const desk = cache.withPrefix(`${office}-writer`);
    for (;;) {
      const draft = await desk.getMessage<{ result: string }>("drafts", { timeoutMs: 10_000, signal });
      if (draft === null) throw new Error("no draft came within 10 s");
      console.log("reviewer got:", draft.result);
      const approved = draft.result.includes("ever");
      await desk.publishToMailbox("reviews", { approved, remark: approved ? "Good." : "Make it stronger." });
      if (approved) return { status: "success", result: draft.result };
    }
  },
});
const reviewer = new Agent({ cache: reviewerCache, nodes: [new Node({ name: "review", modules: [review] })] });

const outcomes = await Promise.all([
  reviewer.runTask(new Task({ type: "review", objective: "Approve a draft" })),
  writer.runTask(new Task({ type: "write", objective: "Write a law" })),
]);
console.log(outcomes.map(({ task, status }) => `${task.type}: ${status}`).join(", "));
for (const cache of [writerCache, reviewerCache]) await cache.clear().then(() => cache.close());
