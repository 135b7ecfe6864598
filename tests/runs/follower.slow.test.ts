/** A run is followed by a process that has nothing else to do. */
import { join } from "node:path";
import { Agent, FileStore, Task } from "asimov-agents";
import { SqliteStore } from "asimov-agents/sqlite";
import { describe, expect, it } from "vitest";
import { deferred, nodeOf, success } from "../run/support.ts";
import { newPlace } from "../store/place.ts";
import { runFile } from "../support/program.ts";

const place = newPlace();

describe("a process that follows a run of another one", () => {
  it.each(["SQLite", "file"])("lives until that has ended, though nothing else holds it (%s)", async (kind) => {
    const at = place();
    const store = kind === "SQLite" ? new SqliteStore({ file: at }) : new FileStore({ dir: at });
    const [entered, go] = [deferred(), deferred()];
    const work = nodeOf("work", [], async () => {
      entered.resolve();
      await go.promise;
      return success("done");
    });
    const run = new Agent({ store, nodes: [work] }).start(new Task({ id: "t", type: "test", objective: "Be followed" }));
    await entered.promise;
    const followed = runFile(join(import.meta.dirname, "follower-process.ts"), [kind, at, "t"], {
      onOutput: (told) => told.includes("module.started\n") && go.resolve(),
    });
    // One that leaves too early leaves the run where it is.
    void followed.then(() => go.resolve());
    const { stdout, ...end } = await followed;
    expect({ end, last: stdout.trimEnd().split("\n").slice(-2) }).toEqual({
      end: { stderr: "", code: 0, signal: null },
      last: ["snapshot.saved", "run.ended"],
    });
    expect((await run.outcome).status).toBe("COMPLETE");
    await store.close();
  });
});
