/** What a module asks, checked. */
import * as z from "zod/mini";
import { someMs } from "#contract/base/durations";
import { lazily } from "#contract/base/lazily";
import { nonEmpty, parseOptions } from "#contract/base/options";
import type { Schema } from "#contract/chat/schema";
import type { Ask } from "./module.ts";

export const askShape = lazily(() => ({
  show: z.optional(z.unknown()),
  answer: z.custom<Schema>((value) => (typeof value === "object" && value !== null) || typeof value === "function", {
    message: "expected zod, a Standard Schema or JSON Schema",
  }),
  to: z.optional(nonEmpty),
  deadlineMs: z.optional(someMs(1)),
  onDeadline: z.optional(z.union([z.literal("fail"), z.strictObject({ answer: z.unknown() })])),
  escalate: z.optional(z.array(z.strictObject({ afterMs: someMs(0), to: nonEmpty }))),
}));

/** Nobody is asked once it is too late. */
export const isInTime = () =>
  z.refine<{ deadlineMs?: number | undefined; escalate?: readonly { afterMs: number }[] | undefined }>(
    ({ deadlineMs = Number.POSITIVE_INFINITY, escalate = [] }) => escalate.every(({ afterMs }) => afterMs < deadlineMs),
    { path: ["escalate"], message: "expected each afterMs to be less than deadlineMs" },
  );

const schema = lazily(() => z.strictObject(askShape()).check(isInTime()));

/** @throws AsimovError `invalid-options` */
export const takeAsk = <S extends Schema>(name: string, question: Ask<S>): Ask<S> =>
  parseOptions(schema(), question, `Question "${name}"`) as Ask<Schema> as Ask<S>;
