/** The demo: `npm run demo`. A text agent that needs no model, survives SIGKILL, and shows what its machines do. */
import { access, constants, mkdir, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { type AgentRun, AsimovError, FileStore, Middleware, type MiddlewareContext, type ModuleResult, Task } from "asimov-agents";
import { type DemoParams, demoAgent, nodeNames, type Summary } from "./demo/agent.ts";
import { readText } from "./demo/input.ts";
import { DemoError, type DemoOptions, HELP, parseDemoOptions } from "./demo/options.ts";
import { showProgress } from "./demo/progress.ts";
import { sectionsOf } from "./demo/text.ts";

const FOLDER = resolve(process.env.ASIMOV_SNAPSHOT || join(tmpdir(), "asimov_snapshot"), "demo");

/** A run of the demo, and its folder in the store. */
interface DemoRun {
  run: AgentRun;
  folder: string;
  /** The nodes that had ended when it was restored. */
  done: string[];
}

/** Ends the process when the node's work is done and nobody knows yet. */
class Crash extends Middleware {
  readonly #at: string;
  readonly #root: string;
  constructor(at: string, root: string) {
    super();
    this.#at = at;
    this.#root = root;
  }
  override async process(data: ModuleResult, _cache: unknown, { node, task }: MiddlewareContext): Promise<ModuleResult> {
    if (node.name !== this.#at) return data;
    const command = `npm run demo -- --resume ${quote(join(this.#root, task.id))}`;
    await new Promise((written) =>
      process.stdout.write(`Killed in ${node.name}. To go on from what was stored last:\n  ${command}\n`, written),
    );
    process.kill(process.pid, "SIGKILL");
    return new Promise(() => {});
  }
}

const quote = (path: string): string => (/^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`);

/** The folder of the latest run that did not end. */
async function latestFolder(): Promise<string> {
  const names = (await readdir(FOLDER).catch(() => [])).filter((name) => !name.startsWith("."));
  const folders = await Promise.all(names.map(async (name) => ({ name, at: (await stat(join(FOLDER, name))).mtimeMs })));
  const [latest] = folders.sort((a, b) => b.at - a.at);
  if (latest === undefined) throw new DemoError(`There is no unfinished run in ${FOLDER}.`);
  return join(FOLDER, latest.name);
}

async function storeIn(directory: string): Promise<FileStore> {
  try {
    await mkdir(directory, { recursive: true });
    await access(directory, constants.W_OK);
  } catch {
    throw new DemoError(`Snapshots cannot be written to ${directory}; name another folder in ASIMOV_SNAPSHOT.`);
  }
  return new FileStore({ dir: directory, keep: 20 });
}

function print({ name, text, limit }: DemoParams, { words, passes, sections }: Summary): void {
  const total = sectionsOf(text).reduce((sum, section) => sum + section.words, 0);
  const short = words <= limit ? "" : ` (more than ${limit}: it is one sentence)`;
  const of = (count: number, one: string, many: string): string => `${count} ${count === 1 ? one : many}`;
  console.log(
    `${name}: ${of(total, "word", "words")} in ${of(sections.length, "section", "sections")}, ` +
      `summed up in ${words}${short} after ${of(passes, "pass", "passes")}`,
  );
  for (const { title, terms, sentences } of sections) {
    console.log(`\n${title} [${terms.join(", ")}]`);
    for (const sentence of sentences) console.log(`  ${sentence}`);
  }
}

function middlewares(crashAt: string | undefined, text: string, root: string): Middleware[] {
  if (crashAt === undefined) return [];
  const names = nodeNames(sectionsOf(text).length);
  const list = names.map((line) => (line.length === 1 ? line[0] : `${line[0]} … ${line.at(-1)}`)).join(", ");
  if (!names.flat().includes(crashAt)) throw new DemoError(`There is no node "${crashAt}"; the nodes are ${list}.`);
  return [new Crash(crashAt, root)];
}

async function start({ path, words, crashAt }: DemoOptions): Promise<DemoRun> {
  const { name, text } = await readText(path, (line) => console.error(line));
  const agent = demoAgent(text, await storeIn(FOLDER), middlewares(crashAt, text, FOLDER));
  const params = { name, text, limit: words } satisfies DemoParams;
  const run = agent.start(new Task({ type: "summary", objective: `Sum up ${name}`, params }));
  return { run, folder: join(FOLDER, run.task.id), done: [] };
}

async function resume({ path, crashAt }: DemoOptions): Promise<DemoRun> {
  const given = path === undefined ? await latestFolder() : resolve(process.env.INIT_CWD ?? process.cwd(), path);
  // Of a task, or of one of its generations.
  const folder = /^\d+_/.test(basename(given)) ? dirname(given) : given;
  const root = dirname(folder);
  const store = await storeIn(root);
  const place = await store.locate(given);
  const stored = place && (await store.load(place.taskId, place.generation));
  if (stored === undefined) throw new DemoError(`There is no run in ${given}.`);
  const { params } = Task.fromJSON(JSON.parse(String(stored.parts.get("task") ?? "null")));
  const { text } = params as unknown as DemoParams;
  const agent = demoAgent(text, store, middlewares(crashAt, text, root));
  const run = await agent.startFromSnapshot(given);
  return { run, folder, done: Object.keys(agent.nodeResults) };
}

// Whoever reads only the first lines, as `head` does, closes the pipe.
process.stdout.on("error", () => process.exit(0));

try {
  const options = parseDemoOptions(process.argv.slice(2));
  if (options.help) console.log(HELP);
  else if (options.agent === "llm") await import("./09-plan-execute-validate.ts");
  else {
    const { run, folder, done } = await (options.resume ? resume(options) : start(options));
    const params = run.task.params as unknown as DemoParams;
    const progress = showProgress(process.stderr, nodeNames(sectionsOf(params.text).length), done);
    for await (const event of run.events()) progress.tell(event);
    const { status, task, results } = await run.outcome;
    if (status !== "COMPLETE") throw new DemoError(`The run ended as ${status}: ${task.error}`);
    await rm(folder, { recursive: true, force: true });
    print(params, results.join as Summary);
  }
} catch (error) {
  if (!(error instanceof DemoError || error instanceof AsimovError)) throw error;
  console.error(error.message.replace(/\n(?:- )?/g, " "));
  process.exitCode = error instanceof DemoError ? error.exitCode : 1;
}
