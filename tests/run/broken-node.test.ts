import { AsimovError } from "asimov-agents";
import { nodePool } from "asimov-agents/actors";
import { describe, expect, it } from "vitest";
import { type AnyActorLogic, createActor, fromTransition, setup } from "xstate";
import { systemClock } from "#contract/base/services";
import { Turns } from "#contract/base/turns";
import { defineNode } from "#contract/node/definition";
import type { NodesHost } from "#contract/run/host";
import { nodeOf } from "./support.ts";

describe("supervisor of nodes", () => {
  it.each<[Error, string]>([
    [new Error("broken"), "actor-failed"],
    [new AsimovError("broken", { code: "of-its-own" }), "of-its-own"],
  ])("tells of a node whose own actor breaks down by %o: the step is completed, and so is the next with that node", async (error, code) => {
    const told: unknown[] = [];
    const host: NodesHost = {
      clock: systemClock,
      turns: new Turns(),
      nodeNames: ["n"],
      definition: () => defineNode(nodeOf("n")),
      tell: () => {},
      nodeStarted: () => {},
      nodeResumed: () => {},
      nodeEnded: ({ status, failure }, _durationMs, left) => told.push([status, failure?.code, left?.visits]),
    };
    const broken = fromTransition(() => {
      throw error;
    }, {});
    // With what a node machine shows to its supervisor.
    const node = { ...broken, getInitialSnapshot: () => ({ status: "active", context: { visits: 0 } }) } as unknown as AnyActorLogic;
    const received: unknown[] = [];
    const parent = createActor(
      setup({
        types: { events: {} as { type: string }, children: {} as { nodes: "pool" } },
        actors: {
          pool: nodePool(
            () => host,
            () => node,
          ),
        },
      }).createMachine({
        invoke: { id: "nodes", src: "pool", input: { keys: { visit: "run", attempt: "run" } } },
        on: { "*": { actions: ({ event }) => received.push(event) } },
      }),
    ).start();
    for (let iteration = 1; iteration <= 2; iteration++) {
      received.length = 0;
      parent.getSnapshot().children.nodes?.send({ type: "step.execute", nodes: ["n"], iteration });
      expect(received).toContainEqual({
        type: "step.completed",
        reports: [{ node: "n", status: "FAILED", failure: expect.objectContaining({ error: "broken", code }) }],
      });
    }
    expect(told).toEqual([
      ["FAILED", code, 0],
      ["FAILED", code, 0],
    ]);
    parent.stop();
  });
});
