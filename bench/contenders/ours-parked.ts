/** 100,000 runs that wait in a database, and a worker that starts beside them and ends those that are answered. */
import { Agent, defineQuestion, Node, type RunStore, Runs, Task } from "../../src/index.ts";
import { AgentWorker } from "../../src/worker.ts";
import { type OnDisk, type OnServer, storeIn } from "./ours-stores.ts";

/** Runs that are there to be answered: one by one, and at once. */
const ALONE = 100;
const AT_ONCE = 1_000;
const LOOK_MS = 20;
const LOOKS = 20;
/** Rows that are created in one transaction. */
const A_TRANSACTION = 1_000;

export interface ParkedTimes {
  start: number;
  /** Of each that was answered alone, until its end was stored. */
  answers: number[];
  /** Of those that were answered at once, until the last had ended. */
  atOnce: number;
  /** Of a list of the 50 newest. */
  newest: number[];
}

/** Rows as those of runs that wait for months. */
async function fill(store: RunStore, count: number): Promise<void> {
  const [like, first] = [await store.read("run-0"), await store.load("run-0")];
  if (like === undefined || first === undefined) throw new Error("no run was parked");
  const { agent, version, type, graphHash, info, dueAt } = like;
  for (let made = 0; made < count; made += A_TRANSACTION) {
    const ids = Array.from({ length: Math.min(A_TRANSACTION, count - made) }, (_, index) => made + index);
    const commit = { generation: 1, info: first.info, put: first.parts, remove: [], events: [], consumed: [] };
    const row = (id: number) => ({ taskId: `filling-${id}`, agent, version, type, labels: {}, graphHash, info, dueAt: (dueAt ?? 0) + id });
    await Promise.all(ids.map((id) => store.create({ ...row(id), first: commit })));
  }
}

export async function parkedTimes(kind: OnDisk | OnServer, place: string, count: number): Promise<ParkedTimes> {
  const store = storeIn(kind, place);
  const approve = defineQuestion({
    name: "approve",
    show: () => ({ text: "Go on?" }),
    answer: { type: "object" },
    deadlineMs: 30 * 86_400_000,
  });
  const agent = new Agent({ name: "waiting", store, nodes: [new Node({ name: "ask", modules: [approve] })] });
  const ids = Array.from({ length: ALONE + AT_ONCE }, (_, index) => `run-${index}`);
  const questions = new Map<string, string>();
  for (let at = 0; at < ids.length; at += ALONE) {
    const some = ids.slice(at, at + ALONE);
    const tasks = some.map((id) => new Task({ id, type: "bench", objective: "Wait" }));
    for (const parked of await Promise.all(tasks.map((task) => agent.runTask(task, { whenWaiting: "park" })))) {
      if (parked.status === "PARKED") questions.set(parked.taskId, parked.questions[0]?.id ?? "");
    }
  }
  await fill(store, count - ids.length);
  const startedAt = performance.now();
  const worker = new AgentWorker({ agents: [agent], store, concurrency: 50 });
  await worker.start();
  const start = performance.now() - startedAt;

  const runs = new Runs(store);
  const newest: number[] = [];
  for (let look = 0; look < LOOKS; look++) {
    const lookedAt = performance.now();
    let found = 0;
    for await (const { status } of runs.find({ status: "PARKED", limit: 50 })) if (status === "PARKED") found++;
    if (found !== 50) throw new Error(`${found} runs were found`);
    newest.push(performance.now() - lookedAt);
  }
  const answer = (id: string): Promise<void> => runs.answer(questions.get(id) as string, {});
  const waiting = new Map<string, () => void>();
  const looks = new Set<Promise<void>>();
  const look = (taskId: string): void => {
    if (!waiting.has(taskId)) return;
    const looked = lookAt(taskId).finally(() => looks.delete(looked));
    looks.add(looked);
  };
  const lookAt = async (taskId: string): Promise<void> => {
    if ((await store.read(taskId))?.status !== "COMPLETE") return;
    waiting.get(taskId)?.();
    waiting.delete(taskId);
  };
  // Of many at once each is looked at now and then: to look at each commit would be a part of what is measured.
  const changed = new Set<string>();
  const lookAtAll = (): void => {
    for (const id of changed) look(id);
    changed.clear();
  };
  let looking: NodeJS.Timeout | undefined;
  const unsubscribe = store.subscribe((id, isCommit) => {
    if (id === null || isCommit !== true || !waiting.has(id)) return;
    if (looking === undefined) look(id);
    else changed.add(id);
  });
  const untilEnd = (id: string): Promise<void> => new Promise((resolve) => waiting.set(id, resolve));
  const answers: number[] = [];
  for (const id of ids.slice(0, ALONE)) {
    const answeredAt = performance.now();
    const end = untilEnd(id);
    await answer(id);
    await end;
    answers.push(performance.now() - answeredAt);
  }
  const some = ids.slice(ALONE);
  looking = setInterval(lookAtAll, LOOK_MS);
  const answeredAt = performance.now();
  const ends = Promise.all(some.map(untilEnd));
  await Promise.all(some.map(answer));
  await ends;
  const atOnce = performance.now() - answeredAt;
  clearInterval(looking);
  unsubscribe();
  await Promise.all(looks);
  await worker.stop();
  await store.close();
  return { start, answers, atOnce, newest };
}
