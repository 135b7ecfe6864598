/** The contract of waiting as the compiler sees it: the answer that a deadline gives is one that anybody might give. */
import { defineModule, defineQuestion } from "asimov-agents";
import { z } from "zod";

const answer = z.object({ ok: z.boolean(), note: z.string().default("") });

defineQuestion({ name: "approve", answer, onDeadline: { answer: { ok: false } } });
defineQuestion({ name: "approve", answer, onDeadline: "fail" });
defineQuestion({ name: "approve", answer: { type: "boolean" }, onDeadline: { answer: false } });
// @ts-expect-error no answer to this question
defineQuestion({ name: "approve", answer, onDeadline: { answer: { ok: "no" } } });
// @ts-expect-error nothing that happens at a deadline
defineQuestion({ name: "approve", answer, onDeadline: "later" });

export const asks = defineModule({
  name: "asks",
  process: async ({ ask }) => {
    const { answer: given } = await ask("approve", { answer, deadlineMs: 1, onDeadline: { answer: { ok: false } } });
    // @ts-expect-error no answer to this question
    await ask("again", { answer, onDeadline: { answer: 1 } });
    const note: string = given.note;
    return { status: "success", result: note };
  },
});
