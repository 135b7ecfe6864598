/** One reader of a run's events: what it has not read is bounded, and what it lost is told in its place. */
import { Queue } from "#contract/base/queue";
import type { AgentEvent, RunEventBody } from "#contract/run/events";
import { eventsDropped } from "#contract/run/events-dropped";
import type { ModelDelta } from "#contract/run/model-delta";
import { UnreadEvent } from "#contract/run/unread-event";
import type { EarlierEvents } from "./earlier-events.ts";

/** An event as it is kept. */
export interface KeptEvent {
  readonly seq: number;
  readonly at: number;
  readonly graph: readonly string[];
  readonly body: RunEventBody;
}

type Told = AgentEvent | ModelDelta;
type Result = IteratorResult<Told, undefined>;

const DONE: Result = { done: true, value: undefined };

export function readEvent({ seq, at, graph, body }: KeptEvent, taskId: string): AgentEvent {
  return { seq, at, taskId, ...(body instanceof UnreadEvent ? body.read() : body), graph } as AgentEvent;
}

const isDelta = (told: KeptEvent | ModelDelta): told is ModelDelta => "type" in told;

interface Call {
  resolve(result: Result): void;
  reject(error: unknown): void;
}

export class Subscription implements AsyncIterableIterator<Told, undefined> {
  readonly #taskId: string;
  readonly #from: number;
  readonly #maxBuffered: number;
  readonly #leave: (subscription: Subscription) => void;
  /** What comes before all that is pushed, until it is read. */
  #earlier: EarlierEvents | undefined;
  #isReading = false;
  readonly #unread = new Queue<KeptEvent | ModelDelta>();
  /** Of these. */
  #deltas = 0;
  /** Calls of `next` that came before their event. */
  readonly #waiting = new Queue<Call>();
  /** What was dropped since the last one read: always the oldest, so that it stands before all that is unread. */
  #dropped: { count: number; last: Pick<KeptEvent, "seq" | "at"> } | undefined;
  #isEnded = false;

  /** @param from the number of the first event that it is given */
  constructor(
    taskId: string,
    { from, maxBuffered, earlier }: { from: number; maxBuffered: number; earlier?: EarlierEvents | undefined },
    leave: (subscription: Subscription) => void,
  ) {
    this.#taskId = taskId;
    this.#from = from;
    this.#maxBuffered = maxBuffered;
    this.#earlier = earlier;
    this.#leave = leave;
  }

  push(event: KeptEvent): void {
    if (event.seq < this.#from) return;
    if (this.#give(event)) return;
    this.#unread.push(event);
    while (this.#unread.size - this.#deltas > this.#maxBuffered) {
      const oldest = this.#shift() as KeptEvent | ModelDelta;
      if (!isDelta(oldest)) this.drop(1, oldest);
    }
  }

  /** It takes no event's place: what is unread of these is bounded by itself. */
  pushDelta(delta: ModelDelta): void {
    if (this.#give(delta) || this.#deltas >= this.#maxBuffered) return;
    this.#unread.push(delta);
    this.#deltas++;
  }

  /** Whether somebody waits for it. */
  #give(told: KeptEvent | ModelDelta): boolean {
    const call = this.#earlier === undefined ? this.#waiting.shift() : undefined;
    call?.resolve({ done: false, value: this.#read(told) });
    return call !== undefined;
  }

  #shift(): KeptEvent | ModelDelta | undefined {
    const told = this.#unread.shift();
    if (told !== undefined && isDelta(told)) this.#deltas--;
    return told;
  }

  #read(told: KeptEvent | ModelDelta): Told {
    return isDelta(told) ? told : readEvent(told, this.#taskId);
  }

  /** So many events, up to and with this one, are gone. */
  drop(count: number, last: Pick<KeptEvent, "seq" | "at">): void {
    this.#dropped = { count: (this.#dropped?.count ?? 0) + count, last };
  }

  end(): void {
    this.#isEnded = true;
    this.#serve();
  }

  next(): Promise<Result> {
    const value = this.#waiting.size === 0 ? this.#take() : undefined;
    if (value !== undefined) return Promise.resolve({ done: false, value });
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#serve();
    });
  }

  return(): Promise<Result> {
    this.#earlier = undefined;
    this.#dropped = undefined;
    while (this.#unread.shift() !== undefined);
    this.end();
    this.#leave(this);
    return Promise.resolve(DONE);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #serve(): void {
    while (this.#waiting.size > 0) {
      const value = this.#take();
      if (value === undefined && this.#earlier !== undefined) return this.#readOn();
      if (value === undefined && !this.#isEnded) return;
      this.#waiting.shift()?.resolve(value === undefined ? DONE : { done: false, value });
    }
  }

  #readOn(): void {
    if (this.#isReading) return;
    this.#isReading = true;
    const read = (this.#earlier as EarlierEvents).readOn().finally(() => {
      this.#isReading = false;
    });
    read.then(
      () => this.#serve(),
      (error: unknown) => {
        this.#waiting.shift()?.reject(error);
        void this.return();
      },
    );
  }

  #take(): Told | undefined {
    if (this.#earlier !== undefined) {
      const event = this.#earlier.take();
      if (event !== undefined || !this.#earlier.isRead) return event;
      this.#earlier = undefined;
    }
    if (this.#dropped !== undefined) {
      const { count, last } = this.#dropped;
      this.#dropped = undefined;
      return eventsDropped(this.#taskId, last, count);
    }
    const told = this.#shift();
    return told && this.#read(told);
  }
}
