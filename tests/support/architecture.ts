/** The rules of who may import whom, as a table, and the check that holds files against it. */
import { posix } from "node:path";
import { type ImportOf, type ScannedSource, scanSource } from "./source-scan.ts";

interface Room {
  /** Files of the room: the first room that fits counts. */
  files: RegExp;
  /** Other files of ours that it may import; a room may always import itself. */
  ours: RegExp;
  /** Packages that it may import. */
  packages: readonly string[];
  /** Packages of which it may import types alone. */
  types?: readonly string[];
  /** Packages that it may import when they are needed, by `import()`. */
  lazily?: readonly string[];
  /** Whether machines are provided and actors started here. */
  composes?: boolean;
}

const ANY = /^(?:src|machines|actors)\//;
const CONTRACT = /^src\/contract\//;

/** The floors of the contract: a domain imports itself and those named, which stand below it. */
const domain = (name: string, ...below: readonly string[]): Room => ({
  files: new RegExp(`^src/contract/${name}/`),
  ours: new RegExp(`^src/contract/(?:${[name, ...below].join("|")})/`),
  packages: ["zod"],
  types: ["xstate"],
});

const driver = (folder: string, packages: readonly string[], types: readonly string[] = []): Room => ({
  files: new RegExp(`^src/${folder}/`),
  ours: CONTRACT,
  packages: ["zod", ...packages],
  types: ["node:*", ...types],
});

/** The floors that all providers stand on, each importing only what is named. */
const inference = (folder: string, ...below: readonly string[]): Room => ({
  files: new RegExp(`^src/inference/${folder}/`),
  ours: new RegExp(`^src/(?:contract${below.map((name) => `|${name}`).join("")})/`),
  packages: ["zod", "eventsource-parser"],
});

/** A provider's SDK is loaded at the first call, never with the client; no provider imports another. */
const provider = (folder: string, ...sdks: string[]): Room => ({
  files: new RegExp(`^src/inference/${folder}/`),
  ours: /^src\/(?:contract|inference\/(?:prices|request|faults|transport|call|gemini))\//,
  packages: ["zod"],
  types: [...sdks, "node:*"],
  lazily: [...sdks, "node:*"],
});

/** The table of the house, from the leaf up. */
const ROOMS: readonly Room[] = [
  // Loaded late itself.
  { files: /^src\/contract\/chat\/json-schema\.ts$/, ours: CONTRACT, packages: ["@cfworker/json-schema"] },
  domain("base"),
  domain("graph", "base"),
  domain("store", "base"),
  domain("chat", "base"),
  domain("node", "base", "graph", "store", "chat"),
  domain("run", "base", "graph", "store", "chat", "node"),
  { files: /^machines\//, ours: CONTRACT, packages: ["xstate"] },
  { files: /^actors\//, ours: CONTRACT, packages: ["xstate"] },
  driver("cache", ["ioredis"]),
  { files: /^src\/values\//, ours: /^src\/(?:contract|cache)\//, packages: [] },
  { ...driver("store", []), lazily: ["ioredis", "pg"] },
  { files: /^src\/replay\//, ours: CONTRACT, packages: [] },
  { files: /^src\/keep\//, ours: /^src\/(?:contract|replay)\//, packages: ["zod"] },
  // Whoever looks at stored runs has none of their agents' code.
  { files: /^src\/runs\//, ours: /^src\/(?:contract|keep|replay|values)\//, packages: ["zod"], lazily: ["croner"] },
  driver("condition", []),
  driver("telemetry", [], ["@opentelemetry/api"]),
  driver("inspect", ["@statelyai/inspect"], ["xstate"]),
  {
    files: /^src\/mcp\//,
    ours: CONTRACT,
    packages: ["zod"],
    types: ["@modelcontextprotocol/client", "@modelcontextprotocol/server"],
    lazily: ["@modelcontextprotocol/client", "@modelcontextprotocol/server"],
  },
  { files: /^src\/ai-sdk\//, ours: CONTRACT, packages: ["zod"] },
  inference("prices"),
  inference("request"),
  inference("faults"),
  inference("transport", "inference/faults"),
  inference("call", "inference/(?:prices|request|faults|transport)", "telemetry"),
  inference("gemini", "inference/(?:faults|transport|request)"),
  inference("votes"),
  provider("ai-sdk", "@ai-sdk/provider"),
  provider("anthropic", "@anthropic-ai/sdk"),
  provider("bedrock", "@aws-sdk/client-bedrock-runtime", "@smithy/node-http-handler"),
  provider("genai", "@google/genai"),
  provider("openai", "openai"),
  provider("vertex", "@google-cloud/vertexai"),
  // Machines made anew from their charts; it knows nothing of ours.
  { files: /^src\/compile\//, ours: /^$/, packages: ["xstate"], composes: true },
  // The composition roots: of models, of tool chains, of runs.
  { files: /^src\/clients\//, ours: /^src\/(?:contract|inference|chain|telemetry)\//, packages: ["zod"] },
  {
    files: /^src\/chain\//,
    ours: /^(?:machines|actors|src\/(?:contract|compile))\/|^src\/runtime\/supply\.ts$/,
    packages: ["xstate", "zod"],
    composes: true,
  },
  {
    files: /^src\/testing\//,
    ours: /^src\/(?:contract|clients|inference)\//,
    packages: ["zod"],
    types: ["xstate", "node:*"],
    lazily: ["node:*"],
  },
  { files: /^src\/(?:agent[\w-]*\.ts|runtime\/)/, ours: ANY, packages: ["xstate", "zod"], composes: true },
  {
    files: /^src\/worker\//,
    ours: /^src\/(?:contract|keep|runs|runtime)\/|^src\/agent\.ts$/,
    packages: ["zod"],
    types: ["bullmq"],
    lazily: ["bullmq", "ioredis", "pg", "node:*"],
  },
  { files: /^src\/[\w-]+\.ts$/, ours: ANY, packages: [] },
  {
    files: /^examples\//,
    ours: /^examples\//,
    packages: ["asimov-agents", "xstate", "zod", "hono", "@hono/node-server", "node:*"],
    composes: true,
  },
];

/** The supervisor of nodes spawns them under itself, which only `createActor` with a parent does in linear time. */
const SUPERVISOR = "actors/node-pool.ts";

/** What would make a machine give another answer at its second run. */
const IMPURE = /\b(?:Date\.now|Math\.random|randomUUID|process\.|performance\.|crypto\.|setTimeout|setInterval|fetch\()|\bnew Date\(/;

/** The platform's own time, ids and chance, which come in by `Services`. */
const PLATFORM =
  /\b(?:Date\.now|performance\.|Math\.random|randomUUID|getRandomValues|hrtime|AbortSignal\.timeout)|\bnew Date\(\)|(?<![.\w])set(?:Timeout|Interval|Immediate)\(/;

/** Where simulated time would be wrong, or there is none yet: see docs/design.md. */
const OUTSIDE: Readonly<Record<string, RegExp>> = {
  "the port itself": /^src\/contract\/base\/services\.ts$/,
  "the thread, which timers and I/O share, and turns of its loop":
    /^src\/(?:contract\/base\/turns|agent|inference\/call\/call-stream)\.ts$/,
  "a task, which is made before any agent": /^src\/contract\/base\/task\.ts$/,
  "a Redis server, its connections, and moments by its clock": /^src\/cache\/redis\//,
  "a header by which a request is known within this process": /^src\/inference\/vertex\/scoped-fetch\.ts$/,
  "what somebody watches, and the sockets to it": /^src\/inspect\//,
  "the laws of caches, and servers": /^src\/testing\//,
};

/** What the core must load without. */
const LAZY =
  /^(?:zod$|croner$|@cfworker\/|ioredis|bullmq|pg$|@opentelemetry\/|@statelyai\/inspect|@anthropic-ai\/|@aws-sdk\/|@smithy\/|@google|@modelcontextprotocol\/|openai$)|^node:/;

const packageOf = (specifier: string): string =>
  specifier.startsWith("node:") ? "node:*" : specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");

/** Whether the specifier names a file of ours, by its place or by its room (package.json, `imports`). */
const isOurs = (specifier: string): boolean => /^[.#]/.test(specifier);

function resolve(file: string, specifier: string): string {
  // What the build writes is declared in a file of ours.
  if (specifier.endsWith(".wasm")) return posix.join(posix.dirname(file), specifier.replace(/wasm$/, "d.wasm.ts"));
  if (!specifier.startsWith("#")) return posix.join(posix.dirname(file), specifier);
  const path = `${specifier.slice(1)}.ts`;
  return /^(?:machines|actors)\//.test(path) ? path : `src/${path}`;
}

type Scanned = ReadonlyMap<string, ScannedSource>;

function importFaults(file: string, { specifier, kind }: ImportOf, room: Room, scanned: Scanned): string[] {
  if (/^\.\./.test(specifier) && !file.startsWith("examples/")) return [`${file} climbs by ${specifier}; name the room: #room/file`];
  if (!isOurs(specifier)) {
    const name = packageOf(specifier);
    const allowed =
      room.packages.includes(name) ||
      (kind === "type" && room.types?.includes(name) === true) ||
      (kind === "dynamic" && room.lazily?.includes(name) === true);
    return allowed ? [] : [`${file} must not import ${kind === "type" ? "types of " : ""}${specifier}`];
  }
  const target = resolve(file, specifier);
  if (!scanned.has(target)) return [`${file} imports ${specifier}, which is no file of ours`];
  return room.files.test(target) || room.ours.test(target) ? [] : [`${file} must not import ${target}`];
}

function codeFaults(file: string, code: string, room: Room): string[] {
  const faults: string[] = [];
  if (room.composes !== true) {
    if (/\.provide\(/.test(code)) faults.push(`${file} provides a machine; only the composition root does`);
    if (/\bcreateActor\(/.test(code) && file !== SUPERVISOR) faults.push(`${file} starts an actor; only the composition root does`);
  }
  const impure = file.startsWith("machines/") ? IMPURE.exec(code) : null;
  if (impure !== null) faults.push(`${file} is not pure: ${impure[0]}`);
  const isInside = ANY.test(file) && !Object.values(OUTSIDE).some((files) => files.test(file));
  const platform = isInside ? PLATFORM.exec(code) : null;
  if (platform !== null) faults.push(`${file} takes ${platform[0]} from the platform; it comes in by Services`);
  return faults;
}

const loadedBy = (file: string, { imports }: ScannedSource, kinds: readonly ImportOf["kind"][]): string[] =>
  imports.filter(({ specifier, kind }) => isOurs(specifier) && kinds.includes(kind)).map(({ specifier }) => resolve(file, specifier));

/** Each cycle of imports once, those of types too. */
function cycleFaults(scanned: Scanned): string[] {
  const faults: string[] = [];
  const done = new Set<string>();
  const trail: string[] = [];
  function visit(file: string): void {
    const start = trail.indexOf(file);
    if (start !== -1) {
      faults.push(`imports in a circle: ${[...trail.slice(start), file].join(" → ")}`);
      return;
    }
    const source = scanned.get(file);
    if (source === undefined || done.has(file)) return;
    trail.push(file);
    for (const next of loadedBy(file, source, ["static", "type", "dynamic"])) visit(next);
    trail.pop();
    done.add(file);
  }
  for (const file of scanned.keys()) visit(file);
  return faults;
}

/** What is loaded with an entry although it must wait until it is needed; each with the way to it. */
function lazyFaults(entry: string, scanned: Scanned): string[] {
  const faults: string[] = [];
  const seen = new Set<string>();
  function visit(file: string, way: readonly string[]): void {
    const source = scanned.get(file);
    if (source === undefined || seen.has(file)) return;
    seen.add(file);
    for (const { specifier, kind } of source.imports) {
      if (kind === "static" && LAZY.test(specifier)) faults.push(`${[...way, file].join(" → ")} loads ${specifier} at once`);
    }
    for (const next of loadedBy(file, source, ["static"])) visit(next, [...way, file]);
  }
  visit(entry, []);
  return faults;
}

/** One sentence for each broken rule; `sources` are texts by path from the repository's root. */
export function architectureFaults(sources: ReadonlyMap<string, string>): string[] {
  const scanned = new Map(Array.from(sources, ([file, source]) => [file, scanSource(source)]));
  const faults: string[] = [];
  for (const [file, { imports, code }] of scanned) {
    const room = ROOMS.find(({ files }) => files.test(file));
    if (room === undefined) faults.push(`${file} is in no room of the house`);
    else faults.push(...imports.flatMap((found) => importFaults(file, found, room, scanned)), ...codeFaults(file, code, room));
  }
  return [...faults, ...cycleFaults(scanned), ...lazyFaults("src/index.ts", scanned)];
}
