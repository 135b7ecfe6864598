/** The picture of a run as a pure fold over its numbered events: whoever has the events keeps it, in a browser too. */
import { AsimovError } from "#contract/base/errors";
import type { AgentEvent } from "./events.ts";
import { RunDraft } from "./run-draft.ts";
import type { RunView } from "./run-view.ts";

/**
 * The view after more events, which copies once what they change. Events that it holds already are passed over; kinds that are not known are, too.
 *
 * @param view `undefined` to begin, with `run.started` as the first event
 * @throws AsimovError `view-unstarted` without a view to begin with, `view-gap` where events were dropped
 * @example
 * const run = agent.start(task);
 * let view = run.view();
 * for await (const event of run.events({ from: view.seq + 1 })) view = applyEvents(view, [event]);
 */
export function applyEvents(view: RunView | undefined, events: Iterable<AgentEvent>): RunView {
  let draft = view === undefined ? undefined : RunDraft.of(view);
  for (const event of events) {
    if (draft !== undefined) draft.apply(event, event.seq, event.at, event.graph);
    else if (event.type === "run.started" && event.graph.length === 0) draft = RunDraft.start(event, event.taskId, event);
    else throw unstarted(event.type);
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
export const applyEvent = (view: RunView | undefined, event: AgentEvent): RunView => applyEvents(view, [event]);

const unstarted = (came: string): AsimovError =>
  new AsimovError(
    `A view begins with the event "run.started" of the run itself; ${came} came. Begin by \`run.view()\`, or by the run's first event.`,
    { code: "view-unstarted" },
  );
