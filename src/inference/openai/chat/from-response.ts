/** A whole answer of Chat Completions, read as the one chunk of a stream would be. */
import type { GenerationSink } from "#contract/chat/wire";
import { faultOfBody } from "#inference/openai/errors";
import { type RawChoice, type RawChunk, type ReadDialect, readChatEvents, streamEnd } from "./from-stream.ts";

type RawCompletion = Omit<RawChunk, "choices"> & { choices?: RawChoice[] | null };

export function readChatResponse(response: unknown, into: GenerationSink, dialect: ReadDialect): void {
  if (typeof response !== "object" || response === null) return;
  const { choices, error, ...rest } = response as RawCompletion;
  // The SDK takes an error under status 200 for an answer.
  if (error !== undefined && error !== null) into.fail(faultOfBody(error));
  const [choice] = choices ?? [];
  if (choice?.message === undefined) return;
  const read = readChatEvents(into, dialect);
  read({ ...rest, choices: [choice] });
  // Most servers tell why a whole answer ended; it is whole all the same.
  read(streamEnd(response));
}
