/** A child ends with what gives it up, unless it is detached: its parent, a visit, an attempt. */
import { Agent, agentModule, FlowControlModule, Node, NonRetryableError, type Question, Runs } from "asimov-agents";
import { describe, expect, it, vi } from "vitest";
import { all, storesOf } from "../runs/stores.ts";
import { approve, childOf, HOUR, inStore, moduleOf, nodeOf, pairOf, taskOf } from "./pair.ts";

describe.each(storesOf())("a parent (%s)", (_, make) => {
  it("cancels its child with itself, and waits for it", async () => {
    const { clock, store, runs } = inStore(make);
    const ended: string[] = [];
    const nodes = [
      nodeOf("work", ({ signal }) => {
        return new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => {
            ended.push("child");
            reject(signal.reason);
          });
        });
      }),
    ];
    const { outer } = pairOf({ store, clock, nodes });
    const run = outer.start(taskOf());
    await clock.advance(100);
    const outcome = await clock.runUntil(run.cancel("enough"));
    expect([outcome.status, ended]).toEqual(["FAILED", ["child"]]);
    const child = await runs.get(await childOf(runs));
    expect(child.status).toBe("CANCELLED");
    expect(child.errors[0]?.error).toContain("enough");
  });

  it("leaves a detached child to its own end", async () => {
    const { clock, store, runs } = inStore(make);
    const done = Promise.withResolvers<string>();
    const { outer } = pairOf({ store, clock, nodes: [nodeOf("work", () => done.promise)], child: { detached: true } });
    const run = outer.start(taskOf());
    await clock.advance(100);
    const id = await childOf(runs);
    await clock.runUntil(run.cancel("enough"));
    expect((await runs.get(id)).status).toBe("RUNNING");
    done.resolve("done");
    while ((await runs.get(id)).status === "RUNNING") await clock.advance(10);
    expect((await runs.get(id)).status).toBe("COMPLETE");
  });

  it("that a jump sends back ends the child of the visit, and begins another", async () => {
    const store = make();
    const goOn = Promise.withResolvers<void>();
    const asked: Question[] = [];
    const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const onQuestion = (question: Question): void => {
      if (asked.push(question) === 1) first.resolve();
      else second.resolve();
    };
    const inner = new Agent({ name: "child", store, onQuestion, nodes: [approve()] });
    const again = new FlowControlModule({ name: "again", flowConfig: { decisions: [{ nextNode: "draft", condition: "rounds < 2" }] } });
    const outer = new Agent({
      name: "parent",
      store,
      nodes: [
        nodeOf("draft", ({ values }) => values.increment("rounds")),
        new Node({
          name: "research",
          modules: [agentModule(inner, { name: "research", task: () => ({ objective: "r" }) })],
          dependencies: ["draft"],
        }),
        new Node({ name: "again", modules: [moduleOf("a while", () => goOn.promise), again], dependencies: ["draft"] }),
      ],
    });
    const run = outer.start(taskOf());
    const runs = new Runs(store);
    await first.promise;
    goOn.resolve();
    await second.promise;
    const [before, now] = asked.map(({ taskId }) => taskId);
    expect([before === now, run.view().nodes.research?.childTaskId]).toEqual([false, now]);
    for await (const view of runs.watch(before ?? "")) if (view.endedAt !== undefined) expect(view.status).toBe("CANCELLED");
    await runs.answer(asked[1]?.id ?? "", { ok: true });
    expect(await run.outcome).toMatchObject({ status: "COMPLETE", results: { research: { ok: true } } });
  });

  it("aborted by a module beside it gives its child up, which its next attempt goes on with", async () => {
    const { clock, store, runs } = inStore(make);
    const log: string[] = [];
    let fails = 1;
    const inner = new Agent({ name: "child", clock, store, nodes: [nodeOf("kept", () => log.push("kept")), approve()] });
    const beside = moduleOf("beside", async () => {
      await new Promise<void>((resolve) => clock.setTimeout(resolve, 1_000));
      if (fails-- > 0) throw new Error("once");
    });
    const modules = [agentModule(inner, { name: "research", task: () => ({ objective: "r" }) }), beside];
    const outer = new Agent({ name: "parent", clock, store, nodes: [new Node({ name: "both", modules, nodeConfig: { parallel: true } })] });
    const run = outer.start(taskOf());
    await clock.advance(2_500);
    expect(run.view().nodes.both).toMatchObject({ status: "EXECUTING", attempt: 2 });
    await runs.answer((await all(runs.questions()))[0]?.id ?? "", { ok: true });
    expect(await clock.runUntil(run.outcome)).toMatchObject({ status: "COMPLETE" });
    expect([log, (await all(runs.find())).length]).toEqual([["kept"], 2]);
  });

  it("ends its child also where its module had not begun again, before its own end is stored", async () => {
    const { clock, store, runs } = inStore(make);
    const pair = () => pairOf({ store, clock, nodes: [approve()], agent: { maxConcurrentTasks: 1 } });
    await clock.runUntil(pair().outer.runTask(taskOf(), { whenWaiting: "park" }));
    const id = await childOf(runs);
    const { outer } = pair();
    const freed = Promise.withResolvers<void>();
    outer.addNode(nodeOf("hog", ({ task }) => (task.id === "hog" ? freed.promise : null)));
    const hog = outer.start(taskOf("hog"));
    await clock.advance(10);
    const run = await outer.resume("t");
    await clock.advance(10);
    expect((await runs.get(id)).status).toBe("PARKED");
    const [isTold, mayTell] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const post = store.post.bind(store);
    vi.spyOn(store, "post").mockImplementation(async (taskId, order) => {
      if (taskId === id) isTold.resolve();
      if (taskId === id) await mayTell.promise;
      return await post(taskId, order);
    });
    const cancelled = run.cancel("enough");
    await clock.runUntil(isTold.promise);
    await clock.advance(100);
    expect((await runs.get("t")).status).toBe("RUNNING");
    mayTell.resolve();
    await clock.runUntil(cancelled);
    expect([(await runs.get("t")).status, (await runs.get(id)).status]).toEqual(["CANCELLED", "CANCELLED"]);
    freed.resolve();
    await clock.runUntil(hog.cancel());
  });

  it("whose node has failed ends its child at once, though the rest goes on", async () => {
    const { clock, store, runs } = inStore(make);
    const inner = new Agent({ name: "child", clock, store, nodes: [approve()] });
    let isSecond = false;
    const fails = moduleOf("fails", async ({ sleep }) => {
      if (!isSecond) await sleep(HOUR);
      throw new NonRetryableError("broken");
    });
    const outer = () =>
      new Agent({
        name: "parent",
        clock,
        store,
        maxConcurrentTasks: 1,
        nodes: [
          new Node({
            name: "research",
            modules: [fails, agentModule(inner, { name: "research", task: () => ({ objective: "r" }) })],
            nodeConfig: { parallel: true },
          }),
          nodeOf("rest", ({ sleep }) => sleep(10 * HOUR)),
        ],
      });
    await clock.runUntil(outer().runTask(taskOf(), { whenWaiting: "park" }));
    const id = await childOf(runs);
    isSecond = true;
    // The module that fails has the only permit before the one that waits for the child.
    const run = await outer().resume("t");
    await clock.advance(100);
    expect([run.view().nodes.research?.status, run.view().status]).toEqual(["FAILED", "RUNNING"]);
    expect((await runs.get(id)).status).toBe("CANCELLED");
    await clock.runUntil(run.cancel());
  });

  it("forked has a child of its own", async () => {
    const { clock, store, runs } = inStore(make);
    const { outer } = pairOf({ store, clock, nodes: [approve()] });
    await clock.runUntil(outer.runTask(taskOf(), { whenWaiting: "park" }));
    const id = await childOf(runs);
    const fork = await outer.fork("t", { taskId: "fork" });
    await clock.advance(100);
    const own = fork.view().nodes.research?.childTaskId ?? "";
    expect([own === id, own === "", (await runs.get(id)).status]).toEqual([false, false, "PARKED"]);
    await clock.runUntil(fork.cancel());
    expect([(await runs.get(id)).status, (await runs.get(own)).status]).toEqual(["PARKED", "CANCELLED"]);
  });
});
