/** `npm run chaos`: prints one table, and exits with 1 where a law is broken. */
import { parseArgs } from "node:util";
import { type ChaosOptions, chaos } from "./chaos.ts";
import { QUEUES } from "./queues.ts";
import { type StoreName, startServer } from "./servers.ts";
import { isSound, tableOf } from "./table.ts";

const USAGE = `npm run chaos -- [options]

  --seed N          what is drawn follows from it (7)
  --store NAME      ${Object.keys(startServer).join(", ")} (redis)
  --queue NAME      ${QUEUES.join(", ")} (local)
  --runs N          of thirteen nodes and a child each (300)
  --kills N         SIGKILLs of workers that have runs (60)
  --stops N         SIGSTOPs of such workers, for longer than a lease (6)
  --server-kills N  SIGKILLs of the server (3)
  --cuts N          times that a worker's network is cut off for longer than a lease (0); wants rights for network namespaces
  --proxy           connections are cut, slowed and lost
  --lease N         milliseconds (3000)
  --concurrency N   runs of each of the three workers at a time (4)
  --work N          milliseconds that a module works (200)
  --longest N       milliseconds after which it is given up, and told what is not over (one hour)`;

const number = (short: string) => ({ type: "string", default: short }) as const;
const { values } = parseArgs({
  options: {
    seed: number("7"),
    store: { type: "string", default: "redis" },
    queue: { type: "string", default: "local" },
    runs: number("300"),
    kills: number("60"),
    stops: number("6"),
    "server-kills": number("3"),
    cuts: number("0"),
    proxy: { type: "boolean", default: false },
    lease: number("3000"),
    concurrency: number("4"),
    work: number("200"),
    longest: number("3600000"),
    help: { type: "boolean", default: false },
  },
});

const queue = QUEUES.find((name) => name === values.queue);
if (values.help || !Object.hasOwn(startServer, values.store) || queue === undefined) {
  console.log(USAGE);
  process.exit(values.help ? 0 : 2);
}
const options: ChaosOptions = {
  seed: Number(values.seed),
  store: values.store as StoreName,
  queue,
  runs: Number(values.runs),
  kills: Number(values.kills),
  stops: Number(values.stops),
  serverKills: Number(values["server-kills"]),
  cuts: Number(values.cuts),
  proxy: values.proxy,
  leaseMs: Number(values.lease),
  concurrency: Number(values.concurrency),
  workMs: Number(values.work),
  longestMs: Number(values.longest),
};
const report = await chaos(options);
if (typeof report === "string") {
  console.log(`Left out: networks that are cut off, ${options.cuts} times. This machine lacks ${report}.`);
} else {
  console.log(tableOf(options, report));
  process.exitCode = isSound(report) ? 0 : 1;
}
