/** A process of somebody without rights: it tells what each call of a store says, over a place that it may not write, or not even see. */
import { owner } from "#testing/run-law";
import { chapter, openStore } from "./story.ts";

const [driver, place, lease] = process.argv.slice(2) as [string, string, string];
const store = openStore(driver, place);
// Nobody: for root there are no rights that it lacks.
if (process.getuid?.() === 0) process.setuid?.(65_534);
const told: Record<string, unknown> = {};
const calls = {
  read: () => store.read("a"),
  load: () => store.load("a"),
  claim: () => store.claim("a", owner("nobody"), { over: 1 }),
  commit: () => store.commit(JSON.parse(lease), chapter(2)),
  post: () => store.post("a", { kind: "message", id: "m", mailbox: "news", body: "1" }),
};
for (const [name, call] of Object.entries(calls)) {
  told[name] = await call().then(
    (answer) => ({ answer: answer !== undefined }),
    ({ name: kind, code, retryable, message }: Record<string, unknown>) => ({ kind, code, retryable, message }),
  );
}
console.log(JSON.stringify(told));
