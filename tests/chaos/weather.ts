/** What befalls a connection while the runs go on, drawn from a seed: it is cut, slowed, lost in both directions, or in that of the replies alone. */
import { setTimeout as pause } from "node:timers/promises";
import type { FaultProxy } from "../support/fault-proxy.ts";

/** One proxy at a time meets one fault. @returns how many there were of each kind; settles when the signal is given */
export async function weather(proxies: readonly FaultProxy[], random: () => number, signal: AbortSignal): Promise<Record<string, number>> {
  const seen = { cut: 0, slowed: 0, "lost both ways": 0, "replies lost": 0 };
  const kinds = Object.keys(seen) as (keyof typeof seen)[];
  while (!signal.aborted) {
    await pause(100 + random() * 600);
    const proxy = proxies[Math.floor(random() * proxies.length)] as FaultProxy;
    const kind = kinds[Math.floor(random() * kinds.length)] as keyof typeof seen;
    const ms = random() * 800;
    seen[kind]++;
    if (kind === "cut") proxy.cutAll();
    else if (kind === "slowed") proxy.delayReplies(ms / 4);
    else if (kind === "lost both ways") proxy.blackHole();
    else proxy.swallowReplies();
    await pause(ms);
    proxy.delayReplies(0);
    if (kind !== "cut" && kind !== "slowed") proxy.recover();
  }
  return seen;
}
