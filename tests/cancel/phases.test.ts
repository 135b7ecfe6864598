import { execFile } from "node:child_process";
import { getEventListeners } from "node:events";
import { join } from "node:path";
import { Agent, type AgentOptions, defineModule, Middleware, type MiddlewareContext, type ModuleResult, Node } from "asimov-agents";
import { describe, expect, it } from "vitest";
import type { AnyActorRef } from "xstate";
import { aborted, gate, newTask, succeeding, waiting } from "./fixture.ts";
import { phases } from "./phases.ts";

/** Cancels when the run has come to its phase, and checks what every cancelled run owes. */
async function cancelIn(options: AgentOptions, arrived: Promise<unknown>, way: "signal" | "cancel" | "actor"): Promise<void> {
  const controller = new AbortController();
  const actors = new Set<AnyActorRef>();
  const agent = new Agent({
    ...options,
    outputMailbox: "agent_output",
    inspect: ({ actorRef }) => void actors.add(actorRef as AnyActorRef),
    redact: false,
  });
  const run = agent.start(newTask(), { signal: controller.signal });
  await arrived;
  if (way === "signal") controller.abort(new Error("no longer needed"));
  else if (way === "cancel") void run.cancel("no longer needed");
  else run.actor.send({ type: "run.cancel", reason: "The run was cancelled: no longer needed" });
  const outcome = await run.outcome;
  expect(outcome.status).toBe("FAILED");
  expect(outcome.task).toMatchObject({ status: "FAILED", error: "The run was cancelled: no longer needed" });
  expect(await run.values.get("task")).toMatchObject({ status: "FAILED", error: "The run was cancelled: no longer needed" });
  expect((await agent.cache.peekMailbox<ModuleResult>("agent_output")).map(({ status }) => status)).toEqual(["FAILED"]);
  expect(getEventListeners(controller.signal, "abort")).toEqual([]);
  expect(run.actor.getSnapshot().status).toBe("done");
  expect(actors).toContain(run.actor);
  expect([...actors].filter((actor) => actor.getSnapshot().status === "active").map(({ id }) => id)).toEqual([]);
}

describe.each(["signal", "cancel", "actor"] as const)("cancelling by %s", (way) => {
  it.each(Object.keys(phases))("ends the run %s, and leaves nothing", async (phase) => {
    const { options, arrived, ran } = (phases[phase] as (typeof phases)[string])();
    await cancelIn(options, arrived, way);
    expect(ran).toEqual([]);
  });
});

describe("a cancelled run", () => {
  it.each([
    [`key sk-ant-api03-${"a".repeat(40)} ${"x".repeat(300_000)}`, /^key (?!sk-ant).{1,20000}…$/],
    [5n, /^5$/],
    [new Error("enough"), /^enough$/],
    ["", /^The run was cancelled\.$/],
  ])("tells the reason that its actor was given masked, cut and as text (%#)", async (reason, expected) => {
    const { options, arrived } = (phases["while modules run"] ?? expect.fail())();
    const agent = new Agent({ ...options, errorMailbox: "agent_error" });
    const run = agent.start(newTask());
    await arrived;
    run.actor.send({ type: "run.cancel", reason } as never);
    const outcome = await run.outcome;
    expect(outcome.task.error).toMatch(expected);
    expect(JSON.stringify(outcome).length).toBeLessThan(100_000);
    expect((await agent.cache.peekMailbox<{ code: string }>("agent_error")).map(({ code }) => code)).toContain("cancelled");
  });

  it("says so where its actor is told nothing more", async () => {
    const { options, arrived } = (phases["while modules run"] ?? expect.fail())();
    const agent = new Agent(options);
    const run = agent.start(newTask());
    await arrived;
    run.actor.send({ type: "run.cancel" });
    const { task, errors } = await run.outcome;
    expect(task.error).toBe("The run was cancelled.");
    expect(errors).toContainEqual({ taskId: task.id, status: "error", error: "The run was cancelled.", code: "cancelled" });
  });

  it("leaves no timer, socket or handle in its process, whatever phase it was in", async () => {
    const script = join(import.meta.dirname, "phases-process.ts");
    const output = await new Promise<string>((resolve, reject) => {
      execFile(process.execPath, ["--conditions=asimov-source", script], (error, stdout, stderr) =>
        error === null ? resolve(stdout) : reject(new Error(stderr)),
      );
    });
    const left = JSON.parse(output) as Record<string, string[]>;
    expect(Object.keys(left)).toEqual(Object.keys(phases));
    for (const [phase, kinds] of Object.entries(left)) expect(kinds, phase).toEqual([]);
  });

  it("tells why in as many characters as a log takes, whoever gave the reason", async () => {
    const entered = gate<unknown>();
    const run = new Agent({ abortGraceMs: 1, nodes: [new Node({ name: "a", modules: [waiting("a", entered.open)] })] }).start(newTask());
    await entered.opened;
    const { task } = await run.cancel(`Bearer abcdefghijkl ${"x".repeat(1_000_000)}`);
    expect(task.error?.length).toBeLessThan(11_000);
    expect(task.error).not.toContain("abcdefghijkl");
  });

  it("runs nothing when its signal was aborted before the start", async () => {
    const ran: string[] = [];
    const agent = new Agent({ nodes: [new Node({ name: "a", modules: [succeeding("a", () => ran.push("a"))] })] });
    const outcome = await agent.runTask(newTask(), { signal: AbortSignal.abort() });
    expect(outcome).toMatchObject({ status: "FAILED", totalIterations: 0, executions: {}, results: {} });
    expect(outcome.task.error).toBe("The run was cancelled: This operation was aborted");
    expect(ran).toEqual([]);
  });

  it("keeps the results that there were, waits for its modules, and says why each ended", async () => {
    const entered = gate<unknown>();
    const order: string[] = [];
    const run = new Agent({
      nodes: [
        new Node({ name: "before", modules: [succeeding("before")] }),
        new Node({
          name: "slow",
          dependencies: ["before"],
          modules: [
            waiting("slow", ({ signal }) => {
              entered.open(undefined);
              void aborted(signal).then(() => order.push("aborted"));
            }),
          ],
        }),
      ],
    }).start(newTask());
    await entered.opened;
    const outcome = await run.cancel("enough");
    order.push("ended");
    expect(order).toEqual(["aborted", "ended"]);
    expect(outcome.nodes).toMatchObject({
      before: { status: "success" },
      slow: { status: "error", error: "The run was cancelled: enough", code: "cancelled" },
    });
    expect(outcome.failedChains).toEqual([["slow"]]);
  });

  it("is cancelled once: whoever cancels again gets the same outcome", async () => {
    const entered = gate<unknown>();
    const run = new Agent({ nodes: [new Node({ name: "a", modules: [waiting("a", entered.open)] })] }).start(newTask());
    await entered.opened;
    const outcomes = await Promise.all([run.cancel("first"), run.cancel("second")]);
    expect(outcomes[1]).toBe(outcomes[0]);
    expect(outcomes[0]?.task.error).toBe("The run was cancelled: first");
    expect(await run.cancel("late")).toBe(outcomes[0]);
  });

  it("hands the signal to middlewares too", async () => {
    const entered = gate<unknown>();
    const reasons: unknown[] = [];
    class Waits extends Middleware {
      override async process(data: ModuleResult, _cache: unknown, { signal }: MiddlewareContext): Promise<ModuleResult> {
        entered.open(undefined);
        reasons.push(await aborted(signal));
        return data;
      }
    }
    const run = new Agent({
      nodes: [new Node({ name: "a", config: { middlewares: [new Waits()] }, modules: [succeeding("a")] })],
    }).start(newTask());
    await entered.opened;
    await run.cancel("enough");
    expect(reasons).toEqual([expect.objectContaining({ message: "The run was cancelled: enough" })]);
  });

  it("leaves a module behind that ignores its signal, says so, and ends", async () => {
    const entered = gate();
    const release = gate();
    const run = new Agent({
      abortGraceMs: 5,
      nodes: [
        new Node({
          name: "stubborn",
          modules: [
            defineModule({
              name: "stubborn",
              async process() {
                entered.open();
                await release.opened;
                return { status: "success" };
              },
            }),
          ],
        }),
      ],
    }).start(newTask());
    const abandoned = (async () => {
      for await (const event of run.events()) if (event.type === "module.abandoned") return event;
      return undefined;
    })();
    await entered.opened;
    const outcome = await run.cancel();
    expect(outcome.task.error).toBe("The run was cancelled.");
    expect(await abandoned).toMatchObject({ type: "module.abandoned", node: "stubborn", module: "stubborn", graph: [] });
    release.open();
  });
});
