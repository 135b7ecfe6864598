/** A client whose model is a script: offline, the same at every run, and strict about what it is asked. */
import * as z from "zod/mini";
import { InferenceClient } from "#clients/inference-client";
import { brand } from "#contract/base/brand";
import { lazily } from "#contract/base/lazily";
import { nonEmpty, parseOptions } from "#contract/base/options";
import { type ClientOptions, clientShape } from "#inference/call/call-settings";
import type { Script } from "./script.ts";
import { ScriptReader } from "./script-reader.ts";
import { type ScriptedCall, ScriptedWire } from "./scripted-wire.ts";

export interface ScriptedClientOptions extends ClientOptions {
  /** Default `"scripted"`. Another model's name brings its capabilities and prices, with its provider's. */
  model?: string;
  /** Default `"scripted"`. */
  provider?: string;
}

const optionsSchema = lazily(() =>
  z.strictObject({
    ...clientShape(),
    model: z.optional(nonEmpty),
    provider: z.optional(nonEmpty),
  }),
);

/**
 * Answers from a script, records what it was asked, and fails where the script and the calls part.
 *
 * Each call takes the next turn in the order in which calls reach the model, and so does each retry of a call that failed.
 * A call beyond the script rejects with a NonRetryableError `script-exhausted`, one that a turn does not expect with
 * `script-mismatch`, one whose turn's function throws with `script-failed`.
 *
 * @example
 * const client = new ScriptedInferenceClient(["Hello!", { error: { status: 429 } }, "Hello again!"]);
 * await client.generate([{ role: ChatRole.USER, content: "Say hello" }]);
 * client.calls[0]?.lastMessage.text; // "Say hello"
 */
export class ScriptedInferenceClient extends InferenceClient {
  readonly #reader: ScriptReader<ScriptedCall>;
  readonly #wire: ScriptedWire;

  /** @throws AsimovError `invalid-options` */
  constructor(script: Script<ScriptedCall>, options: ScriptedClientOptions = {}) {
    parseOptions(optionsSchema(), options, "ScriptedInferenceClient");
    const { model = "scripted", provider = "scripted", ...shared } = options;
    const reader = new ScriptReader(script);
    const wire = new ScriptedWire(provider, reader);
    super({ model, wire, options: shared });
    this.#reader = reader;
    this.#wire = wire;
  }

  /** What the model was asked, attempt by attempt. */
  get calls(): readonly ScriptedCall[] {
    return this.#wire.calls;
  }

  /** The number of turns that no call has taken. */
  get remaining(): number {
    return this.#reader.remaining;
  }

  /**
   * For the end of a test: that the calls and the script were as long as each other, and never parted.
   *
   * @throws AsimovError `script-unfinished`, or what was thrown where they parted, even if the caller swallowed it
   */
  assertDone(): void {
    this.#reader.assertDone();
  }
}

brand(ScriptedInferenceClient, "ScriptedInferenceClient");
