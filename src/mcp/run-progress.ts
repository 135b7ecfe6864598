/** A run's events as notices of progress: how many of its nodes have settled, and in words what goes on. */
import type { AgentEvent } from "#contract/run/events";
import type { McpProgress } from "./mcp-client.ts";

/** A node by its path of graphs. */
const placeOf = ({ graph, node }: { graph: readonly string[]; node: string }): string => [...graph, node].join("/");

/** What is told unless whoever serves the agent says otherwise. */
export function saidOf(event: AgentEvent): string | undefined {
  switch (event.type) {
    case "run.started":
      return event.graph.length === 0 ? `task ${event.taskId} started` : undefined;
    case "node.started":
      return `${placeOf(event)} started`;
    case "node.completed":
      return `${placeOf(event)} done`;
    case "node.skipped":
      return `${placeOf(event)} skipped`;
    case "node.failed":
      return `${placeOf(event)} failed`;
    case "node.retrying":
      return `${placeOf(event)} is tried again`;
    case "question.opened":
      return `waits for an answer to ${event.question.name}`;
    case "module.emitted":
      return typeof event.event.message === "string" ? event.event.message : undefined;
    default:
      return undefined;
  }
}

const SETTLED = new Set<AgentEvent["type"]>(["node.completed", "node.skipped", "node.failed", "node.blocked"]);

/** Counts what is told. Between two nodes that settle a notice is a fraction of one, since progress must grow. */
export class RunProgress {
  readonly #nodes = new Set<string>();
  readonly #settled = new Set<string>();
  #isWhole = false;
  #between = 0;

  /** @returns what is told; undefined for nothing */
  next(event: AgentEvent, said: (event: AgentEvent) => string | undefined): McpProgress | undefined {
    const before = this.#settled.size;
    if (event.graph.length === 0) this.#count(event);
    const message = said(event);
    if (this.#settled.size > before) this.#between = 0;
    else if (message === undefined) return undefined;
    else this.#between += 1;
    const progress = this.#settled.size + this.#between / (this.#between + 1);
    const total = this.#isWhole ? { total: this.#nodes.size } : {};
    return { progress, ...total, ...(message === undefined ? {} : { message }) };
  }

  #count(event: AgentEvent): void {
    if (event.type === "run.started") this.#isWhole = true;
    if (event.type === "run.started" || event.type === "nodes.added") for (const { name } of event.nodes) this.#nodes.add(name);
    if ("node" in event && SETTLED.has(event.type)) this.#settled.add(event.node);
  }
}
