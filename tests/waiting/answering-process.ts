/** A process that answers all that is open when it is told to, without the agent's code: it says which of its answers were taken, and what the others were told. */
import { once } from "node:events";
import { FileStore, Runs } from "asimov-agents";
import { all } from "../runs/stores.ts";
import { type Place, storeAt } from "../worker/place.ts";

const [text, by] = process.argv.slice(2) as [string, string];
const place = JSON.parse(text) as Place | { dir: string };
const store = "dir" in place ? new FileStore({ ...place, fsync: false }) : storeAt(place);
const runs = new Runs(store);
const open = await all(runs.questions());
process.send?.("ready");
await once(process, "message");
const told = await Promise.all(
  open.map(async ({ id, taskId, shownHash }) => {
    const code = await runs.answer(id, { by }, { by, shownHash }).then(
      () => "taken",
      (error: { code?: string }) => error.code,
    );
    return [taskId, code];
  }),
);
process.send?.(told);
await store.close();
process.disconnect();
