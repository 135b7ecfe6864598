/** What the node machine knows of a node: plain data, with every default filled in. */

import { ModuleType } from "#contract/base/vocabulary";
import type { GraphNode } from "#contract/graph/graph";
import { FlowControlModule } from "./flow-control.ts";
import type { Node } from "./node.ts";
import type { OutputMailbox } from "./output-mailbox.ts";

export interface ModuleDefinition {
  name: string;
  /** How many modules of the same node succeed first. */
  dependencies: number;
  /** Positions of the modules that it is one of these for. */
  dependents: readonly number[];
  /** Its success ends the attempt. */
  stops: boolean;
  outputMailbox?: OutputMailbox;
}

export interface NodeDefinition {
  name: string;
  /** How it runs: its modules in order or at once, the graph of a SUBGRAPH or of its items, or nothing. */
  mode: "ordered" | "parallel" | "nested" | "empty";
  modules: readonly ModuleDefinition[];
  /** Positions of the modules that wait for no other one. */
  first: readonly number[];
  /** One success is enough: in order, later modules are fallbacks; in parallel, the first wins. */
  stopOnSuccess: boolean;
  /** It has a condition or inputs, to check before it runs. */
  checks: boolean;
  /** Its nested graph's result goes through middlewares. */
  filters: boolean;
  /** It has outputs, to check after it ran. */
  verifies: boolean;
  /** Attempts in all, at least 1. */
  attempts: number;
  /** 0 is no limit. */
  maxVisits: number;
  /** Milliseconds for one attempt; 0 is no limit. */
  timeoutMs: number;
  /** Milliseconds before the second attempt; 0 starts it at once. */
  backoff: { initialMs: number; factor: number; maxMs: number };
  outputMailbox?: OutputMailbox;
}

const DEFAULT_ATTEMPTS = 3;
const DEFAULT_MAX_VISITS = 5;

const definitions = new WeakMap<Node, NodeDefinition>();

export function defineNode(node: Node): NodeDefinition {
  let definition = definitions.get(node);
  if (definition === undefined) {
    definition = toDefinition(node);
    definitions.set(node, definition);
  }
  return definition;
}

function toDefinition(node: Node): NodeDefinition {
  const { nodeConfig, config } = node;
  const isEach = node.forEach !== undefined;
  const isGraph = node.type === ModuleType.SUBGRAPH || isEach;
  // Of items, each has its own.
  const timeoutMs = isEach ? 0 : (config.timeoutMs ?? 0);
  const modules = isGraph ? [{ name: node.name, dependencies: 0, dependents: [], stops: false }] : moduleDefinitionsOf(node);
  return {
    name: node.name,
    mode: isGraph ? "nested" : node.modules.length === 0 ? "empty" : nodeConfig.parallel === true ? "parallel" : "ordered",
    modules,
    first: modules.flatMap(({ dependencies }, position) => (dependencies === 0 ? [position] : [])),
    stopOnSuccess: !isEach && (config.stopOnSuccess ?? false),
    checks: isEach || nodeConfig.condition !== undefined || (nodeConfig.inputs?.length ?? 0) > 0,
    filters: isGraph && !isEach && (config.middlewares?.length ?? 0) > 0,
    verifies: (nodeConfig.outputs?.length ?? 0) > 0,
    attempts: isEach || nodeConfig.retryOnFailure === false ? 1 : Math.max(1, nodeConfig.maxRetries ?? DEFAULT_ATTEMPTS),
    maxVisits: nodeConfig.maxVisits ?? DEFAULT_MAX_VISITS,
    timeoutMs: Number.isFinite(timeoutMs) ? timeoutMs : 0,
    backoff: {
      initialMs: nodeConfig.backoff?.initialMs ?? 0,
      factor: nodeConfig.backoff?.factor ?? 2,
      maxMs: nodeConfig.backoff?.maxMs ?? Math.max(30_000, nodeConfig.backoff?.initialMs ?? 0),
    },
    ...(node.outputMailbox === undefined ? {} : { outputMailbox: node.outputMailbox }),
  };
}

function moduleDefinitionsOf({ modules }: Node): ModuleDefinition[] {
  const dependents = new Map<string, number[]>(modules.map(({ name }) => [name, []]));
  for (const [position, module] of modules.entries()) for (const name of new Set(module.dependencies)) dependents.get(name)?.push(position);
  return modules.map(({ name, dependencies, config, outputMailbox }) => ({
    name,
    dependencies: new Set(dependencies).size,
    dependents: dependents.get(name) ?? [],
    stops: config.stopOnSuccess === true,
    ...(outputMailbox === undefined ? {} : { outputMailbox }),
  }));
}

function partsOf({ modules, nodes, forEach }: Node): string[] {
  const own = modules.map(({ name }) => (forEach === undefined ? name : `${name} for each item`));
  if (nodes.length === 0) return own;
  const nested = nodes.flatMap((node) => {
    const { name, dependencies } = node;
    const placed = dependencies.length === 0 ? name : `${name} after ${dependencies.join(", ")}`;
    return [placed, ...partsOf(node).map((part) => `${name}/${part}`)];
  });
  return [...own, ...nested];
}

/** What the plan knows of a node. */
export function graphNodeOf(node: Node): GraphNode {
  const targets = new Set<string>();
  for (const module of node.modules) {
    if (!(module instanceof FlowControlModule)) continue;
    for (const { nextNode } of module.flowConfig.decisions) targets.add(nextNode);
    if (module.flowConfig.default !== undefined) targets.add(module.flowConfig.default);
  }
  return {
    name: node.name,
    dependencies: node.dependencies,
    parts: partsOf(node),
    targets: [...targets],
  };
}

/** Whole milliseconds to wait after a failed attempt. Exponential, as AWS's builders' library describes it, without jitter: a node has no rivals. */
export function backoffMs({ initialMs, factor, maxMs }: NodeDefinition["backoff"], attempt: number): number {
  return Math.ceil(Math.min(maxMs, initialMs * factor ** (attempt - 1)));
}
