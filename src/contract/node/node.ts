/** A node: modules that run as one step of the graph, or a graph of its own, with conditions and limits. */
import * as z from "zod/mini";
import { brand } from "#contract/base/brand";
import { someMs } from "#contract/base/durations";
import { AsimovError } from "#contract/base/errors";
import { lazily } from "#contract/base/lazily";
import { requireName } from "#contract/base/names";
import { nonEmpty, parseOptions } from "#contract/base/options";
import { ModuleType, SnapshotControl } from "#contract/base/vocabulary";
import { levelsOf } from "#contract/graph/graph-index";
import { AgentModule, type ModuleConfig, moduleConfigSchema, type NodeLike } from "./module.ts";
import { type OutputMailbox, outputMailboxSchema } from "./output-mailbox.ts";

/** How long to wait before the next attempt: `initialMs * factor ** (attempt - 1)`, at most `maxMs`. */
export interface Backoff {
  /** Milliseconds before the second attempt. */
  initialMs: number;
  /** Default 2. */
  factor?: number;
  /** At least `initialMs`. Default 30,000, or `initialMs` where that is longer. */
  maxMs?: number;
}

export interface NodeConfig {
  /** Run the modules at once, not in order. Default false. */
  parallel?: boolean;
  /** A Lua expression; when it is false the node is skipped, with what depends only on it. */
  condition?: string;
  /** Default true. */
  retryOnFailure?: boolean;
  /** Attempts in all. Default 3; 0 is one attempt. */
  maxRetries?: number;
  /** Visits in one run; 0 is no limit. Default 5. */
  maxVisits?: number;
  /** Keys of the run's values that must exist before the node runs. */
  inputs?: string[];
  /** Keys of the run's values that must exist after the node ran. */
  outputs?: string[];
  /** None by default: the next attempt starts at once. */
  backoff?: Backoff;
  /** Of a node with `forEach`: items that work at a time, at least 1; one that waits is none of them. Default: as many as the agent lets modules. */
  maxParallelItems?: number;
  /**
   * Of a node with `forEach`: what one that is out of attempts does. `"fail"`, the default, aborts the others and fails the node; with `"keep"` it
   * is an entry `{ status: "error", error }` among others, which are `{ status: "success", result }`, and the node fails where every item does.
   */
  onItemError?: "fail" | "keep";
  /** Of a SUBGRAPH alone: its own limit of iterations, at least 1; `Infinity` for none. Default: the agent's. */
  maxTotalIterations?: number;
}

export interface NodeInit {
  name: string;
  /** Default EXECUTOR, or SUBGRAPH when `nodes` are given. */
  type?: ModuleType;
  modules?: AgentModule[];
  /** The nodes of a SUBGRAPH. */
  nodes?: Node[];
  /** Nodes that end before this one starts. */
  dependencies?: string[];
  /**
   * Where a list is, in `results` or else in the run's values: its modules run for each item of it, as `"plan.topics"` or `["plan", "topics"]`.
   * It is taken once a visit, and kept. Retries, time limit and backoff are each item's own; the node's result is the list of theirs.
   */
  forEach?: string | readonly string[];
  nodeConfig?: NodeConfig;
  /** Middlewares, time limit and context for all modules of the node. */
  config?: ModuleConfig;
  /** When the run is stored. Default what the agent says. */
  snapshot?: SnapshotControl;
  /** The mailboxes that the node's modules read. Where any node or module of a run names some, `run.send` refuses all others; default none. */
  inputMailboxes?: string[];
  /** Where the node's result is published, once: a mailbox of the run, or `{ shared: "name" }` for one of the agent's cache. */
  outputMailbox?: OutputMailbox;
  /** Record a span for each visit. Default false. */
  trace?: boolean;
}

const count = z.int().check(z.gte(0));
const names = z.array(nonEmpty);

const nodeConfigSchema = lazily(() =>
  z.strictObject({
    parallel: z.optional(z.boolean()),
    condition: z.optional(nonEmpty),
    retryOnFailure: z.optional(z.boolean()),
    maxRetries: z.optional(count),
    maxVisits: z.optional(count),
    inputs: z.optional(names),
    outputs: z.optional(names),
    backoff: z.optional(
      z
        .strictObject({
          initialMs: someMs(0),
          factor: z.optional(z.number().check(z.gte(1))),
          maxMs: z.optional(someMs(0)),
        })
        .check(
          z.refine(({ initialMs, maxMs = initialMs }) => maxMs >= initialMs, { path: ["maxMs"], message: "expected at least initialMs" }),
        ),
    ),
    maxParallelItems: z.optional(z.union([z.int().check(z.gte(1)), z.literal(Number.POSITIVE_INFINITY)])),
    onItemError: z.optional(z.enum(["fail", "keep"])),
    maxTotalIterations: z.optional(z.union([z.int().check(z.gte(1)), z.literal(Number.POSITIVE_INFINITY)])),
  }),
);

const nodeSchema = lazily(() =>
  z.strictObject({
    name: z.unknown(),
    type: z.optional(z.enum(ModuleType)),
    modules: z.optional(z.array(z.custom<AgentModule>((value) => value instanceof AgentModule, { message: "expected an AgentModule" }))),
    nodes: z.optional(z.array(z.custom<Node>((value) => value instanceof Node, { message: "expected a Node" }))),
    dependencies: z.optional(z.array(z.string())),
    forEach: z.optional(z.union([nonEmpty, z.array(nonEmpty).check(z.minLength(1))])),
    nodeConfig: z.optional(nodeConfigSchema()),
    config: z.optional(moduleConfigSchema()),
    snapshot: z.optional(z.enum(SnapshotControl)),
    inputMailboxes: z.optional(names),
    outputMailbox: z.optional(outputMailboxSchema()),
    trace: z.optional(z.boolean()),
  }),
);

/**
 * One step of the graph.
 *
 * @example
 * new Node({ name: "write", modules: [draft, check], dependencies: ["plan"], nodeConfig: { maxRetries: 2 }, snapshot: "ALWAYS" });
 */
export class Node implements NodeLike {
  readonly name: string;
  readonly type: ModuleType;
  readonly modules: readonly AgentModule[];
  readonly nodes: readonly Node[];
  readonly dependencies: readonly string[];
  /** The names on the way to the list of which each item is run; absent for a node that runs once. */
  readonly forEach: readonly string[] | undefined;
  readonly nodeConfig: Readonly<NodeConfig>;
  readonly config: Readonly<ModuleConfig>;
  /** Absent where the agent says it. */
  readonly snapshot: SnapshotControl | undefined;
  readonly inputMailboxes: readonly string[];
  readonly outputMailbox: OutputMailbox | undefined;
  readonly trace: boolean;

  /** @throws AsimovError `invalid-name` or `invalid-options`; unknown options are refused */
  constructor(init: NodeInit) {
    const name = requireName((init as NodeInit | undefined)?.name, "node");
    const what = `Node "${name}"`;
    const options = parseOptions(nodeSchema(), init, what);
    const hasNodes = options.nodes !== undefined && options.nodes.length > 0;
    const type = options.type ?? (hasNodes ? ModuleType.SUBGRAPH : ModuleType.EXECUTOR);
    if ((type === ModuleType.SUBGRAPH) !== hasNodes || (hasNodes && (options.modules?.length ?? 0) > 0)) {
      throw new AsimovError(
        `${what}: a SUBGRAPH has \`nodes\` and no \`modules\`; an EXECUTOR or FLOW_CONTROL has \`modules\` and no \`nodes\`.`,
        {
          code: "invalid-options",
        },
      );
    }
    requireEffect(what, type, options);
    requireItems(what, type, options);
    this.name = name;
    this.type = type;
    this.modules = orderModules(what, options.modules ?? []);
    this.nodes = options.nodes ?? [];
    this.dependencies = [...new Set(options.dependencies ?? [])];
    this.forEach = typeof options.forEach === "string" ? options.forEach.split(".") : options.forEach;
    this.nodeConfig = (options.nodeConfig ?? {}) as NodeConfig;
    this.config = (options.config ?? {}) as ModuleConfig;
    this.snapshot = options.snapshot;
    this.inputMailboxes = options.inputMailboxes ?? [];
    this.outputMailbox = options.outputMailbox;
    this.trace = options.trace ?? false;
  }
}

brand(Node, "Node");

/** Refuses what would have no effect. @throws AsimovError `invalid-options` */
function requireEffect(what: string, type: ModuleType, { nodeConfig, config }: z.infer<ReturnType<typeof nodeSchema>>): void {
  const isGraph = type === ModuleType.SUBGRAPH;
  const idle = [
    ...(isGraph && nodeConfig?.parallel === true ? ["nodeConfig.parallel (nodes run at once where their dependencies let them)"] : []),
    ...(isGraph && config?.stopOnSuccess === true ? ["config.stopOnSuccess"] : []),
    ...(!isGraph && nodeConfig?.maxTotalIterations !== undefined ? ["nodeConfig.maxTotalIterations"] : []),
  ];
  if (idle.length === 0) return;
  throw new AsimovError(`${what}: ${idle.join(" and ")} would have no effect on ${isGraph ? "a SUBGRAPH" : "a node without `nodes`"}.`, {
    code: "invalid-options",
  });
}

/** Of each item its modules are run, and nothing decides. @throws AsimovError `invalid-options` */
function requireItems(what: string, type: ModuleType, { forEach, modules = [], nodeConfig }: z.infer<ReturnType<typeof nodeSchema>>): void {
  const refuse = (fault: string): never => {
    throw new AsimovError(`${what}: ${fault}`, { code: "invalid-options" });
  };
  if (forEach === undefined) {
    for (const option of ["maxParallelItems", "onItemError"] as const)
      if (nodeConfig?.[option] !== undefined) refuse(`nodeConfig.${option} would have no effect on a node without \`forEach\`.`);
    return;
  }
  if (typeof forEach === "string" && forEach.split(".").includes("")) refuse(`forEach: expected names between dots, got "${forEach}".`);
  if (type !== ModuleType.EXECUTOR)
    refuse("`forEach` is for nodes with modules; a graph for each item is an agent in a module (`agentModule`).");
  if (modules.length === 0) refuse("`forEach` needs `modules`, which run for each item.");
  if (modules.some((module) => module.type === ModuleType.FLOW_CONTROL))
    refuse("a module of a node with `forEach` cannot decide; decide in a node behind it.");
}

/** Declaration order, but dependencies first. @throws AsimovError `invalid-options` */
function orderModules(what: string, modules: readonly AgentModule[]): readonly AgentModule[] {
  const refuse = (fault: string): never => {
    throw new AsimovError(`${what}: ${fault}.`, { code: "invalid-options" });
  };
  const byName = new Map<string, AgentModule>();
  for (const module of modules) {
    if (byName.has(module.name)) refuse(`two modules are named "${module.name}"`);
    byName.set(module.name, module);
  }
  for (const module of modules) {
    for (const name of module.dependencies) {
      if (!byName.has(name)) refuse(`module "${module.name}" depends on "${name}", which is no module of this node`);
    }
  }
  if (modules.length < 2) return modules;
  const { levels, circular } = levelsOf(modules);
  if (circular.length > 0) refuse(`its modules depend on each other in a circle: ${circular.join(", ")}`);
  return levels.flat().map((name) => byName.get(name) as AgentModule);
}
