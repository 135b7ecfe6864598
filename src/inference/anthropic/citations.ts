/** The citations of the Messages API in the library's form. */
import type { Citation } from "#contract/chat/message";

/** Of text, pages or blocks of a document, of search results, and of the web; any of it may be missing behind a gateway. */
export function citationOf(raw: unknown): Citation {
  const {
    url,
    source,
    title,
    document_title: document,
    cited_text: quote,
    document_index: index,
    file_id: fileId,
  } = (raw ?? {}) as Record<string, unknown>;
  const text = (name: keyof Citation, ...values: unknown[]): Citation => {
    const value = values.find((each) => typeof each === "string" && each !== "");
    return value === undefined ? {} : { [name]: value };
  };
  return {
    ...text("url", url, source),
    ...text("title", title, document),
    ...text("quote", quote),
    ...(typeof index === "number" ? { document: index } : {}),
    ...text("fileId", fileId),
  };
}
