/** What some servers, models and organisations refuse of a request whose rest is fine: it is left out, and not asked for again. */

type Json = Record<string, unknown>;

interface Refusal {
  path: readonly [key: string, inner?: string];
  /** In the words of the error that tells it. */
  words: RegExp;
  warning?: string;
}

const REFUSALS: readonly Refusal[] = [
  { path: ["stream_options"], words: /stream_options|include_usage/ },
  // Summaries are for organisations that have shown who they are.
  {
    path: ["reasoning", "summary"],
    words: /reasoning\W{1,4}summar/i,
    warning: "The provider shows this organisation no summaries of thoughts; they were left out.",
  },
  // Not every model encrypts its thoughts, and not every one that does not is known.
  { path: ["include"], words: /encrypted content is not supported|reasoning\W{1,4}encrypted_content/i },
];

/** What one server has refused so far. */
export class Refusals {
  readonly #known = new Set<Refusal>();

  /** Sends a body without what was refused before; again, where more of it is. @returns the answer, with what to tell of it */
  async ask<T>(body: Json, send: (body: Json) => PromiseLike<T>): Promise<{ answer: T; warnings: string[] }> {
    const refused = new Set(this.#known);
    for (;;) {
      const asked = [...refused].reduce(without, body);
      try {
        const answer = await send(asked);
        for (const refusal of refused) this.#known.add(refusal);
        const warnings = [...refused].flatMap((refusal) => (without(body, refusal) === body ? [] : (refusal.warning ?? [])));
        return { answer, warnings };
      } catch (error) {
        const refusal = REFUSALS.find((entry) => !refused.has(entry) && without(asked, entry) !== asked && tells(error, entry));
        if (refusal === undefined) throw error;
        refused.add(refusal);
      }
    }
  }
}

function tells(error: unknown, { words }: Refusal): boolean {
  const { status, message, param } = (error ?? {}) as { status?: unknown; message?: unknown; param?: unknown };
  return (status === 400 || status === 422) && words.test(`${param} ${message}`);
}

/** The same body, where there is nothing to leave out. */
function without(body: Json, { path: [key, inner] }: Refusal): Json {
  const { [key]: value, ...rest } = body;
  if (value === undefined) return body;
  if (inner === undefined) return rest;
  const { [inner]: left, ...kept } = value as Json;
  if (left === undefined) return body;
  return Object.keys(kept).length === 0 ? rest : { ...body, [key]: kept };
}
