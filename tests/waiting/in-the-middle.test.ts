/** What a module does in its middle, found again by a repeat of it, on every driver: questions of a loop, moments, what it awaits beside a wait. */
import {
  Agent,
  type AgentModule,
  defineQuestion,
  type ModuleContext,
  Node,
  type ParkedRun,
  type RunStore,
  Runs,
  sleepUntil,
  type TaskOutcome,
} from "asimov-agents";
import { SimulatedClock } from "asimov-agents/testing";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { all, opening, storesOf } from "../runs/stores.ts";
import { HOUR, moduleOf, nodeOf, taskOf } from "./pair.ts";

const park = { whenWaiting: "park" } as const;
type Outcome = TaskOutcome | ParkedRun;

describe.each(storesOf())("a module that is repeated (%s)", (_, make) => {
  const open = opening(make);
  const setUp = (...modules: AgentModule[]) => {
    const clock = new SimulatedClock();
    const store: RunStore = open({ clock });
    const agent = () => new Agent({ name: "a", clock, store, nodes: [new Node({ name: "n", modules })] });
    const start = (): Promise<Outcome> => agent().runTask(taskOf(), park);
    const goOn = async (): Promise<Outcome> => await (await agent().resume("t", park)).outcome;
    return { clock, store, runs: new Runs(store, { clock }), agent, start, goOn };
  };

  it("has the answers of a loop in their order, each question of one name asked once", async () => {
    const log: unknown[] = [];
    const asks = async ({ ask }: ModuleContext) => {
      const had: number[] = [];
      for (let round = 0; round < 3; round++) {
        const show = () => {
          log.push(`shows ${round}`);
          return had;
        };
        had.push((await ask("next", { show, answer: z.number() })).answer);
      }
      return had;
    };
    const { runs, start, goOn } = setUp(moduleOf("asks", asks));
    let outcome = await start();
    for (const answer of [10, 20, 30]) {
      const [question, ...more] = outcome.status === "PARKED" ? outcome.questions : [];
      log.push(question?.shown, more.length);
      await runs.answer(question?.id ?? "", answer);
      outcome = await goOn();
    }
    expect(outcome).toMatchObject({ status: "COMPLETE", results: { n: [10, 20, 30] } });
    expect(log).toEqual(["shows 0", [], 0, "shows 1", [10], 0, "shows 2", [10, 20], 0]);
  });

  it("begins again what it awaited beside a wait, which was aborted when its run was put down", async () => {
    const log: string[] = [];
    const works = async ({ ask, signal }: ModuleContext) => {
      log.push("begins");
      const beside = new Promise<string>((resolve, reject) => {
        if (log.includes("aborted")) return resolve("beside");
        signal.addEventListener("abort", () => {
          log.push("aborted");
          reject(signal.reason);
        });
      });
      const [{ answer }, given] = await Promise.all([ask("ok?", { answer: z.boolean() }), beside]);
      return [answer, given];
    };
    const { runs, start, goOn } = setUp(moduleOf("works", works));
    expect(await start()).toMatchObject({ status: "PARKED" });
    await runs.answer((await all(runs.questions()))[0]?.id ?? "", true);
    expect(await goOn()).toMatchObject({ status: "COMPLETE", results: { n: [true, "beside"] } });
    expect(log).toEqual(["begins", "aborted", "begins"]);
  });

  it("waits until a moment, as a module of its own or in the middle of one, and not at all for one that has passed", async () => {
    const at = (hours: number) => new Date(Date.UTC(2000, 0, 1) + hours * HOUR);
    const modules = [
      sleepUntil({ name: "launch", at: at(1) }),
      sleepUntil({ name: "later", at: ({ task }) => at(task.id === "t" ? 2 : 0) }),
      sleepUntil({ name: "long ago", at: new Date(0) }),
      moduleOf("works", async ({ sleepUntil: until }) => {
        await until(new Date(0), { name: "past" });
        await until(at(3));
        return "awake";
      }),
    ];
    const { clock, start, goOn } = setUp(...modules);
    const due: unknown[] = [];
    let outcome = await start();
    for (; outcome.status === "PARKED"; outcome = await goOn()) {
      due.push(outcome.dueAt);
      await clock.advance((outcome.dueAt ?? 0) - clock.now());
    }
    expect(due).toEqual([1, 2, 3].map((hours) => at(hours).getTime()));
    expect(outcome).toMatchObject({ status: "COMPLETE", results: { n: { launch: null, later: null, "long ago": null, works: "awake" } } });
  });

  it("holds its run while it waits by `getMessage`, and puts it down while it waits by `receive`", async () => {
    const { clock, runs, agent } = setUp(
      moduleOf("holds", async ({ values, receive }) => [await values.getMessage("box"), await receive("box")]),
    );
    const run = agent().start(taskOf(), park);
    await clock.advance(HOUR);
    expect((await runs.get("t")).status).toBe("RUNNING");
    await run.send("box", 1);
    expect(await clock.runUntil(run.outcome)).toMatchObject({ status: "PARKED" });
  });

  it("is put down by whoever asks for that, too, with what it waits for", async () => {
    const { clock, runs, agent } = setUp(
      moduleOf("works", () => new Promise(() => {})),
      moduleOf("never", () => {}),
    );
    const run = agent().start(taskOf(), park);
    while ((await runs.get("t").catch(() => undefined)) === undefined) await clock.advance(1);
    await clock.runUntil(run.park());
    expect(await run.outcome).toMatchObject({ status: "PARKED", taskId: "t", questions: [] });
  });

  it("jumps by the answer of a question, and asks anew in the visit after", async () => {
    const clock = new SimulatedClock();
    const store = open({ clock });
    const runs = new Runs(store, { clock });
    const approve = defineQuestion({
      name: "approve",
      show: ({ results }) => results.draft,
      answer: z.object({ ok: z.boolean() }),
      decide: ({ ok }) => (ok ? null : "draft"),
    });
    const nodes = [
      nodeOf("draft", ({ node }) => `draft ${node.visit}`),
      new Node({ name: "approve", modules: [approve], dependencies: ["draft"] }),
      new Node({ name: "send", modules: [moduleOf("send", ({ results }) => `sent ${results.draft}`)], dependencies: ["approve"] }),
    ];
    const agent = () => new Agent({ name: "a", clock, store, nodes });
    await agent().runTask(taskOf(), park);
    const asked: unknown[] = [];
    let outcome: Outcome | undefined;
    for (const ok of [false, true]) {
      const [question] = await all(runs.questions());
      asked.push(question?.shown);
      await runs.answer(question?.id ?? "", { ok });
      outcome = await (await agent().resume("t", park)).outcome;
    }
    expect(asked).toEqual(["draft 1", "draft 2"]);
    expect(outcome).toMatchObject({ status: "COMPLETE", results: { approve: { ok: true }, send: "sent draft 2" } });
  });

  it("shows what is to be decided as it is, secrets too, wherever a question is seen", async () => {
    const shown = { password: "hunter22", key: "sk-ant-api03-abcdefghijklmnopqrstuvwxyz" };
    const { runs, start } = setUp(defineQuestion({ name: "q", show: shown, answer: z.boolean() }));
    const parked = await start();
    const view = await runs.get("t");
    const opened: unknown[] = [];
    for await (const event of runs.events("t")) {
      if (event.type === "question.opened") opened.push(event.question.shown);
      if (event.seq === view.seq) break;
    }
    const listed = (await all(runs.questions())).map((question) => question.shown);
    expect([parked.status === "PARKED" && parked.questions[0]?.shown, view.questions[0]?.shown, ...listed, ...opened]).toEqual(
      Array(4).fill(shown),
    );
  });
});
