/** One Lua state that runs untrusted expressions: no way to the host, no state between evaluations, a budget of steps and memory. */
import { AsimovError, messageOf } from "#contract/base/errors";
import { LIBRARIES } from "./libraries.ts";
import { LUA_ERROR_MEMORY, LUA_OK, LUA_TYPE_STRING, type LuaEngine, luaEngine, type Pointer, REGISTRY } from "./lua-engine.ts";
import { STACK_SLOTS, type ValuePusher, valuePusher } from "./push-value.ts";

/** What one evaluation may spend. A step is one turn of a loop in the engine, or one call of a function, by its length. */
const BUDGET = { steps: 4_000_000, memoryBytes: 1_048_576 } as const;
/** What copying a scope of the largest size takes many times over; keys that were made to collide take more. */
const SCOPE_STEPS = 20_000_000;
const NO_LIMIT = { steps: 0x7fff_ffff, memoryBytes: -1 } as const;

const MAX_MESSAGE_BYTES = 500;
const CHUNK_NAME = "=condition\0";

export type Outcome = { kind: "value"; isTrue: boolean } | { kind: "error"; message: string } | { kind: "budget"; limit: string };
export type Loaded = { kind: "chunk"; reference: number } | { kind: "error"; message: string };

export class Sandbox {
  readonly #lua: LuaEngine;
  readonly #state: Pointer;
  readonly #values: ValuePusher;
  readonly #decoder = new TextDecoder();
  readonly #chunkName: Pointer;
  readonly #textMode: Pointer;
  readonly #lengthSlot: Pointer;
  readonly #environment: bigint;

  private constructor(lua: LuaEngine) {
    this.#lua = lua;
    this.#unlimited();
    this.#state = lua.newState();
    if (this.#state === 0 || lua.lua_checkstack(this.#state, STACK_SLOTS) === 0) throw new Error("there is no memory for a Lua state");
    this.#values = valuePusher(lua, this.#state);
    this.#chunkName = this.#allocateText(CHUNK_NAME);
    this.#textMode = this.#allocateText("t\0");
    this.#lengthSlot = lua.malloc(4);
    this.#environment = BigInt(this.#openLibraries());
  }

  /** Compiles the engine at the first call. @throws AsimovError `condition-engine` */
  static async load(): Promise<Sandbox> {
    try {
      return new Sandbox(await luaEngine());
    } catch (cause) {
      if (cause instanceof AsimovError) throw cause;
      throw new AsimovError(
        `The Lua engine for conditions does not start: ${messageOf(cause)}. Check that WebAssembly may be compiled: a page needs ` +
          "`script-src 'wasm-unsafe-eval'`; a Worker, which compiles none, needs a bundle made with the condition `workerd`.",
        { code: "condition-engine", retryable: true, cause },
      );
    }
  }

  /** Bytes that Lua holds, garbage included. */
  get memoryUsed(): number {
    return this.#lua.memoryUsed.value;
  }

  /** Whether the text compiles as it stands; the message of Lua when it does not. */
  check(text: string): string | undefined {
    try {
      return this.#load(text) === LUA_OK ? undefined : this.#message();
    } finally {
      this.#lua.lua_settop(this.#state, 0);
    }
  }

  /** Keeps the function that the text returns, until it is released. */
  keep(text: string): Loaded {
    try {
      if (this.#load(text) !== LUA_OK || this.#lua.lua_pcallk(this.#state, 0, 1, 0, 0, 0) !== LUA_OK) {
        return { kind: "error", message: this.#message() };
      }
      return { kind: "chunk", reference: this.#lua.luaL_ref(this.#state, REGISTRY) };
    } finally {
      this.#lua.lua_settop(this.#state, 0);
    }
  }

  release(reference: number): void {
    this.#lua.luaL_unref(this.#state, REGISTRY, reference);
  }

  /** Calls a kept function with a new environment. @throws ScopeRefusal; anything else means that the engine is broken */
  run(reference: number, names: readonly string[], scope: Readonly<Record<string, unknown>>, withLibraries: boolean): Outcome {
    const lua = this.#lua;
    const state = this.#state;
    try {
      lua.steps.value = SCOPE_STEPS;
      lua.lua_rawgeti(state, REGISTRY, BigInt(reference));
      this.#values.pushScope(names, scope);
      if (withLibraries) {
        lua.lua_rawgeti(state, REGISTRY, this.#environment);
        lua.lua_setmetatable(state, -2);
      }
      lua.steps.value = BUDGET.steps;
      lua.memoryLimit.value = lua.memoryUsed.value + BUDGET.memoryBytes;
      const status = lua.lua_pcallk(state, 1, 1, 0, 0, 0);
      if (lua.isSpent.value !== 0) return { kind: "budget", limit: `${BUDGET.steps} steps` };
      if (status === LUA_OK) return { kind: "value", isTrue: lua.lua_toboolean(state, -1) !== 0 };
      if (status === LUA_ERROR_MEMORY) return { kind: "budget", limit: `${BUDGET.memoryBytes} bytes of memory` };
      return { kind: "error", message: this.#message() };
    } finally {
      this.#unlimited();
      lua.lua_settop(state, 0);
    }
  }

  #unlimited(): void {
    const lua = this.#lua;
    lua.steps.value = NO_LIMIT.steps;
    lua.memoryLimit.value = NO_LIMIT.memoryBytes;
    if (lua.isSpent.value === 0) return;
    lua.isSpent.value = 0;
    lua.lua_sethook(this.#state, 0, 0, 0);
  }

  #allocateText(text: string): Pointer {
    const encoded = new TextEncoder().encode(text);
    const pointer = this.#lua.malloc(encoded.length);
    if (pointer === 0) throw new Error("there is no memory for a Lua source");
    this.#lua.bytes().set(encoded, pointer);
    return pointer;
  }

  #load(text: string): number {
    const length = new TextEncoder().encode(text).length;
    const pointer = this.#allocateText(text);
    try {
      return this.#lua.luaL_loadbufferx(this.#state, pointer, length, this.#chunkName, this.#textMode);
    } finally {
      this.#lua.free(pointer);
    }
  }

  /** The error on top of the stack. Only a string is read: anything else would have to be converted. */
  #message(): string {
    const lua = this.#lua;
    if (lua.lua_type(this.#state, -1) !== LUA_TYPE_STRING) return "an error without a message";
    const text = lua.lua_tolstring(this.#state, -1, this.#lengthSlot);
    const length = new DataView(lua.bytes().buffer).getUint32(this.#lengthSlot, true);
    return this.#decoder.decode(lua.bytes().slice(text, text + Math.min(length, MAX_MESSAGE_BYTES)));
  }

  #openLibraries(): number {
    const lua = this.#lua;
    lua.luaopen_base(this.#state);
    const libraries = { math: lua.luaopen_math, string: lua.luaopen_string, table: lua.luaopen_table, utf8: lua.luaopen_utf8 };
    for (const [name, open] of Object.entries(libraries)) {
      open(this.#state);
      const pointer = this.#allocateText(`${name}\0`);
      lua.lua_setglobal(this.#state, pointer);
      lua.free(pointer);
    }
    const loaded = this.keep(LIBRARIES);
    if (loaded.kind === "error") throw new Error(loaded.message);
    return loaded.reference;
  }
}
