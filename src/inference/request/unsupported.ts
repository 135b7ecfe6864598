/** What a provider's API has no place for: told before anything is sent. */
import type { WireFile } from "#contract/chat/wire";
import { WireFault } from "#contract/chat/wire-fault";

/** @param detail the library's own words: what it is, and what to do instead */
export const unsupported = (detail: string): WireFault => new WireFault({ kind: "final", code: "unsupported", detail, isOwnDetail: true });

/** @param schemes of addresses that the provider fetches from. @throws WireFault `unsupported` */
export function requireFetched({ url }: WireFile, provider: string, schemes: readonly string[] = ["https", "http"]): void {
  const scheme = url?.split(":", 1)[0]?.toLowerCase();
  if (scheme === undefined || schemes.includes(scheme)) return;
  const kind = /^[a-z][a-z0-9+.-]*$/.test(scheme) ? `an address of the kind ${scheme}` : "what is no address";
  throw unsupported(`a file at ${kind}: ${provider} fetches ${schemes.join(", ")} alone; read it, and give it as data`);
}

/** Where neither the media type nor the bytes tell a file's format. @throws WireFault `unsupported` */
export function requireFormat(mediaType: string): void {
  if (!mediaType.endsWith("/*")) return;
  throw unsupported(
    `a file of type ${mediaType} whose format its bytes do not tell: give its whole media type, such as audio/wav or video/mp4`,
  );
}
