/** Events that hold what they are made of: a run that nobody listens to keeps them, and reads no text that nobody asks for. */
import type { ErrorDetails } from "#contract/base/error-details";
import type { Attempt, ModuleOrder, ModuleOutcome } from "#contract/node/attempt";
import type { NodeDefinition } from "#contract/node/definition";
import { givenValue } from "#contract/node/given-value";
import type { EmittedEvent, ModuleResult } from "#contract/node/module";
import type { RunEventBody } from "./events.ts";

type Body<T extends RunEventBody["type"]> = Extract<RunEventBody, { type: T }>;

export abstract class UnreadEvent {
  /** A copy that shares nothing that could change, each time. */
  abstract read(): RunEventBody;
}

export class ModuleStarted extends UnreadEvent implements Body<"module.started"> {
  readonly type = "module.started";
  readonly module: string;
  readonly #order: ModuleOrder;

  constructor(order: ModuleOrder, module: string) {
    super();
    this.#order = order;
    this.module = module;
  }

  get node(): string {
    return this.#order.node;
  }

  get visit(): number {
    return this.#order.visit;
  }

  get attempt(): number {
    return this.#order.attempt;
  }

  read(): Body<"module.started"> {
    const { type, node, module, visit, attempt } = this;
    return { type, node, module, visit, attempt };
  }
}

export class ModuleEnded extends UnreadEvent implements Body<"module.ended"> {
  readonly type = "module.ended";
  readonly module: string;
  readonly durationMs: number;
  readonly #order: ModuleOrder;
  readonly #outcome: ModuleOutcome;

  constructor(order: ModuleOrder, module: string, outcome: ModuleOutcome, durationMs: number) {
    super();
    this.#order = order;
    this.module = module;
    this.#outcome = outcome;
    this.durationMs = durationMs;
  }

  get node(): string {
    return this.#order.node;
  }

  get visit(): number {
    return this.#order.visit;
  }

  get attempt(): number {
    return this.#order.attempt;
  }

  get status(): ModuleOutcome["status"] {
    return this.#outcome.status;
  }

  read(): Body<"module.ended"> {
    const { type, node, module, visit, attempt, durationMs } = this;
    const { status, json, error, code, details } = this.#outcome;
    const result = json === undefined ? undefined : (JSON.parse(json) as ModuleResult).result;
    const why: ErrorDetails & { error?: string; code?: string } =
      status === "success" ? {} : { ...(error === undefined ? {} : { error }), ...(code === undefined ? {} : { code }), ...details };
    return { type, node, module, visit, attempt, status, durationMs, ...(result === undefined ? {} : { result }), ...why };
  }
}

export class ModuleEmitted extends UnreadEvent implements Body<"module.emitted"> {
  readonly type = "module.emitted";
  readonly node: string;
  readonly module: string;
  readonly #json: string;

  /** @param json the event as text, since a module may go on with what it emitted */
  constructor(node: string, module: string, json: string) {
    super();
    this.node = node;
    this.module = module;
    this.#json = json;
  }

  get event(): EmittedEvent {
    return JSON.parse(this.#json) as EmittedEvent;
  }

  read(): Body<"module.emitted"> {
    const { type, node, module, event } = this;
    return { type, node, module, event };
  }
}

/** What a node's visit left behind. */
export interface LeftBehind {
  readonly definition: NodeDefinition;
  readonly modules: Attempt;
}

export class NodeCompleted extends UnreadEvent implements Body<"node.completed"> {
  readonly type = "node.completed";
  readonly node: string;
  readonly visit: number;
  readonly durationMs: number;
  readonly #left: LeftBehind;

  constructor(node: string, visit: number, durationMs: number, left: LeftBehind) {
    super();
    this.node = node;
    this.visit = visit;
    this.durationMs = durationMs;
    this.#left = left;
  }

  get result(): unknown {
    return givenValue(this.#left.definition, this.#left.modules);
  }

  read(): Body<"node.completed"> {
    const { type, node, visit, durationMs, result } = this;
    return { type, node, visit, durationMs, ...(result === undefined ? {} : { result }) };
  }
}
