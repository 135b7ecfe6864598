/**
 * The Vertex SDK knows neither a fetch nor a signal: it calls the global fetch. So while calls of ours are on their way to it,
 * and only then, the global fetch is one that takes those calls out by a private header; all others pass through unchanged.
 */
import { patient } from "#inference/transport/platform-fetch";

/** Never sent. */
const HEADER = "x-asimov-call";

interface Installed {
  base: typeof fetch;
  calls: number;
}

/** Each of our replacements, with what it replaced. */
const replacements = new WeakMap<typeof fetch, Installed>();
const routes = new Map<string, typeof fetch>();

/** The global fetch as it is without us. */
export const platformFetch: typeof fetch = (input, init) => baseOf(globalThis.fetch)(input, patient(init));

const baseOf = (current: typeof fetch): typeof fetch => replacements.get(current)?.base ?? current;

/**
 * Runs an SDK's call, and gives the one request that it makes to `route`.
 *
 * Should somebody replace the global fetch meanwhile, theirs stays: ours is put back only where it still stands, and left
 * behind it does nothing but pass on.
 *
 * @param start is given the header to send
 */
export async function withRoutedFetch<T>(route: typeof fetch, start: (header: Headers) => Promise<T>): Promise<T> {
  const id = crypto.randomUUID();
  const ours = install();
  const installed = replacements.get(ours) as Installed;
  installed.calls += 1;
  routes.set(id, route);
  try {
    return await start(new Headers({ [HEADER]: id }));
  } finally {
    routes.delete(id);
    installed.calls -= 1;
    if (installed.calls === 0 && globalThis.fetch === ours) globalThis.fetch = installed.base;
  }
}

function install(): typeof fetch {
  if (replacements.has(globalThis.fetch)) return globalThis.fetch;
  const base = globalThis.fetch;
  const ours: typeof fetch = (input, init) => {
    const headers = init?.headers;
    const route = headers instanceof Headers ? routes.get(headers.get(HEADER) ?? "") : undefined;
    if (route === undefined) return base(input, init);
    const sent = new Headers(headers);
    sent.delete(HEADER);
    return route(input, { ...init, headers: sent });
  };
  replacements.set(ours, { base, calls: 0 });
  globalThis.fetch = ours;
  return ours;
}
