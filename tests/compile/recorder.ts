/** Writes down what a machine shows of itself, a line each, so that two runs can be compared as text. */
import type { AnyActorRef, AnyMachineSnapshot, InspectionEvent } from "xstate";

type Fields = Record<string, unknown>;

const isActor = (value: object): value is AnyActorRef => "sessionId" in value && "ref" in value && "send" in value;
const isSnapshot = (value: object): value is AnyMachineSnapshot => "machine" in value && "_nodes" in value;
const isTransition = (value: object): boolean => "source" in value && "eventType" in value && "reenter" in value;

/** XState's own events. */
const KINDS = [
  "xstate.done.state",
  "xstate.done.actor",
  "xstate.error",
  "xstate.snapshot",
  "xstate.after",
  "xstate.route",
  "xstate.init",
  "xstate.stop",
];

export class Recorder {
  readonly lines: string[] = [];
  /** What has happened at all, by name: a test that reaches nothing proves nothing. */
  readonly seen = new Set<string>();
  readonly #numbers = new Map<object, number>();
  readonly #sessions = new Map<string, string>();
  readonly #calls = new Map<string, number>();
  readonly #most: number;

  /** @param most lines; a run that goes on and on ends there, in the same line whoever interprets it */
  constructor(most = 300) {
    this.#most = most;
  }

  tell(what: string, ...values: unknown[]): void {
    const line = [what, ...values.map((value) => this.show(value))].join(" ");
    this.lines.push(line.includes("x:") ? line.replace(/x:\d+/g, (id) => this.#sessionOf(id)) : line);
    if (this.lines.length > this.#most) {
      this.seen.add("ran without end");
      throw new Error("This runs without end");
    }
  }

  /** @returns how often it was called by now */
  countCall(site: string): number {
    const count = (this.#calls.get(site) ?? 0) + 1;
    this.#calls.set(site, count);
    return count;
  }

  readonly inspect = (event: InspectionEvent): void => {
    const { actorRef, rootId: _, type, ...rest } = event;
    if (event.type === "@xstate.action") {
      const { type: action, params } = event.action;
      const isStop = action === "xstate.stopChild";
      this.seen.add(isStop ? (params === undefined ? "stopped nobody" : "stopped a child") : `did ${action}`);
    }
    if (event.type === "@xstate.microstep")
      this.seen.add(`step by ${KINDS.find((kind) => event.event.type.startsWith(kind)) ?? "an event"}`);
    this.tell(type, actorRef, rest);
  };

  /** Ids of sessions are counted for the whole process, these for the run. */
  #sessionOf(id: string): string {
    let known = this.#sessions.get(id);
    if (known === undefined) {
      known = `x.${this.#sessions.size}`;
      this.#sessions.set(id, known);
    }
    return known;
  }

  /** The same number for the same object: what is shared and what is made anew shows. */
  #numberOf(value: object): { number: number; isNew: boolean } {
    const known = this.#numbers.get(value);
    if (known !== undefined) return { number: known, isNew: false };
    const number = this.#numbers.size;
    this.#numbers.set(value, number);
    return { number, isNew: true };
  }

  show(value: unknown, depth = 0): string {
    if (typeof value === "function") return `function ${value.name}`;
    if (typeof value !== "object" || value === null) return typeof value === "string" ? JSON.stringify(value) : String(value);
    if (value instanceof Error) return `${value.name}(${value.message})`;
    if (isActor(value)) return `<${value.id} ${value.sessionId}>`;
    if (isSnapshot(value)) return this.#showSnapshot(value);
    if (isTransition(value)) return this.#showTransition(value as Fields);
    if ("_relay" in value) return "<system>";
    if ("getInitialSnapshot" in value) return "<logic>";
    if (depth > 6) return "…";
    if (Array.isArray(value)) return `[${value.map((item) => this.show(item, depth + 1)).join()}]`;
    return `{${Object.entries(value)
      .map(([key, item]) => `${key}:${this.show(item, depth + 1)}`)
      .join()}}`;
  }

  #showSnapshot(snapshot: AnyMachineSnapshot): string {
    const { number, isNew } = this.#numberOf(snapshot);
    if (isNew) {
      const { context, children, _nodes, status } = snapshot;
      this.seen.add(`snapshot ${status}`).add(`at ${JSON.stringify(snapshot.value)}`);
      const same = [context, children].map((part) => (typeof part === "object" && part !== null ? this.#numberOf(part).number : part));
      const names = _nodes.map(({ id }) => id);
      this.tell(
        `  S${number} =`,
        snapshot.toJSON(),
        "nodes",
        names,
        "meta",
        snapshot.getMeta(),
        "parts",
        same,
        Object.keys(snapshot).length,
      );
    }
    return `S${number}`;
  }

  #showTransition({ source, target, eventType, reenter, actions }: Fields): string {
    const targets = (target as { id: string }[] | undefined)?.map(({ id }) => id).join();
    return `(${(source as { id: string }).id} -${eventType}-> ${targets}${reenter ? " again" : ""}, ${(actions as unknown[]).length} actions)`;
  }
}
