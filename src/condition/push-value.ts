/** Copies JSON values onto the Lua stack as plain Lua values, within limits that hold before the engine could be harmed. */
import type { LuaEngine, Pointer } from "./lua-engine.ts";

const MAX_DEPTH = 64;
const MAX_VALUES = 100_000;
const MAX_BYTES = 1_000_000;
/** Room on the Lua stack for the deepest value: a table and a key for each level. */
export const STACK_SLOTS = 2 * MAX_DEPTH + 16;

const SCRATCH_BYTES = 16_384;
/** Longer texts are left to the encoder, whose call costs more than a short loop. */
const SHORT_TEXT = 48;
const INTEGER_LIMIT = 2 ** 53;
const SMALL_INTEGERS = Array.from({ length: 1024 }, (_, index) => BigInt(index));

function integer(value: number): bigint {
  return SMALL_INTEGERS[value] ?? BigInt(value);
}

/** The scope holds more than a condition may look at, or something that is not JSON. */
export class ScopeRefusal extends Error {
  readonly isTooLarge: boolean;
  constructor(message: string, isTooLarge: boolean) {
    super(message);
    this.isTooLarge = isTooLarge;
  }
}

export interface ValuePusher {
  /** Pushes one table that holds the named values of the scope. @throws ScopeRefusal with the stack as it was left */
  pushScope(names: readonly string[], scope: Readonly<Record<string, unknown>>): void;
  pushText(text: string): void;
}

export function valuePusher(lua: LuaEngine, state: Pointer): ValuePusher {
  const scratch = lua.malloc(SCRATCH_BYTES);
  const encoder = new TextEncoder();
  let variable = "";
  let values = 0;
  let bytes = 0;

  const refuse = (what: string): never => {
    throw new ScopeRefusal(
      `The value of "${variable}" ${what}. Keep a smaller value under a key of its own, and name that in the condition.`,
      true,
    );
  };

  const spend = (count: number, size: number): void => {
    values += count;
    bytes += size;
    if (values > MAX_VALUES) refuse(`brings the condition's scope over ${MAX_VALUES} values and keys`);
    if (bytes > MAX_BYTES) refuse(`brings the text in the condition's scope over ${MAX_BYTES} bytes`);
    if (lua.isSpent.value !== 0) refuse("takes too many steps to copy, since its keys collide");
  };

  const pushEncoded = (text: string): void => {
    if (text.length * 3 <= SCRATCH_BYTES) {
      const { written } = encoder.encodeInto(text, lua.bytes().subarray(scratch, scratch + SCRATCH_BYTES));
      spend(0, written);
      lua.lua_pushlstring(state, scratch, written);
      return;
    }
    spend(0, text.length);
    const encoded = encoder.encode(text);
    spend(0, encoded.length - text.length);
    const buffer = lua.malloc(encoded.length);
    if (buffer === 0) refuse("does not fit into the memory that is left");
    lua.bytes().set(encoded, buffer);
    lua.lua_pushlstring(state, buffer, encoded.length);
    lua.free(buffer);
  };

  const pushText = (text: string): void => {
    const { length } = text;
    if (length > SHORT_TEXT) {
      pushEncoded(text);
      return;
    }
    const heap = lua.bytes();
    for (let index = 0; index < length; index += 1) {
      const unit = text.charCodeAt(index);
      if (unit > 0x7f) {
        pushEncoded(text);
        return;
      }
      heap[scratch + index] = unit;
    }
    spend(0, length);
    lua.lua_pushlstring(state, scratch, length);
  };

  const pushArray = (array: readonly unknown[], depth: number): void => {
    spend(array.length, 0);
    lua.lua_createtable(state, array.length, 0);
    for (let index = 0; index < array.length; index += 1) {
      const value = array[index];
      if (value === null || value === undefined) continue;
      push(value, depth + 1);
      lua.lua_rawseti(state, -2, integer(index + 1));
    }
  };

  const pushObject = (object: Readonly<Record<string, unknown>>, depth: number): void => {
    const keys = Object.keys(object);
    spend(2 * keys.length, 0);
    lua.lua_createtable(state, 0, keys.length);
    for (const key of keys) {
      const value = object[key];
      if (value === null || value === undefined) continue;
      pushText(key);
      push(value, depth + 1);
      lua.lua_rawset(state, -3);
    }
  };

  const push = (value: unknown, depth: number): void => {
    switch (typeof value) {
      case "number":
        if (Number.isInteger(value) && Math.abs(value) <= INTEGER_LIMIT) lua.lua_pushinteger(state, integer(value));
        else lua.lua_pushnumber(state, value);
        return;
      case "string":
        pushText(value);
        return;
      case "boolean":
        lua.lua_pushboolean(state, value ? 1 : 0);
        return;
      case "object":
        if (depth > MAX_DEPTH) refuse(`is nested deeper than ${MAX_DEPTH} levels`);
        if (Array.isArray(value)) pushArray(value, depth);
        else pushObject(value as Record<string, unknown>, depth);
        return;
      default:
        throw new ScopeRefusal(`The value of "${variable}" holds a ${typeof value}; a condition sees JSON values only.`, false);
    }
  };

  return {
    pushText,
    pushScope(names, scope) {
      values = 0;
      bytes = 0;
      lua.lua_createtable(state, 0, names.length);
      for (const name of names) {
        const value = Object.hasOwn(scope, name) ? scope[name] : undefined;
        if (value === null || value === undefined) continue;
        variable = name;
        spend(1, 0);
        pushText(name);
        push(value, 1);
        lua.lua_rawset(state, -3);
      }
    },
  };
}
