/** A process that goes on with a run, for tests that kill it, stop it, starve it or have two of it: it tells each commit that is made. */
import { chapter, openStore, takeOver } from "./story.ts";

const [driver, place, taskId, count, leaseMs, sleepsAfter] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  ...(string | undefined)[],
];
const store = openStore(driver, place);
const { lease, generation: first } = await takeOver(store, taskId, Number(leaseMs ?? 3_600_000));
console.log(first);
for (let generation = first + 1; generation <= first + Number(count); generation++) {
  const sent =
    generation % 3 === 0 ? await store.post(taskId, { kind: "message", id: `${generation}`, mailbox: "news", body: "1" }) : "none";
  const consumed = sent === "none" ? (await store.inbox(taskId, 0)).map(({ n }) => n) : [];
  const made = await store.commit(lease, { ...chapter(generation), consumed });
  console.log(made.ok ? generation : made.why);
  if (!made.ok) break;
  // Between two commits: who is stopped within one holds SQLite's lock.
  if (generation === Number(sleepsAfter)) process.kill(process.pid, "SIGSTOP");
}
await store.close();
