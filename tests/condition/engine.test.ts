import { describe, expect, it } from "vitest";
import { luaEngine } from "#condition/lua-engine";
import { carriedEngine, countedEngine } from "../../build/lua-engine.ts";

describe("the Lua engine in the sources", () => {
  it("is the one of wasmoon as installed, with its steps counted: `npm run engine` writes it", () => {
    expect(Buffer.compare(carriedEngine(), countedEngine())).toBe(0);
  });

  it("takes steps off for turns of a loop and for bytes that are copied, and nothing while it is not asked", async () => {
    const engine = await luaEngine();
    engine.memoryLimit.value = -1;
    engine.steps.value = 0x7fff_ffff;
    const state = engine.newState();
    const spent = (work: () => void): number => {
      const before = engine.steps.value;
      work();
      return before - engine.steps.value;
    };
    const push = (length: number): number =>
      spent(() => {
        engine.lua_pushlstring(state, 0, length);
        engine.lua_settop(state, 0);
      });
    expect(spent(() => undefined)).toBe(0);
    const few = push(1000);
    const many = push(1_000_000);
    expect(few).toBeGreaterThan(0);
    expect(many - few).toBeGreaterThan(20_000);
    expect(many).toBeLessThan(1_100_000);
  });

  it("gives two instances a memory each", async () => {
    const [one, two] = await Promise.all([luaEngine(), luaEngine()]);
    const address = one.malloc(8);
    one.bytes()[address] = 42;
    expect(two.bytes()[address]).not.toBe(42);
    expect(one.bytes()[address]).toBe(42);
  });
});
