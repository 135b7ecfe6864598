/** Runs on three workers, everything that can befall them, and what came out. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MemoryStore, Runs } from "asimov-agents";
import { AgentWorker } from "asimov-agents/worker";
import { chance } from "#testing/run-law";
import { type FaultProxy, startFaultProxy } from "../support/fault-proxy.ts";
import { storeAt } from "../worker/place.ts";
import { type Begun, chaosAgents } from "./agents.ts";
import { type Recovery, recoveryBreaches, recoveryOf } from "./figures.ts";
import { LAWS, notesOf, type Undisturbed } from "./laws.ts";
import { whatIsLeft } from "./left.ts";
import { makeNetworks, type Networks } from "./networks.ts";
import { allNotes } from "./notes.ts";
import { type QueueName, queueAt } from "./queues.ts";
import { type StoreName, startServer } from "./servers.ts";
import { type Made, makeTrouble, PACE } from "./trouble.ts";
import { insist, Users } from "./users.ts";
import { weather } from "./weather.ts";
import { type Lost, Workers } from "./workers.ts";

export interface ChaosOptions {
  seed: number;
  store: StoreName;
  queue: QueueName;
  runs: number;
  /** SIGKILLs of workers that have runs. */
  kills: number;
  /** SIGSTOPs of such workers, for longer than a lease. */
  stops: number;
  /** SIGKILLs of the server. */
  serverKills: number;
  /** Times that a worker's network is cut off for longer than a lease: each worker then has one of its own. */
  cuts: number;
  /** Whether each worker's connections are cut, slowed and lost, and those of the users. */
  proxy: boolean;
  leaseMs: number;
  /** Of each worker. */
  concurrency: number;
  workMs: number;
  /** After so many milliseconds it is given up, and told what is not over. */
  longestMs?: number;
}

export interface Report {
  made: Made;
  faults: Readonly<Record<string, number>>;
  /** By law, its breaches. */
  breaches: Readonly<Record<string, readonly string[]>>;
  recovery: Recovery;
  seconds: number;
  /** What workers said of runs that they could not go on with, by code, and how many commits of lost owners were refused. */
  refused: Readonly<Record<string, number>>;
  fenced: number;
  repeated: number;
  claims: number;
}

const WORKERS = 3;

async function undisturbed(runs: number): Promise<Undisturbed> {
  const store = new MemoryStore();
  const users = new Users({ store }, runs);
  const begun: Begun[] = [];
  const worker = new AgentWorker({ agents: chaosAgents((each) => begun.push(each), 0), store, concurrency: 50 });
  await worker.start();
  await users.work();
  await users.told();
  await worker.stop();
  return { stories: await users.stories(), begun };
}

/** @returns what is missing on this machine, where it cannot be tried */
export async function chaos(options: ChaosOptions): Promise<Report | string> {
  const { seed, store: name, queue, runs, leaseMs, concurrency, workMs, proxy, cuts } = options;
  const networks: Networks | string | undefined = cuts > 0 ? makeNetworks(WORKERS) : undefined;
  if (typeof networks === "string") return networks;
  const started = Date.now();
  const folder = mkdtempSync(join(tmpdir(), "asimov-chaos-"));
  const server = await startServer[name]();
  const proxies: FaultProxy[] = [];
  const over = new AbortController();
  /** One proxy for each, so that the others go on. */
  const through = async (host?: string): Promise<string | undefined> => {
    if (server.url === undefined || !(proxy || host !== undefined)) return undefined;
    const made = await startFaultProxy(server.url, host);
    proxies.push(made);
    return made.url;
  };
  const places = [];
  for (let at = 0; at < WORKERS; at++) places.push(server.place(await through(networks?.address)));
  const given = { places, queue, folder, leaseMs, concurrency, workMs, ...(networks === undefined ? {} : { networks: networks.all }) };
  const { promise: broken, reject } = Promise.withResolvers<never>();
  broken.catch(() => {});
  const workers = new Workers(given, reject);
  const direct = storeAt(server.place());
  const place = server.place(await through(networks?.address));
  const store = storeAt(place);
  const tooLong = setTimeout(
    async () => {
      const left = await whatIsLeft(direct, new Runs(direct), await allNotes(folder)).catch(String);
      reject(new Error(`It is not over after ${options.longestMs} ms. Befallen: ${JSON.stringify(made)}.\n${left}`));
    },
    options.longestMs ?? 2 ** 31 - 1,
  );
  const told = queueAt(queue, place);
  const made: Made = { kills: 0, stops: 0, serverKills: 0, cuts: 0 };
  const kinds = Object.keys(made) as (keyof Made)[];
  const wanted = sumOf(kinds.map((kind) => options[kind]));
  // Whatever is to befall them finds them at work: answers keep step with it, unless nobody has anything to do.
  const users: Users = new Users({ store, queue: told.queue }, runs, () => {
    const done = wanted === 0 ? 1 : sumOf(Object.values(made)) / wanted;
    return done === 1 || users.part <= 0.1 + PACE * done || workers.busy(Math.random) === undefined;
  });
  const parts: Promise<unknown>[] = [];
  try {
    workers.start();
    const working = users.work().finally(() => over.abort());
    const stillTheirs = async (lost: readonly Lost[]): Promise<readonly Lost[]> => {
      const rows = await Promise.all(lost.map(({ task }) => insist(() => direct.read(task))));
      return lost.filter(({ token }, at) => rows[at]?.lease?.token === token || (rows[at]?.token ?? 0) > token);
    };
    const around = { workers, server, users, networks: networks?.all ?? [], signal: over.signal, stillTheirs };
    const raining = proxy && proxies.length > 0 ? weather(proxies, chance(seed + 1), over.signal) : Promise.resolve({});
    const troubled = makeTrouble(options, made, { ...around, random: chance(seed) });
    parts.push(working, raining, troubled);
    const [faults, lost] = await Promise.race([Promise.all([raining, troubled, working]), broken]);
    const calm = new Users({ store: direct }, runs);
    await calm.told();
    await workers.end();
    const notes = await allNotes(folder);
    const observed = { notes, stories: await calm.stories(), undisturbed: await undisturbed(runs) };
    const short = kinds.filter((kind) => made[kind] < options[kind]).map((kind) => `${kind}: ${made[kind]} of ${options[kind]}`);
    const laws = Object.entries(LAWS).map(([law, breachesOf]) => [law, breachesOf(observed)]);
    const begun = notesOf(notes, "began");
    const recovery = recoveryOf(lost, notes, leaseMs);
    const breaches = {
      ...Object.fromEntries(laws),
      ...recoveryBreaches(recovery, leaseMs),
      "as much befell them as was asked for": short,
    };
    return {
      ...{ made, faults, breaches, recovery },
      seconds: (Date.now() - started) / 1_000,
      refused: countsOf(notesOf(notes, "refused").map(({ code }) => code)),
      fenced: notesOf(notes, "committed").filter(({ answer }) => answer === "fenced").length,
      repeated: begun.length - new Set(begun.map(({ task, what }) => `${task} ${what}`)).size,
      claims: notesOf(notes, "claimed").length,
    };
  } finally {
    clearTimeout(tooLong);
    over.abort();
    users.end();
    // Until then a worker, or the server, may be started again.
    await Promise.allSettled(parts);
    await workers.end();
    for (const each of [told, store, direct]) await each.close();
    for (const each of proxies) await each.close();
    await server.remove();
    networks?.remove();
    rmSync(folder, { recursive: true, force: true });
  }
}

const sumOf = (numbers: readonly number[]): number => numbers.reduce((sum, each) => sum + each, 0);

const countsOf = (names: readonly string[]): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
};
