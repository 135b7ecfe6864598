import { AgentModule, AsimovError, defineModule, type ModuleResult, NonRetryableError } from "asimov-agents";
import { describe, expect, it } from "vitest";

class Own extends NonRetryableError {}

class OwnModule extends AgentModule {
  override async process(): Promise<ModuleResult> {
    return { status: "success" };
  }
}

describe("a user's own subclass of a class with a brand", () => {
  it("is asked for by its prototype, as any class is", () => {
    expect(new Own("x") instanceof Own).toBe(true);
    expect(new NonRetryableError("x") instanceof Own).toBe(false);
    expect(new OwnModule({ name: "own" }) instanceof OwnModule).toBe(true);
    expect(defineModule({ name: "other", process: async () => ({ status: "success" }) }) instanceof OwnModule).toBe(false);
  });

  it("bears the brands of what it extends, and those of nothing else", () => {
    expect([new Own("x") instanceof NonRetryableError, new Own("x") instanceof AsimovError]).toEqual([true, true]);
    expect(new AsimovError("x", { code: "x" }) instanceof NonRetryableError).toBe(false);
    for (const value of [undefined, null, 5, "text", {}, () => {}]) expect((value as unknown) instanceof AsimovError).toBe(false);
  });
});
