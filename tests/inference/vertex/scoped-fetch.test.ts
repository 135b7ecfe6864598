import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { platformFetch, withRoutedFetch } from "#inference/vertex/scoped-fetch";

/** What a fetch was asked for. */
interface Seen {
  by: string;
  url: string;
  headers: Record<string, string>;
}

const seen: Seen[] = [];
const fetchNamed =
  (by: string): typeof fetch =>
  async (input, init) => {
    seen.push({ by, url: String(input), headers: Object.fromEntries(new Headers(init?.headers)) });
    return new Response(by);
  };
const original = fetchNamed("original");
const ask = (url: string, headers?: Headers): Promise<Response> => globalThis.fetch(url, headers === undefined ? {} : { headers });
const asked = (): string[] => seen.map(({ by, url }) => `${by} ${url}`);

beforeEach(() => {
  seen.length = 0;
  vi.stubGlobal("fetch", original);
});
afterEach(() => {
  vi.unstubAllGlobals();
});

describe("the global fetch while a call is on its way", () => {
  it("gives the call's own request to its route, without the header, and all others to the original", async () => {
    await withRoutedFetch(fetchNamed("route"), async (header) => {
      const headers = new Headers(header);
      headers.set("authorization", "Bearer token");
      await ask("ours", headers);
      await ask("theirs", new Headers({ "x-own": "1" }));
      await globalThis.fetch("plain");
    });
    expect(seen).toEqual([
      { by: "route", url: "ours", headers: { authorization: "Bearer token" } },
      { by: "original", url: "theirs", headers: { "x-own": "1" } },
      { by: "original", url: "plain", headers: {} },
    ]);
  });

  it("is put back when the call has ended, well or not", async () => {
    const during = await withRoutedFetch(fetchNamed("route"), async () => globalThis.fetch);
    expect(during).not.toBe(original);
    expect(globalThis.fetch).toBe(original);
    const failing = withRoutedFetch(fetchNamed("route"), async () => {
      throw new Error("no");
    });
    await expect(failing).rejects.toThrow("no");
    expect(globalThis.fetch).toBe(original);
  });

  it("serves calls at the same time, each by its own route, and is put back after the last one", async () => {
    const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const calls = gates.map((gate, n) =>
      withRoutedFetch(fetchNamed(`route-${n}`), async (header) => {
        await gate.promise;
        await ask("ours", header);
      }),
    );
    gates[1]?.resolve();
    await calls[1];
    expect(globalThis.fetch).not.toBe(original);
    gates[0]?.resolve();
    await calls[0];
    expect(globalThis.fetch).toBe(original);
    expect(asked()).toEqual(["route-1 ours", "route-0 ours"]);
  });

  it("is never the base of a call: a route that goes by the platform reaches the original", async () => {
    await withRoutedFetch(platformFetch, (header) => ask("ours", header));
    expect(seen).toEqual([{ by: "original", url: "ours", headers: {} }]);
  });

  it("leaves in place what somebody puts over it, and only passes on from then", async () => {
    let inner: typeof fetch = original;
    const outer: typeof fetch = (input, init) => inner(input, init);
    await withRoutedFetch(fetchNamed("route"), async (header) => {
      inner = globalThis.fetch;
      globalThis.fetch = outer;
      await ask("ours", header);
    });
    expect(globalThis.fetch).toBe(outer);
    await ask("later");
    await withRoutedFetch(platformFetch, (header) => ask("ours again", header));
    expect(globalThis.fetch).toBe(outer);
    expect(asked()).toEqual(["route ours", "original later", "original ours again"]);
  });

  it("goes by what somebody puts in its place, for the calls that start then", async () => {
    await withRoutedFetch(fetchNamed("route"), async () => {
      const theirs = fetchNamed("theirs");
      globalThis.fetch = theirs;
      await withRoutedFetch(platformFetch, (header) => ask("ours", header));
      expect(globalThis.fetch).toBe(theirs);
    });
    expect(asked()).toEqual(["theirs ours"]);
  });
});
