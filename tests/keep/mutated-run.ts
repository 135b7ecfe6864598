/** A stored run of which every generation, event and message is known, and what may be made of a place that may hold it changed. */
import { Agent, type AgentEvent, AsimovError, type RunHistoryEntry, type RunStore, Runs, Task } from "asimov-agents";
import { expect } from "vitest";
import { readEvents } from "#runs/read-events";
import { requireRun } from "#runs/read-run";
import { nodeOf, success, within } from "../run/support.ts";

export const TASKS = ["mutated", "neighbour"] as const;
const [TASK] = TASKS;

/** Long before it would be noticed otherwise. */
const HANGS_MS = 60_000;

function nodesOf(log: string[], stuck: boolean) {
  const noted = (result?: unknown) => async (context: { idempotencyKey: string }) => {
    log.push(context.idempotencyKey);
    return success(result);
  };
  return [
    nodeOf("a", [], noted({ list: [1, 2, 3], text: "é🙂" })),
    nodeOf("b", ["a"], async ({ idempotencyKey, values }) => {
      log.push(idempotencyKey);
      await values.set("score", 0.5);
      await values.increment("count", 7);
      return success();
    }),
    within(1, nodeOf("inner", [], noted("deep"))),
    nodeOf("c", ["b", "around 1"], async ({ idempotencyKey, signal }) => {
      log.push(idempotencyKey);
      if (stuck) await new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
      return success("c");
    }),
    nodeOf("d", ["c"], async ({ idempotencyKey, values, results }) => {
      log.push(idempotencyKey);
      const [score, count, message] = [await values.get("score"), await values.get("count"), await values.getMessage("news")];
      return success({ score, count, message, results });
    }),
  ];
}

/** Puts both runs down in the middle, with a message that nobody has taken. */
export async function storeRuns(store: RunStore): Promise<void> {
  for (const id of TASKS) {
    const task = new Task({ id, type: "test", objective: `Be what ${id} was`, params: { of: id } });
    const run = new Agent({ name: "kept", store, nodes: nodesOf([], true) }).start(task);
    for await (const event of run.events()) if (event.type === "module.started" && event.node === "c") break;
    await run.park();
    await run.outcome.catch(() => {});
    await new Runs(store).send(id, "news", { hello: id }, { id: `message of ${id}` });
  }
}

/** What a stranger's store throws by itself, of a text that it believed, is its own. */
function isOfStranger({ stack = "" }: Error): boolean {
  const frames = stack.split("\n").filter((line) => /^\s+at /.test(line) && !line.includes("<anonymous>"));
  return frames[0]?.includes("foreign-store.ts") === true;
}

/** What was found, or the code of the error that said why nothing was. */
async function foundBy(work: () => Promise<unknown>): Promise<{ found: unknown } | { code: string }> {
  try {
    return { found: JSON.parse(JSON.stringify((await work()) ?? null)) };
  } catch (error) {
    if (error instanceof AsimovError) return { code: error.code };
    if (isOfStranger(error as Error)) return { code: "foreign" };
    throw error;
  }
}

/** The picture without what the row says, which stores move by themselves: where the run stands, and who owns it. */
async function viewOf(store: RunStore, whole: Seen | undefined): Promise<unknown> {
  const { status: _status, owner: _owner, endedAt: _endedAt, ...view } = await new Runs(store).get(TASK);
  const saysSo = view.errors.some(({ code }) => code === "snapshot-damaged");
  if (whole !== undefined && saysSo) throw new AsimovError("Something newer is damaged.", { code: "is-older" });
  return view;
}

/** Without what only says when and how much. What is damaged may be left out. */
async function historyOf(store: RunStore, whole: Seen | undefined): Promise<unknown[]> {
  const all: RunHistoryEntry[] = [];
  for await (const entry of new Runs(store).history(TASK)) all.push({ ...entry, at: 0, bytes: 0 });
  const wanted = (whole?.history ?? all) as RunHistoryEntry[];
  const missing = wanted.filter(({ generation }) => !all.some((entry) => entry.generation === generation));
  return [...all, ...missing].sort((a, b) => b.generation - a.generation);
}

async function eventsOf(store: RunStore): Promise<unknown[]> {
  const { dropped, events } = await readEvents(store, await requireRun(store, TASK), 1);
  if (dropped > 0) throw new AsimovError("It says so.", { code: "is-shorter" });
  return events;
}

interface GoneOn {
  generation: number;
  passedOver: number;
  keys: string[];
  end: unknown;
}

async function goOn(store: RunStore): Promise<GoneOn> {
  const keys: string[] = [];
  const agent = new Agent({ name: "kept", store, nodes: nodesOf(keys, false) });
  const run = await agent.resume(TASK);
  const restored = Promise.withResolvers<Extract<AgentEvent, { type: "run.restored" }>>();
  run.actor.on("run.restored", (event) => restored.resolve(event));
  // What is told of a message that is not taken, a node waits for without end.
  let refusal: string | undefined;
  run.actor.on("error.reported", ({ report }) => {
    refusal ??= report.code;
    void run.cancel();
  });
  const { status, results, task } = await run.outcome;
  if (refusal !== undefined) throw new AsimovError("It was refused while it ran.", { code: refusal });
  const { generation, passedOver = [] } = await restored.promise;
  return { generation, passedOver: passedOver.length, keys, end: { status, results, task: task.toJSON() } };
}

export interface Seen {
  view: unknown;
  history: unknown;
  events: unknown;
  score: unknown;
  goneOn: GoneOn;
}

/** All that is made of the run; it has ended then. */
async function see(store: RunStore, whole?: Seen): Promise<{ [Name in keyof Seen]: Awaited<ReturnType<typeof foundBy>> }> {
  return {
    view: await foundBy(() => viewOf(store, whole)),
    history: await foundBy(() => historyOf(store, whole)),
    events: await foundBy(() => eventsOf(store)),
    score: await foundBy(() => new Runs(store).value(TASK, ["values", "score"])),
    goneOn: await foundBy(() => goOn(store)),
  };
}

/** Of a place that is as it was. */
export async function seeWhole(store: RunStore): Promise<Seen> {
  const seen = Object.entries(await see(store)).map(([name, each]) => {
    if ("code" in each) throw new Error(`${name}: ${each.code}`);
    return [name, each.found];
  });
  return Object.fromEntries(seen) as Seen;
}

/** Of a place that may be another one: each thing is as it was, or is refused. @returns the codes of what was refused */
export async function expectAsItWas(store: RunStore, whole: Seen, mutant: string): Promise<string[]> {
  const codes: string[] = [];
  const hung = Promise.withResolvers<never>();
  const watch = setTimeout(() => hung.reject(new Error(`hangs: ${mutant}`)), HANGS_MS);
  try {
    const seen = await Promise.race([see(store, whole), hung.promise]);
    for (const [name, each] of Object.entries(seen)) {
      if ("code" in each) codes.push(each.code);
      else if (name === "goneOn") expectGoneOn(each.found as GoneOn, whole.goneOn, mutant);
      else expect(each.found, `${name}: ${mutant}`).toEqual(whole[name as keyof Seen]);
    }
  } finally {
    clearTimeout(watch);
  }
  return codes;
}

/** What goes on from an older generation says so, and ends as it would have from the newest. */
function expectGoneOn(found: GoneOn, whole: GoneOn, mutant: string): void {
  expect(found.end, mutant).toEqual(whole.end);
  if (found.generation !== whole.generation) expect(found.passedOver, `is silent: ${mutant}`).toBeGreaterThan(0);
  else expect(found.keys, mutant).toEqual(whole.keys);
}
