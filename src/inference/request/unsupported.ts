/** What a provider's API has no place for: told before anything is sent. */
import { WireFault } from "#contract/chat/wire-fault";

/** @param detail the library's own words: what it is, and what to do instead */
export const unsupported = (detail: string): WireFault => new WireFault({ kind: "final", code: "unsupported", detail, isOwnDetail: true });
