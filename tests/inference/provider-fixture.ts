/** What the tests of every provider share: a server of the test's own, an environment without the machine's settings, a stream's parts. */
import { onTestFinished, vi } from "vitest";
import { ChatRole } from "#contract/base/vocabulary";
import type { StreamPart } from "#contract/chat/generation";
import type { ChatMessage } from "#contract/chat/message";
import { serveWire, type WireServer } from "../support/wire-server.ts";

export const HELLO: ChatMessage[] = [{ role: ChatRole.USER, content: "Hello" }];
/** No wait of our own between attempts. */
export const PATIENT = { maxAttempts: 3, initialDelayMs: 0 };

/** The machine's own settings stay out: SDKs read them, and profiles on disk, where options are absent. @param instead settings in their place */
export function forget(names: RegExp, instead: Readonly<Record<string, string>> = {}): void {
  for (const name of Object.keys(process.env)) if (names.test(name)) vi.stubEnv(name, undefined);
  for (const [name, value] of Object.entries(instead)) vi.stubEnv(name, value);
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
}

export async function serve(answer: Parameters<typeof serveWire>[0]): Promise<WireServer> {
  const server = await serveWire(answer);
  onTestFinished(() => server.close());
  return server;
}

export async function partsOf(stream: AsyncIterable<StreamPart>): Promise<StreamPart[]> {
  const parts: StreamPart[] = [];
  for await (const part of stream) parts.push(part);
  return parts;
}
