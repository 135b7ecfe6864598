/** The part of Lua's C interface that the sandbox uses, as the WebAssembly module of wasmoon exports it. */

/** A `lua_State`, or another address in the module's memory. */
export type Pointer = number;

export interface LuaApi {
  readonly HEAPU8: Uint8Array;
  addFunction(target: (...values: number[]) => number | undefined, signature: string): Pointer;
  _malloc(size: number): Pointer;
  _realloc(pointer: Pointer, size: number): Pointer;
  _free(pointer: Pointer): void;
  _lua_newstate(allocator: Pointer, userData: Pointer): Pointer;
  _lua_sethook(state: Pointer, hook: Pointer, mask: number, count: number): void;
  _lua_checkstack(state: Pointer, slots: number): number;
  _lua_settop(state: Pointer, index: number): void;
  _lua_type(state: Pointer, index: number): number;
  _lua_toboolean(state: Pointer, index: number): number;
  _lua_tolstring(state: Pointer, index: number, length: Pointer): Pointer;
  _lua_pushnil(state: Pointer): void;
  _lua_pushboolean(state: Pointer, value: number): void;
  _lua_pushinteger(state: Pointer, value: bigint): void;
  _lua_pushnumber(state: Pointer, value: number): void;
  _lua_pushlstring(state: Pointer, text: Pointer, length: number): Pointer;
  _lua_createtable(state: Pointer, elements: number, fields: number): void;
  _lua_rawset(state: Pointer, index: number): void;
  _lua_rawseti(state: Pointer, index: number, key: bigint): void;
  _lua_rawgeti(state: Pointer, index: number, key: bigint): number;
  _lua_setmetatable(state: Pointer, index: number): number;
  _lua_setglobal(state: Pointer, name: Pointer): void;
  _lua_pcallk(state: Pointer, values: number, results: number, handler: number, context: number, continuation: number): number;
  _lua_error(state: Pointer): number;
  _luaL_loadbufferx(state: Pointer, text: Pointer, length: number, name: Pointer, mode: Pointer): number;
  _luaL_ref(state: Pointer, table: number): number;
  _luaL_unref(state: Pointer, table: number, reference: number): void;
  _luaopen_base(state: Pointer): number;
  _luaopen_math(state: Pointer): number;
  _luaopen_string(state: Pointer): number;
  _luaopen_table(state: Pointer): number;
  _luaopen_utf8(state: Pointer): number;
}

export const REGISTRY = -1_001_000;
export const LUA_OK = 0;
export const LUA_ERROR_MEMORY = 4;
export const LUA_TYPE_STRING = 4;
export const LUA_MASK_COUNT = 8;
