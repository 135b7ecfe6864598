/** What each call of a store may be answered with: a store of somebody else's may say anything, and no reader of it asks again what it is. */
import { AsimovError, RunError } from "#contract/base/errors";
import type { RunStore } from "./run-store.ts";
import { nameOf } from "./run-store-shape.ts";

type Call = Exclude<keyof RunStore, "settings" | "close" | "publish">;
type Rule = readonly [expected: string, fits: (answer: unknown) => boolean];

const isObject = (answer: unknown): answer is Record<string, unknown> => typeof answer === "object" && answer !== null;
const isList = (answer: unknown): boolean => Array.isArray(answer) && answer.every(isObject);
const isTold = (answer: unknown): answer is Record<string, unknown> =>
  isObject(answer) && typeof answer.ok === "boolean" && (answer.ok || typeof answer.why === "string");
const isGeneration = (answer: unknown): boolean =>
  isObject(answer) && typeof answer.generation === "number" && answer.parts instanceof Map && Array.isArray(answer.passedOver);

const hasRun = ({ why, run }: Record<string, unknown>): boolean => why === "not-found" || isObject(run);
const hasAsked = ({ posted, cancel }: Record<string, unknown>): boolean =>
  typeof posted === "number" && (cancel === null || isObject(cancel));

/** @param done what comes with a yes @param refused what comes with a no */
const told = (done: (answer: Record<string, unknown>) => boolean, refused = hasRun): Rule => [
  "whether it was done, with what belongs to that, or why not",
  (answer) => isTold(answer) && (answer.ok === true ? done(answer) : refused(answer)),
];
const list: Rule = ["an array of objects", isList];
const flag: Rule = ["true or false", (answer) => typeof answer === "boolean"];
const number: Rule = ["a number", Number.isFinite];
const end: Rule = ["a function that ends it", (answer) => typeof answer === "function"];
const orNone = (expected: string, fits: (answer: unknown) => boolean): Rule => [
  `${expected} or undefined`,
  (answer) => answer === undefined || fits(answer),
];

const RULES: Readonly<Record<Call, Rule>> = {
  create: told(({ lease }) => lease === undefined || isObject(lease)),
  claim: told(({ lease, run }) => isObject(lease) && isObject(run)),
  renew: told(
    (answer) => typeof answer.until === "number" && hasAsked(answer),
    ({ why }) => why === "fenced",
  ),
  commit: told((answer) => typeof answer.at === "number" && hasAsked(answer)),
  read: orNone("a row", isObject),
  load: orNone("a generation with its parts", isGeneration),
  locate: orNone("a place", isObject),
  generations: list,
  inbox: list,
  post: ["what became of it", (answer) => typeof answer === "string"],
  endTold: flag,
  questions: list,
  find: list,
  events: list,
  remove: flag,
  prune: number,
  subscribe: end,
  hear: end,
  now: number,
};

/** @throws RunError `store-failed` where nobody could go on with the answer; an AsimovError where it is of no one run */
export function requireAnswer<T>(call: Call, answer: T, taskId?: string): T {
  const [expected, fits] = RULES[call];
  if (fits(answer)) return answer;
  const ofRun = taskId === undefined ? "" : ` for run ${taskId}`;
  const message = `The store answered \`${call}\`${ofRun} with ${nameOf(answer)}, expected ${expected}. Run \`runStoreLaws\` over it.`;
  const options = { code: "store-failed", retryable: true };
  throw taskId === undefined ? new AsimovError(message, options) : new RunError(message, { ...options, taskId });
}
