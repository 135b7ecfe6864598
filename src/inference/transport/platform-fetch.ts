/** The platform's own fetch without its limits on silence: how long a call may wait is for the call to say. */

/** Where undici, which is Node's fetch, keeps what sends its requests; it makes it at the first use. */
const DISPATCHER = Symbol.for("undici.globalDispatcher.1");

interface Dispatcher {
  dispatch(options: object, handler: unknown): boolean;
}

/** By itself Node's ends after 300 s without headers, or without a byte. Other platforms do not know the option, and pass it over. */
const PATIENT: Dispatcher = {
  dispatch: (options, handler) => (dispatcher() as Dispatcher).dispatch({ ...options, headersTimeout: 0, bodyTimeout: 0 }, handler),
};

function dispatcher(): Dispatcher | undefined {
  return (globalThis as { [DISPATCHER]?: Dispatcher })[DISPATCHER];
}

/** Adds to a request of the platform's fetch that it may take as long as it does; whoever sends it in a way of their own, keeps that. */
export function patient(init: RequestInit | undefined): RequestInit | undefined {
  if (dispatcher() === undefined) new Headers();
  if (dispatcher() === undefined || (init !== undefined && "dispatcher" in init)) return init;
  return { ...init, dispatcher: PATIENT } as RequestInit;
}

/** Found at each call: the global fetch may be replaced. */
const platformFetch: typeof fetch = (input, init) => globalThis.fetch(input, patient(init));

/** The fetch that a client goes by. @param own of a ready-made client; an SDK that was given none keeps the platform's */
export function fetchOf(given: typeof fetch | undefined, own?: unknown): typeof fetch {
  if (given !== undefined) return given;
  return typeof own === "function" && own !== globalThis.fetch ? (own as typeof fetch) : platformFetch;
}
