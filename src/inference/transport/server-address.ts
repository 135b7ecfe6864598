/** Where a service is, for spans: the host and the port of its address. */

export function serverOf(address: unknown): { address: string; port: number } | undefined {
  if (typeof address !== "string" || !URL.canParse(address)) return undefined;
  const { hostname, port, protocol } = new URL(address);
  return { address: hostname, port: Number(port) || (protocol === "http:" ? 80 : 443) };
}
