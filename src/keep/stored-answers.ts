/** The questions of a generation that is not the newest, as their store says that they stand: answers that were accepted since are not asked for again. */
import { asimovErrorOf } from "#contract/base/errors";
import { ANSWERS, type Answer, answerMessageId } from "#contract/run/question";
import type { RunStore } from "#contract/store/run-store";
import { decoded, openMessage } from "#contract/store/seal";
import type { StoredQuestion } from "#contract/store/stored-question";
import { isOpenQuestion, type KeptQuestion } from "#replay/replay-log";

/** What nobody knows any more, or was closed otherwise, is asked anew. */
export async function withStoredAnswers(
  store: RunStore,
  replay: Readonly<Record<string, string>> | undefined,
): Promise<Record<string, string>> {
  const now: Record<string, string> = {};
  for (const [part, text] of Object.entries(replay ?? {})) {
    const stands = isOpenQuestion(part, text) ? await asStored(store, JSON.parse(text) as KeptQuestion) : text;
    if (stands !== undefined) now[part] = stands;
  }
  return now;
}

async function asStored(store: RunStore, kept: KeptQuestion): Promise<string | undefined> {
  const [stored] = await store.questions({ id: kept.question.id, limit: 1 });
  if (stored === undefined) return undefined;
  if (stored.closed === null) return JSON.stringify(kept);
  const answer = answerIn(store, stored);
  return answer === undefined ? undefined : JSON.stringify({ ...kept, answer });
}

function answerIn({ settings }: RunStore, { id, taskId, closed }: StoredQuestion): Answer | undefined {
  if (closed?.message === undefined) return undefined;
  const message = { id: answerMessageId(id), mailbox: ANSWERS };
  try {
    return JSON.parse(
      openMessage(taskId, { ...message, body: decoded(settings.codec, closed.message, `The answer of question "${id}"`) }),
    ) as Answer;
  } catch (error) {
    if (asimovErrorOf(error)?.code === "snapshot-damaged") return undefined;
    throw error;
  }
}
