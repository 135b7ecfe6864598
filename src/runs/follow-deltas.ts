/** A run's events as they are stored, and between them what its models answer, as its owner tells it. */
import type { Clock } from "#contract/base/services";
import type { AgentEvent } from "#contract/run/events";
import type { ModelDelta } from "#contract/run/model-delta";
import type { RunStore } from "#contract/store/run-store";
import { readTalk, talkOf, WANT_EACH_MS } from "./delta-talk.ts";

/** Deltas that wait for their reader; what comes then is lost. */
const MOST = 10_000;

interface Followed {
  store: Pick<RunStore, "settings" | "publish" | "hear">;
  clock: Clock;
  taskId: string;
}

export async function* withDeltas(
  events: AsyncGenerator<AgentEvent, undefined>,
  { store, clock, taskId }: Followed,
): AsyncGenerator<AgentEvent | ModelDelta, undefined> {
  const { codec } = store.settings;
  let unread: ModelDelta[] = [];
  let heard = Promise.withResolvers<"heard">();
  const want = (): void => store.publish(taskId, talkOf({ say: "wanted" }, codec));
  const leave = store.hear(taskId, (text) => {
    const talk = readTalk(text, codec);
    if (talk?.say === "asked") want();
    if (talk?.say !== "told") return;
    unread.push(...talk.deltas.slice(0, MOST - unread.length));
    heard.resolve("heard");
  });
  let timer: unknown;
  const again = (): void => {
    want();
    timer = clock.setTimeout(again, WANT_EACH_MS);
  };
  again();
  try {
    for (let next = events.next(); ; ) {
      const come = await Promise.race([heard.promise, next]);
      const deltas = unread;
      unread = [];
      heard = Promise.withResolvers();
      yield* deltas;
      if (come === "heard") continue;
      if (come.done === true) return;
      yield come.value;
      next = events.next();
    }
  } finally {
    clock.clearTimeout(timer);
    leave();
    await events.return(undefined);
  }
}
