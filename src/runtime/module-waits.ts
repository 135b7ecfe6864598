/**
 * What a module does once and has kept: answers, steps, sleeps, messages. A module that runs again finds each by kind, name and occurrence: the n-th of that
 * name in this visit, over all its attempts.
 */
import { AsimovError, asimovErrorOf, QuestionError } from "#contract/base/errors";
import { toJsonText } from "#contract/base/json";
import { setLongTimeout } from "#contract/base/long-timer";
import { APPROVAL_SCHEMA, type Approval, checkApproval, type Undecided } from "#contract/chat/approval";
import type { CompiledSchema, JsonSchema, Schema } from "#contract/chat/schema";
import { answerSchema, requireDeadlineAnswer } from "#contract/node/answer-schema";
import type { ModuleOrder } from "#contract/node/attempt";
import type { Answered, Ask, ReceiveWaitOptions, StepContext } from "#contract/node/module";
import type { KeptChild, ModuleHost } from "#contract/run/host";
import type { Question } from "#contract/run/question";
import type { Waiting } from "#contract/run/run-view";
import type { ReceivePermit } from "#contract/store/cache";
import { digestOf } from "#contract/store/digest";
import { questionId } from "#contract/store/stored-question";
import { entryName, isQuestion, type KeptQuestion, type ReplayKind, type ReplayPlace } from "#replay/replay-log";
import { type ChildPlace, childTaskId } from "./child-place.ts";
import { momentIn } from "./moments.ts";

/** The attempt that asks. */
interface Attempt {
  readonly order: ModuleOrder;
  readonly module: string;
  readonly idempotencyKey: string;
  readonly signal: AbortSignal;
  /** Aborted when it has ended. */
  readonly over: AbortSignal;
  /** Rejects when the attempt is given up, or has ended. @param waiting absent where what it waits for is told already */
  await<T>(waiting: Waiting | undefined, work: (signal: AbortSignal, permit: ReceivePermit) => Promise<T>): Promise<T>;
  /** What the step does with the run's values is settled with it. */
  within<T>(step: StepToken, work: () => Promise<T>): Promise<T>;
  settle(step: StepToken): void;
  /** See `ModuleKeeper`. */
  progressed(): void;
}

/** What stands for a step that is under way. */
export interface StepToken {
  readonly idempotencyKey: string;
}

/** How an answer is judged, and what waits for it. */
interface Answering {
  /** As the code has it that goes on: what does not fit is asked anew by that. */
  schema: JsonSchema;
  check(value: unknown): Promise<{ value: unknown } | { faults: string }>;
  wait(waiting: Waiting, work: (signal: AbortSignal) => Promise<unknown>): Promise<unknown>;
}

/** What is asked, before it has its id. */
type NewlyAsked = Pick<Question, "name" | "shown" | "schema" | "kind" | "deadline" | "to"> & Omit<KeptQuestion, "question" | "answer">;

interface Slept {
  until: number;
}

interface Received {
  until?: number;
  /** Absent while it waits; null where none came in time. */
  message?: { value: unknown } | null;
}

/** One thing that is kept, or will be. */
class Slot {
  readonly entry: string;
  readonly #host: ModuleHost;
  readonly #place: ReplayPlace;

  constructor(host: ModuleHost, place: ReplayPlace, entry: string) {
    this.#host = host;
    this.#place = place;
    this.entry = entry;
  }

  read<T>(): T | undefined {
    const text = this.#host.replay.read(this.#place, this.entry);
    return text === undefined ? undefined : (JSON.parse(text) as T);
  }

  /** @throws AsimovError `part-too-large` */
  write(what: string, text: string): void {
    this.#host.requireRoom({ what: () => what, length: text.length, text: () => text });
    this.#host.replay.write(this.#place, this.entry, text);
  }
}

export class ModuleWaits {
  readonly #host: ModuleHost;
  readonly #attempt: Attempt;
  readonly #place: ReplayPlace;
  /** How many of each kind and name were asked for. */
  readonly #counts = new Map<string, number>();
  readonly #open = new Set<string>();
  readonly #asked = new Set<string>();

  constructor(host: ModuleHost, attempt: Attempt) {
    this.#host = host;
    this.#attempt = attempt;
    this.#place = attempt.idempotencyKey.slice(host.task.id.length + 1);
  }

  async step<T>(name: string, work: (step: StepContext) => T | Promise<T>): Promise<T> {
    return await this.#use("step", name, async (slot, number) => {
      const kept = slot.read<{ result?: T }>();
      if (kept !== undefined) return kept.result as T;
      const { idempotencyKey, signal, order, module } = this.#attempt;
      const token: StepToken = { idempotencyKey: `${idempotencyKey}/${encodeURIComponent(name)}.${number}` };
      const doing = this.#attempt.within(token, async () => work({ idempotencyKey: token.idempotencyKey, signal }));
      const result = await unlessAborted(doing, this.#attempt.over);
      const what = `result of step "${name}" of module "${module}"`;
      const text = result === undefined ? "{}" : `{"result":${toJsonText(result, what)}}`;
      slot.write(`The ${what} of node "${order.node}"`, text);
      // With no turn between them: a commit holds both, or neither.
      this.#attempt.settle(token);
      this.#attempt.progressed();
      await this.#host.storeProgress(order.node);
      return (JSON.parse(text) as { result: T }).result;
    });
  }

  async sleepUntil(moment: number, name: string): Promise<void> {
    await this.#use("sleep", name, async (slot) => {
      const { clock } = this.#host;
      let kept = slot.read<Slept>();
      if (kept === undefined) {
        kept = { until: moment };
        slot.write(`A sleep of module "${this.#attempt.module}"`, JSON.stringify(kept));
        this.#attempt.progressed();
      }
      const { until } = kept;
      if (until <= clock.now()) return;
      await this.#attempt.await({ for: "moment", until }, (signal) => this.#moment(until, signal));
    });
  }

  async receive<T>(mailbox: string, { timeoutMs }: ReceiveWaitOptions): Promise<T | null> {
    return await this.#use("message", mailbox, async (slot) => {
      const { node } = this.#attempt.order;
      const kept = slot.read<Received>();
      if (kept?.message !== undefined) return kept.message === null ? null : (kept.message.value as T);
      const due = timeoutMs === undefined ? undefined : momentIn(timeoutMs, this.#host.clock);
      const until = kept === undefined ? due : kept.until;
      const open = this.#host.openValues();
      const keep = (message: T | null): T | null => {
        slot.write(`A message of mailbox "${mailbox}"`, JSON.stringify({ message: message === null ? null : { value: message } }));
        // With no turn between them: the message is in its mailbox, or here.
        open.settle();
        this.#attempt.progressed();
        return message;
      };
      const there = await open.cache.getMessage<T>(mailbox, { timeoutMs: 0 });
      const isOver = until !== undefined && until <= this.#host.clock.now();
      if (there !== null || isOver) keep(there);
      else {
        if (kept === undefined) slot.write(`A wait for mailbox "${mailbox}"`, JSON.stringify(until === undefined ? {} : { until }));
        const waiting: Waiting = { for: "message", mailbox, ...(until === undefined ? {} : { until }) };
        await this.#attempt.await(waiting, async (signal, permit) => {
          const left = until === undefined ? {} : { timeoutMs: Math.max(0, until - this.#host.clock.now()) };
          return keep(await open.cache.getMessage<T>(mailbox, { ...left, signal, permit }));
        });
      }
      await this.#host.storeProgress(node);
      const { message } = slot.read() as { message: { value: T } | null };
      return message === null ? null : message.value;
    });
  }

  async ask<S extends Schema>(name: string, options: Ask<S>): Promise<Answered<S>> {
    return await this.#use("answer", name, async (slot) => {
      const schema = await answerSchema(options.answer, name);
      const kept = slot.read<KeptQuestion>() ?? (await this.#put(slot, name, options, schema));
      const { value, question, by } = await this.#answered(slot, kept, {
        schema: schema.json,
        check: (given) => schema.check(given),
        wait: (waiting, work) => this.#attempt.await(waiting, work),
      });
      return { answer: value as Answered<S>["answer"], shown: question.shown, ...(by === undefined ? {} : { by }) };
    });
  }

  /** What a person decides on a tool's call, asked for once; no time limit of the module's stands still for it alone. */
  async decide({ key, signal, show, judge, wait }: Undecided): Promise<Approval | undefined> {
    const slot = new Slot(this.#host, this.#place, entryName("approval", key, 1));
    let kept = slot.read<KeptQuestion>();
    if (kept === undefined) {
      const shown = await show();
      if (shown === undefined) return undefined;
      kept = this.#newlyAsked(slot, { name: shown.tool, shown, schema: APPROVAL_SCHEMA, kind: "tool-approval" });
    }
    const { node } = this.#attempt.order;
    const { value } = await this.#answered(slot, kept, {
      schema: APPROVAL_SCHEMA,
      check: (given) => checkApproval(given, judge),
      wait: async (waiting, work) => {
        this.#host.waiting(node, waiting, true);
        try {
          await wait(() => unlessAborted(unlessAborted(work(signal), signal), this.#attempt.over));
        } finally {
          this.#host.waiting(node, waiting, false);
        }
      },
    });
    return value as Approval;
  }

  /** Another run, which this module waits for. */
  async child<T>(name: string, follow: (place: ChildPlace) => Promise<T>): Promise<T> {
    return await this.#use("run", name, async (slot, number) => {
      const { idempotencyKey, order, module } = this.#attempt;
      const taskId = childTaskId(`${idempotencyKey}/${encodeURIComponent(name)}.${number}`);
      return await follow({
        taskId,
        run: this.#host,
        node: order.node,
        read: () => slot.read<KeptChild>(),
        keep: (kept) => this.#host.children.keep(this.#place, slot.entry, kept),
        started: () => this.#host.tell({ type: "child.started", node: order.node, module, childTaskId: taskId }),
        wait: (work) => this.#attempt.await({ for: "run" }, work),
      });
    });
  }

  /** Only decisions are waited for, which were told. Returns the end of that, which settles when the module may go on. */
  rest(): () => Promise<void> {
    const { promise: woken, resolve: wake } = Promise.withResolvers<void>();
    // One that is given up meanwhile hears of that itself.
    const rested = this.#attempt.await(undefined, () => woken).catch(() => {});
    return () => {
      wake();
      return rested;
    };
  }

  /** What a question has as its answer, however often it has to be asked. */
  async #answered(
    slot: Slot,
    asked: KeptQuestion,
    { schema, check, wait }: Answering,
  ): Promise<{ value: unknown; question: Question; by?: string }> {
    const { node } = this.#attempt.order;
    const { asking } = this.#host;
    let kept = asked;
    for (;;) {
      const { question, answer, onDeadline } = kept;
      if (answer === undefined) {
        const { id, deadline } = question;
        const waiting: Waiting = { for: "answer", question: id, ...(deadline === undefined ? {} : { until: deadline }) };
        await asking.catchUp(id);
        kept = slot.read() as KeptQuestion;
        if (kept.answer !== undefined) continue;
        void this.#host.storeProgress(node).then(() => asking.announce(id));
        // It may have come before whoever waits for it was ready to.
        const had = async (signal: AbortSignal): Promise<void> => {
          if (slot.read<KeptQuestion>()?.answer === undefined) await asking.wait(id, signal);
        };
        await wait(waiting, had);
        kept = slot.read() as KeptQuestion;
        continue;
      }
      if (answer.why === "deadline" && (onDeadline === undefined || onDeadline === "fail")) throw tooLate(question);
      const value = answer.why === "deadline" ? (onDeadline as { answer: unknown }).answer : answer.value;
      const checked = await check(value);
      const by = answer.why === "deadline" || answer.by === undefined ? {} : { by: answer.by };
      if ("value" in checked) return { value: checked.value, question, ...by };
      // Asked anew, it would be too late once more.
      if (answer.why === "deadline") throw tooLate(question, `, and what is given then does not fit any more (${checked.faults})`);
      kept = this.#reopen(slot, kept, { problem: checked.faults, schema });
    }
  }

  async #put<S extends Schema>(slot: Slot, name: string, options: Ask<S>, schema: CompiledSchema): Promise<KeptQuestion> {
    const { show, to, deadlineMs, onDeadline, escalate = [] } = options;
    await requireDeadlineAnswer(schema, name, onDeadline)?.();
    const shown: unknown = typeof show === "function" ? await show() : show;
    const { clock } = this.#host;
    const later = escalate.map(({ afterMs, to: next }) => ({ at: momentIn(afterMs, clock), to: next }));
    return this.#newlyAsked(slot, {
      name,
      shown,
      schema: schema.json,
      kind: "question",
      ...(deadlineMs === undefined ? {} : { deadline: momentIn(deadlineMs, clock) }),
      ...(to === undefined ? {} : { to }),
      ...(onDeadline === undefined ? {} : { onDeadline }),
      ...(later.length === 0 ? {} : { escalate: later.sort((a, b) => a.at - b.at) }),
    });
  }

  #newlyAsked(slot: Slot, { name, shown, onDeadline, escalate, ...asked }: NewlyAsked): KeptQuestion {
    const text = toJsonText(shown ?? null, `what question "${name}" shows`);
    const { clock, task, agentName, path, each } = this.#host;
    const place = each === undefined ? { node: this.#attempt.order.node, path } : { node: each.node.name, path: path.slice(0, -1) };
    const question: Question = {
      id: questionId(task.id, this.#host.ids()),
      taskId: task.id,
      agent: agentName,
      ...place,
      name,
      shown: JSON.parse(text),
      shownHash: digestOf(text),
      askedAt: clock.now(),
      ...asked,
    };
    const kept = { question, ...(onDeadline === undefined ? {} : { onDeadline }), ...(escalate === undefined ? {} : { escalate }) };
    this.#ask(slot, kept);
    return kept;
  }

  /** Asked anew, as it was, for what is wrong with its answer. */
  #reopen(slot: Slot, { answer: _answer, ...kept }: KeptQuestion, anew: Pick<Question, "problem" | "schema">): KeptQuestion {
    const { question } = kept;
    const { clock, task } = this.#host;
    const again = { ...kept, question: { ...question, id: questionId(task.id, this.#host.ids()), askedAt: clock.now(), ...anew } };
    this.#ask(slot, again, question.id);
    return again;
  }

  #ask(slot: Slot, kept: KeptQuestion, instead?: string): void {
    // What is shown may take its time: nobody is asked for a module that has ended meanwhile.
    this.#attempt.over.throwIfAborted();
    const text = JSON.stringify(kept);
    this.#host.requireRoom({ what: () => `Question "${kept.question.name}"`, length: text.length, text: () => text });
    this.#host.asking.ask(this.#place, slot.entry, kept, instead);
    this.#attempt.progressed();
  }

  /** What was kept for this module, and was not asked for by the attempt that has succeeded, is told; what it asked and left open is closed. */
  succeeded(): void {
    const { replay, asking } = this.#host;
    const { order, module } = this.#attempt;
    asking.closeWithin(this.#place, "superseded");
    for (const [entry] of replay.within(this.#place)) {
      if (this.#asked.has(entry)) continue;
      const [kind, name = "", number] = entry.split("/") as [ReplayKind, string, string];
      // A chain that goes on from its end asks for nothing that was decided in it.
      if (kind === "chain" || kind === "approval" || kind === "items") continue;
      this.#host.tell({ type: "replay.unused", node: order.node, module, kind, name: decodeURIComponent(name), number: Number(number) });
    }
  }

  /** It has failed by a question that had no answer in time: whoever retries it asks anew. */
  failed(error: unknown): void {
    if (codeOf(error) !== "question-deadline") return;
    const { questionId } = error as QuestionError;
    const { replay } = this.#host;
    for (const [entry, text] of [...replay.within(this.#place)]) {
      if (isQuestion(entry) && (JSON.parse(text) as KeptQuestion).question.id === questionId) replay.remove(this.#place, entry);
    }
  }

  /** One of a kind and name at a time. What failed has not been: the next is in its place. */
  async #use<T>(kind: keyof typeof NAMES, name: string, work: (slot: Slot, number: number) => Promise<T>): Promise<T> {
    const key = entryName(kind, name, 0);
    if (this.#open.has(key)) {
      throw new AsimovError(
        `${NAMES[kind]}: another call with the name "${name}" is open in module "${this.#attempt.module}"; give calls that run side by side names of their own.`,
        { code: "name-in-use" },
      );
    }
    const number = (this.#counts.get(key) ?? 0) + 1;
    const slot = new Slot(this.#host, this.#place, entryName(kind, name, number));
    this.#open.add(key);
    this.#counts.set(key, number);
    this.#asked.add(slot.entry);
    try {
      return await work(slot, number);
    } catch (error) {
      // One that nobody has answered in time has been.
      if (kind !== "answer" || codeOf(error) !== "question-deadline") this.#counts.set(key, number - 1);
      throw error;
    } finally {
      this.#open.delete(key);
    }
  }

  #moment(until: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#host;
    return new Promise((resolve) => {
      const cancel = setLongTimeout(Math.max(0, until - clock.now()), resolve, clock);
      signal.addEventListener("abort", cancel, { once: true });
    });
  }
}

const codeOf = (error: unknown): string | undefined => asimovErrorOf(error)?.code;

const tooLate = ({ id, name, deadline = 0 }: Question, why = ""): QuestionError =>
  new QuestionError(`Question "${name}" had no answer by ${new Date(deadline).toISOString()}, its deadline${why}.`, {
    code: "question-deadline",
    questionId: id,
  });

/** What is left behind by an attempt that has ended settles all the same. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = (): void => reject(signal.reason as Error);
    if (signal.aborted) return leave();
    signal.addEventListener("abort", leave, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", leave));
  });
}

const NAMES = { answer: "ask", step: "step", sleep: "sleep", message: "receive", run: "a run" } as const;
