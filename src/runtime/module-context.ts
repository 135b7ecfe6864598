/** A module's view of the run, and the scope of the models that it calls: the same object, so that a module without models pays for no scope. */

import { requireMs } from "#contract/base/durations";
import { toJsonText } from "#contract/base/json";
import { requireName } from "#contract/base/names";
import type { Task } from "#contract/base/task";
import type { Span } from "#contract/base/telemetry";
import type { Approvals } from "#contract/chat/approval";
import {
  bindScope,
  type CallEstimate,
  type CallScope,
  type Checkpoint,
  currentScope,
  runInScope,
  type SettleCall,
} from "#contract/chat/call-scope";
import { attemptKeyOf, idempotencyKeyOf, type ModuleOrder } from "#contract/node/attempt";
import { indexOfItem } from "#contract/node/items";
import type { AgentModule, ModuleConfig, ModuleContext, SleepOptions } from "#contract/node/module";
import type { Node } from "#contract/node/node";
import { takeAsk } from "#contract/node/take-ask";
import { takeReceive, takeSleep } from "#contract/node/take-waits";
import type { ModuleHost, OpenValues } from "#contract/run/host";
import { deltaPartOf } from "#contract/run/model-delta";
import type { Waiting } from "#contract/run/run-view";
import { ModuleEmitted } from "#contract/run/unread-event";
import type { Cache, ReceivePermit } from "#contract/store/cache";
import { entryName } from "#replay/replay-log";
import { AttemptCache, type AttemptWaits } from "./attempt-cache.ts";
import { AttemptGate, unheard } from "./attempt-gate.ts";
import type { ChildPlace } from "./child-place.ts";
import { ModuleWaits, type StepToken } from "./module-waits.ts";
import { momentIn, momentOf } from "./moments.ts";
import { StepScope } from "./step-scope.ts";

/** What differs from one visit to the next. */
export interface ContextVisit {
  readonly order: ModuleOrder;
  readonly within: Span;
  wait<T>(work: (permit: ReceivePermit) => Promise<T>): Promise<T>;
  /** Waits for something outside, which is told. */
  await<T>(waiting: Waiting | undefined, work: (signal: AbortSignal, permit: ReceivePermit) => Promise<T>): Promise<T>;
  /** See `ModuleKeeper`. */
  progressed(): void;
}

/** A generator keeps the one it was started with, renewed at each visit. */
export class Context implements ModuleContext, CallScope, AttemptWaits {
  readonly #host: ModuleHost;
  readonly #module: AgentModule;
  readonly config: ModuleConfig;
  readonly gate = new AttemptGate();
  node!: { readonly name: string; readonly visit: number; readonly attempt: number };
  #visit!: ContextVisit;
  #visits = 0;
  /** Made when somebody asks for the signal: most modules never do. */
  #controller: AbortController | undefined;
  #reason: Error | undefined;
  #cache: Cache | undefined;
  /** Made when somebody asks: most modules keep nothing. */
  #open: OpenValues | undefined;
  #values: Cache | undefined;
  /** Of this visit; made when it waits for something. */
  #waits: ModuleWaits | undefined;

  constructor(host: ModuleHost, node: Node, module: AgentModule) {
    this.#host = host;
    this.#module = module;
    const around = host.context;
    const own = node.config.context;
    const isPlain = around === undefined && own === undefined;
    this.config = isPlain ? module.config : { ...module.config, context: { ...around, ...own, ...module.config.context } };
  }

  renew(visit: ContextVisit): this {
    this.#visit = visit;
    this.#visits += 1;
    const { order } = visit;
    const { each } = this.#host;
    const { attempt } = order;
    this.node =
      each === undefined ? { name: order.node, visit: order.visit, attempt } : { name: each.node.name, visit: each.visit, attempt };
    this.#controller = undefined;
    this.#reason = undefined;
    this.#waits = undefined;
    if (this.#visits > 1) this.gate.reopen();
    return this;
  }

  get fence(): number {
    return this.#host.fence;
  }

  get idempotencyKey(): string {
    return idempotencyKeyOf(this.#visit.order, this.#module.name);
  }

  /** Where it is, as what is kept for it is found by. */
  get #place(): string {
    return this.idempotencyKey.slice(this.#host.task.id.length + 1);
  }

  get attemptKey(): string {
    return attemptKeyOf(this.#visit.order, this.#module.name);
  }

  get values(): Cache {
    this.#open ??= this.#host.openValues(() => this.#step());
    this.#values ??= new AttemptCache(this.#open.cache, this);
    return this.#values;
  }

  get results(): Readonly<Record<string, unknown>> {
    return this.#host.results;
  }

  get cache(): Cache {
    this.#cache ??= new AttemptCache(this.#host.cache, this);
    return this.#cache;
  }

  get index(): number | undefined {
    return this.#host.each === undefined ? undefined : indexOfItem(this.#visit.order.node);
  }

  get item(): unknown {
    const { index } = this;
    return index === undefined ? undefined : this.#host.each?.items[index];
  }

  get task(): Task {
    return this.#host.task;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      bindScope(this.#controller.signal, this);
      if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  /** Bound, since modules take their context apart; made when it is asked for, as most never do. */
  get emit(): ModuleContext["emit"] {
    return (event) => {
      if (!this.gate.isOpen) return;
      const json = toJsonText(event, `event of module "${this.#module.name}"`);
      const { node } = this.#visit.order;
      this.#host.requireRoomToEmit(node, this.#module.name, json);
      this.#host.tell(new ModuleEmitted(node, this.#module.name, json));
    };
  }

  get evaluate(): ModuleContext["evaluate"] {
    return (condition) => unheard(this.#host.evaluate(condition));
  }

  get step(): ModuleContext["step"] {
    return (name, work) => this.gate.through(`step "${name}"`, async () => this.#waiting().step(requireName(name, "step"), work));
  }

  get sleep(): ModuleContext["sleep"] {
    return (ms, options) =>
      this.gate.through("sleeping", async () => {
        requireMs("sleep", ms);
        await this.#sleep(momentIn(ms, this.#host.clock), options);
      });
  }

  get sleepUntil(): ModuleContext["sleepUntil"] {
    return (moment, options) => this.gate.through("sleeping", async () => this.#sleep(momentOf("sleepUntil", moment), options));
  }

  #sleep(until: number, options: SleepOptions = {}): Promise<void> {
    const { name = "sleep" } = takeSleep(options);
    return this.#waiting().sleepUntil(until, requireName(name, "sleep"));
  }

  get receive(): ModuleContext["receive"] {
    return (mailbox, options = {}) =>
      this.gate.through(`receiving from mailbox "${mailbox}"`, async () =>
        this.#waiting().receive(requireName(mailbox, "mailbox"), takeReceive(options)),
      );
  }

  get ask(): ModuleContext["ask"] {
    return (name, question) =>
      this.gate.through(`question "${name}"`, async () => this.#waiting().ask(requireName(name, "question"), takeAsk(name, question)));
  }

  #waiting(): ModuleWaits {
    this.#waits ??= new ModuleWaits(this.#host, {
      order: this.#visit.order,
      module: this.#module.name,
      idempotencyKey: this.idempotencyKey,
      signal: this.signal,
      over: this.gate.signal,
      await: (waiting, work) => this.#visit.await(waiting, work),
      within: (step, work) => runInScope(new StepScope(this, step), work),
      settle: (step) => this.#open?.settle(step),
      progressed: () => this.#visit.progressed(),
    });
    return this.#waits;
  }

  /** The step that something is done by now. */
  #step(): StepToken | undefined {
    if (this.#waits === undefined) return undefined;
    const scope = currentScope();
    return scope instanceof StepScope && scope.within(this) ? scope.step : undefined;
  }

  /** It has succeeded: what was kept for it, and it did not ask for, is told, and nobody answers it any more. */
  succeeded(): void {
    if (this.#waits !== undefined || (this.#host.hasKept && this.#host.replay.has(this.#place))) this.#waiting().succeeded();
  }

  /** It has failed by what it threw itself. */
  failed(error: unknown): void {
    this.#waits?.failed(error);
  }

  /** A restored generator starts anew, with its first visit's chain: it must not go on from a later one's. */
  get chains(): CallScope["chains"] {
    return this.#visits === 1 ? (key) => this.#chain(key) : undefined;
  }

  #chain(key: string): Checkpoint {
    const { replay } = this.#host;
    const { order } = this.#visit;
    const place = this.#place;
    const entry = entryName("chain", key, 1);
    const save = async (state: unknown): Promise<void> => {
      const text = toJsonText(state, `chain of module "${this.#module.name}"`);
      const what = (): string => `The chain "${key}" of module "${this.#module.name}" of node "${order.node}"`;
      this.#host.requireRoom({ what, length: text.length, text: () => text });
      if (text !== replay.read(place, entry)) this.#visit.progressed();
      replay.write(place, entry, text);
      await this.#host.saveProgress(order.node);
    };
    return {
      async load() {
        const text = replay.read(place, entry);
        return text === undefined ? undefined : JSON.parse(text);
      },
      save: (state) => this.gate.through("saving a chain", () => save(state)),
    };
  }

  /** See `agentModule`. */
  child<T>(name: string, follow: (place: ChildPlace) => Promise<T>): Promise<T> {
    return this.gate.through(`run "${name}"`, () => this.#waiting().child(name, follow));
  }

  get deltas(): CallScope["deltas"] {
    const tell = this.gate.isOpen ? this.#host.deltas : undefined;
    if (tell === undefined) return undefined;
    const { node, visit, attempt } = this.#visit.order;
    return (part) => tell({ node, module: this.#module.name, visit, attempt, part: deltaPartOf(part) });
  }

  get approvals(): Approvals {
    return {
      decide: (call) => this.gate.through(`a decision on "${call.key}"`, () => this.#waiting().decide(call)),
      rest: () => this.#waiting().rest(),
    };
  }

  get span(): Span {
    return this.#visit.within;
  }

  get agentName(): string {
    return this.#module.name;
  }

  admit(estimate: CallEstimate): SettleCall {
    this.gate.pass("calling a model");
    return this.#host.admit(this.#visit.order.node, estimate);
  }

  wait<T>(work: (permit: ReceivePermit) => Promise<T>): Promise<T> {
    return unheard(this.#visit.wait(work));
  }

  /** The attempt is over: what it did stands, and what it does from now on is refused. */
  end(): void {
    this.gate.close();
    this.#open?.settle();
  }

  abort(reason: Error): void {
    this.#reason = reason;
    this.#controller?.abort(reason);
  }
}
