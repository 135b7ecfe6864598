/** What OpenAI's APIs, and those like them, say of an answer's sources, in the library's form. */
import type { Citation } from "#contract/chat/message";
import type { GenerationSink } from "#contract/chat/wire";

interface RawAnnotation {
  url?: unknown;
  title?: unknown;
  filename?: unknown;
  file_id?: unknown;
  /** OpenRouter's. */
  content?: unknown;
  start_index?: unknown;
  end_index?: unknown;
  /** Of Chat Completions, where the rest stands within it. */
  url_citation?: RawAnnotation;
}

/** @param base characters of the block before the text that it is of */
export function citationOf(raw: unknown, base = 0): Citation {
  const { url_citation: inner, ...outer } = (raw ?? {}) as RawAnnotation;
  const { url, title, filename, file_id: fileId, content, start_index: start, end_index: end } = inner ?? outer;
  const isText = (value: unknown): value is string => typeof value === "string" && value !== "";
  const name = [title, filename].find(isText);
  return {
    ...(isText(url) ? { url } : {}),
    ...(name === undefined ? {} : { title: name }),
    ...(isText(content) ? { quote: content } : {}),
    ...(typeof start === "number" && typeof end === "number" ? { start: base + start, end: base + end } : {}),
    ...(isText(fileId) ? { fileId } : {}),
  };
}

/** What stands beside the whole answer. */
export interface RawSources {
  /** Perplexity's: addresses, and what is known of each. */
  citations?: unknown;
  search_results?: unknown;
}

export function readSources({ citations, search_results: results }: RawSources, into: GenerationSink): void {
  const told = Array.isArray(results) && results.length > 0 ? results : Array.isArray(citations) ? citations : [];
  for (const each of told) {
    const source = typeof each === "string" ? { url: each } : citationOf(each);
    if (Object.keys(source).length > 0) into.source(source);
  }
}
