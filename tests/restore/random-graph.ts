/** Random graphs of deterministic modules, as data that a fresh agent can be made of again and again. */
import {
  type AgentModule,
  defineModule,
  FlowControlModule,
  type ModuleContext,
  type ModuleResult,
  Node,
  NonRetryableError,
} from "asimov-agents";
import fc from "fast-check";

/** What a module does: at each attempt, at the attempts before the n-th, or never. */
type Behaviour = "succeeds" | "fails" | "gives up" | "fails once" | "fails on even visits";

export interface NodePlan {
  /** Indexes of earlier nodes. */
  dependencies: number[];
  modules: Behaviour[];
  parallel: boolean;
  stopOnSuccess: boolean;
  /** Runs only where its first dependency's count of visits is odd. */
  condition: boolean;
  /** Jumps to the node at `to` until its own count is over `times`. */
  jump: { to: number; times: number } | undefined;
  maxVisits: number;
  mailbox: boolean;
  nested: NodePlan[];
  /** Runs for each item of a list that its first dependency has made. */
  each: { items: Behaviour[]; onItemError: "fail" | "keep"; maxParallelItems: number } | undefined;
}

const behaviour: fc.Arbitrary<Behaviour> = fc.oneof(
  { weight: 6, arbitrary: fc.constant<Behaviour>("succeeds") },
  { weight: 3, arbitrary: fc.constantFrom<Behaviour>("fails", "gives up", "fails once", "fails on even visits") },
);

const plan = (index: number, size: number, depth: number): fc.Arbitrary<NodePlan> =>
  fc.record({
    dependencies: fc.uniqueArray(fc.nat(Math.max(0, index - 1)), { maxLength: index === 0 ? 0 : 3 }),
    modules: fc.array(behaviour, { minLength: 0, maxLength: 3 }),
    // What is aborted while a nested graph stores a snapshot may have ended by itself without the break.
    parallel: depth === 0 ? fc.boolean() : fc.constant(false),
    // In parallel, who ends first is a race.
    stopOnSuccess: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
    condition: fc.oneof({ weight: 3, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
    jump: fc.option(fc.record({ to: fc.nat(size - 1), times: fc.integer({ min: 1, max: 3 }) }), { nil: undefined, freq: 3 }),
    maxVisits: fc.constantFrom(0, 2, 5),
    mailbox: fc.boolean(),
    each: fc.option(
      fc.record({
        items: fc.array(behaviour, { minLength: 1, maxLength: 3 }),
        onItemError: fc.constantFrom<"fail" | "keep">("fail", "keep"),
        maxParallelItems: fc.integer({ min: 1, max: 4 }),
      }),
      { nil: undefined, freq: 4 },
    ),
    nested:
      depth <= 1
        ? fc.constant([])
        : fc.oneof({ weight: 4, arbitrary: fc.constant<NodePlan[]>([]) }, { weight: 1, arbitrary: plans(3, depth - 1) }),
  });

/** @param depth 0 for flat graphs with parallel modules, else how deep graphs may be nested */
export const plans = (max: number, depth: number): fc.Arbitrary<NodePlan[]> =>
  fc.integer({ min: 1, max }).chain((size) => fc.tuple(...Array.from({ length: size }, (_, index) => plan(index, size, depth))));

/** Told of each run of a module, by what names it in every process. */
export type Note = (run: string) => void;

const runOf = ({ idempotencyKey, node: { attempt } }: ModuleContext): string => `${idempotencyKey} ${attempt}`;

const moduleOf = (node: string, index: number, what: Behaviour, note: Note): AgentModule =>
  defineModule({
    name: `${node} module ${index}`,
    async process(context): Promise<ModuleResult> {
      const {
        values,
        node: { visit, attempt },
      } = context;
      note(runOf(context));
      // Counted and said once, also where it was under way when a snapshot was stored, and runs again.
      await values.set(`${node}_${index}`, `${visit}.${attempt}`);
      await values.increment(`${node}_${index} runs`);
      await values.publishToMailbox("said", `${node}_${index} ${visit}.${attempt}`);
      if (what === "gives up") throw new NonRetryableError(`${node} gave up`);
      const fails = what === "fails" || (what === "fails once" && attempt === 1) || (what === "fails on even visits" && visit % 2 === 0);
      return fails
        ? { status: "error", error: `${node} failed at ${visit}.${attempt}` }
        : { status: "success", result: { visit, attempt } };
    },
  });

/** By the place of the item. */
function itemModuleOf(node: string, all: readonly Behaviour[], note: Note): AgentModule {
  const modules = all.map((what, at) => moduleOf(node, at, what, note));
  return defineModule({
    name: `${node} item`,
    process: (context) => (modules[(context.item as number) % modules.length] as AgentModule).process(context),
  });
}

export function nodesOf(graph: readonly NodePlan[], prefix = "n", note: Note = () => {}): Node[] {
  const name = (index: number): string => `${prefix}${index}`;
  return graph.map((each, index) => {
    const own = name(index);
    const [first] = each.dependencies;
    const list = first === undefined || each.nested.length > 0 ? undefined : each.each;
    const count = defineModule({
      name: "count",
      async process(context) {
        const { values, node } = context;
        note(runOf(context));
        await values.set(`${own}_visits`, node.visit);
        await values.set(
          `${own}_items`,
          Array.from({ length: (node.visit % 4) + 1 }, (_, at) => at),
        );
        return { status: "success", result: node.visit };
      },
    });
    const jumps =
      each.jump === undefined || list !== undefined
        ? []
        : [
            new FlowControlModule({
              name: "flow",
              dependencies: ["count"],
              flowConfig: { decisions: [{ nextNode: name(each.jump.to), condition: `${own}_visits <= ${each.jump.times}` }] },
            }),
          ];
    return new Node({
      name: own,
      snapshot: "ALWAYS",
      dependencies: each.dependencies.map(name),
      nodeConfig: {
        parallel: each.parallel,
        maxRetries: 2,
        maxVisits: each.maxVisits,
        ...(list === undefined ? {} : { onItemError: list.onItemError, maxParallelItems: list.maxParallelItems }),
        ...(each.condition && first !== undefined ? { condition: `(${name(first)}_visits or 1) % 2 == 1` } : {}),
      },
      ...(each.mailbox ? { outputMailbox: "results" } : {}),
      ...(each.nested.length > 0
        ? { nodes: nodesOf(each.nested, `${own}_`, note) }
        : list !== undefined
          ? { forEach: [`${name(first as number)}_items`], modules: [itemModuleOf(own, list.items, note)] }
          : {
              config: { stopOnSuccess: each.stopOnSuccess && !each.parallel },
              modules: [count, ...each.modules.map((what, at) => moduleOf(own, at, what, note)), ...jumps],
            }),
    });
  });
}

/** The graph without the jumps whose outcome depends on what ends first: those that send back, drop or meet what is not in line with them. */
export function withoutRaces(graph: readonly NodePlan[]): NodePlan[] {
  const below = graph.map((_, from) => {
    const found = new Set([from]);
    for (const [at, { dependencies }] of graph.entries()) if (dependencies.some((before) => found.has(before))) found.add(at);
    return found;
  });
  const descends = (node: number, from: number): boolean => below[from]?.has(node) === true;
  const areInLine = (a: number, b: number): boolean => descends(a, b) || descends(b, a);
  const deciders: number[] = [];
  return graph.map((node, at) => {
    const nested = withoutRaces(node.nested);
    // What ends first aborts the others.
    const isRace = node.parallel && (node.stopOnSuccess || node.modules.some((module) => module !== "succeeds"));
    if (node.each?.onItemError === "fail" && node.each.items.some((item) => item !== "succeeds"))
      return { ...node, nested, jump: undefined, parallel: false, each: { ...node.each, maxParallelItems: 1 } };
    if (isRace) return { ...node, nested, jump: undefined, parallel: false };
    if (node.jump === undefined || nested.length > 0) return { ...node, nested, jump: undefined };
    const { to } = node.jump;
    const isInLine = graph.every((_, other) => (!descends(other, to) && !descends(to, other)) || areInLine(other, at));
    if (!isInLine || !deciders.every((decider) => areInLine(decider, at))) return { ...node, nested, jump: undefined };
    deciders.push(at);
    return { ...node, nested };
  });
}
