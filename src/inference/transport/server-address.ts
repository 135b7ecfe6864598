/** Where a service is, for spans: the host and the port of its address. */

export interface ServerAddress {
  /** A name or an IP address, one of version 6 without the brackets of a URL. */
  address: string;
  port: number;
}

/** @param address a URL of http or https */
export function serverOf(address: unknown): ServerAddress | undefined {
  if (typeof address !== "string" || !URL.canParse(address)) return undefined;
  const { hostname, port, protocol } = new URL(address);
  if (hostname === "") return undefined;
  const standard = protocol === "http:" ? 80 : 443;
  return { address: hostname.replace(/^\[(.*)\]$/, "$1"), port: port === "" ? standard : Number(port) };
}
