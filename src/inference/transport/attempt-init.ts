/** Carries an attempt through an SDK that hands its request's options on to the fetch that it calls. */
import type { WireCall } from "#contract/chat/wire";

const ATTEMPT = Symbol("attempt");
type AttemptInit = RequestInit & { [ATTEMPT]?: WireCall };

/** Time limits are the base's; without one of its own the SDK refuses long answers that are not streamed. The longest that a timer takes. */
const NO_TIMEOUT_MS = 2_147_483_647;

/** The options of one request of an SDK of Stainless's making: without its retries and its time limit. */
export function carrying(call: WireCall): object {
  const fetchOptions: AttemptInit = { [ATTEMPT]: call };
  return { signal: call.signal, timeout: NO_TIMEOUT_MS, maxRetries: 0, fetchOptions };
}

/** `undefined` for a request of the SDK's own, such as one for a token. */
export const attemptOf = (init: RequestInit | undefined): WireCall | undefined => (init as AttemptInit | undefined)?.[ATTEMPT];
