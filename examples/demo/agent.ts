/** The demo's graph: nodes that the text itself asks for, and a loop that ends by a Lua condition. */
import {
  Agent,
  type AgentModule,
  defineModule,
  FlowControlModule,
  type Middleware,
  type ModuleContext,
  type ModuleResult,
  Node,
  type NodeInit,
  type RunStore,
} from "asimov-agents";
import { countTerms, type Excerpt, excerptOf, type Section, sectionsOf, type Weighted, weighTerms } from "./text.ts";

/** What the demo's task is given. */
export interface DemoParams {
  /** How the text is called in what is printed. */
  name: string;
  text: string;
  /** Words that the summary may have. */
  limit: number;
}

export interface Summary {
  words: number;
  passes: number;
  sections: { title: string; terms: string[]; sentences: string[] }[];
}

/** The nodes in the order in which they first run; those of one line run at once. */
export function nodeNames(sections: number): string[][] {
  const numbered = (what: string): string[] => Array.from({ length: sections }, (_, index) => `${what} ${index + 1}`);
  return [["plan"], numbered("count"), ["weigh"], ["budget"], numbered("summarise"), ["join"], ["decide"]];
}

const paramsOf = ({ task }: ModuleContext): DemoParams => task.params as unknown as DemoParams;

function work(name: string, process: (context: ModuleContext) => Promise<Partial<ModuleResult>>): AgentModule {
  return defineModule({ name, process: async (context) => ({ status: "success", ...(await process(context)) }) });
}

/** @param middlewares of every node */
export function demoAgent(text: string, store: RunStore, middlewares: Middleware[]): Agent {
  const count = sectionsOf(text).length;
  const indexes = Array.from({ length: count }, (_, index) => index);
  const keys = (what: string): string[] => indexes.map((index) => `${what} ${index + 1}`);

  const node = (name: string, module: AgentModule, init: Partial<NodeInit> = {}): Node =>
    new Node({ name, modules: [module], config: { middlewares }, nodeConfig: { maxVisits: 0 }, ...init });

  const counters = indexes.map((index) =>
    node(
      `count ${index + 1}`,
      work("count terms", async ({ values }) => {
        const sections = await values.get<Section[]>("sections");
        await values.set(`terms ${index + 1}`, countTerms((sections[index] as Section).text));
        return { result: sections[index]?.words };
      }),
    ),
  );

  const summarisers = indexes.map((index) =>
    node(
      `summarise ${index + 1}`,
      work("choose sentences", async ({ values }) => {
        const sections = await values.get<Section[]>("sections");
        const { text: body, words } = sections[index] as Section;
        const total = sections.reduce((sum, section) => sum + section.words, 0);
        const share = ((await values.get<number>("budget")) * words) / total;
        // The opening says what the text is: it keeps a sentence however little is left.
        const excerpt = excerptOf(body, await values.get<Weighted>(`weights ${index + 1}`), share, index === 0);
        await values.set(`excerpt ${index + 1}`, excerpt);
        return { result: excerpt.words };
      }),
    ),
  );

  const plan = work("split into sections", async (context) => {
    const sections = sectionsOf(paramsOf(context).text);
    await context.values.set("sections", sections);
    return { result: sections.length, newNodes: counters };
  });

  const weigh = work("weigh terms", async ({ values }) => {
    const counts = await values.getMany(keys("terms"));
    const weights = weighTerms(keys("terms").map((key) => counts[key] as Weighted));
    await values.setMany(Object.fromEntries(weights.map((terms, index) => [`weights ${index + 1}`, terms])));
    return {};
  });

  /** Generous at first; then by as much less as the summary was too long. */
  const budget = work("set the budget", async (context) => {
    const { limit } = paramsOf(context);
    const before = await context.values.get<number | null>("budget", null);
    const words = await context.values.get("summary_words", limit);
    const next = before === null ? limit * 1.5 : before * Math.min(0.95, limit / words);
    await context.values.set("budget", next);
    return { result: next, newNodes: summarisers };
  });

  const join = work("join", async ({ values, node: { visit } }) => {
    const sections = await values.get<Section[]>("sections");
    const excerpts = await values.getMany(keys("excerpt"));
    const weights = await values.getMany(keys("weights"));
    const words = keys("excerpt").reduce((sum, key) => sum + (excerpts[key] as Excerpt).words, 0);
    const parts = sections.map(({ title }, index) => ({
      title,
      terms: (weights[`weights ${index + 1}`] as Weighted).slice(0, 4).map(([term]) => term),
      sentences: (excerpts[`excerpt ${index + 1}`] as Excerpt).sentences,
    }));
    await values.setMany({ summary_words: words, summary_sentences: parts.flatMap(({ sentences }) => sentences).length });
    return { result: { words, passes: visit, sections: parts } satisfies Summary };
  });

  const decide = new FlowControlModule({
    name: "short enough?",
    flowConfig: { decisions: [{ nextNode: "budget", condition: "summary_words > task.params.limit and summary_sentences > 1" }] },
  });

  return new Agent({
    store,
    maxTotalIterations: 1_000,
    // A run that is restored needs the nodes that it had added before.
    dynamicNodes: [...counters, ...summarisers],
    nodes: [
      node("plan", plan),
      node("weigh", weigh, { dependencies: ["plan"] }),
      node("budget", budget, { dependencies: ["weigh"] }),
      node("join", join, { dependencies: ["budget"] }),
      node("decide", decide, { dependencies: ["join"] }),
    ],
  });
}
