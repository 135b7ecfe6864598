/** A call ends by the first of its signals and its time limit, and leaves neither timer nor listener. */
import { getEventListeners } from "node:events";
import { ScriptedInferenceClient } from "asimov-agents/testing";
import { describe, expect, it } from "vitest";
import { WireFault } from "#contract/chat/wire-fault";
import { endsOf } from "#inference/call/call-ends";

const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
const HOUR = 3_600_000;

describe("what ends a call", () => {
  it("is the first signal that is aborted, told once, with its reason", () => {
    const [first, second] = [new AbortController(), new AbortController()];
    const reasons: unknown[] = [];
    const unlink = endsOf(HOUR, [undefined, first.signal, second.signal], (reason) => reasons.push(reason));
    second.abort("second");
    unlink();
    first.abort("first");
    expect(reasons).toEqual(["second"]);
  });

  it("is the time limit", async () => {
    const reason = await new Promise((resolve) => endsOf(1, [], resolve));
    expect(reason).toBeInstanceOf(WireFault);
    expect((reason as WireFault).fault).toMatchObject({ kind: "retryable", code: "timeout" });
  });

  it("leaves nothing behind, also where it was over before it began", async () => {
    const before = timers();
    const { signal } = new AbortController();
    endsOf(HOUR, [signal], () => {})();
    expect(getEventListeners(signal, "abort")).toEqual([]);
    const reasons: unknown[] = [];
    endsOf(HOUR, [AbortSignal.abort("gone"), signal], (reason) => reasons.push(reason))();
    expect([reasons, getEventListeners(signal, "abort"), timers()]).toEqual([["gone"], [], before]);
    const client = new ScriptedInferenceClient(["never"]);
    const call = client.generate([{ role: "USER", content: "Go" }], { signal: AbortSignal.abort() });
    await expect(call).rejects.toMatchObject({ code: "aborted" });
    expect(timers()).toBe(before);
  });
});
