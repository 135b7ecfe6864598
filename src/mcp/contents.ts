/** What a server gives, as a model reads it: text, and files beside it. */
import { AsimovError } from "#contract/base/errors";
import { type FileBlock, isMediaType, type TextBlock, type ToolResultBlock, textOfResult } from "#contract/chat/message";

interface Content {
  type?: string;
  text?: string;
  uri?: string;
  data?: string;
  mimeType?: string;
  resource?: { uri?: string; text?: string; blob?: string; mimeType?: string };
}

type Part = TextBlock | FileBlock;

/** Where the server tells none. */
const UNKNOWN_TYPE = "application/octet-stream";

const said = (text: string): Part => ({ type: "text", text });

function partOf({ type = "unknown", text, uri, data, mimeType, resource }: Content): Part {
  if (type === "text") return said(text ?? "");
  if ((type === "image" || type === "audio") && data !== undefined)
    return { type: "file", mediaType: isMediaType(mimeType) ? mimeType : `${type}/*`, data };
  if (type === "resource_link") return said(`(a resource: ${uri})`);
  if (resource?.text !== undefined) return said(resource.text);
  if (resource?.blob !== undefined) {
    const name = resource.uri === undefined ? {} : { name: resource.uri };
    return { type: "file", mediaType: isMediaType(resource.mimeType) ? resource.mimeType : UNKNOWN_TYPE, data: resource.blob, ...name };
  }
  return said(`(${type} content, which cannot be shown)`);
}

/** @throws AsimovError `mcp-tool-failed` with what the server says, for the model to read */
export function contentOf(
  name: string,
  result: { content?: Content[]; structuredContent?: unknown; isError?: boolean },
): ToolResultBlock["content"] {
  const { content = [], structuredContent, isError } = result;
  const parts = content.length === 0 && structuredContent !== undefined ? [said(JSON.stringify(structuredContent))] : content.map(partOf);
  const text = textOfResult(parts);
  if (isError === true) throw new AsimovError(text === "" ? `The MCP tool "${name}" failed.` : text, { code: "mcp-tool-failed" });
  return parts.some((part) => part.type === "file") ? parts : text;
}
