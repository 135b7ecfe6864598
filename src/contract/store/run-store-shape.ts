/** Whether something that is given as a run store is one, and what it lacks. */
import * as z from "zod/mini";
import { isFunction } from "#contract/base/options";
import type { RunStoreSettings } from "./run-options.ts";
import { RunStore } from "./run-store.ts";

type Setting = Exclude<keyof RunStoreSettings, "codec">;

/** The compiler holds both to be whole. */
const METHODS: Record<Exclude<keyof RunStore, "settings">, true> = {
  ...{ create: true, claim: true, renew: true, commit: true, read: true, load: true, locate: true, generations: true, inbox: true },
  ...{
    post: true,
    endTold: true,
    questions: true,
    find: true,
    events: true,
    remove: true,
    prune: true,
    subscribe: true,
    publish: true,
    hear: true,
    now: true,
    close: true,
  },
};
const SETTINGS: Record<Setting, true> = { maxPartBytes: true, keepEvents: true, keep: true, retainMs: true };

/** What something is, for whoever expected something else. */
export const nameOf = (value: unknown): string => {
  if (typeof value !== "object" || value === null) return value === null ? "null" : typeof value;
  try {
    const name = (value as { constructor?: { name?: unknown } }).constructor?.name;
    return typeof name === "string" ? name : "an object";
  } catch {
    return "an object that cannot be read";
  }
};

function lackOf(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  const store = value as Record<string, unknown>;
  const settings = (store.settings ?? {}) as Record<string, unknown>;
  return [
    ...Object.keys(METHODS)
      .filter((name) => !isFunction(store[name]))
      .map((name) => `the function ${name}`),
    ...Object.keys(SETTINGS)
      .filter((name) => typeof settings[name] !== "number")
      .map((name) => `settings.${name}`),
  ];
}

function faultOf(value: unknown): string {
  const expected = "expected a RunStore, which is of a class that extends it";
  const lack = lackOf(value);
  return `${expected}, got ${nameOf(value)}${lack.length === 0 ? "" : `, which lacks ${lack.join(", ")}`}`;
}

const isStore = (value: unknown): boolean => value instanceof RunStore && lackOf(value).length === 0;

/** For the options of whoever is given one. */
export const storeSchema = () => z.custom<RunStore>(isStore, { error: ({ input }) => faultOf(input) });
