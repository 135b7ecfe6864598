/** A fetch that ends the request of a call once its client has cancelled it: a server without sessions learns it by nothing else. */
import { atMost } from "./at-most.ts";

type Fetch = (url: string | URL, init?: RequestInit) => Promise<Response>;

interface Message {
  id?: string | number;
  method?: string;
  params?: { requestId?: string | number };
}

/** One with sessions finds the call by the notice, which is to come first. */
const NOTICE_MS = 2_000;

function messageIn(body: unknown): Message {
  if (typeof body !== "string") return {};
  try {
    return (JSON.parse(body) as Message | null) ?? {};
  } catch {
    return {};
  }
}

export function cancellingFetch(fetch: Fetch): Fetch {
  const open = new Map<string | number, AbortController>();
  return async (url, init = {}) => {
    const { id, method, params } = messageIn(init.body);
    if (method === "notifications/cancelled") {
      const answer = fetch(url, init);
      const call = params?.requestId === undefined ? undefined : open.get(params.requestId);
      void atMost(NOTICE_MS, answer).then(() => call?.abort());
      return await answer;
    }
    if (id === undefined || method === undefined) return await fetch(url, init);
    const controller = new AbortController();
    open.set(id, controller);
    const over = (): void => void open.delete(id);
    const { signal } = controller;
    try {
      const response = await fetch(url, { ...init, signal: init.signal ? AbortSignal.any([init.signal, signal]) : signal });
      if (response.body === null) {
        over();
        return response;
      }
      const { status, statusText, headers } = response;
      const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
      response.body.pipeTo(writable).then(over, over);
      return new Response(readable, { status, statusText, headers });
    } catch (error) {
      over();
      throw error;
    }
  };
}
