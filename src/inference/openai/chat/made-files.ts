/** What a model made beside text, by Chat Completions: images of OpenRouter's, whole, and audio of OpenAI's, whole or in pieces. */
import { fromBase64, toBase64 } from "#contract/base/base64";
import type { GenerationSink } from "#contract/chat/wire";
import { wireFile } from "#inference/request/wire-files";

export interface RawImage {
  image_url?: { url?: string | null } | string | null;
}

/** platform.openai.com, Audio and speech, November 2026. */
export interface RawAudio {
  data?: string | null;
  transcript?: string | null;
}

export class MadeFiles {
  readonly #into: GenerationSink;
  readonly #addresses = new Set<string>();
  readonly #audio: Uint8Array[] = [];

  constructor(into: GenerationSink) {
    this.#into = into;
  }

  /** An address that comes again is the same image. */
  image({ image_url: image }: RawImage): void {
    const url = typeof image === "string" ? image : image?.url;
    if (!url || this.#addresses.has(url)) return;
    const key = `image ${this.#addresses.size}`;
    this.#addresses.add(url);
    this.#into.file(key, wireFile({ type: "file", mediaType: "image/*", url }));
    this.#into.end(key);
  }

  /** Each piece is base64 by itself. */
  audio({ data }: RawAudio): void {
    if (data) this.#audio.push(fromBase64(data));
  }

  /** No more comes. What does not begin as another format does are samples alone. */
  end(): void {
    if (this.#audio.length === 0) return;
    const data = toBase64(joined(this.#audio.splice(0)));
    const file = wireFile({ type: "file", mediaType: "audio/*", data });
    this.#into.file("audio", file.mediaType === "audio/*" ? { ...file, mediaType: "audio/pcm" } : file);
    this.#into.end("audio");
  }
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}
