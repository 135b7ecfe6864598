/** An inspector watches, and changes nothing: neither by throwing nor by what it could leak. */

import { safeInspector } from "asimov-agents/inspect";
import { describe, expect, it } from "vitest";
import { type AnyActorRef, assign, createActor, fromPromise, type InspectionEvent, setup, waitFor } from "xstate";

const canary = "cAnArY0123456789";

const counter = setup({
  types: { context: {} as { count: number; apiKey: string; notes: string }, events: {} as { type: "add"; password: string } },
  actions: { add: assign({ count: ({ context }) => context.count + 1 }), say: (_, _params: { token: string }) => {} },
}).createMachine({
  id: "counter",
  context: { count: 0, apiKey: canary, notes: "n".repeat(10_000) },
  initial: "open",
  states: { open: { on: { add: { actions: ["add", { type: "say", params: { token: canary } }] } } } },
});

function watch(inspect: (event: InspectionEvent) => unknown, options?: Parameters<typeof safeInspector>[1]): AnyActorRef {
  return createActor(counter, { inspect: safeInspector(inspect, options) }).start();
}

describe("safe inspector", () => {
  it("leaves the actor running when the inspector throws, and reports the first error once", () => {
    const errors: unknown[] = [];
    let calls = 0;
    const actor = watch(
      () => {
        calls++;
        throw new Error(`call ${calls}`);
      },
      { onError: (error) => errors.push(error) },
    );
    actor.send({ type: "add", password: canary });
    actor.send({ type: "add", password: canary });
    expect(actor.getSnapshot().context.count).toBe(2);
    expect(actor.getSnapshot().status).toBe("active");
    expect(calls).toBeGreaterThan(4);
    expect(errors).toEqual([new Error("call 1")]);
  });

  it("is needed: without it what the inspector throws reaches the sender", () => {
    const actor = createActor(counter, {
      inspect: (event) => {
        if (event.type === "@xstate.event" && event.event.type === "add") throw new Error("inspector");
      },
    }).start();
    expect(() => actor.send({ type: "add", password: "" })).toThrow("inspector");
  });

  it("survives an inspector that rejects, and one whose onError throws", async () => {
    const reported = Promise.withResolvers<unknown>();
    watch(async () => Promise.reject(new Error("later")), { onError: reported.resolve });
    expect(await reported.promise).toEqual(new Error("later"));

    const actor = watch(
      () => {
        throw new Error("first");
      },
      {
        onError: () => {
          throw new Error("second");
        },
      },
    );
    actor.send({ type: "add", password: canary });
    expect(actor.getSnapshot().context.count).toBe(1);
  });

  it("hands over names and live references, and redacted data of bounded size", () => {
    const events: InspectionEvent[] = [];
    const actor = watch((event) => events.push(event));
    actor.send({ type: "add", password: canary });

    expect(new Set(events.map((event) => event.type))).toEqual(
      new Set(["@xstate.actor", "@xstate.event", "@xstate.snapshot", "@xstate.microstep", "@xstate.action"]),
    );
    for (const event of events) {
      expect(event.rootId).toBe(actor.sessionId);
      expect(event.actorRef).toBe(actor);
    }
    const added = events.find((event) => event.type === "@xstate.event" && event.event.type === "add");
    expect(added).toMatchObject({ event: { type: "add", password: "[redacted]" } });
    const last = events.findLast((event) => event.type === "@xstate.snapshot");
    expect(last?.snapshot).toMatchObject({ status: "active", value: "open", context: { count: 1, apiKey: "[redacted]" } });
    const said = events.find((event) => event.type === "@xstate.action" && event.action.type === "say");
    expect(said).toMatchObject({ action: { type: "say", params: { token: "[redacted]" } } });

    const text = JSON.stringify(events);
    expect(text).not.toContain(canary);
    expect(text.length).toBeLessThan(50_000);
  });

  it("computes a copy only when it is read, and once", () => {
    let reads = 0;
    const context = {
      get costly() {
        reads++;
        return 1;
      },
    };
    const event = { type: "@xstate.snapshot", rootId: "x:0", actorRef: {}, event: { type: "go" }, snapshot: { context } };
    let seen: { snapshot?: unknown } | undefined;
    safeInspector((received) => {
      seen = received as { snapshot?: unknown };
    })(event as unknown as InspectionEvent);
    expect(reads).toBe(0);
    expect(seen?.snapshot).toBe(seen?.snapshot);
    expect(reads).toBe(1);
    expect({ ...seen }).toHaveProperty("snapshot.context.costly", 1);
  });

  it("hides the input, the output and the error of actors that are no machines", async () => {
    const events: InspectionEvent[] = [];
    const inspect = safeInspector((event) => events.push(event));
    const fine = createActor(
      fromPromise(async ({ input }: { input: { token: string } }) => ({ secret: input.token })),
      { inspect, input: { token: canary } },
    ).start();
    await waitFor(fine, (snapshot) => snapshot.status === "done");
    const failing = createActor(
      fromPromise(async () => {
        throw new Error(`401 for Bearer ${canary}`);
      }),
      { inspect },
    );
    const failed = Promise.withResolvers<unknown>();
    failing.subscribe({ error: failed.resolve });
    failing.start();
    await failed.promise;
    expect(JSON.stringify(events)).not.toContain(canary);
    expect(JSON.stringify(events)).toContain("401 for");
  });

  it("hands over events as they are when redaction is off", () => {
    const snapshots: unknown[] = [];
    const actor = watch((event) => event.type === "@xstate.snapshot" && snapshots.push(event.snapshot), { redact: false });
    expect(snapshots).toEqual([actor.getSnapshot()]);
    expect(snapshots[0]).toBe(actor.getSnapshot());
  });

  it("takes limits, and refuses unknown ones at once", () => {
    let notes: unknown;
    watch(
      (event) => {
        if (event.type === "@xstate.snapshot") notes = (event.snapshot as { context?: { notes: string } }).context?.notes;
      },
      { redact: { maxStringLength: 64 } },
    );
    expect(notes).toMatch(/more characters$/);
    expect(() => safeInspector(() => {}, { redact: { depth: 3 } as object })).toThrow(/depth/);
  });
});
