/** The JSON boundary: what crosses it is copied, and what JSON cannot hold is refused by its path. */
import { AsimovError } from "./errors.ts";

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** Deeper values overflow the stack of some reader; 512 levels is far past what people nest. */
export const MAX_DEPTH = 512;

/** Of a module's result: what holds it, such as the task and 64 graphs around it of 4 levels each, must be JSON too. */
export const MAX_RESULT_DEPTH = 200;

/** XState v5 replaces any object with this key by an actor of its own when it restores a context. */
export const ACTOR_MARK = "xstate$$type";

function describe(value: unknown): string {
  if (typeof value === "function") return "a function";
  if (typeof value === "number") return String(value);
  if (typeof value === "object" && value !== null) {
    return `an instance of ${Object.getPrototypeOf(value)?.constructor?.name ?? "an unknown class"}`;
  }
  return `a ${typeof value}`;
}

function step(path: string, key: string | number): string {
  if (typeof key === "number") return `${path}[${key}]`;
  return /^[A-Za-z_$][\w$]*$/.test(key) ? `${path}.${key}` : `${path}[${JSON.stringify(key)}]`;
}

const MOST_PATH = 200;

/** Its two ends, where it is long: what is nested too deep is at the end of hundreds of steps. */
const shownPath = (path: string): string =>
  path.length <= MOST_PATH ? path : `${path.slice(0, MOST_PATH / 2)}…${path.slice(-MOST_PATH / 4)}`;

function refuse(path: string, what: string): never {
  throw new AsimovError(`${shownPath(path)} must be JSON (string, finite number, boolean, null, array or plain object); it is ${what}.`, {
    code: "not-json",
  });
}

function check(value: unknown, path: string, ancestors: object[], maxDepth: number): void {
  switch (typeof value) {
    case "string":
    case "boolean":
    case "undefined":
      return;
    case "number":
      if (!Number.isFinite(value)) refuse(path, describe(value));
      return;
    case "object":
      break;
    default:
      refuse(path, describe(value));
  }
  if (value === null) return;
  const object = value as object;
  if (ancestors.includes(object)) refuse(path, "a reference back to one of its own parents");
  if (ancestors.length >= maxDepth) refuse(path, `nested deeper than ${maxDepth} levels`);
  ancestors.push(object);
  if (Array.isArray(object)) {
    for (let index = 0; index < object.length; index++) check(object[index], step(path, index), ancestors, maxDepth);
  } else {
    const prototype = Object.getPrototypeOf(object);
    if (prototype !== Object.prototype && prototype !== null && Object.getPrototypeOf(prototype) !== null) refuse(path, describe(object));
    for (const key of Object.keys(object)) {
      if (key === ACTOR_MARK) refuse(step(path, key), "a mark that XState takes for an actor when it restores");
      check((object as Record<string, unknown>)[key], step(path, key), ancestors, maxDepth);
    }
  }
  ancestors.pop();
}

/** Whether objects stand in each other deeper than that; level by level, so that no depth overflows the stack. What holds itself does. */
export function isDeeperThan(value: unknown, most: number): boolean {
  let level = [value].filter(isObject);
  for (let depth = 0; level.length > 0; depth++) {
    if (depth === most) return true;
    level = [...new Set(level.flatMap((object) => Object.values(object)).filter(isObject))];
  }
  return false;
}

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null && !ArrayBuffer.isView(value);

/**
 * The JSON text of a value. Properties that are `undefined` are left out, as `JSON.stringify` does; `undefined` itself is refused.
 *
 * @param path how the message names the value, such as `result of module "plan"`
 * @throws AsimovError `not-json`, with the path of the value that JSON cannot hold
 */
export function toJsonText(value: unknown, path: string, maxDepth: number = MAX_DEPTH): string {
  if (value === undefined) refuse(path, "undefined");
  check(value, path, [], maxDepth);
  return JSON.stringify(value);
}

/** A deep copy that shares nothing with the value. @throws AsimovError `not-json` */
export function copyJson<T>(value: T, path: string): T {
  return JSON.parse(toJsonText(value, path)) as T;
}

/** Freezes a value of JSON in place, at any depth. */
export function freeze<T>(value: T): T {
  if (typeof value === "object" && value !== null) for (const part of Object.values(value)) freeze(part);
  return Object.freeze(value);
}

/** A deep copy that nobody can change, at any depth. @throws AsimovError `not-json` */
export const frozenJson = <T>(value: T, path: string): T => freeze(copyJson(value, path));
