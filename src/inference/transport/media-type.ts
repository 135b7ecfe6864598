/** What an answer says it is, as the guards of all providers read it. */

/** Events as text. */
export const EVENTS = "text/event-stream";
/** Events in frames, of which SDKs for AWS make text. */
export const FRAMES = "application/vnd.amazon.eventstream";
export const JSON_TYPE = "application/json";
/** Local servers, fakes and gateways say these, or nothing, of anything. */
export const VAGUE_TYPES: ReadonlySet<string> = new Set(["", "text/plain", "application/octet-stream"]);
/** What an error's text is worth; an SDK makes its error of what came until then. */
export const MAX_ERROR_BYTES = 65_536;

export const mediaType = (headers: Headers): string => (headers.get("content-type") ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
