/**
 * What modules of a run have had, and wait for, where its agent's `migrate` has mended the graph: it goes along with a node that has another
 * name, and is over with a visit that is.
 */
import { renamedQuestion } from "#contract/run/question";
import { isQuestion, type KeptQuestion } from "#replay/replay-log";
import type { RunHost } from "./run-host.ts";

/** @param renamed by the name before @param withdrawn by the name now */
export function moveKept(run: RunHost, renamed: ReadonlyMap<string, string>, withdrawn: ReadonlySet<string>): void {
  const { replayLog } = run;
  if (replayLog.size === 0 || renamed.size + withdrawn.size === 0) return;
  for (const [from, to] of renamed) {
    const mend = (entry: string, text: string): string => {
      if (!isQuestion(entry)) return text;
      const kept = JSON.parse(text) as KeptQuestion;
      return JSON.stringify({ ...kept, question: renamedQuestion(kept.question, from, to) });
    };
    replayLog.rename(from, to, mend);
  }
  if (renamed.size > 0) run.asking.restate();
  for (const node of withdrawn) {
    for (const place of [...replayLog.places(node)]) {
      run.asking.closeWithin(place, "superseded");
      void run.leaveChildren(place);
    }
    replayLog.forget(node);
  }
}
