/** The questions of stored runs: listed, and answered from any process, each by one answer. */
import { asimovErrorOf, QuestionError } from "#contract/base/errors";
import { toJsonText } from "#contract/base/json";
import { compileSchema } from "#contract/chat/schema";
import { ANSWERS, type Answer, answerMessageId, type Question } from "#contract/run/question";
import type { RunStore } from "#contract/store/run-store";
import { decoded, encoded, openQuestion, sealMessage } from "#contract/store/seal";
import { type QuestionClosed, type QuestionQuery, type StoredQuestion, taskOfQuestion } from "#contract/store/stored-question";

export interface AnswerOptions {
  /** Who answers, as they say: nobody is authenticated here. */
  by?: string;
  /** That of the question that was answered: refused where something else is shown. */
  shownHash?: string;
}

const PAGE = 50;

/** Told of a question that is damaged. */
export type OnRefused = (error: Error, questionId: string) => void;

/** Open ones, oldest first; one that is damaged is told, and holds up no other. */
export async function* listQuestions(
  store: RunStore,
  { limit, ...query }: QuestionQuery,
  onRefused: OnRefused = () => {},
): AsyncGenerator<Question, undefined> {
  let after = query.after;
  for (let left = limit; left > 0; ) {
    const size = Math.min(PAGE, left);
    const page = await store.questions({ ...query, limit: size, ...(after === undefined ? {} : { after }) });
    for (const stored of page) {
      const question = asShownIfWhole(store, stored, onRefused);
      if (question === undefined) continue;
      left--;
      yield question;
    }
    after = page.at(-1);
    if (page.length < size) return;
  }
}

function asShownIfWhole(store: RunStore, stored: StoredQuestion, onRefused: OnRefused): Question | undefined {
  try {
    return asShown(store, stored);
  } catch (error) {
    const refusal = asimovErrorOf(error);
    if (refusal?.code !== "snapshot-damaged") throw error;
    onRefused(refusal, stored.id);
    return undefined;
  }
}

/** @throws SnapshotError `snapshot-damaged`, `snapshot-codec` */
function asShown(store: RunStore, stored: StoredQuestion): Question {
  const text = decoded(store.settings.codec, stored.body, `Question "${stored.id}"`);
  return JSON.parse(openQuestion(stored.taskId, { id: stored.id, body: text })) as Question;
}

/** @throws QuestionError `question-not-found`, `question-closed`, `question-changed`, `answer-invalid`; AsimovError `not-json` */
export async function answerQuestion(store: RunStore, id: string, value: unknown, { by, shownHash }: AnswerOptions): Promise<void> {
  const [stored] = typeof id === "string" && taskOfQuestion(id) !== undefined ? await store.questions({ id, limit: 1 }) : [];
  if (stored === undefined) throw notFound(id);
  if (stored.closed !== null) throw closedBy(id, stored.closed);
  const question = asShown(store, stored);
  if (shownHash !== undefined && shownHash !== question.shownHash) {
    throw new QuestionError(
      `Question "${question.name}" shows something else (${question.shownHash}) than what was answered (${shownHash}). Read it again, and answer what it shows.`,
      { code: "question-changed", questionId: id },
    );
  }
  const given: unknown = JSON.parse(toJsonText(value, `answer to question "${question.name}"`));
  const checked = await compileSchema(question.schema, `Question "${question.name}"`).check(given);
  if ("faults" in checked) {
    throw new QuestionError(`The answer to question "${question.name}" does not fit: ${checked.faults}. The question stays open.`, {
      code: "answer-invalid",
      questionId: id,
    });
  }
  const { taskId, deadline } = stored;
  const message = { id: answerMessageId(id), mailbox: ANSWERS };
  const said = by === undefined ? {} : { by };
  const answer: Answer = { why: "answered", value: given, ...said };
  const body = encoded(store.settings.codec, sealMessage(taskId, message, JSON.stringify(answer)));
  const until = deadline === null ? {} : { until: deadline };
  const result = await store.post(taskId, { kind: "message", ...message, body, ...until, closes: { id, why: "answered", ...said } });
  if (result === "stored") return;
  const [now] = await store.questions({ id, limit: 1 });
  if (result === "late") throw closedBy(id, { why: "deadline", at: deadline ?? 0 });
  if (result === "cancelled") throw closedBy(id, { why: "cancelled", at: await store.now() });
  throw now?.closed == null ? notFound(id) : closedBy(id, now.closed);
}

const notFound = (id: unknown): QuestionError =>
  new QuestionError(`There is no question ${JSON.stringify(id)} in this store: its run may be removed, or be another store's.`, {
    code: "question-not-found",
    questionId: String(id),
  });

const WORDS: Readonly<Record<QuestionClosed["why"], string>> = {
  answered: "it was answered",
  deadline: "its deadline is over",
  cancelled: "its run was cancelled",
  superseded: "its run has gone another way",
  reopened: "its answer did not fit, and it was asked anew",
  ended: "its run has ended",
};

function closedBy(id: string, { why, at, by }: QuestionClosed): QuestionError {
  const who = by === undefined ? "" : ` by ${by}`;
  return new QuestionError(`Question ${id} takes no answer any more: ${WORDS[why]}${who}, at ${new Date(at).toISOString()}.`, {
    code: "question-closed",
    questionId: id,
  });
}
