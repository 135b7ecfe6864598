/** A planner, an executor and a validator on a language model, scripted without a key: work goes back until it is good. */
import { Agent, ChatRole, defineModule, FlowControlModule, type InferenceClient, Node, Task } from "asimov-agents";
import { AnthropicInferenceClient } from "asimov-agents/anthropic";
import { ScriptedInferenceClient } from "asimov-agents/testing";
import { z } from "zod";

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
const Plan = z.object({ steps: z.array(z.string()) });
const Verdict = z.object({ good: z.boolean(), advice: z.string() });

const plan = defineModule({
  name: "plan",
  process: async ({ task, signal }) => {
    const { output } = await client.generate(say(`Plan in two short steps: ${task.objective}`), { output: Plan, signal });
    const { steps } = Plan.parse(output);
    console.log(`plan: ${steps.join("; ")}`);
    return { status: "success", result: steps };
  },
});

const execute = defineModule({
  name: "execute",
  process: async ({ results, values, signal }) => {
    const steps = (results.plan as string[]).join("; ");
    const question = `Follow these steps in one sentence: ${steps}. Advice: ${await values.get("advice", "none")}`;
    const { text } = await client.generate(say(question), { signal });
    console.log(`draft: ${text}`);
    return { status: "success", result: text };
  },
});

const validate = defineModule({
  name: "validate",
  process: async ({ results, values, signal }) => {
    const question = `Is this complete? ${results.execute}`;
    const { output } = await client.generate(say(question), { output: Verdict, signal });
    const { good, advice } = Verdict.parse(output);
    await values.setMany({ good, advice });
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
console.log(`${status} after ${executions.execute} drafts, ${usage.inputTokens + usage.outputTokens} tokens`);
