/** One Lua state that runs untrusted expressions: no way to the host, no state between evaluations, a budget of time and memory. */
import { AsimovError } from "#contract/base/errors";
import { LIBRARIES } from "./libraries.ts";
import { LUA_ERROR_MEMORY, LUA_MASK_COUNT, LUA_OK, LUA_TYPE_STRING, type LuaApi, type Pointer, REGISTRY } from "./lua-api.ts";
import { STACK_SLOTS, type ValuePusher, valuePusher } from "./push-value.ts";

/** What one evaluation may spend; the duration includes copying its scope, and leaves the expression some time in any case. */
const BUDGET = { instructions: 1_000_000, durationMs: 40, leastDurationMs: 10, memoryBytes: 1_048_576 } as const;

/** Few, since one instruction may compare or copy a megabyte. */
const INSTRUCTIONS_PER_CHECK = 64;
const ALLOCATIONS_PER_CHECK = 256;
const LARGE_ALLOCATION = 16_384;
const MAX_MESSAGE_BYTES = 500;
const CHUNK_NAME = "=condition\0";

export type Outcome = { kind: "value"; isTrue: boolean } | { kind: "error"; message: string } | { kind: "budget"; limit: string };
export type Loaded = { kind: "chunk"; reference: number } | { kind: "error"; message: string };

export class Sandbox {
  readonly #lua: LuaApi;
  readonly #state: Pointer;
  readonly #values: ValuePusher;
  readonly #decoder = new TextDecoder();
  readonly #chunkName: Pointer;
  readonly #textMode: Pointer;
  readonly #lengthSlot: Pointer;
  readonly #environment: bigint;
  #memoryUsed = 0;
  #memoryLimit = Number.POSITIVE_INFINITY;
  #deadline = Number.POSITIVE_INFINITY;
  #checksLeft = Number.POSITIVE_INFINITY;
  #allocations = 0;
  #exceeded: string | undefined;

  private constructor(lua: LuaApi) {
    this.#lua = lua;
    const allocator = lua.addFunction(
      (_, pointer, oldSize, newSize) => this.#allocate(pointer as number, oldSize as number, newSize as number),
      "iiiii",
    );
    this.#state = lua._lua_newstate(allocator, 0);
    if (this.#state === 0 || lua._lua_checkstack(this.#state, STACK_SLOTS) === 0) throw new Error("there is no memory for a Lua state");
    this.#values = valuePusher(lua, this.#state);
    this.#chunkName = this.#allocateText(CHUNK_NAME);
    this.#textMode = this.#allocateText("t\0");
    this.#lengthSlot = lua._malloc(4);
    this.#environment = BigInt(this.#openLibraries());
    const hook = lua.addFunction((state) => this.#check(state as number), "vii");
    lua._lua_sethook(this.#state, hook, LUA_MASK_COUNT, INSTRUCTIONS_PER_CHECK);
  }

  /** Loads wasmoon at the first call. @throws AsimovError `condition-engine` */
  static async load(): Promise<Sandbox> {
    try {
      const { LuaFactory } = await import("wasmoon");
      const { module } = await new LuaFactory().getLuaModule();
      return new Sandbox(module as unknown as LuaApi);
    } catch (cause) {
      throw new AsimovError(
        "The Lua engine for conditions (wasmoon) does not load. Check that it is installed and that WebAssembly is allowed.",
        {
          code: "condition-engine",
          retryable: true,
          cause,
        },
      );
    }
  }

  /** Bytes that Lua holds, garbage included. */
  get memoryUsed(): number {
    return this.#memoryUsed;
  }

  /** Whether the text compiles as it stands; the message of Lua when it does not. */
  check(text: string): string | undefined {
    try {
      return this.#load(text) === LUA_OK ? undefined : this.#message();
    } finally {
      this.#lua._lua_settop(this.#state, 0);
    }
  }

  /** Keeps the function that the text returns, until it is released. */
  keep(text: string): Loaded {
    try {
      if (this.#load(text) !== LUA_OK || this.#lua._lua_pcallk(this.#state, 0, 1, 0, 0, 0) !== LUA_OK) {
        return { kind: "error", message: this.#message() };
      }
      return { kind: "chunk", reference: this.#lua._luaL_ref(this.#state, REGISTRY) };
    } finally {
      this.#lua._lua_settop(this.#state, 0);
    }
  }

  release(reference: number): void {
    this.#lua._luaL_unref(this.#state, REGISTRY, reference);
  }

  /** Calls a kept function with a new environment. @throws ScopeRefusal; anything else means that the engine is broken */
  run(reference: number, names: readonly string[], scope: Readonly<Record<string, unknown>>, withLibraries: boolean): Outcome {
    const lua = this.#lua;
    const state = this.#state;
    const deadline = performance.now() + BUDGET.durationMs;
    try {
      lua._lua_rawgeti(state, REGISTRY, BigInt(reference));
      this.#values.pushScope(names, scope);
      if (withLibraries) {
        lua._lua_rawgeti(state, REGISTRY, this.#environment);
        lua._lua_setmetatable(state, -2);
      }
      const status = this.#call(deadline);
      if (status === LUA_OK) return { kind: "value", isTrue: lua._lua_toboolean(state, -1) !== 0 };
      if (this.#exceeded !== undefined) return { kind: "budget", limit: this.#exceeded };
      if (status === LUA_ERROR_MEMORY) return { kind: "budget", limit: `${BUDGET.memoryBytes} bytes of memory` };
      return { kind: "error", message: this.#message() };
    } finally {
      this.#exceeded = undefined;
      lua._lua_settop(state, 0);
    }
  }

  #call(deadline: number): number {
    this.#checksLeft = BUDGET.instructions / INSTRUCTIONS_PER_CHECK;
    this.#deadline = Math.max(deadline, performance.now() + BUDGET.leastDurationMs);
    this.#memoryLimit = this.#memoryUsed + BUDGET.memoryBytes;
    try {
      return this.#lua._lua_pcallk(this.#state, 1, 1, 0, 0, 0);
    } finally {
      this.#memoryLimit = Number.POSITIVE_INFINITY;
      this.#deadline = Number.POSITIVE_INFINITY;
      this.#checksLeft = Number.POSITIVE_INFINITY;
    }
  }

  #isLate(): boolean {
    if (performance.now() <= this.#deadline) return false;
    this.#exceeded = `${BUDGET.durationMs} ms`;
    return true;
  }

  /** Lua's allocator. Beyond the budget nothing grows, and Lua reports that there is not enough memory. */
  #allocate(pointer: Pointer, oldSize: number, newSize: number): Pointer {
    if (newSize === 0) {
      if (pointer !== 0) {
        this.#memoryUsed -= oldSize;
        this.#lua._free(pointer);
      }
      return 0;
    }
    const growth = pointer === 0 ? newSize : newSize - oldSize;
    if (growth > 0 && this.#memoryLimit !== Number.POSITIVE_INFINITY) {
      if (this.#memoryUsed + growth > this.#memoryLimit) {
        this.#isLate();
        return 0;
      }
      this.#allocations += 1;
      if ((growth >= LARGE_ALLOCATION || this.#allocations % ALLOCATIONS_PER_CHECK === 0) && this.#isLate()) return 0;
      if (this.#exceeded !== undefined) return 0;
    }
    const moved = this.#lua._realloc(pointer, newSize);
    if (moved !== 0) this.#memoryUsed += growth;
    return moved;
  }

  /** The instruction hook. `lua_error` leaves it by a long jump, so nothing may be open here. */
  #check(state: Pointer): undefined {
    this.#checksLeft -= 1;
    if (this.#checksLeft >= 0 && this.#exceeded === undefined && !this.#isLate()) return;
    this.#exceeded ??= `${BUDGET.instructions} instructions`;
    this.#lua._lua_pushnil(state);
    this.#lua._lua_error(state);
  }

  #allocateText(text: string): Pointer {
    const encoded = new TextEncoder().encode(text);
    const pointer = this.#lua._malloc(encoded.length);
    if (pointer === 0) throw new Error("there is no memory for a Lua source");
    this.#lua.HEAPU8.set(encoded, pointer);
    return pointer;
  }

  #load(text: string): number {
    const length = new TextEncoder().encode(text).length;
    const pointer = this.#allocateText(text);
    try {
      return this.#lua._luaL_loadbufferx(this.#state, pointer, length, this.#chunkName, this.#textMode);
    } finally {
      this.#lua._free(pointer);
    }
  }

  /** The error on top of the stack. Only a string is read: anything else would have to be converted. */
  #message(): string {
    const lua = this.#lua;
    if (lua._lua_type(this.#state, -1) !== LUA_TYPE_STRING) return "an error without a message";
    const text = lua._lua_tolstring(this.#state, -1, this.#lengthSlot);
    const length = new DataView(lua.HEAPU8.buffer).getUint32(this.#lengthSlot, true);
    return this.#decoder.decode(lua.HEAPU8.slice(text, text + Math.min(length, MAX_MESSAGE_BYTES)));
  }

  #openLibraries(): number {
    const lua = this.#lua;
    lua._luaopen_base(this.#state);
    const libraries = { math: lua._luaopen_math, string: lua._luaopen_string, table: lua._luaopen_table, utf8: lua._luaopen_utf8 };
    for (const [name, open] of Object.entries(libraries)) {
      open(this.#state);
      const pointer = this.#allocateText(`${name}\0`);
      lua._lua_setglobal(this.#state, pointer);
      lua._free(pointer);
    }
    const loaded = this.keep(LIBRARIES);
    if (loaded.kind === "error") throw new Error(loaded.message);
    return loaded.reference;
  }
}
