/** How a client ends a call: it wants no answer any more, or is gone. */

/** The client is there no more, rather than that it wants no answer any more. */
export const isGone = ({ reason }: AbortSignal): boolean => (reason as { code?: unknown } | undefined)?.code === "CONNECTION_CLOSED";

const MAX_REASON = 200;

/** As it is told to the run. */
export function reasonOf({ reason }: AbortSignal): string {
  if (typeof reason !== "string" || reason === "") return "the MCP client is gone, or wants no answer any more";
  return `the MCP client says: ${reason.slice(0, MAX_REASON)}`;
}
