/** The picture of a run as a pure fold over its numbered events: whoever has the events keeps it, in a browser too. */
import { AsimovError } from "#contract/base/errors";
import type { AgentEvent } from "./events.ts";
import type { ModelDelta } from "./model-delta.ts";
import { RunDraft } from "./run-draft.ts";
import type { RunView } from "./run-view.ts";

/**
 * The view after more events, which copies once what they change. Each is the run's next one: those up to the view's `seq` are passed over, since
 * whoever connects anew is given some twice, and so are those without a number, such as `model.delta`. Kinds that are not known change nothing.
 *
 * @param view `undefined` to begin, with the run's first event
 * @throws AsimovError `view-unstarted` without a view to begin with, `view-gap` where events are missing in between, `view-other-run` for those
 * of another run; none of the events is applied
 * @example
 * const run = agent.start(task);
 * let view = run.view();
 * for await (const event of run.events({ from: view.seq + 1 })) view = applyEvents(view, [event]);
 */
export function applyEvents(view: RunView | undefined, events: Iterable<AgentEvent | ModelDelta>): RunView {
  let draft = view === undefined ? undefined : RunDraft.of(view);
  for (const event of events) {
    if (event.type === "model.delta") continue;
    if (draft === undefined) draft = begunBy(event);
    else if (event.taskId !== draft.taskId) throw otherRun(draft.taskId, event.taskId);
    else if (event.seq > draft.seq) draft = next(draft, event);
  }
  if (draft === undefined) throw unstarted("none");
  return draft.finish();
}

/**
 * The view after one event. Nothing that was there is changed, and what the event does not concern is shared; many at once cost less by
 * `applyEvents`.
 *
 * @throws AsimovError as `applyEvents`
 * @example
 * let view: RunView | undefined;
 * for await (const event of agent.start(task).events()) view = applyEvent(view, event);
 */
export const applyEvent = (view: RunView | undefined, event: AgentEvent | ModelDelta): RunView => applyEvents(view, [event]);

function begunBy(event: AgentEvent): RunDraft {
  if (event.graph.length > 0) throw unstarted(event.type);
  if (event.type === "run.started") return RunDraft.start(event, event.taskId, event);
  if (event.type === "run.restored" && event.view) return restored(event.view, event);
  throw unstarted(event.type);
}

function next(draft: RunDraft, event: AgentEvent): RunDraft {
  const { taskId, seq } = draft;
  if (event.type === "events.dropped") throw gap(taskId, seq, event.seq);
  if (event.seq !== seq + 1) throw gap(taskId, seq, event.seq - 1);
  if (event.type !== "run.restored" || event.view === undefined) return applied(draft, event);
  if (event.view === null) throw gap(taskId, seq, event.seq);
  return restored(event.view, event);
}

const restored = (view: RunView, event: AgentEvent): RunDraft => applied(RunDraft.of(view), event);

function applied(draft: RunDraft, event: AgentEvent): RunDraft {
  draft.apply(event, event.seq, event.at, event.graph);
  return draft;
}

const unstarted = (came: string): AsimovError =>
  new AsimovError(
    `A view begins with the event "run.started" of the run itself; ${came} came. Begin by \`run.view()\`, or by the run's first event.`,
    { code: "view-unstarted" },
  );

const gap = (taskId: string, seen: number, missing: number): AsimovError =>
  new AsimovError(
    `Events ${seen + 1} to ${missing} of run "${taskId}" are missing; ask for its view anew, and go on with the events behind the view's \`seq\`.`,
    { code: "view-gap" },
  );

const otherRun = (taskId: string, came: string): AsimovError =>
  new AsimovError(`Expected an event of run "${taskId}", got one of run "${came}"; keep a view for each run.`, { code: "view-other-run" });
