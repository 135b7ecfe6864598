/** Whoever installs an OpenTelemetry SDK after the agent, its client and even a first run sees all that comes later. */
import { Agent, ChatRole, defineModule, defineTool, Node, Task } from "asimov-agents";
import { ScriptedInferenceClient } from "asimov-agents/testing";
import { beforeAll, describe, expect, it } from "vitest";
import { recorder } from "./recorder.ts";

const client = new ScriptedInferenceClient(Array.from({ length: 2 }, () => [{ toolCalls: [{ name: "look" }] }, "Done."]).flat());
const look = defineTool({ name: "look", description: "Looks", input: { type: "object" }, run: () => "x" });
const work = defineModule({
  name: "work",
  trace: true,
  process: async ({ signal }) => {
    const { text } = await client.toolChain([{ role: ChatRole.USER, content: "Go." }], [look], { signal });
    return { status: "success", result: text };
  },
});
const agent = new Agent({ nodes: [new Node({ name: "node", trace: true, modules: [work] })] });
const run = () => agent.runTask(new Task({ type: "late", objective: "Be seen" }));

// Before the recorder installs its SDK.
beforeAll(async () => {
  expect((await run()).status).toBe("COMPLETE");
});
const { ended, figures } = recorder();

describe("an SDK that is installed after a first run", () => {
  it("gets the spans and figures of the next, of the same agent and client", async () => {
    expect((await run()).status).toBe("COMPLETE");
    const names = ended().map(({ name }) => name);
    expect(names.sort()).toEqual([
      "chat scripted",
      "chat scripted",
      "execute_tool look",
      "invoke_agent work",
      "module work",
      "node node",
      "run late",
    ]);
    const told = await figures();
    const count = (name: string): number =>
      (told[name] ?? []).reduce((sum, { value }) => sum + (typeof value === "number" ? value : (value as { count: number }).count), 0);
    expect(Object.fromEntries(Object.keys(told).map((name) => [name, count(name)]))).toEqual({
      "asimov.node.duration": 1,
      "asimov.node.visits": 1,
      "gen_ai.client.operation.duration": 2,
      "gen_ai.client.operation.time_to_first_chunk": 2,
      "gen_ai.client.token.usage": 4,
    });
  });
});
