/** A run that was removed, and its task begun anew: the owner of the old one is nobody to the new one, though its token is the same. */
import { join } from "node:path";
import { Agent, FileStore, type RunStore, Runs } from "asimov-agents";
import { SqliteStore } from "asimov-agents/sqlite";
import { describe, expect, it } from "vitest";
import { aborted, deferred, nodeOf, success } from "../run/support.ts";
import { newPlace } from "../store/place.ts";
import { taskOf } from "./stores.ts";

const place = newPlace();

describe("a run that another process removed and began anew, faster than its owner looks", () => {
  it.each<[string, (dir: string) => RunStore]>([
    ["file", (dir) => new FileStore({ dir, fsync: false })],
    ["SQLite", (dir) => new SqliteStore({ file: join(dir, "runs.db") })],
  ])("stops, and writes nothing to the next run of its id (%s store)", async (_name, open) => {
    const dir = place();
    const [own, other] = [open(dir), open(dir)];
    const fences: number[] = [];
    function working(store: RunStore) {
      const [entered, go] = [deferred(), deferred()];
      const node = nodeOf("a", [], async ({ signal, fence }) => {
        fences.push(fence);
        entered.resolve();
        await Promise.race([go.promise, aborted(signal)]);
        return success(signal.aborted ? "aborted" : "done");
      });
      return { run: new Agent({ name: "worker", store, nodes: [node] }).start(taskOf()), entered: entered.promise, go: () => go.resolve() };
    }
    const old = working(own);
    await old.entered;
    await new Runs(other).remove("t");
    const anew = working(other);
    await anew.entered;
    old.go();
    await expect(old.run.outcome).rejects.toMatchObject({ code: expect.stringMatching(/^run-(fenced|not-found)$/) });
    anew.go();
    expect(await anew.run.outcome).toMatchObject({ status: "COMPLETE", results: { a: "done" } });
    expect(fences).toEqual([1, 1]);
    expect(await new Runs(other).get("t")).toMatchObject({ status: "COMPLETE", nodes: { a: { visit: 1, attempt: 1 } } });
    await Promise.all([own.close(), other.close()]);
  });
});
