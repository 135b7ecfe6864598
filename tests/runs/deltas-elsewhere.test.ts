/** What models answer is heard where the run is not: by whoever has a store of its own over the same place, and so in another process. */
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import {
  Agent,
  ChatRole,
  defineModule,
  FileStore,
  MemoryStore,
  type ModelDelta,
  Node,
  type RunStore,
  type RunStoreOptions,
  Runs,
  Task,
} from "asimov-agents";
import { PostgresStore } from "asimov-agents/postgres";
import { RedisStore } from "asimov-agents/redis";
import { SqliteStore } from "asimov-agents/sqlite";
import { ScriptedInferenceClient } from "asimov-agents/testing";
import { AgentWorker } from "asimov-agents/worker";
import { afterEach, beforeEach, describe, expect, inject, it } from "vitest";
import { newPlace } from "../store/place.ts";
import { postgresUrl } from "../support/postgres-server.ts";

const ASKED = [{ role: ChatRole.USER, content: "Say hello" }];

const folder = newPlace();
type Place = () => RunStore;
const PLACES: [name: string, make: (options: RunStoreOptions) => Promise<Place>][] = [
  [
    "the same memory",
    async (options) => {
      const store = new MemoryStore(options);
      return () => store;
    },
  ],
  [
    "files",
    async (options) => {
      const dir = folder();
      return () => new FileStore({ dir, fsync: false, ...options });
    },
  ],
  [
    "SQLite",
    async (options) => {
      const file = join(folder(), "runs.db");
      return () => new SqliteStore({ file, ...options });
    },
  ],
  [
    "Redis",
    async (options) => {
      const place = { url: inject("redisUrl"), prefix: `${crypto.randomUUID()}:` };
      return () => new RedisStore({ ...place, ...options });
    },
  ],
  [
    "Postgres",
    async (options) => {
      const place = { connectionString: await postgresUrl(), schema: `deltas_${crypto.randomUUID().replaceAll("-", "")}` };
      return () => new PostgresStore({ ...place, ...options });
    },
  ],
];

const opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of opened.splice(0).reverse()) await each.close();
});

describe.each(PLACES)("what models answer, heard by way of %s", (_, make) => {
  const open = async (options: RunStoreOptions = {}): Promise<Place> => {
    const place = await make(options);
    return () => {
      const store = place();
      opened.push(store);
      return store;
    };
  };
  let small: ScriptedInferenceClient;
  beforeEach(() => {
    small = new ScriptedInferenceClient(Array.from({ length: 10_000 }, () => "hm"));
  });
  const submitted = async (runs: Runs): Promise<string> =>
    (await runs.submit(new Task({ type: "test", objective: "Ask" }), { agent: "asks" })).taskId;
  /** A model is asked small things until somebody has heard one of its answers, and then the chain. */
  const hosting = (store: RunStore, client: ScriptedInferenceClient, isHeard: () => boolean): AgentWorker => {
    const model = defineModule({
      name: "model",
      process: async () => {
        for (await small.generate(ASKED); !isHeard(); await small.generate(ASKED)) await pause(10);
        return { status: "success", result: (await client.toolChain(ASKED, [])).text };
      },
    });
    const agent = new Agent({ name: "asks", nodes: [new Node({ name: "ask", modules: [model] })] });
    const worker = new AgentWorker({ agents: [agent], store });
    opened.push({ close: () => worker.stop({ graceMs: 0 }) });
    return worker;
  };

  it("is told between the events, whole and in order, though it is longer than what a server takes at once", {
    timeout: 60_000,
  }, async () => {
    const place = await open();
    const text = Array.from({ length: 3_000 }, (__, at) => `${at} é`).join(" ");
    const client = new ScriptedInferenceClient([{ text, chunks: [text.slice(0, 20), text.slice(20, 9_000), text.slice(9_000)] }]);
    const runs = new Runs(place());
    const id = await submitted(runs);
    const deltas: ModelDelta[] = [];
    await hosting(place(), client, () => deltas.length > 0).start();
    const types: string[] = [];
    for await (const event of runs.events(id, { deltas: true })) {
      types.push(event.type);
      if (event.type === "model.delta") deltas.push(event);
    }
    const told = deltas.filter(({ part }) => part.type === "text-delta").map(({ part }) => (part as { text: string }).text);
    expect(told.join("").replace(/^(?:hm)*/, "")).toBe(text);
    expect(deltas.at(-1)).toMatchObject({ type: "model.delta", taskId: id, node: "ask", module: "model", part: { type: "finish" } });
    expect(types.at(-1)).toBe("run.ended");
  });

  it("is said as the codec of the store makes it", async () => {
    const flip = (bytes: Uint8Array): Uint8Array => bytes.map((byte) => byte ^ 0x5a);
    const place = await open({ codec: { encode: flip, decode: flip } });
    const hosted = place();
    const said: string[] = [];
    const { publish } = hosted;
    hosted.publish = (taskId, text) => {
      said.push(text);
      publish.call(hosted, taskId, text);
    };
    const text = "What only its reader knows, é, ".repeat(100);
    const runs = new Runs(place());
    const id = await submitted(runs);
    let heard = "";
    await hosting(hosted, new ScriptedInferenceClient([text]), () => heard !== "").start();
    for await (const event of runs.events(id, { deltas: true }))
      if (event.type === "model.delta" && event.part.type === "text-delta") heard += event.part.text;
    expect(heard.replace(/^(?:hm)*/, "")).toBe(text);
    const told = said.filter((each) => JSON.parse(each).say === "told");
    expect(told.length).toBeGreaterThan(0);
    expect(told.filter((each) => each.includes("only its reader"))).toEqual([]);
  });

  it("is said before what is stored after it", async () => {
    const place = await open();
    const hosted = place();
    const done: string[] = [];
    const { publish, commit } = hosted;
    hosted.publish = (taskId, text) => {
      const { say, deltas } = JSON.parse(text) as { say: string; deltas?: ModelDelta[] };
      if (say === "told") done.push(...(deltas ?? []).map(({ part }) => part.type));
      publish.call(hosted, taskId, text);
    };
    hosted.commit = (lease, given) => {
      done.push(...given.events.map(({ body }) => /"type":"([^"]+)"/.exec(String(body))?.[1] ?? ""));
      return commit.call(hosted, lease, given);
    };
    const runs = new Runs(place());
    const id = await submitted(runs);
    let isHeard = false;
    await hosting(hosted, new ScriptedInferenceClient(["Hello"]), () => isHeard).start();
    for await (const { type } of runs.events(id, { deltas: true })) isHeard ||= type === "model.delta";
    expect(done).toContain("finish");
    expect(done.lastIndexOf("finish")).toBeLessThan(done.indexOf("module.ended"));
  });

  it("is published to nobody where nobody has asked", async () => {
    const place = await open();
    const store = place();
    const said: string[] = [];
    const { publish } = store;
    store.publish = (taskId, text) => {
      said.push(JSON.parse(text).say);
      publish.call(store, taskId, text);
    };
    const client = new ScriptedInferenceClient(["Hello"]);
    const runs = new Runs(store);
    const id = await submitted(runs);
    await hosting(store, client, () => true).start();
    for await (const { status } of runs.watch(id)) if (status === "COMPLETE") break;
    expect(said).toEqual(["asked"]);
    expect(small.calls.map(({ stream }) => stream)).toEqual([false]);
  });
});
