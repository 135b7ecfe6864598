/** One run of one module: it always ends by an outcome, and when it has ended nothing of it runs any more, or it says so. */

import { Countdown } from "#contract/base/countdown";
import { errorDetailsOf, shownMessageOf } from "#contract/base/error-details";
import { AsimovError, asimovErrorOf, NonRetryableError } from "#contract/base/errors";
import { setLongTimeout } from "#contract/base/long-timer";
import { elapsedMs, monotonicOf } from "#contract/base/services";
import type { Span } from "#contract/base/telemetry";
import { afterThisTurn } from "#contract/base/turns";
import { runInScope } from "#contract/chat/call-scope";
import type { ModuleOrder, ModuleOutcome } from "#contract/node/attempt";
import { closeGenerator } from "#contract/node/close-generator";
import {
  type AgentModule,
  type CheckedResult,
  checkResult,
  DEFAULT_MODULE_TIMEOUT_MS,
  type Middleware,
  type ModuleResult,
} from "#contract/node/module";
import type { Node } from "#contract/node/node";
import type { Permit } from "#contract/node/permits";
import type { ModuleHost, ModuleKeeper, RunningModule } from "#contract/run/host";
import type { Waiting } from "#contract/run/run-view";
import { ModuleEnded, ModuleStarted } from "#contract/run/unread-event";
import type { ReceivePermit } from "#contract/store/cache";
import { Context, type ContextVisit } from "./module-context.ts";

const leftBehind = (module: string): AsimovError =>
  new AsimovError(`Module "${module}" has ended, and waits for nothing any more: await what it asks for before it gives its result.`, {
    code: "attempt-ended",
  });

const later = <T>(error: Error): Promise<T> => new Promise((_, reject) => afterThisTurn(() => reject(error)));

const GENERATOR_EXHAUSTED: ModuleResult = { status: "success", result: "Generator Exhausted" };

/** Another attempt would give the same. */
const FINAL_CODES: ReadonlySet<string> = new Set(["not-json", "invalid-result", "part-too-large", "question-deadline"]);

/** @throws AsimovError `invalid-result` */
function requireItemResult({ newNodes, result }: CheckedResult, module: string): void {
  const does = newNodes.length > 0 ? "add nodes" : result.decision === undefined ? undefined : "decide";
  if (does === undefined) return;
  throw new AsimovError(`Module "${module}" runs for each item of a list, and cannot ${does}: let a node behind it do so.`, {
    code: "invalid-result",
  });
}

function isGenerator(value: unknown): value is AsyncGenerator {
  return (
    typeof value === "object" && value !== null && Symbol.asyncIterator in value && typeof (value as AsyncGenerator).next === "function"
  );
}

export class ModuleJob implements ContextVisit, RunningModule {
  readonly order: ModuleOrder;
  readonly #host: ModuleHost;
  readonly #keeper: ModuleKeeper;
  readonly #permit: Permit;
  readonly #node: Node;
  readonly #module: AgentModule;
  readonly #timeoutMs: number;
  #context: Context | undefined;
  #span: Span | undefined;
  #startedAt = 0;
  #countdown: Countdown | undefined;
  #clearGrace: () => void = () => {};
  /** Waits that are open; the module rests while one is. */
  #waits = 0;
  #isResting = false;
  /** Why the job was stopped from outside; what its module still gives is then late. */
  #stop: { status: "error" | "aborted"; error: AsimovError } | undefined;
  #isEnded = false;

  constructor(host: ModuleHost, order: ModuleOrder, keeper: ModuleKeeper, permit: Permit) {
    this.#host = host;
    this.order = order;
    this.#keeper = keeper;
    this.#permit = permit;
    const { node, module } = host.resolve(order);
    this.#node = node;
    this.#module = module;
    this.#timeoutMs = module.config.timeoutMs ?? DEFAULT_MODULE_TIMEOUT_MS;
  }

  start(): void {
    this.#startedAt = monotonicOf(this.#host.clock);
    // What a composite's middlewares make of its result is no module of anybody's.
    if (this.order.given === undefined) this.#host.tell(new ModuleStarted(this.order, this.#module.name));
    this.#host.working(this.order.node, 1);
    if (Number.isFinite(this.#timeoutMs)) {
      this.#countdown = new Countdown(this.#host.clock, this.#timeoutMs, () => {
        const message = `Module ${this.#module.name} timed out after ${this.#timeoutMs} ms`;
        this.#halt("error", new AsimovError(message, { code: "timeout", retryable: true }));
      });
      this.#countdown.run();
    }
    let work: Promise<unknown>;
    try {
      if (this.#module.trace) this.#span = this.#startSpan();
      // What the user's module starts itself belongs to this run, whoever's module left the permit.
      const context = this.#renewContext();
      work = this.within.run(() => runInScope(context, () => this.#process()));
    } catch (error) {
      work = Promise.reject(error);
    }
    work.then(
      (value) => this.#succeed(value),
      (error: unknown) => this.#fail(error),
    );
  }

  /** What the module's own spans belong to. */
  get within(): Span {
    return this.#span ?? this.#host.spanOf(this.order.node);
  }

  /** While the work waits, others may work, and no time limit counts. Settles when the module may go on. */
  async wait<T>(work: (permit: ReceivePermit) => Promise<T>): Promise<T> {
    let resuming: Promise<void> | undefined;
    const pause = (): void => {
      resuming = undefined;
      this.#waits++;
      this.#rest();
    };
    const resume = (): Promise<void> => {
      if (resuming === undefined) {
        this.#waits--;
        resuming = this.#wake();
      }
      return resuming;
    };
    pause();
    try {
      return await work({ pause, resume });
    } finally {
      await resume();
    }
  }

  /** Of what it waits for outside: how each is given up. */
  #awaited: Set<(error: Error) => void> | undefined;

  async await<T>(waiting: Waiting | undefined, work: (signal: AbortSignal, permit: ReceivePermit) => Promise<T>): Promise<T> {
    const { node } = this.order;
    const refusal = this.#stop?.error ?? (this.#isEnded ? leftBehind(this.#module.name) : undefined);
    // A module that asks again and again, whatever it is told, does not hold the thread.
    if (refusal !== undefined) return await later<T>(refusal);
    this.#awaited ??= new Set();
    const controller = new AbortController();
    const { promise: given, reject: giveUp } = Promise.withResolvers<never>();
    const end = (error: Error): void => {
      controller.abort(error);
      giveUp(error);
    };
    const awaited = this.#awaited;
    const open = (): void => {
      if (awaited.has(end)) return;
      awaited.add(end);
      if (waiting !== undefined) this.#host.waiting(node, waiting, true);
      if (awaited.size === 1) this.#keeper.waits(true);
    };
    const close = (): void => {
      if (!awaited.delete(end)) return;
      if (waiting !== undefined) this.#host.waiting(node, waiting, false);
      if (awaited.size === 0 && !this.#isEnded) this.#keeper.waits(false);
    };
    open();
    // With what is told of it: whoever hears of the wait finds it stored. A run that is waited for is stored by itself, or is not.
    const stored = waiting?.for === "run" ? this.#host.saveProgress(node) : this.#host.storeProgress(node);
    return await this.wait(async (permit) => {
      const pause = (): void => {
        open();
        permit.pause();
      };
      // One that may go on does not wait any more, though it may have to queue for its permit.
      const resume = (): Promise<unknown> => {
        close();
        return permit.resume();
      };
      try {
        const had = await Promise.race([work(controller.signal, { pause, resume }), given]);
        // Before it is stored: a run that is being put down must know by then that it has what it waited for.
        close();
        await stored;
        return had;
      } finally {
        close();
      }
    });
  }

  /** Something of it is kept from now on, which a repeat finds. */
  progressed(): void {
    this.#keeper.progressed();
  }

  #giveUpWaits(error: Error): void {
    for (const end of this.#awaited ?? []) end(error);
  }

  #rest(): void {
    if (this.#isResting || this.#isEnded || this.#stop !== undefined) return;
    this.#isResting = true;
    this.#countdown?.pause();
    this.#host.working(this.order.node, -1);
    this.#permit.pause();
  }

  async #wake(): Promise<void> {
    if (!this.#isResting || this.#waits > 0) return;
    await this.#permit.resume();
    // Ended or stopped meanwhile, or waiting again: then somebody else wakes it, or nobody.
    if (!this.#isResting || this.#isEnded || this.#stop !== undefined) return;
    if (this.#waits > 0) return this.#permit.pause();
    this.#isResting = false;
    this.#host.working(this.order.node, 1);
    this.#countdown?.run();
  }

  /** Asks the module to end. The job ends when it has, or after the grace time. */
  abort(reason: string, code: string): void {
    this.#halt("aborted", new AsimovError(reason, { code, cause: this.#host.thrownIn(this.order) }));
  }

  #halt(status: "error" | "aborted", error: AsimovError): void {
    if (this.#isEnded || this.#stop !== undefined) return;
    this.#stop = { status, error };
    this.#countdown?.pause();
    this.#clearGrace = setLongTimeout(
      this.#host.abortGraceMs,
      () => {
        this.#host.tell({ type: "module.abandoned", node: this.#node.name, module: this.#module.name });
        this.#fail(error);
      },
      this.#host.clock,
    );
    // One that rests need not queue up to hear that it was stopped.
    if (this.#isResting) this.#permit.release();
    this.#context?.abort(error);
    this.#giveUpWaits(error);
  }

  #startSpan(): Span {
    const { name } = this.#module;
    const { node, visit, attempt } = this.order;
    return this.#host.startSpan(`module ${name}`, node, {
      "asimov.module.name": name,
      "asimov.node.name": node,
      "asimov.node.visit": visit,
      "asimov.node.attempt": attempt,
      "asimov.module.timeout_ms": this.#timeoutMs,
    });
  }

  /** No async function of its own: most modules have no middleware, and each promise more is felt in a graph of no-ops. */
  #process(): Promise<unknown> {
    const inner = this.#module.config.middlewares;
    const outer = this.#node.config.middlewares;
    const produced = Promise.resolve(this.#produce());
    return inner === undefined && outer === undefined ? produced : this.#filter(produced, [...(inner ?? []), ...(outer ?? [])]);
  }

  async #filter(produced: Promise<unknown>, middlewares: readonly Middleware[]): Promise<unknown> {
    const { name } = this.#module;
    let value = await produced;
    const { values, task, signal, node } = this.#context as Context;
    for (const middleware of middlewares) {
      const { result } = checkResult(value, name);
      value = await middleware.process(result, values, { task, signal, node });
    }
    return value;
  }

  get #key(): string {
    return `${this.#node.name}/${this.order.module}`;
  }

  #renewContext(): Context {
    const running = this.#host.generators.get(this.#key);
    const context = running === undefined ? new Context(this.#host, this.#node, this.#module) : (running.context as Context);
    this.#context = context.renew(this);
    return context;
  }

  /** One result: of the module's promise, or the next yield of its generator. */
  #produce(): unknown {
    const { generators, abortGraceMs, clock } = this.#host;
    const running = generators.get(this.#key);
    if (running !== undefined) return this.#next(running.generator);
    const context = this.#context as Context;
    const started: unknown = this.#module.process(context);
    if (!isGenerator(started)) return started;
    this.#host.generatorStarted(this.order, this.#module.name);
    const close = (): Promise<void> => {
      // What it does last is in time.
      context.gate.reopen();
      return closeGenerator(started, abortGraceMs, clock).finally(() => context.end());
    };
    generators.set(this.#key, { generator: started, context, close });
    return this.#next(started);
  }

  async #next(generator: AsyncGenerator): Promise<unknown> {
    try {
      const { done, value } = await generator.next();
      return done === true ? GENERATOR_EXHAUSTED : value;
    } catch (error) {
      this.#forgetGenerator();
      throw error;
    }
  }

  /** Once the job has ended, the generator of this place may be another attempt's. */
  #forgetGenerator(): AsyncGenerator | undefined {
    if (this.#isEnded) return undefined;
    const running = this.#host.generators.get(this.#key);
    this.#host.generators.delete(this.#key);
    return running?.generator;
  }

  #succeed(value: unknown): void {
    if (this.#isEnded) return;
    if (this.#stop !== undefined) return this.#fail(this.#stop.error);
    let checked: CheckedResult;
    let added: ModuleOutcome["added"] = [];
    try {
      checked = checkResult(value, this.#module.name);
      const { newNodes, result } = checked;
      if (this.#host.each !== undefined) requireItemResult(checked, this.#module.name);
      if (newNodes.length > 0 && result.status === "success") added = this.#host.define(newNodes, this.order);
    } catch (error) {
      return this.#fail(error);
    }
    const { result, json } = checked;
    const isError = result.status === "error";
    const outcome: ModuleOutcome = {
      module: this.order.module,
      status: isError ? "error" : "success",
      json,
      ...(isError
        ? { error: typeof result.error === "string" ? shownMessageOf(result.error) : `Module ${this.#module.name} gave the status "error"` }
        : {}),
      retryable: true,
      ...(result.decision === undefined ? {} : { decision: result.decision, cleanup: result.cleanup === true }),
      ...(added.length === 0 ? {} : { added }),
      endedAt: this.#host.clock.now(),
    };
    try {
      this.#host.requireRoomFor(this.order.node, this.#module.name, outcome);
    } catch (error) {
      return this.#fail(error);
    }
    this.#end(outcome);
  }

  #fail(thrown: unknown): void {
    if (this.#isEnded) return;
    const stop = this.#stop;
    const error: unknown = stop?.error ?? thrown;
    // A generator that was stopped is in an unknown place: the next attempt starts another.
    const generator = stop === undefined ? undefined : this.#forgetGenerator();
    if (generator !== undefined) void closeGenerator(generator, this.#host.abortGraceMs, this.#host.clock);
    if (stop === undefined) {
      this.#context?.failed(thrown);
      this.#host.threw(this.order, thrown);
    }
    const text = shownMessageOf(error);
    const known = asimovErrorOf(error);
    this.#end({
      module: this.order.module,
      status: stop?.status ?? "error",
      ...(stop?.status === "aborted" ? {} : { json: JSON.stringify({ status: "error", error: text }) }),
      error: text,
      ...(known === undefined ? {} : { code: known.code }),
      ...(stop === undefined ? { details: errorDetailsOf(error) } : {}),
      retryable: known === undefined || !(known instanceof NonRetryableError || FINAL_CODES.has(known.code)),
      endedAt: this.#host.clock.now(),
    });
  }

  #end(outcome: ModuleOutcome): void {
    this.#isEnded = true;
    this.#countdown?.pause();
    this.#clearGrace();
    this.#context?.end();
    if (outcome.status === "success") this.#context?.succeeded();
    if (this.#awaited !== undefined) this.#giveUpWaits(leftBehind(this.#module.name));
    if (!this.#isResting) this.#host.working(this.order.node, -1);
    const { status, error, details, code } = outcome;
    this.#span?.end(status === "success" ? undefined : error, { ...details, ...(code === undefined ? {} : { code }) });
    if (this.order.given === undefined) {
      const durationMs = elapsedMs(this.#host.clock, this.#startedAt);
      this.#host.tell(new ModuleEnded(this.order, this.#module.name, outcome, durationMs), outcome.endedAt);
    }
    // In this order: what comes next waits until the end is stored.
    this.#host.ended(this.order.node);
    this.#keeper.ended(outcome);
  }
}
