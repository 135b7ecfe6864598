/** Shortens a text to a limit of words: plan, draft, and draft again for as long as a Lua condition says so. */
import { Agent, defineModule, FlowControlModule, Node, Task } from "asimov-agents";

const countWords = (sentences: string[]): number => sentences.join(" ").split(/\s+/).length;

const plan = defineModule({
  name: "split into sentences",
  process: async ({ values, task }) => {
    const { text } = task.params as { text: string };
    await values.set("sentences", text.split(/(?<=[.!?])\s+/));
    return { status: "success" };
  },
});

const draft = defineModule({
  name: "drop the longest sentence",
  process: async ({ values, node }) => {
    const sentences = await values.get<string[]>("sentences");
    const longest = sentences.reduce((a, b) => (b.length > a.length ? b : a));
    const kept = sentences.filter((sentence) => sentence !== longest);
    // What the condition below reads is among the run's values, under the name that it uses.
    await values.setMany({ sentences: kept, words: countWords(kept) });
    console.log(`draft ${node.visit}: ${countWords(kept)} words`);
    return { status: "success", result: kept.join(" ") };
  },
});

const again = new FlowControlModule({
  name: "short enough?",
  flowConfig: { decisions: [{ nextNode: "draft", condition: "words > task.params.limit" }] },
});

const agent = new Agent({
  nodes: [
    new Node({ name: "plan", modules: [plan] }),
    new Node({ name: "draft", modules: [draft], dependencies: ["plan"], nodeConfig: { maxVisits: 10 } }),
    new Node({ name: "decide", modules: [again], dependencies: ["draft"], nodeConfig: { maxVisits: 10 } }),
  ],
});

const text =
  "An actor has a state of its own. It shares that state with nobody, and that is what makes it easy to reason about. " +
  "It takes one message at a time. A message may change its state, send further messages to actors that it knows, or create new ones. " +
  "Machines draw this. Whoever reads the chart knows what can happen next, and, just as useful, what cannot happen.";

const outcome = await agent.runTask(new Task({ type: "shorten", objective: "Shorten the text", params: { text, limit: 20 } }));

console.log(`${outcome.status} after ${outcome.executions.draft} drafts:`);
console.log(outcome.results.draft);
