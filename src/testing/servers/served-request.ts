/** What a local server records of a request; as a type it is the user's, so that it needs none of Node's. */
import type { ScriptRequest } from "#testing/script";

/** One request that asked for an answer. */
export interface ServedRequest extends ScriptRequest {
  readonly model: string;
  /** With the query, a key in it hidden. */
  readonly path: string;
  /** Names in lower case; those that hold keys have the value `"(hidden)"`. */
  readonly headers: Readonly<Record<string, string>>;
  /** Parsed JSON. */
  readonly body: Readonly<Record<string, unknown>>;
  /** Settles when the connection is done with it: `"cut"` when the client left before the answer's end. */
  readonly ended: Promise<"whole" | "cut">;
}
