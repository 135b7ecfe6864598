/** The log behind late viewers: bounded, with every kept actor whole and up to date. */
import { describe, expect, it } from "vitest";
import { EventLog, type LoggedEvent } from "#inspect/event-log";

describe("event log", () => {
  it("folds what grows old into its actor, so that order and last state are kept", () => {
    const log = new EventLog<LoggedEvent & { snapshot: number }>();
    log.push({ type: "@xstate.actor", sessionId: "root", snapshot: -1 });
    for (let index = 0; index < 10_000; index++) log.push({ type: "@xstate.snapshot", sessionId: "root", snapshot: index });
    const events = log.all();
    expect(events.length).toBeLessThanOrEqual(2_500);
    expect(events[0]?.type).toBe("@xstate.actor");
    expect(events[0]?.snapshot).toBe((events[1]?.snapshot ?? 0) - 1);
    expect(events.at(-1)?.snapshot).toBe(9_999);
  });

  it("stays bounded over many actors, and keeps the root", () => {
    const log = new EventLog<LoggedEvent>();
    for (let index = 0; index < 20_000; index++) log.push({ type: "@xstate.actor", sessionId: `x:${index}` });
    const events = log.all();
    expect(events.length).toBeLessThanOrEqual(2_500);
    expect(events[0]?.sessionId).toBe("x:0");
    expect(events.at(-1)?.sessionId).toBe("x:19999");
  });
});
