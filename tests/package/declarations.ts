/** The declarations as users' compilers read them: whole, in each way of resolving, with and without the DOM library. */
import { cp, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ENTRIES, install, manifest, project, ROOT, run } from "./installed.ts";

const CONSUMER = `
import { Agent, defineModule, MemoryCache, Node, Task, type TaskOutcome, TaskStatus } from "asimov-agents";
import { agentMachine, nodeMachine, taskMachine } from "asimov-agents/machines";
import { safeInspector, statelyInspector } from "asimov-agents/inspect";
import { RedisCache } from "asimov-agents/redis";
${ENTRIES.map((entry, index) => `import * as entry${index} from "${entry}";`).join("\n")}
export const everything = [${ENTRIES.map((_, index) => `entry${index}`).join(", ")}, agentMachine, nodeMachine, taskMachine, RedisCache, MemoryCache];
const plan = defineModule({ name: "plan", process: async ({ values }) => ({ status: "success", result: await values.increment("n") }) });
const inspect = safeInspector((event) => event.type);
export const agent = new Agent({ nodes: [new Node({ name: "plan", modules: [plan] })], inspect });
export const other = new Agent({ inspect: statelyInspector().inspect });
export const outcome: TaskOutcome = await agent.runTask(new Task({ type: "demo", objective: "types" }));
export const complete: boolean = outcome.status === TaskStatus.COMPLETE;
// @ts-expect-error: an unknown option is refused
new Agent({ maxTasks: 1 });

interface Trip { city: string; days?: number }
class Stay { nights = 2 }
const trip = new Task<Trip>({ type: "trip", objective: "Plan", params: { city: "Oslo" } });
export const city: string = trip.params.city;
export const trips = [agent.runTask(trip), agent.start(trip).outcome, agent.runTask(new Task({ type: "stay", objective: "Sleep", params: new Stay() }))];
`;
/** The newest, and the last one that is written in JavaScript. */
const COMPILERS = ["typescript", "typescript-5.9"] as const;
const NEXT_TO_DOM = { target: "es2024", lib: ["es2024", "dom"], types: [] as string[] };
const WITHOUT_DOM = { module: "nodenext", target: "es2023", lib: ["es2023"], types: ["node"] };

/** What the compiler says of the consumer in the folder. */
async function check(folder: string, compiler: (typeof COMPILERS)[number], options: object): Promise<string> {
  const compilerOptions = { strict: true, noEmit: true, skipLibCheck: false, ...options };
  await writeFile(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["*.ts"] }));
  return run(process.execPath, [join(ROOT, "node_modules", compiler, "bin/tsc"), "-p", folder], project);
}

async function consumerIn(name: string): Promise<string> {
  const folder = join(project, name);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }));
  await writeFile(join(folder, "consumer.ts"), CONSUMER);
  return folder;
}

describe("package types", () => {
  it.each(COMPILERS)("check under nodenext and bundler, declarations included: %s", async (compiler) => {
    const folder = await consumerIn("with-dom");
    await cp(join(ROOT, "tests/types/inference.test-d.ts"), join(folder, "inference.ts"));
    expect(await check(folder, compiler, { ...NEXT_TO_DOM, module: "nodenext" })).toBe("");
    expect(await check(folder, compiler, { ...NEXT_TO_DOM, module: "esnext", moduleResolution: "bundler" })).toBe("");
  });

  it.each([22, 24, 26])("check without the DOM library, with the types of Node %i", async (version) => {
    const folder = await consumerIn(`types-of-node-${version}`);
    await install(folder, `@types/node@${version}`);
    for (const compiler of COMPILERS) expect(await check(folder, compiler, WITHOUT_DOM)).toBe("");
  });

  it("fail under exactOptionalPropertyTypes in the declarations of xstate alone, which then wants skipLibCheck", async () => {
    const folder = await consumerIn("exact");
    const exact = { ...NEXT_TO_DOM, module: "nodenext", exactOptionalPropertyTypes: true };
    const said = await check(folder, "typescript-5.9", exact).then(
      () => "",
      (error: Error) => error.message,
    );
    const places = [...said.matchAll(/^(\S+)\(\d+,\d+\): error/gm)].map(([, file]) => file);
    expect(places.length).toBeGreaterThan(0);
    expect(places.filter((file) => !file?.includes("node_modules/xstate/"))).toEqual([]);
    for (const compiler of COMPILERS) expect(await check(folder, compiler, { ...exact, skipLibCheck: true })).toBe("");
  });

  it("tell of everything what it is: no declaration says any", async () => {
    const folder = join(project, "node_modules", manifest.name, "dist");
    const files = (await readdir(folder, { recursive: true })).filter((file) => file.endsWith(".d.ts"));
    expect(files.length).toBeGreaterThan(50);
    const vague = files.map(async (file) => {
      const code = (await readFile(join(folder, file), "utf8")).replace(/"(?:[^"\\\n]|\\.)*"|\/\*[\s\S]*?\*\/|\/\/.*/g, "");
      return /\bany\b/.test(code) ? [file] : [];
    });
    expect((await Promise.all(vague)).flat()).toEqual([]);
  });
});
