/** What has no room in a part of the run's store fails the module that wrote it, finally, and nothing else. */
import { Agent, AsimovError, type Codec, MemoryStore, type ModuleContext, Node, Runs, Task } from "asimov-agents";
import { describe, expect, it } from "vitest";
import { aborted, failure, moduleOf, nodeOf, success } from "../run/support.ts";
import { overTheWire } from "../support/told.ts";
import { allStores, opening } from "./stores.ts";

const MOST = 16_000;
const taskOf = (params: Record<string, unknown> = {}): Task => new Task({ id: "t", type: "test", objective: "Fit", params });
const large = (bytes: number): string => "x".repeat(bytes);

/** Makes each byte two. */
const hex: Codec = {
  encode: (bytes) => new TextEncoder().encode(Buffer.from(bytes).toString("hex")),
  decode: (bytes) => Uint8Array.from(Buffer.from(new TextDecoder().decode(bytes), "hex")),
};

const tooLarge = { code: "part-too-large", error: expect.stringMatching(/has \d+ bytes; this store takes at most 16000/) };

describe.each(allStores())("a run of a %s store with small parts", (_, make) => {
  const open = opening(make, { maxPartBytes: MOST });

  it.each([
    ["without a codec", {}, MOST],
    ["as its codec makes of it", { codec: hex }, MOST * 0.6],
  ])("fails the module whose result has no room, %s, and that alone; a retry with less succeeds", async (_name, options, bytes) => {
    const store = open(options);
    let isLarge = true;
    const log: string[] = [];
    const nodes = () => [
      nodeOf("a", [], ({ node }) => {
        log.push(`a ${node.attempt}`);
        return success(isLarge ? large(bytes) : "small");
      }),
      nodeOf("b", ["a"]),
      nodeOf("beside", [], () => success(large(1_000))),
    ];
    const run = new Agent({ store, nodes: nodes() }).start(taskOf());
    const outcome = await run.outcome;
    expect(outcome).toMatchObject({ status: "PARTIAL", failedChains: [["a", "b"]], results: { beside: large(1_000) } });
    expect(outcome.errors).toEqual([expect.objectContaining({ ...tooLarge, node: "a", module: "a" })]);
    expect(outcome.errors[0]?.error).toMatch(/^Node "a", with what its module "a" gave, of run "t" has/);
    // Another attempt would give the same.
    expect(log).toEqual(["a 1"]);
    expect(await new Runs(store).get("t")).toEqual(overTheWire(run.view()));
    isLarge = false;
    expect(await (await new Agent({ store, nodes: nodes() }).retry("t")).outcome).toMatchObject({ status: "COMPLETE" });
    expect(log).toEqual(["a 1", "a 2"]);
  });

  const ways: [what: string, name: RegExp, write: (context: ModuleContext, text: string) => unknown][] = [
    ["sets", /^The value of key "big"/, ({ values }, text) => values.set("big", text)],
    ["sets with others", /^The value of key "big"/, ({ values }, text) => values.setMany({ small: 1, big: text })],
    ["sets for a while", /^The value of key "big"/, ({ values }, text) => values.set("big", text, { ttlMs: 1_000 })],
    ["makes of a value", /^The value of key "big"/, ({ values }, text) => values.update("big", () => text)],
    ["sends", /^A message to mailbox "letters"/, ({ values }, text) => values.publishToMailbox("letters", text)],
    ["does in a step", /^The result of step "big" of module "a" of node "a"/, ({ step }, text) => step("big", () => text)],
    ["emits", /^What module "a" of node "a" emitted/, ({ emit }, text) => emit({ type: "big", text })],
  ];

  it.each(ways)("fails the module that %s too much, names it, and keeps what others did", async (_what, name, write) => {
    for (const [options, bytes] of [
      [{}, MOST],
      [{ codec: hex }, MOST * 0.6],
    ] as const) {
      const store = open(options);
      const nodes = [
        nodeOf("a", [], async (context) => {
          await context.values.set("before", 1);
          await write(context, large(bytes));
          return success();
        }),
        nodeOf("beside", [], async ({ values }) => success(await values.set("kept", true))),
      ];
      const run = new Agent({ store, nodes }).start(taskOf());
      const { status, errors } = await run.outcome;
      expect(status).toBe("PARTIAL");
      expect(errors).toEqual([expect.objectContaining({ ...tooLarge, node: "a" })]);
      expect(errors[0]?.error).toMatch(name);
      expect(await run.values.getAll()).toEqual({ before: 1, kept: true, task: expect.anything() });
      expect(await new Runs(store).get("t")).toEqual(overTheWire(run.view()));
      expect(await new Runs(store).value("t", ["values", "kept"])).toBe(true);
    }
  });

  it.each(ways)("lets a module that %s too much do without", async (_what, _name, write) => {
    const store = open();
    const nodes = [
      nodeOf("a", [], async (context) => {
        try {
          await write(context, large(MOST));
        } catch {
          await write(context, "less");
        }
        return success("went on");
      }),
    ];
    expect(await new Agent({ store, nodes }).runTask(taskOf())).toMatchObject({ status: "COMPLETE", results: { a: "went on" } });
  });

  it.each(["ALWAYS", "NEVER"] as const)(
    "refuses a message by run.send that has no room, by name, and the run goes on (snapshot %s)",
    async (snapshot) => {
      const store = open();
      const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
      const nodes = [
        nodeOf("a", [], async ({ values, signal }) => {
          begin();
          return success((await values.getMessage<string>("letters", { signal }))?.length);
        }),
      ];
      const run = new Agent({ store, snapshot, nodes }).start(taskOf());
      await begun;
      const refused = {
        code: "part-too-large",
        message: expect.stringMatching(/^A message to mailbox "letters" of run "t" has 16002 bytes;/),
      };
      await expect(run.send("letters", large(MOST))).rejects.toMatchObject(refused);
      await run.send("letters", large(MOST - 2));
      expect(await run.outcome).toMatchObject({ status: "COMPLETE", results: { a: MOST - 2 }, errors: [] });
    },
  );

  it("refuses a message by runs.send that has no room, and names its mailbox", async () => {
    const store = open();
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    const nodes = [
      nodeOf("a", [], async ({ signal }) => {
        begin();
        await aborted(signal);
      }),
    ];
    const run = new Agent({ store, nodes }).start(taskOf());
    await begun;
    const message = expect.stringMatching(/^Message "m1" to mailbox "letters" of run "t" has \d+ bytes;/);
    await expect(new Runs(store).send("t", "letters", large(MOST), { id: "m1" })).rejects.toMatchObject({
      code: "part-too-large",
      message,
    });
    await run.cancel();
  });

  it("takes what is just below the limit", async () => {
    const store = open();
    const nodes = [
      nodeOf("a", [], async ({ values, emit }) => {
        await values.set("big", large(MOST - 100));
        await values.publishToMailbox("letters", large(MOST - 2));
        emit({ type: "big", text: large(MOST - 200) });
        return success(large(MOST - 4_000));
      }),
    ];
    expect(await new Agent({ store, nodes }).runTask(taskOf())).toMatchObject({ status: "COMPLETE" });
  });

  it("fails the module with which its node's results are too many, in order or in parallel", async () => {
    for (const parallel of [false, true]) {
      const store = open();
      const modules = ["one", "two", "three"].map((name) => moduleOf(name, () => success(large(6_000))));
      const run = new Agent({ store, nodes: [new Node({ name: "a", modules, nodeConfig: { parallel } })] }).start(taskOf());
      const { errors, status } = await run.outcome;
      expect(errors).toEqual([expect.objectContaining({ ...tooLarge, node: "a", module: "three" })]);
      expect(status).toBe("FAILED");
      expect(await new Runs(store).get("t")).toEqual(overTheWire(run.view()));
    }
  });

  it("fails a composite whose nodes' results have no room together, and names it", async () => {
    const store = open();
    const inner = ["x", "y", "z"].map((name) => nodeOf(name, [], () => success(large(6_000))));
    const run = new Agent({ store, nodes: [new Node({ name: "outer", nodes: inner }), nodeOf("beside")] }).start(taskOf());
    const { status, errors } = await run.outcome;
    expect(status).toBe("PARTIAL");
    expect(errors).toEqual([expect.objectContaining({ ...tooLarge, node: "outer" })]);
    expect(errors[0]?.error).toContain('Node "outer", with what its graph gave,');
    expect(await new Runs(store).get("t")).toEqual(overTheWire(run.view()));
  });

  it("begins a nested graph anew whose state had no room when it failed", async () => {
    const store = open();
    let isBroken = true;
    const log: string[] = [];
    const nodes = () => [
      new Node({
        name: "outer",
        nodeConfig: { retryOnFailure: false },
        nodes: [
          nodeOf("x", [], () => success(large(log.push("x") * 0 + 6_500))),
          nodeOf("bad", ["x"], () => (log.push("bad") > 0 && isBroken ? failure("broken") : success()), {
            nodeConfig: { retryOnFailure: false },
          }),
        ],
      }),
    ];
    expect(await new Agent({ store, nodes: nodes() }).runTask(taskOf())).toMatchObject({
      status: "FAILED",
      errors: [{ error: "broken" }, {}],
    });
    isBroken = false;
    log.length = 0;
    expect(await (await new Agent({ store, nodes: nodes() }).retry("t")).outcome).toMatchObject({ status: "COMPLETE" });
    expect(log).toEqual(["x", "bad"]);
  });

  it("is refused at its start where its params or first values have no room, and nothing of it runs or is stored", async () => {
    for (const options of [{}, { codec: hex }]) {
      const store = open(options);
      const log: string[] = [];
      const agent = new Agent({ store, nodes: [nodeOf("a", [], () => success(log.push("a")))] });
      await expect(agent.runTask(taskOf({ text: large(MOST) }))).rejects.toMatchObject({ code: "part-too-large" });
      await expect(agent.runTask(taskOf(), { values: { big: large(MOST) } })).rejects.toMatchObject({
        code: "part-too-large",
        message: expect.stringContaining("big"),
      });
      expect(log).toEqual([]);
      await expect(new Runs(store).get("t")).rejects.toMatchObject({ code: "run-not-found" });
      expect(await agent.runTask(taskOf())).toMatchObject({ status: "COMPLETE" });
    }
  });

  it("ends as it did where its result, of all its last nodes, has no room: it is stored without it, and says so", async () => {
    const store = open();
    const nodes = ["x", "y", "z"].map((name) => nodeOf(name, [], () => success(large(6_000))));
    const run = new Agent({ store, nodes }).start(taskOf());
    const { status, errors, results, task } = await run.outcome;
    expect(status).toBe("COMPLETE");
    expect(errors).toEqual([{ ...tooLarge, status: "error", taskId: "t" }]);
    expect(results).toEqual({ x: large(6_000), y: large(6_000), z: large(6_000) });
    expect(task.result).toEqual(results);
    expect(await new Runs(store).get("t")).toMatchObject({ status: "COMPLETE" });
    expect(await new Runs(store).value("t", ["values", "task"])).toMatchObject({ status: "COMPLETE", id: "t" });
  });
});

describe("a run whose store never takes what it writes", () => {
  it("ends here with why, and goes on from what is stored when it is taken up again", async () => {
    let isSmall = true;
    class Shrunk extends MemoryStore {
      override async commit(...[lease, commit]: Parameters<MemoryStore["commit"]>) {
        if (isSmall && commit.generation > 2) throw new AsimovError("It is too large.", { code: "part-too-large" });
        return await super.commit(lease, commit);
      }
    }
    const store = new Shrunk();
    const log: string[] = [];
    const nodes = ["a", "b"].map((name, at, names) => nodeOf(name, names.slice(0, at), () => success(log.push(name))));
    await expect(new Agent({ store, nodes }).runTask(taskOf())).rejects.toMatchObject({ code: "part-too-large" });
    expect(await new Runs(store).get("t")).toMatchObject({ status: "READY" });
    isSmall = false;
    expect(await (await new Agent({ store, nodes }).resume("t")).outcome).toMatchObject({ status: "COMPLETE" });
  });
});
