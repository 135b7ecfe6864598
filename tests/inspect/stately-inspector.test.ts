/** The bridge end to end over loopback: what arrives draws every machine, and holds no secret. */
import { once } from "node:events";
import { request } from "node:http";
import { createServer } from "node:net";
import { createInspectorServer } from "@statelyai/inspect/server";
import { type StatelyInspector, type StatelyInspectorOptions, statelyInspector } from "asimov-agents/inspect";
import { afterEach, describe, expect, it } from "vitest";
import { type ActorLogic, assign, createActor, fromPromise, type InspectionEvent, type Snapshot, setup } from "xstate";

const canary = "cAnArY0123456789";

interface Wire {
  type: string;
  sessionId: string;
  rootId: string;
  name?: string;
  parentId?: string;
  sourceId?: string;
  definition?: string;
  event?: { type: string };
  snapshot?: { status: string; value?: unknown; context?: Record<string, unknown> };
}

/** An actor logic without any `config`, as libraries write them. */
const bare: ActorLogic<Snapshot<undefined>, { type: "ping" }> = {
  transition: (snapshot) => snapshot,
  getInitialSnapshot: () => ({ status: "active", output: undefined, error: undefined }),
  getPersistedSnapshot: (snapshot) => snapshot,
};

const worker = setup({
  types: { context: {} as { apiKey: string; notes: string; visits: number }, events: {} as { type: "work"; authorization: string } },
  actors: { bare, ask: fromPromise(async ({ input }: { input: { token: string } }) => ({ secret: input.token })) },
  actions: { visit: assign({ visits: ({ context }) => context.visits + 1 }) },
}).createMachine({
  id: "worker",
  context: { apiKey: canary, notes: "n".repeat(10_000), visits: 0 },
  invoke: [
    { src: "bare", id: "plain" },
    { src: "ask", id: "asking", input: () => ({ token: canary }) },
  ],
  initial: "token",
  // A state may be called as a secret is.
  states: {
    token: {
      on: { work: { target: "password", actions: [{ type: "visit" }, function inline() {}] } },
      after: { 1000000: "password" },
    },
    password: { entry: { type: "visit", params: { secret: canary } } as never },
  },
});

const parent = setup({ actors: { worker } }).createMachine({ id: "parent", invoke: { src: "worker", id: "child", systemId: "child" } });

function run(inspect: (event: InspectionEvent) => void) {
  const actor = createActor(parent, { id: "root", inspect }).start();
  actor.system.get("child").send({ type: "work", authorization: `Bearer ${canary}` });
  return actor;
}

const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

function start(options: StatelyInspectorOptions = {}): StatelyInspector {
  const inspector = statelyInspector({ onReady: () => {}, ...options });
  stops.push(() => inspector.stop());
  return inspector;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

/** The events of a page's stream, until `enough` holds. */
async function readStream(pageUrl: string, enough: (events: Wire[]) => boolean): Promise<Wire[]> {
  const url = pageUrl.replace("/?", "/events?");
  const response = await fetch(url);
  expect(response.headers.get("content-type")).toBe("text/event-stream");
  const events: Wire[] = [];
  let rest = "";
  for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    const blocks = (rest + chunk).split("\n\n");
    rest = blocks.pop() ?? "";
    events.push(...blocks.map((block) => JSON.parse(block.replace(/^data: /, "")) as Wire));
    if (enough(events)) break;
  }
  return events;
}

const worked = (events: Wire[]): boolean =>
  events.some((event) => event.type === "@xstate.snapshot" && event.snapshot?.value === "password");

function expectWholeRun(events: Wire[], root: { sessionId: string }): void {
  const actors = new Map(events.filter((event) => event.type === "@xstate.actor").map((event) => [event.name, event]));
  expect([...actors.keys()].sort()).toEqual(["asking", "child", "plain", "root"]);
  const child = actors.get("child");
  expect(child?.parentId).toBe(root.sessionId);
  expect(new Set(events.map((event) => event.rootId))).toEqual(new Set([root.sessionId]));

  const definition = JSON.parse(child?.definition ?? "{}");
  expect(definition).toMatchObject({
    id: "worker",
    initial: "token",
    context: { apiKey: "[redacted]", visits: 0 },
    invoke: [
      { src: "bare", id: "plain" },
      { src: "ask", id: "asking" },
    ],
    states: {
      token: { on: { work: { target: "password", actions: [{ type: "visit" }, { type: "inline" }] } }, after: { 1000000: "password" } },
      password: { entry: { type: "visit" } },
    },
  });
  expect(JSON.parse(actors.get("plain")?.definition ?? "{}")).toEqual({ id: "plain" });

  const work = events.find((event) => event.event?.type === "work" && event.type === "@xstate.event");
  expect(work).toMatchObject({ sessionId: child?.sessionId, event: { authorization: "[redacted]" } });
  const last = events.findLast((event) => event.type === "@xstate.snapshot" && event.sessionId === child?.sessionId);
  expect(last?.snapshot).toMatchObject({ status: "active", value: "password", context: { apiKey: "[redacted]" } });
  expect(String(last?.snapshot?.context?.notes)).toMatch(/more characters$/);

  const text = JSON.stringify(events);
  expect(text).not.toContain(canary);
  expect(text.length).toBeLessThan(100_000);
}

describe("stately inspector: page on 127.0.0.1", () => {
  it("shows every machine to who comes late, without secrets and cut in size", async () => {
    const inspector = start();
    const root = run(inspector.inspect);
    const url = await inspector.url;
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/\?token=[\w-]{36}$/);
    expectWholeRun(await readStream(url, worked), root);
  });

  it("shows what happens while somebody looks", async () => {
    const inspector = start();
    const url = await inspector.url;
    const first = Promise.withResolvers<void>();
    const idle = createActor(setup({}).createMachine({ id: "idle" }), { inspect: inspector.inspect }).start();
    const reading = readStream(url, (events) => {
      first.resolve();
      return worked(events);
    });
    await first.promise;
    run(inspector.inspect);
    const events = await reading;
    expect(events[0]).toMatchObject({ sessionId: idle.sessionId, name: "idle" });
    expect(worked(events)).toBe(true);
  });

  it("serves a page that frames the viewer and lets no other site in", async () => {
    const inspector = start({ viewer: "https://viewer.example/path?a=1&b=2" });
    const response = await fetch(await inspector.url);
    const page = await response.text();
    expect(page).toContain('<iframe src="https://viewer.example/path?a=1&#38;b=2"');
    const policy = response.headers.get("content-security-policy");
    expect(policy).toContain("frame-src https://viewer.example https://*.viewer.example");
    expect(policy).toContain("default-src 'none'");
    expect(response.headers.get("referrer-policy")).toBe("no-referrer");
    expect(response.headers.get("access-control-allow-origin")).toBeNull();
  });

  it.each<[string, { headers?: Record<string, string>; path?: (path: string) => string; method?: string }, number]>([
    ["no token", { path: () => "/events" }, 403],
    ["another token", { path: (path) => path.replace(/.$/, (end) => (end === "0" ? "1" : "0")) }, 403],
    ["a foreign Origin", { headers: { origin: "https://evil.example" } }, 403],
    ["the Origin null", { headers: { origin: "null" } }, 403],
    ["the Origin of another port", { headers: { origin: "http://127.0.0.1:1" } }, 403],
    ["a foreign Host", { headers: { host: "evil.example" } }, 403],
    ["a POST", { method: "POST" }, 403],
    ["an address that is none", { path: () => "//[" }, 403],
    ["another path", { path: (path) => path.replace("/?", "/other?") }, 404],
    ["what the page itself asks", {}, 200],
  ])("answers %s by its right", async (_, { headers = {}, path = (same) => same, method = "GET" }, status) => {
    const url = new URL(await start().url);
    const sent = request({ host: "127.0.0.1", port: url.port, path: path(url.pathname + url.search), method, headers }).end();
    const [response] = await once(sent, "response");
    response.resume();
    expect(response.statusCode).toBe(status);
  });

  it("says where to look, and frees the port when it is stopped", async () => {
    const ready = Promise.withResolvers<string>();
    const inspector = start({ onReady: ready.resolve });
    const url = await inspector.url;
    expect(await ready.promise).toBe(url);
    const stream = await fetch(url.replace("/?", "/events?"));
    await inspector.stop();
    await inspector.stop();
    await expect(stream.text()).rejects.toThrow();
    await expect(fetch(url)).rejects.toThrow("fetch failed");
    run(inspector.inspect);
  });

  it("reports a port that is taken, and leaves the run alone", async () => {
    const { port } = new URL(await start().url);
    const errors: unknown[] = [];
    const second = start({ port: Number(port), onError: (error) => errors.push(error) });
    await expect(second.url).rejects.toMatchObject({ code: "inspector-port" });
    expect(run(second.inspect).getSnapshot().status).toBe("active");
    expect(errors).toMatchObject([{ code: "inspector-port" }]);
  });
});

describe("stately inspector: socket", () => {
  it("feeds the server of @statelyai/inspect, which a viewer listens to", async () => {
    const port = await freePort();
    const server = createInspectorServer({ port, autoOpen: false });
    stops.push(() => server.stop());
    const url = `ws://127.0.0.1:${port}`;
    const viewer = new WebSocket(url);
    await once(viewer, "open");
    const events: Wire[] = [];
    const enough = Promise.withResolvers<void>();
    viewer.addEventListener("message", ({ data }) => {
      events.push(JSON.parse(String(data)));
      if (worked(events)) enough.resolve();
    });

    const inspector = start({ url });
    const root = run(inspector.inspect);
    await enough.promise;
    expectWholeRun(events, root);
    viewer.close();
    await once(viewer, "close");
  });

  it("reports once that nobody listens, leaves the run alone, and ends when it is stopped", async () => {
    const url = `ws://127.0.0.1:${await freePort()}`;
    const failed = Promise.withResolvers<unknown>();
    const inspector = start({ url, onError: failed.resolve });
    expect(run(inspector.inspect).getSnapshot().status).toBe("active");
    expect(await failed.promise).toMatchObject({ code: "inspector-unreachable", message: expect.stringContaining(url) });
    await inspector.stop();
  });
});

describe("stately inspector: options", () => {
  it.each<[string, object]>([
    ["url", { url: "http://127.0.0.1" }],
    ["port", { port: 70_000 }],
    ["viewer", { viewer: "javascript:alert(1)" }],
    ["redact", { redact: "all" }],
    ["maxDepth", { redact: { maxDepth: 0 } }],
    ["hostname", { hostname: "0.0.0.0" }],
  ])("refuses a wrong %s at once", (name, options) => {
    expect(() => statelyInspector(options)).toThrow(
      expect.objectContaining({ code: "invalid-options", message: expect.stringContaining(name) }),
    );
  });

  it("sends what it sees when redaction is off, as plain data", async () => {
    const inspector = start({ redact: false });
    run(inspector.inspect);
    const text = JSON.stringify(await readStream(await inspector.url, worked));
    expect(text).toContain(canary);
    expect(text).toContain("n".repeat(10_000));
  });
});
