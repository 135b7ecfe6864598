/** The contract of waiting as the compiler sees it: a run that may be put down says so, and the answer that a deadline gives is one that anybody might give. */
import { type Agent, type AgentRun, defineModule, defineQuestion, type ParkedRun, type Task, type TaskOutcome } from "asimov-agents";
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

/** Told apart by `status`, where it may be put down. */
export async function outcomes(agent: Agent, task: Task, whenWaiting: "hold" | "park"): Promise<unknown[]> {
  const held: TaskOutcome = await agent.runTask(task);
  const heldToo: TaskOutcome = await agent.start(task, { whenWaiting: "hold" }).outcome;
  const parked = await agent.runTask(task, { whenWaiting: "park" });
  if (parked.status === "PARKED") return [parked.questions, parked.dueAt];
  const ended: TaskOutcome = parked;
  const either: TaskOutcome | ParkedRun = await agent.runTask(task, { whenWaiting });
  // @ts-expect-error it may be a run that was put down
  const wrong: TaskOutcome = await agent.runTask(task, { whenWaiting: "park" });
  const runs: AgentRun<TaskOutcome | ParkedRun>[] = [
    await agent.resume("t", { whenWaiting: "park" }),
    await agent.retry("t", { whenWaiting: "park" }),
    await agent.fork("t", { whenWaiting }),
  ];
  // @ts-expect-error it may be a run that was put down
  const wrongToo: TaskOutcome = await (await agent.resume("t", { whenWaiting: "park" })).outcome;
  const resumed: TaskOutcome = await (await agent.resume("t")).outcome;
  return [held.results, heldToo, ended.results, either.status, wrong, runs, wrongToo, resumed];
}
