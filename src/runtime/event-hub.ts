/** A run's events, numbered and kept: to whoever iterates over them, to the machine that embeds the run, and to the run's picture. */
import type { Clock } from "#contract/base/services";
import type { AgentEvent, RunEventBody } from "#contract/run/events";
import type { ModelDelta } from "#contract/run/model-delta";
import { type KeptView, RunDraft, type ViewChanges } from "#contract/run/run-draft";
import type { RunView } from "#contract/run/run-view";
import { EarlierEvents, type ReadEarlier } from "./earlier-events.ts";
import { KeptEvents } from "./kept-events.ts";
import { type KeptEvent, readEvent, Subscription } from "./subscription.ts";
import { ToldDeltas } from "./told-deltas.ts";

type Started = Extract<RunEventBody, { type: "run.started" }>;

/** The newest that are kept for whoever comes later. */
const KEPT = 1_000;

export interface HubInit {
  readonly taskId: string;
  readonly clock: Clock;
  /** Of a restored run: the picture as it was stored; it goes on from there. */
  readonly view?: KeptView | undefined;
  /** Default 1,000. */
  readonly keep?: number;
}

export interface Reading {
  from?: number | undefined;
  maxBuffered: number;
  /** Whether what models answer is told, too. */
  deltas?: boolean | undefined;
}

/** Whoever hears each event as it is told, where anybody does. */
export interface Hearer {
  isHeard(): boolean;
  hear(event: AgentEvent): void;
}

export class EventHub {
  readonly #taskId: string;
  readonly #clock: Clock;
  readonly #kept: KeptEvents;
  readonly #createdAt: number;
  /** The moment of the newest event. */
  #latest: number;
  readonly #subscriptions = new Set<Subscription>();
  /** What models answer, beside the events. */
  readonly deltas: ToldDeltas;
  /** The picture up to some event: made when somebody looks, or when events that it needs would be lost. */
  #draft: RunDraft | undefined;
  /** The last event that the picture holds. */
  #drawn: number;
  /** What the run begins with, for whoever looks before it has. */
  #started: (() => Started) | undefined;
  #hearer: Hearer | undefined;
  #isEnded = false;
  #isCut = false;
  readonly #isFork: boolean;
  #readEarlier: ReadEarlier | undefined;
  /** The last event that is told: of a run that is kept, the last that is stored. */
  #released: number | undefined;
  /** Told and not stored. */
  readonly #held: KeptEvent[] = [];
  /** Told that something waits to be stored. */
  #heldBy: (() => void) | undefined;
  /** Of those, the ones that are about to be stored. */
  #taken = 0;

  constructor({ taskId, clock, view, keep = KEPT }: HubInit) {
    this.#taskId = taskId;
    this.#clock = clock;
    this.deltas = new ToldDeltas(taskId, clock);
    this.#createdAt = clock.now();
    this.restoredFrom = view;
    this.#isFork = view?.forkedFrom !== undefined;
    this.#latest = view?.updatedAt ?? 0;
    this.#drawn = view?.seq ?? 0;
    this.#draft = view === undefined ? undefined : RunDraft.of(view);
    this.#kept = new KeptEvents(keep, this.#drawn);
  }

  /** Events so far, heard or not; a restored run goes on from what was stored. */
  get told(): number {
    return this.#kept.last;
  }

  /** The picture of a restored run, as it was stored; until the run goes on. */
  restoredFrom: RunView | undefined;

  /** Whether its picture stands for a beginning: its own, or that of the run that it was forked from. */
  get hasBegun(): boolean {
    return this.told > 0 || this.#isFork;
  }

  /** The last event that whoever listens has heard. */
  get #lastHeard(): number {
    return this.#released ?? this.told;
  }

  begin(started: () => Started): void {
    this.#started = started;
  }

  embed(hearer: Hearer): void {
    this.#hearer = hearer;
  }

  /**
   * @param graph the path of the nested graph that tells it
   * @param now where it is known; no event is told as earlier than the one before
   */
  tell(body: RunEventBody, graph: readonly string[], now = this.#clock.now()): void {
    if (this.#isEnded) return;
    const at = Math.max(now, this.#latest);
    this.#latest = at;
    if (this.#kept.isFull && this.#drawn < this.#kept.first) this.#draw(this.#kept.first);
    this.#kept.push(body, at, graph);
    if (this.#released !== undefined) {
      this.#held.push(this.#kept.get(this.told));
      if (this.#held.length === this.#taken + 1) this.#heldBy?.();
    } else if (this.#subscriptions.size > 0 || this.#hearer?.isHeard() === true) this.#hear(this.#kept.get(this.told));
  }

  #hear(event: KeptEvent): void {
    for (const subscription of this.#subscriptions) subscription.push(event);
    if (this.#hearer?.isHeard() === true) this.#hearer.hear(readEvent(event, this.#taskId));
  }

  /**
   * From now on an event is told when it is stored, so that its number never names two things.
   * @param isStored whether the picture is stored as it is: changes are what follows
   */
  hold(told: () => void, isStored: boolean): void {
    this.#heldBy = told;
    this.#released = this.told;
    if (isStored) this.#draft?.isStored();
  }

  /** Nothing is stored after all. */
  unhold(): void {
    this.deltas.unpublish();
    this.release(this.told);
    this.#released = undefined;
    this.#heldBy = undefined;
    this.#readEarlier = undefined;
  }

  get hasHeld(): boolean {
    return this.#held.length > this.#taken;
  }

  /** What was told before it was to be stored, as far as it is kept. */
  takeEarlier(): AgentEvent[] {
    const { first } = this.#kept;
    const count = this.#lastHeard - first + 1;
    return Array.from({ length: count }, (_, index) => readEvent(this.#kept.get(first + index), this.#taskId));
  }

  /** What was told since this was last asked; it is told to others when it is released, after what models have answered before. */
  takeHeld(): AgentEvent[] {
    this.deltas.flush();
    const taken = this.#held.slice(this.#taken);
    this.#taken = this.#held.length;
    return taken.map((event) => readEvent(event, this.#taskId));
  }

  /** All up to this one are stored. */
  release(last: number): void {
    if (this.#released === undefined) return;
    this.#released = last;
    const next = this.#held.findIndex(({ seq }) => seq > last);
    const released = this.#held.splice(0, next === -1 ? this.#held.length : next);
    this.#taken = Math.max(0, this.#taken - released.length);
    for (const event of released) this.#hear(event);
  }

  /** What has changed of the picture since this was last asked; all, the first time. @param isWhole all, in any case */
  takeChanges(isWhole: boolean): ViewChanges {
    this.#draw(this.told);
    return (this.#draft ?? this.#unstarted()).takeChanges(isWhole);
  }

  /** What is not remembered is stored, and read there. */
  storedIn(read: ReadEarlier | undefined): void {
    this.#readEarlier = read;
  }

  /** Events from that number on, as far as they are kept here or in a store, else from now on. Leaving the loop ends the subscription. */
  subscribe({ from = this.#lastHeard + 1, maxBuffered, deltas = false }: Reading): AsyncIterable<AgentEvent | ModelDelta> {
    const { first } = this.#kept;
    const released = this.#lastHeard;
    const earlier = { seq: Math.min(first - 1, released), at: first > this.told ? this.#createdAt : this.#kept.moment(first) };
    const read = from <= earlier.seq ? this.#readEarlier : undefined;
    const subscription = new Subscription(
      this.#taskId,
      { from, maxBuffered, earlier: read && new EarlierEvents(this.#taskId, read, from, earlier) },
      (left) => {
        this.#subscriptions.delete(left);
        this.deltas.remove(left);
      },
    );
    if (from <= earlier.seq && read === undefined) subscription.drop(earlier.seq - from + 1, earlier);
    for (let seq = Math.max(from, first); seq <= released; seq++) subscription.push(this.#kept.get(seq));
    if (this.#isEnded) subscription.end();
    else {
      this.#subscriptions.add(subscription);
      if (deltas) this.deltas.add(subscription);
    }
    return subscription;
  }

  /** The run is somebody else's from here on: what is not stored is no part of its picture, since its numbers are another's. */
  cut(): void {
    this.deltas.unpublish();
    this.#isCut = true;
  }

  /** The picture of the run: the fold of its events, from the first, as far as they are told; of one that ended here and could not be stored, all. */
  view(): RunView {
    this.#draw(this.#isEnded && !this.#isCut ? this.told : this.#lastHeard);
    return (this.#draft ?? this.#unstarted()).finish();
  }

  end(): void {
    this.#isEnded = true;
    for (const subscription of this.#subscriptions) subscription.end();
    this.#subscriptions.clear();
    this.deltas.end();
  }

  #draw(last: number): void {
    for (let seq = this.#drawn + 1; seq <= last; seq++) {
      const body = this.#kept.body(seq);
      const at = this.#kept.moment(seq);
      if (this.#draft !== undefined) this.#draft.apply(body, seq, at, this.#kept.graph(seq));
      else if (body.type === "run.started") this.#draft = RunDraft.start(body, this.#taskId, { seq, at });
    }
    this.#drawn = Math.max(this.#drawn, last);
  }

  #unstarted(): RunDraft {
    return RunDraft.start((this.#started as () => Started)(), this.#taskId, { seq: 0, at: this.#createdAt });
  }
}
