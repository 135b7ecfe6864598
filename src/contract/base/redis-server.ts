/** What a server of Redis must be so that what it is given is there afterwards: said in the same words by whatever keeps something in one. */
import { AsimovError } from "./errors.ts";

const LEAST_VERSION = [6, 2] as const;

/** Of the errors of whoever asks. */
export interface ServerCodes {
  old: string;
  evicts: string;
}

const tooOld = (place: string, version: string, { old: code }: ServerCodes): AsimovError =>
  new AsimovError(`Redis at ${place} is version ${version}; expected 6.2 or later. Update it, or use another server.`, { code });

const evicts = (place: string, policy: string, { evicts: code }: ServerCodes): AsimovError =>
  new AsimovError(
    `Redis at ${place} may throw away what is stored: expected \`maxmemory-policy noeviction\`, found ${policy}. Set it: \`CONFIG SET maxmemory-policy noeviction\`, and in its configuration file.`,
    { code },
  );

/** @param info what the server says of itself, of its `server` and its `memory`. @throws AsimovError with those codes */
export function requireKeeping(place: string, info: string, codes: ServerCodes): void {
  const [version = "0"] = /(?<=redis_version:)[\d.]+/.exec(info) ?? [];
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major < LEAST_VERSION[0] || (major === LEAST_VERSION[0] && minor < LEAST_VERSION[1])) throw tooOld(place, version, codes);
  const [policy = "noeviction"] = /(?<=maxmemory_policy:)\S+/.exec(info) ?? [];
  if (policy !== "noeviction") throw evicts(place, policy, codes);
}

/** A client, or a server of a cluster. */
interface Server<S> {
  nodes?(role: "master"): S[];
}

/** Of a cluster each that answers: it keeps what falls to it. @throws AsimovError with those codes */
export async function requireServers<S extends Server<S>>(
  place: string,
  client: S,
  infoOf: (server: S) => Promise<string>,
  codes: ServerCodes,
): Promise<void> {
  // A cluster knows its servers once it has answered.
  const info = await infoOf(client);
  const servers = client.nodes?.("master") ?? [];
  if (servers.length === 0) return requireKeeping(place, info, codes);
  const asked = servers.map(async (server) => {
    const answer = await infoOf(server).catch(() => undefined);
    const { host, port } = (server as { options?: { host?: string; port?: number } }).options ?? {};
    if (answer !== undefined) requireKeeping(`${host}:${port}`, answer, codes);
  });
  await Promise.all(asked);
}

interface Refusal {
  reply: RegExp;
  happened: string;
  todo: string;
}

/** What it replies to who does not log in as it wants. */
export const WRONG_LOGIN: Refusal = {
  reply: /(?:^|[\s:-])(?:NOAUTH|WRONGPASS)\b/,
  happened: "it wants another user name or password, or any",
  todo: "Write them into the `url`.",
};

/** What it replies to who selects a database that it does not have. */
export const NO_DATABASE: Refusal = {
  reply: /DB index is out of range|SELECT is not allowed/i,
  happened: "it has no database of that number",
  todo: "Name another one at the end of the `url`, or by `db` where there is one, or none: a server has 16 where its configuration (`databases`) says nothing else, a cluster one.",
};

/** @param reply without the arguments of the command */
export const refusedText = (place: string, { happened, todo }: Omit<Refusal, "reply">, reply: string): string =>
  `Redis at ${place} refused a command: ${happened}. ${todo} It replied: ${reply}`;

interface Probe {
  on(event: "error", listener: (error: Error) => void): unknown;
  disconnect(): void;
}

/** A client that a database is refused goes on in the first one: which there is, one of no other use is asked. @param note what its connection meets */
export async function withProbe<P extends Probe, T>(probe: P, note: (error: Error) => void, ask: (probe: P) => Promise<T>): Promise<T> {
  probe.on("error", note);
  try {
    return await ask(probe);
  } finally {
    probe.disconnect();
  }
}
