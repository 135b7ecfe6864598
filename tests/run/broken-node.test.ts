import { AsimovError } from "asimov-agents";
import { nodePool } from "asimov-agents/actors";
import { describe, expect, it } from "vitest";
import { type AnyActorLogic, createActor, fromTransition, setup } from "xstate";
import { systemClock } from "#contract/base/services";
import { Turns } from "#contract/base/turns";
import { requireGraph } from "#contract/graph/graph";
import { defineNode, graphNodeOf } from "#contract/node/definition";
import type { NodesHost } from "#contract/run/host";
import { nodeOf } from "./support.ts";

describe("supervisor of nodes", () => {
  it.each<[Error, string]>([
    [new Error("broken"), "actor-failed"],
    [new AsimovError("broken", { code: "of-its-own" }), "of-its-own"],
  ])("tells of a node whose own actor breaks down by %o, and goes on with the others", async (error, code) => {
    const told: unknown[] = [];
    const host: NodesHost = {
      clock: systemClock,
      turns: new Turns(),
      graph: requireGraph([graphNodeOf(nodeOf("n")), graphNodeOf(nodeOf("next"))]),
      maxTotalIterations: null,
      definition: () => defineNode(nodeOf("n")),
      tell: () => {},
      nodeStarted: () => {},
      nodeEnded: ({ status, failure }, _durationMs, left) => told.push([status, failure?.code, left?.visits]),
      nodeResumed: () => {},
      nodesAdded: () => {},
      snapshotOf: () => "NEVER",
      whenSure: () => undefined,
      save: async () => ({}),
      closeGenerators: () => undefined,
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
    parent.getSnapshot().children.nodes?.send({ type: "nodes.begin" });
    const failureOf = (name: string) => ({ node: name, status: "FAILED", failure: expect.objectContaining({ error: "broken", code }) });
    expect(received).toContainEqual({ type: "node.failed", report: failureOf("n") });
    expect(received).toContainEqual({ type: "node.failed", report: failureOf("next") });
    expect(received.at(-1)).toEqual({ type: "nodes.ended" });
    expect(told).toEqual([
      ["FAILED", code, 0],
      ["FAILED", code, 0],
    ]);
    parent.stop();
  });
});
