/** Options are parsed once, by one schema; the message names the option, what was expected and what came. */
import { z } from "zod";
import { AsimovError } from "./errors.ts";

/** @throws AsimovError `invalid-options`, with every fault */
export function parseOptions<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map((issue) => {
    const path = issue.path.map(String).join(".");
    return path === "" ? issue.message : `${path}: ${issue.message}`;
  });
  throw new AsimovError(`${what}: ${faults.join("; ")}.`, { code: "invalid-options" });
}

/** Signals of other realms are signals too. */
function isSignal(value: unknown): value is AbortSignal {
  const signal = value as Partial<AbortSignal> | null | undefined;
  return typeof signal?.aborted === "boolean" && typeof signal.addEventListener === "function";
}

export const signalSchema = z.custom<AbortSignal>(isSignal, { message: "expected an AbortSignal" });
