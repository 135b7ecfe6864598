/** A conversation as Gemini takes it: turns that alternate, all results of a turn in one content, each part with the signature it came with. */

import { ChatRole } from "#contract/base/vocabulary";
import type { FileBlock, ProviderBlock, ToolUseBlock } from "#contract/chat/message";
import type { ModelRequest, WireBlock, WireMessage, WireResult } from "#contract/chat/wire";
import { splitResult } from "#inference/request/split-result";
import { type FilePart, fileOf } from "./files.ts";

/** Of the parts that are sent, as both SDKs hand them on. */
export interface GeminiPart extends FilePart {
  text?: string;
  thought?: true;
  thoughtSignature?: string;
  functionCall?: { id?: string; name: string; args: Record<string, unknown> };
  functionResponse?: { id?: string; name: string; response: Record<string, unknown>; parts?: FilePart[] };
  executableCode?: unknown;
  codeExecutionResult?: unknown;
  toolCall?: unknown;
  toolResponse?: unknown;
}

export interface GeminiContent {
  role: "user" | "model";
  parts: GeminiPart[];
}

/** Which models want a signature with a call, and what they take in its place for one that another model made. */
const SIGNS_CALLS = /gemini-(?:[3-9]|\d\d)/;
const NO_SIGNATURE = "skip_thought_signature_validator";

/** Which models take files within a response (ai.google.dev, Function calling, November 2026). */
const NESTS_FILES = /gemini-(?:[3-9]|\d\d)/;

export function systemOf({ system }: ModelRequest): { parts: GeminiPart[] } | undefined {
  const parts = system.flatMap(({ blocks }) => blocks.flatMap((block) => (block.type === "text" ? [{ text: block.text }] : [])));
  return parts.length === 0 ? undefined : { parts };
}

interface Turn {
  role: GeminiContent["role"];
  /** All of them come before anything else, in the order of their calls. */
  results: WireResult[];
  parts: GeminiPart[];
}

interface Call {
  name: string;
  id?: string;
  order: number;
}

export function contentsOf({ model, messages }: ModelRequest): GeminiContent[] {
  const calls = callsIn(messages);
  const orderOf = ({ toolUseId }: WireResult): number => calls.get(toolUseId)?.order ?? calls.size;
  const turns: Turn[] = [];
  for (const { role: speaker, blocks } of messages) {
    const role = speaker === ChatRole.ASSISTANT ? "model" : "user";
    let turn = turns.at(-1);
    if (turn?.role !== role) {
      turn = { role, results: [], parts: [] };
      turns.push(turn);
    }
    for (const block of blocks) {
      if (block.type === "tool-result") turn.results.push(block);
      else turn.parts.push(...partsOf(block));
    }
  }
  if (SIGNS_CALLS.test(model)) for (const { parts } of turns) excuseSignature(parts);
  return turns.flatMap(({ role, results, parts }) => {
    const nests = NESTS_FILES.test(model);
    const told = results.sort((a, b) => orderOf(a) - orderOf(b)).map((result) => responseOf(result, calls.get(result.toolUseId), nests));
    const all = [...told.map(({ response }) => response), ...told.flatMap(({ beside }) => beside), ...parts];
    return all.length === 0 ? [] : [{ role, parts: all }];
  });
}

function callsIn(messages: readonly WireMessage[]): Map<string, Call> {
  const calls = new Map<string, Call>();
  for (const { blocks } of messages) {
    for (const block of blocks) {
      if (block.type === "tool-use") calls.set(block.id, { name: block.name, ...ownId(block), order: calls.size });
    }
  }
  return calls;
}

/** Only an id that the provider gave: one that was made up for it means nothing to it. */
function ownId({ native }: ToolUseBlock): { id?: string } {
  const id = native?.data?.id;
  return typeof id === "string" ? { id } : {};
}

function partsOf(block: Exclude<WireBlock, WireResult>): GeminiPart[] {
  const signed = signatureOf(block);
  switch (block.type) {
    case "text":
      return block.text === "" && signed === undefined ? [] : [{ text: block.text, ...signed }];
    case "provider":
      return keptPart(block.value as object);
    case "thinking":
      // A summary that proves nothing is nothing to the model.
      return signed === undefined ? [] : [{ text: block.text, thought: true, ...signed }];
    case "file":
      return [{ ...fileOf(block), ...signed }];
    case "tool-use":
      return [{ functionCall: { ...ownId(block), name: block.name, args: argsOf(block) }, ...signed }];
  }
}

/** Of an answer's parts that are not read, those that the SDKs hand on; of others they would make a part of nothing. */
const HANDED_ON = ["inlineData", "fileData", "executableCode", "codeExecutionResult", "toolCall", "toolResponse"];
/** By the Gemini API alone: of a tool that it ran itself. */
const OF_GEMINI_API = ["toolCall", "toolResponse"];
const BESIDE = ["thought", "thoughtSignature"];

/** Whether a part that was kept goes back to the provider, as files that its models made do. */
export function isHandedOn(block: ProviderBlock | FileBlock, provider: string): boolean {
  if (block.type === "file") return true;
  const keys = Object.keys(typeof block.value === "object" && block.value !== null ? block.value : {});
  return keys.some((key) => HANDED_ON.includes(key) && (provider === "gcp.gemini" || !OF_GEMINI_API.includes(key)));
}

function keptPart(part: object): GeminiPart[] {
  const known = Object.entries(part).filter(([key]) => HANDED_ON.includes(key) || BESIDE.includes(key));
  return [Object.fromEntries(known)];
}

function signatureOf(block: Exclude<WireBlock, WireResult>): { thoughtSignature: string } | undefined {
  const thoughtSignature = "native" in block ? block.native?.data?.thoughtSignature : undefined;
  return typeof thoughtSignature === "string" ? { thoughtSignature } : undefined;
}

/** Of parallel calls only the first one is signed. */
function excuseSignature(parts: GeminiPart[]): void {
  const first = parts.find(({ functionCall }) => functionCall !== undefined);
  if (first !== undefined) first.thoughtSignature ??= NO_SIGNATURE;
}

function responseOf(
  { toolUseId, content, isError }: WireResult,
  call: Call | undefined,
  nests: boolean,
): { response: GeminiPart; beside: GeminiPart[] } {
  const { inside, beside } = splitResult(content, () => nests);
  const text = inside.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("\n");
  const files = inside.flatMap((part) => (part.type === "file" ? [fileOf(part)] : []));
  const functionResponse = {
    ...(call?.id === undefined ? {} : { id: call.id }),
    name: call?.name ?? toolUseId,
    response: isError === true ? { error: text } : { output: text },
    ...(files.length === 0 ? {} : { parts: files }),
  };
  return { response: { functionResponse }, beside: beside.map(fileOf) };
}

/** The API takes objects alone; what the model wrote amiss is told back to it within one. */
function argsOf({ input, inputError }: ToolUseBlock): Record<string, unknown> {
  const isObject = typeof input === "object" && input !== null && !Array.isArray(input);
  if (inputError === undefined && isObject) return input as Record<string, unknown>;
  return { invalid_json: typeof input === "string" ? input : JSON.stringify(input) };
}
