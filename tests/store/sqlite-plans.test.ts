import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { SqliteStore } from "#store/sqlite/store";
import { owned, owner } from "#testing/run-law";
import { QUERIES } from "./find-queries.ts";
import { newPlace } from "./place.ts";

describe("what SQLite does to find runs", () => {
  const newFolder = newPlace();
  let file: string;
  let store: SqliteStore;
  /** Every SELECT that was compiled. */
  const compiled = new Set<string>();
  beforeEach(async () => {
    const folder = newFolder();
    mkdirSync(folder);
    file = join(folder, "runs.db");
    const prepare = DatabaseSync.prototype.prepare;
    vi.spyOn(DatabaseSync.prototype, "prepare").mockImplementation(function (this: DatabaseSync, sql: string) {
      if (/^(?:select|with) /.test(sql)) compiled.add(sql);
      return prepare.call(this, sql);
    });
    store = new SqliteStore({ file, retainMs: 1_000_000 });
    await owned(store, "a", { ...owner(), process: { host: "here", boot: "b", pid: 7, startedAt: 3 } });
    compiled.clear();
  });
  afterEach(async () => {
    await store.close();
    vi.restoreAllMocks();
  });

  function plansOf(): string[] {
    const database = new DatabaseSync(file);
    try {
      return [...compiled].map((sql) => {
        const steps = database.prepare(`explain query plan ${sql}`).all() as { detail: string }[];
        return steps.map(({ detail }) => detail).join("; ");
      });
    } finally {
      database.close();
    }
  }

  it.each(Object.entries(QUERIES))("walks along an index, newest first, for runs %s", async (_, query) => {
    for (const isGone of [undefined, () => false, () => true]) {
      await store.find({ limit: 50, ...query, ...(isGone === undefined ? {} : { isGone }) });
    }
    const plans = plansOf();
    expect(plans.length).toBeGreaterThan(0);
    for (const plan of plans) {
      // The few that are owned are sorted.
      expect(plan).not.toMatch(query.leased === true ? /SCAN runs(?! USING)/ : /TEMP B-TREE|SCAN runs(?! USING)/);
      expect(plan).toMatch(/runs USING (?:COVERING )?INDEX runs_by_/);
      // Of a status, the walk begins and ends with it.
      if (query.leased === true) expect(plan).toMatch(/runs USING (?:COVERING )?INDEX runs_by_owner/);
      if (query.untold === true) expect(plan).toContain("INDEX runs_by_untold (agent=?");
      if (query.order === "due" && !plan.includes("runs_by_owner")) expect(plan).toContain("INDEX runs_by_due (agent=? AND due_at");
      else if (query.statuses !== undefined && !plan.includes("runs_by_owner")) expect(plan).toContain("INDEX runs_by_status (status=?");
    }
  });

  it("steps from one process of owners to the next, however many runs each has", async () => {
    for (let at = 0; at < 20; at++)
      await owned(store, `b${at}`, { ...owner(`${at}`), process: { host: "here", boot: "b", pid: at % 2, startedAt: 3 } });
    const asked: number[] = [];
    await store.find({ statuses: ["READY"], isGone: ({ pid }) => asked.push(pid) < 0, limit: 1 });
    expect(asked.toSorted()).toEqual([0, 1, 7]);
    expect(plansOf().filter((plan) => plan.includes("runs_by_owner"))).toEqual([
      expect.stringMatching(
        /SEARCH runs USING (?:COVERING )?INDEX runs_by_owner.*SEARCH runs USING (?:COVERING )?INDEX runs_by_owner \(<expr>>\?\)/,
      ),
    ]);
  });
});
