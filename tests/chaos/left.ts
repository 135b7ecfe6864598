/** What is not over, for whoever waited too long: what each open run is at, and who has it. */
import type { RunStore, Runs } from "asimov-agents";
import type { Note } from "./notes.ts";

/** Of a run that is not over, as many notes. */
const NOTES = 12;

export async function whatIsLeft(store: RunStore, runs: Runs, notes: readonly Note[]): Promise<string> {
  const rows = await store.find({ statuses: ["READY", "RUNNING", "PARKED"], limit: 10 });
  const told = rows.map(async (row) => {
    const { nodes } = await runs.get(row.taskId);
    const states = Object.entries(nodes).map(([name, { status, visit }]) => `${name}.${visit} ${status}`);
    const last = notes.filter(({ task }) => task === row.taskId).slice(-NOTES);
    return [JSON.stringify({ ...row, now: Date.now() }), states.join(", "), ...last.map((note) => JSON.stringify(note))].join("\n  ");
  });
  const lines = await Promise.all(told);
  return [
    `${rows.length} runs or more are open:`,
    ...lines,
    `All notes end with`,
    ...notes.slice(-NOTES).map((note) => JSON.stringify(note)),
  ].join("\n");
}
