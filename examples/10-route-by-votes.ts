/** Three voters decide where a letter goes; only decisions whose Lua condition holds are on their ballots. */
import {
  Agent,
  AgentDirectedFlowControl,
  defineModule,
  type InferenceClient,
  type ModuleResult,
  Node,
  type Tally,
  Task,
} from "asimov-agents";
import { OpenAIInferenceClient } from "asimov-agents/openai";
import { ScriptedInferenceClient } from "asimov-agents/testing";

const live = process.env.OPENAI_API_KEY !== undefined;
const voter = (answer: string): InferenceClient =>
  live ? new OpenAIInferenceClient({ model: "gpt-5-mini" }) : new ScriptedInferenceClient([answer]);

const route = new AgentDirectedFlowControl({
  name: "route",
  flowConfig: {
    decisions: [
      { nextNode: "complaints", metadata: { description: "The writer is unhappy" } },
      { nextNode: "sales", metadata: { description: "The writer wants to buy something" } },
      { nextNode: "night shift", condition: "hour >= 20", metadata: { description: "Anything urgent at night" } },
    ],
    default: "archive",
  },
  voters: [voter('{"decision":"complaints","reason":"It never came."}'), voter('{"decision":"complaints"}'), voter('{"decision":"sales"}')],
  examples: [{ situation: "Do you sell lamps?", decision: "sales" }],
  quorum: 2,
});

const desk = (name: string) =>
  new Node({
    name,
    dependencies: ["route"],
    modules: [defineModule({ name, process: async () => ({ status: "success", result: `handled by ${name}` }) })],
  });
const agent = new Agent({
  nodes: [
    new Node({ name: "route", type: "FLOW_CONTROL", modules: [route] }),
    ...["complaints", "sales", "night shift", "archive"].map(desk),
  ],
});
const letter = new Task({ type: "letter", objective: "My lamp never came!" });
const { nodes } = await agent.runTask(letter, { values: { hour: 14 } });
const vote = nodes.route?.results[0] as ModuleResult & { tally: Tally };
console.log(`votes: ${JSON.stringify(vote.tally.votes)}`);
console.log(`goes to: ${vote.decision}`);
