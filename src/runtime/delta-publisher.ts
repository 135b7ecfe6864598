/** Tells readers in other processes what models of a run answer, while any of them wants to hear it. */
import { dropping } from "#contract/base/dropping";
import { type Clock, monotonicOf } from "#contract/base/services";
import type { ModelDelta } from "#contract/run/model-delta";
import type { RunStore } from "#contract/store/run-store";
import { type DeltaTalk, isWanting, talkOf, WANTED_MS } from "#runs/delta-talk";

/** Milliseconds for which deltas are gathered, and how many characters of JSON go out together: a server may take 8,000 bytes. */
const BATCH_MS = 20;
const BATCH_CHARS = 1_800;
/** A longer text goes out in pieces. */
const PIECE_CHARS = 400;

export class DeltaPublisher {
  readonly #store: Pick<RunStore, "settings" | "publish" | "hear">;
  readonly #taskId: string;
  readonly #clock: Clock;
  #leave: (() => void) | undefined;
  #wantedAt: number | undefined;
  #batch: ModelDelta[] = [];
  #chars = 0;
  #timer: unknown;
  #isEnded = false;

  constructor(store: Pick<RunStore, "settings" | "publish" | "hear">, taskId: string, clock: Clock) {
    this.#store = store;
    this.#taskId = taskId;
    this.#clock = clock;
  }

  /** Asked by a call of a model: it begins to hear with the first, so that a run without any costs nothing. */
  get isWanted(): boolean {
    if (this.#isEnded) return false;
    if (this.#leave === undefined) this.#listen();
    return this.#wantedAt !== undefined && monotonicOf(this.#clock) - this.#wantedAt < WANTED_MS;
  }

  tell(delta: ModelDelta): void {
    if (!this.isWanted) return;
    for (const piece of piecesOf(delta)) {
      const { length } = JSON.stringify(piece);
      if (this.#chars + length > BATCH_CHARS) this.flush();
      this.#batch.push(piece);
      this.#chars += length;
    }
    this.#timer ??= this.#clock.setTimeout(() => this.flush(), BATCH_MS);
  }

  /** Now, what was told. */
  flush(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    const deltas = this.#batch.splice(0);
    this.#chars = 0;
    if (deltas.length > 0) this.#say({ say: "told", deltas });
  }

  end(): void {
    this.flush();
    this.#isEnded = true;
    this.#leave?.();
  }

  #listen(): void {
    this.#leave = this.#store.hear(this.#taskId, (text) => {
      if (isWanting(text)) this.#wantedAt = monotonicOf(this.#clock);
    });
    this.#say({ say: "asked" });
  }

  #say(talk: DeltaTalk): void {
    // What a codec of the user's throws fails the commits, and not the call of a model.
    dropping(() => this.#store.publish(this.#taskId, talkOf(talk, this.#store.settings.codec)));
  }
}

function piecesOf(delta: ModelDelta): ModelDelta[] {
  const { part } = delta;
  if ((part.type !== "text-delta" && part.type !== "thinking-delta") || part.text.length <= PIECE_CHARS) return [delta];
  // Not between the halves of a character.
  const pieces = part.text.match(new RegExp(`[^]{1,${PIECE_CHARS}}`, "gu")) ?? [];
  return pieces.map((text) => ({ ...delta, part: { ...part, text } }));
}
