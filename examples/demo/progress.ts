/** The states of the demo's nodes as they change: lines that are redrawn on a terminal, one line for each change elsewhere. */
import type { AgentEvent, TaskStatus } from "asimov-agents";

export interface Progress {
  tell(event: AgentEvent): void;
}

/** Nodes that run at once, shown as one line. */
class Group {
  readonly #states = new Map<string, TaskStatus>();
  #visit = 0;

  constructor(names: readonly string[], done: readonly string[]) {
    for (const name of names) this.#states.set(name, done.includes(name) ? "COMPLETE" : "WAITING");
  }

  set(name: string, status: TaskStatus, visit: number | undefined): void {
    this.#states.set(name, status);
    this.#visit = visit ?? this.#visit;
  }

  get status(): TaskStatus {
    const states = [...this.#states.values()];
    const worst = (["FAILED", "PARTIAL", "EXECUTING"] as const).find((status) => states.includes(status));
    return worst ?? (states.every((status) => status === "COMPLETE") ? "COMPLETE" : "WAITING");
  }

  get label(): string {
    const names = [...this.#states.keys()];
    const label = names.length === 1 ? names[0] : `${names[0]} … ${names.length}`;
    return this.#visit > 1 ? `${label} (visit ${this.#visit})` : `${label}`;
  }

  /** A mark for each node; one node needs none. */
  get bar(): string {
    const marks = [...this.#states.values()].map((status) => (status === "COMPLETE" ? "■" : status === "EXECUTING" ? "▪" : "·"));
    return marks.length === 1 ? "" : marks.join("");
  }
}

/**
 * @param lines the nodes, those that run at once together
 * @param done the nodes that had ended before the run was restored
 */
export function showProgress(stream: NodeJS.WriteStream, lines: readonly string[][], done: readonly string[]): Progress {
  const groups = lines.map((names) => new Group(names, done));
  const groupOf = new Map(lines.flatMap((names, index) => names.map((name): [string, Group] => [name, groups[index] as Group])));
  const isLive = stream.isTTY === true && process.env.TERM !== "dumb";
  const draw = isLive ? screen(stream, groups) : undefined;
  draw?.();

  function change(node: string, status: TaskStatus, visit?: number): void {
    const group = groupOf.get(node);
    if (group === undefined) return;
    const before = group.status;
    group.set(node, status, visit);
    if (draw !== undefined) draw();
    else if (group.status !== before) stream.write(`${group.status.padEnd(9)}  ${group.label}\n`);
  }

  function say(line: string): void {
    if (draw === undefined) stream.write(`${line}\n`);
    else draw(line);
  }

  return {
    tell(event) {
      switch (event.type) {
        case "node.started":
          return change(event.node, "EXECUTING", event.visit);
        case "node.completed":
          return change(event.node, "COMPLETE");
        case "node.failed":
          return change(event.node, event.status);
        case "jump.taken":
          return say(`too long: ${event.from} goes back to ${event.to}`);
        case "error.reported":
          return say(`error: ${event.report.error}`);
      }
    },
  };
}

/** Redraws the lines in place; what is said stays above them. */
function screen(stream: NodeJS.WriteStream, groups: readonly Group[]): (line?: string) => void {
  let drawn = 0;
  return (line) => {
    const width = Math.max(20, (stream.columns || 80) - 1);
    const up = drawn === 0 ? "" : `\x1b[${drawn}A\x1b[J`;
    const rows = groups.map(({ status, label, bar }) => `${status.padEnd(9)}  ${label.padEnd(26)} ${bar}`.trimEnd().slice(0, width));
    stream.write(`${up}${line === undefined ? "" : `${line}\n`}${rows.join("\n")}\n`);
    drawn = groups.length;
  };
}
