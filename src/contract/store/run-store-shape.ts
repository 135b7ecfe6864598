/** Whether something that is given as a run store is one, and what it lacks. */
import * as z from "zod/mini";
import { isFunction } from "#contract/base/options";
import { RunStore } from "./run-store.ts";

const METHODS = [
  ...["create", "claim", "renew", "commit", "read", "load", "locate", "generations", "inbox", "post", "endTold"],
  ...["find", "events", "remove", "prune", "subscribe", "now", "close"],
] as const;

const SETTINGS = ["maxPartBytes", "keepEvents", "keep", "retainMs"] as const;

const nameOf = (value: unknown): string => {
  if (typeof value !== "object" || value === null) return value === null ? "null" : typeof value;
  const { constructor } = value as { constructor?: { name?: unknown } };
  return typeof constructor?.name === "string" ? constructor.name : "an object";
};

function lackOf(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  const store = value as Record<string, unknown>;
  const settings = (store.settings ?? {}) as Record<string, unknown>;
  return [
    ...METHODS.filter((name) => !isFunction(store[name])).map((name) => `the function ${name}`),
    ...SETTINGS.filter((name) => typeof settings[name] !== "number").map((name) => `settings.${name}`),
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
