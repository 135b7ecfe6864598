/** Lua 5.4 as a WebAssembly instance: what the sandbox uses of it, and the little that it needs of a host. */

import { AsimovError } from "#contract/base/errors";
import { loading } from "#contract/base/loading";

/** A `lua_State`, or another address in the module's memory. */
export type Pointer = number;

/** Lua's C interface, as far as it is used. */
export interface LuaApi {
  malloc(size: number): Pointer;
  free(pointer: Pointer): void;
  lua_sethook(state: Pointer, hook: Pointer, mask: number, count: number): void;
  lua_checkstack(state: Pointer, slots: number): number;
  lua_settop(state: Pointer, index: number): void;
  lua_type(state: Pointer, index: number): number;
  lua_toboolean(state: Pointer, index: number): number;
  lua_tolstring(state: Pointer, index: number, length: Pointer): Pointer;
  lua_pushboolean(state: Pointer, value: number): void;
  lua_pushinteger(state: Pointer, value: bigint): void;
  lua_pushnumber(state: Pointer, value: number): void;
  lua_pushlstring(state: Pointer, text: Pointer, length: number): Pointer;
  lua_createtable(state: Pointer, elements: number, fields: number): void;
  lua_rawset(state: Pointer, index: number): void;
  lua_rawseti(state: Pointer, index: number, key: bigint): void;
  lua_rawgeti(state: Pointer, index: number, key: bigint): number;
  lua_setmetatable(state: Pointer, index: number): number;
  lua_setglobal(state: Pointer, name: Pointer): void;
  lua_pcallk(state: Pointer, values: number, results: number, handler: number, context: number, continuation: number): number;
  luaL_loadbufferx(state: Pointer, text: Pointer, length: number, name: Pointer, mode: Pointer): number;
  luaL_ref(state: Pointer, table: number): number;
  luaL_unref(state: Pointer, table: number, reference: number): void;
  luaopen_base(state: Pointer): number;
  luaopen_math(state: Pointer): number;
  luaopen_string(state: Pointer): number;
  luaopen_table(state: Pointer): number;
  luaopen_utf8(state: Pointer): number;
}

/** What the build adds to Lua (build/count-steps.ts): its counts, and a state whose memory is counted. */
interface Counts {
  /** Steps that are left. At less than none, the next Lua instruction of the state fails, and `isSpent` is 1. */
  readonly steps: WebAssembly.Global<"i32">;
  readonly isSpent: WebAssembly.Global<"i32">;
  /** Bytes that Lua holds, garbage included. */
  readonly memoryUsed: WebAssembly.Global<"i32">;
  /** Bytes, unsigned, beyond which nothing grows: Lua reports that there is not enough memory. */
  readonly memoryLimit: WebAssembly.Global<"i32">;
  newState(): Pointer;
}

interface Host {
  readonly memory: WebAssembly.Memory;
  readonly __indirect_function_table: WebAssembly.Table;
  __wasm_call_ctors(): void;
  setThrew(threw: number, value: number): void;
  stackSave(): number;
  stackRestore(pointer: number): void;
}

export interface LuaEngine extends LuaApi, Counts {
  /** The module's memory; ask again after each call that may have made it grow. */
  bytes(): Uint8Array;
}

export const REGISTRY = -1_001_000;
export const LUA_OK = 0;
export const LUA_ERROR_MEMORY = 4;
export const LUA_TYPE_STRING = 4;

const PAGE_BYTES = 65_536;
const MAX_PAGES = 32_768;
/** "No such call": there are no files, no processes and no environment here. */
const ENOSYS = -52;
/** A jump out of C, which `invoke_vii` catches; no error of JavaScript. */
const LONG_JUMP = Symbol("long jump");

const NOWHERE = [
  "strftime",
  "system",
  "_emscripten_get_now_is_monotonic",
  "__syscall_openat",
  "__syscall_fcntl64",
  "__syscall_ioctl",
  "__syscall_dup3",
  "_localtime_js",
  "_gmtime_js",
  "__syscall_unlinkat",
  "__syscall_rmdir",
  "__syscall_renameat",
  "__syscall_readlinkat",
  "_tzset_js",
] as const;
const NO_FILES = ["fd_write", "fd_read", "fd_close", "fd_seek", "environ_sizes_get", "environ_get"] as const;

function importsOf(host: () => Host): WebAssembly.Imports {
  const stop = (): never => {
    throw new Error("the Lua engine stopped itself");
  };
  return {
    env: {
      ...Object.fromEntries(NOWHERE.map((name) => [name, () => ENOSYS])),
      abort: stop,
      exit: stop,
      _mktime_js: () => 0n,
      // Lua mixes the time into the seed of its tables: a constant keeps the order of `pairs` the same in a run that is resumed.
      emscripten_date_now: () => 0,
      emscripten_resize_heap(size: number): number {
        const { memory } = host();
        const pages = Math.ceil((size >>> 0) / PAGE_BYTES);
        if (pages > MAX_PAGES) return 0;
        try {
          memory.grow(pages - memory.buffer.byteLength / PAGE_BYTES);
          return 1;
        } catch {
          return 0;
        }
      },
      _emscripten_throw_longjmp(): never {
        throw LONG_JUMP;
      },
      invoke_vii(slot: number, first: number, second: number): void {
        const { stackSave, stackRestore, setThrew, __indirect_function_table: table } = host();
        const stack = stackSave();
        try {
          (table.get(slot) as (first: number, second: number) => void)(first, second);
        } catch (error) {
          stackRestore(stack);
          if (error !== LONG_JUMP) throw error;
          setThrew(1, 0);
        }
      },
    },
    wasi_snapshot_preview1: Object.fromEntries(NO_FILES.map((name) => [name, () => -ENOSYS])),
  };
}

type EngineRoom = typeof import("#condition/engine-module");

/** Rollup puts what is imported later behind the entry's code, and has no name for it before the entry has ended. */
const TOO_EARLY =
  "The Lua engine for conditions is not there yet: this bundle is one file, which runs its entry before the engine's module, and the entry " +
  "waits for the run. Wait for it in a function instead of at the top level, or let the bundler write chunks (Rollup: `output.dir` " +
  "without `inlineDynamicImports`).";

let compiled: Promise<WebAssembly.Module> | undefined;

/** By its room, since package.json knows another file for workerd; later than the core, since it is larger than all of that. */
async function compile(): Promise<WebAssembly.Module> {
  const imported: EngineRoom | undefined = await import("#condition/engine-module");
  if (imported === undefined) throw new AsimovError(TOO_EARLY, { code: "condition-engine" });
  return imported.engineModule();
}

/** An instance with a memory of its own; the module is compiled at the first call. Rejects where WebAssembly is not allowed, or not there yet. */
export async function luaEngine(): Promise<LuaEngine> {
  compiled ??= loading(compile).catch((error: unknown) => {
    compiled = undefined;
    throw error;
  });
  const module = await compiled;
  let exports: Host | undefined;
  const imports = importsOf(() => exports as Host);
  const instance = await loading(() => WebAssembly.instantiate(module, imports));
  exports = instance.exports as unknown as Host;
  const { memory } = exports;
  exports.__wasm_call_ctors();
  let view = new Uint8Array(memory.buffer);
  return {
    ...(instance.exports as unknown as LuaApi & Counts),
    bytes() {
      if (view.length === 0) view = new Uint8Array(memory.buffer);
      return view;
    },
  };
}
