/** A planner, an executor and a validator on a language model, scripted without a key: work goes back until it is good. */
import { Agent, ChatRole, defineModule, FlowControlModule, type InferenceClient, Node, Task } from "asimov-agents";
import { AnthropicInferenceClient } from "asimov-agents/anthropic";
import { ScriptedInferenceClient } from "asimov-agents/testing";

const client: InferenceClient =
  process.env.ANTHROPIC_API_KEY === undefined
    ? new ScriptedInferenceClient([
        '{"steps":["name a moon","say what it is made of"]}',
        "Europa is a moon.",
        '{"good":false,"advice":"Say what it is made of."}',
        "Europa is a moon of ice over an ocean.",
        '{"good":true,"advice":""}',
      ])
    : new AnthropicInferenceClient({ model: "claude-sonnet-5-5", maxTokens: 1_000 });

const say = (content: string) => [{ role: ChatRole.USER, content }];
const object = (properties: Record<string, object>) => ({
  type: "object",
  properties,
  required: Object.keys(properties),
});

const plan = defineModule({
  name: "plan",
  process: async ({ task, cache, signal }) => {
    const output = object({ steps: { type: "array", items: { type: "string" } } });
    const { output: planned } = await client.generate(say(`Plan in two short steps: ${task.objective}`), { output, signal });
    const { steps } = planned as { steps: string[] };
    await cache.set("steps", steps);
    console.log(`plan: ${steps.join("; ")}`);
    return { status: "success", result: steps };
  },
});

const execute = defineModule({
  name: "execute",
  process: async ({ cache, signal }) => {
    const steps = (await cache.get<string[]>("steps")).join("; ");
    const question = `Follow these steps in one sentence: ${steps}. Advice: ${await cache.get("advice", "none")}`;
    const { text } = await client.generate(say(question), { signal });
    await cache.set("draft", text);
    console.log(`draft: ${text}`);
    return { status: "success", result: text };
  },
});

const validate = defineModule({
  name: "validate",
  process: async ({ cache, signal }) => {
    const output = object({ good: { type: "boolean" }, advice: { type: "string" } });
    const { output: judged } = await client.generate(say(`Is this complete? ${await cache.get<string>("draft")}`), { output, signal });
    const { good, advice } = judged as { good: boolean; advice: string };
    await cache.set("good", good);
    await cache.set("advice", advice);
    console.log(good ? "validator: good" : `validator: ${advice}`);
    return { status: "success", result: good };
  },
});

const again = new FlowControlModule({ name: "again?", flowConfig: { decisions: [{ nextNode: "execute", condition: "not good" }] } });
const agent = new Agent({
  nodes: [
    new Node({ name: "plan", modules: [plan] }),
    new Node({ name: "execute", modules: [execute], dependencies: ["plan"] }),
    new Node({ name: "validate", modules: [validate, again], dependencies: ["execute"] }),
  ],
});
const { status, executions, usage } = await agent.runTask(new Task({ type: "essay", objective: "Describe Europa" }));
console.log(`${status} after ${executions.execute} drafts, ${usage.inputTokens > 0 ? "tokens counted" : "no tokens"}`);
