/** The AI SDK's own reader and its own schema of chunks, over what is given to it as it is sent. */
import { createUIMessageStreamResponse, parseJsonEventStream, readUIMessageStream, type UIMessage, uiMessageChunkSchema } from "ai";
import type { RunUiData, UiMessageChunk, UiMetadata } from "asimov-agents/ai-sdk";

export type Message = UIMessage<UiMetadata, RunUiData>;

export interface ReadMessage {
  /** As they came over the wire; each fits the AI SDK's schema. */
  chunks: UiMessageChunk[];
  message: Message | undefined;
  error: Error | undefined;
}

/** Through a response's bytes, as a page gets it. */
export async function read(stream: ReadableStream<UiMessageChunk>): Promise<ReadMessage> {
  const { body } = createUIMessageStreamResponse({ stream });
  const chunks: UiMessageChunk[] = [];
  const parsed = parseJsonEventStream({ stream: body as ReadableStream<Uint8Array>, schema: uiMessageChunkSchema }).pipeThrough(
    new TransformStream({
      transform(result, controller) {
        if (!result.success) throw result.error;
        chunks.push(result.value as UiMessageChunk);
        controller.enqueue(result.value);
      },
    }),
  );
  let message: Message | undefined;
  let error: Error | undefined;
  const messages = readUIMessageStream<Message>({
    stream: parsed as never,
    onError: (thrown) => {
      error = thrown as Error;
    },
  });
  for await (const state of messages) message = structuredClone(state);
  return { chunks, message, error };
}
