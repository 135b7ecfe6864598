/** Files share a process: what one has stubbed, spied on or slowed down is undone after it, and what it hid from that fails it. */
import { afterAll, vi } from "vitest";

const NAMES = [
  "setTimeout",
  "clearTimeout",
  "setInterval",
  "clearInterval",
  "setImmediate",
  "queueMicrotask",
  "Date",
  "performance",
  "fetch",
] as const;

const platform = NAMES.map((name) => [name, globalThis[name]] as const);
const environment = { ...process.env };

afterAll(() => {
  // Before the real timers return: a spy on a simulated timer would put that one back.
  vi.restoreAllMocks();
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.unstubAllEnvs();
  const globals = platform.filter(([name, value]) => globalThis[name] !== value);
  const variables = Object.keys({ ...environment, ...process.env }).filter((name) => process.env[name] !== environment[name]);
  Object.assign(globalThis, Object.fromEntries(globals));
  for (const name of variables) {
    if (environment[name] === undefined) delete process.env[name];
    else process.env[name] = environment[name];
  }
  const changed = [...globals.map(([name]) => name), ...variables.map((name) => `process.env.${name}`)];
  if (changed.length > 0)
    throw new Error(`This file leaves changed to those that follow: ${changed.join(", ")}. Undo it where it is done.`);
});
