/** Removes what a test stored under its own random prefix, so that a server of someone else is left as it was. */
import type { Redis } from "ioredis";

export async function removeKeys(client: Redis, prefix: string): Promise<void> {
  for await (const keys of client.scanStream({ match: `${prefix}*`, count: 1_000 })) {
    if ((keys as string[]).length > 0) await client.unlink(...(keys as string[]));
  }
}
