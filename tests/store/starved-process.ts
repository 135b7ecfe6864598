/** A process whose files may only grow so far: it tells what the store says of a part that does not fit, and what is there after. */
import { commitOf, owned } from "#testing/run-law";
import { openStore } from "./story.ts";

const [driver, place] = process.argv.slice(2) as [string, string];
const store = openStore(driver, place);
const lease = await owned(store);
const tooMuch = commitOf(2, { agent: JSON.stringify("x".repeat(6_000_000)) });
const { code, retryable, message } = (await store.commit(lease, tooMuch).catch((error: unknown) => error)) as Record<string, unknown>;
const after = await store.load("a");
const next = await store.commit(lease, commitOf(2, { agent: "[]" }));
const parts = [...((await store.load("a"))?.parts ?? [])];
await store.close();
console.log(JSON.stringify({ code, retryable, message, after: [after?.generation, [...(after?.parts ?? [])]], next: next.ok, parts }));
