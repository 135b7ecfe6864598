/** What an answer of the model is to its chain, as plain data. */
import { ChatRole } from "#contract/base/vocabulary";
import { newCallId } from "#contract/chat/call-id";
import type { InferenceError } from "#contract/chat/errors";
import { PAUSED } from "#contract/chat/finish";
import type { FinishReason, Generation } from "#contract/chat/generation";
import { type ContentBlock, textOf } from "#contract/chat/message";
import type { AnswerEnd, ToolChainOptions, TurnAnswer } from "#contract/chat/tool-chain";
import type { Usage } from "#contract/chat/usage";

const CUT_CALL = "An answer was cut off at its token limit where it called tools: what it called was not run. Raise maxTokens.";

const NO_CALL = "An answer ended to have tools called, and called none that could be read.";

export type Answered = Extract<TurnAnswer, { kind: "answered" }>;

type Told = Pick<Generation, "blocks" | "text" | "usage" | "finishReason" | "warnings"> & { output?: unknown };

interface AnswerAbout {
  /** Of the chain, since the answer before. */
  warnings: readonly string[];
  toolParser: ToolChainOptions["toolParser"];
  ids(): string;
}

export function answered(generation: Told, { warnings: before, toolParser, ids }: AnswerAbout): Answered {
  const { usage, finishReason, output } = generation;
  const warnings = [...before, ...generation.warnings];
  if (finishReason.unified === "length" && generation.blocks.some(({ type }) => type === "tool-use")) warnings.push(CUT_CALL);
  const blocks = toolParser === undefined ? generation.blocks : parsed(generation, toolParser, ids);
  const calls = blocks.flatMap((block) => {
    if (block.type !== "tool-use") return [];
    const { id, name, input, inputError } = block;
    return [
      {
        id,
        name,
        input: inputError === undefined ? JSON.stringify(input) : String(input),
        ...(inputError === undefined ? {} : { inputError }),
      },
    ];
  });
  if (finishReason.unified === "tool-calls" && calls.length === 0 && toolParser === undefined) warnings.push(NO_CALL);
  return {
    kind: "answered",
    message: JSON.stringify({ role: ChatRole.ASSISTANT, content: blocks }),
    text: textOf(blocks),
    calls,
    end: endOf(finishReason, blocks),
    finishReason,
    warnings,
    usage,
    ...(output === undefined ? {} : { output: JSON.stringify(output) }),
  };
}

/** The calls that a model without tools wrote into its text. */
function parsed(
  { blocks, text }: Pick<Generation, "blocks" | "text">,
  parser: NonNullable<ToolChainOptions["toolParser"]>,
  ids: () => string,
): ContentBlock[] {
  const { text: rest, calls } = parser.parse(text);
  const uses = calls.map(
    ({ name, input, inputError }): ContentBlock => ({
      type: "tool-use",
      id: newCallId(ids),
      name,
      input,
      ...(inputError === undefined ? {} : { inputError }),
    }),
  );
  const thoughts = blocks.filter(({ type }) => type === "thinking");
  return [...thoughts, ...(rest === "" ? [] : [{ type: "text" as const, text: rest }]), ...uses];
}

/** An answer that was judged as output, although it may call tools: in its text, or cut off in the middle of a call. */
export function asGeneration(usage: Usage, partial: readonly ContentBlock[]) {
  const isCut = partial.some(({ type }) => type === "tool-use");
  const finishReason = { unified: isCut ? ("length" as const) : ("stop" as const), raw: null };
  return { blocks: [...partial], text: textOf(partial), usage, finishReason, warnings: [] };
}

/** What providers call an answer that is the model's own refusal; a filter has other words. */
const REFUSED: ReadonlySet<string | null> = new Set(["refusal", "stop", "completed"]);

function endOf({ unified, raw }: FinishReason, blocks: readonly ContentBlock[]): AnswerEnd {
  if (raw === PAUSED) return "paused";
  if (unified === "length") return "length";
  if (unified === "content-filter") return REFUSED.has(raw) ? "refused" : "content-filter";
  const isNothing = (block: ContentBlock): boolean => block.type === "thinking" || (block.type === "text" && block.text.trim() === "");
  return blocks.every(isNothing) ? "empty" : "finished";
}

export function invalidOutput({ cause }: InferenceError, blocks: readonly ContentBlock[], usage: Usage): TurnAnswer {
  const faults = cause instanceof Error ? cause.message : "it does not fit";
  const repair = `Your answer does not fit the schema: ${faults}. Answer again, with nothing but JSON that fits it.`;
  return {
    kind: "invalid-output",
    message: JSON.stringify({ role: ChatRole.ASSISTANT, content: blocks }),
    repair: JSON.stringify({ role: ChatRole.USER, content: repair }),
    usage,
  };
}
