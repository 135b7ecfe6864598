/**
 * Writes the JavaScript that Node loads: a few files in place of some three hundred, with what is used of `zod/mini` within them. To find
 * and read many files is most of what an import costs, and all of zod would be most of the rest.
 */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Plugin, type RenderedChunk, rolldown } from "rolldown";
import manifest from "../package.json" with { type: "json" };

const root = fileURLToPath(new URL("..", import.meta.url));

/** Packages of which a part is taken along, with their licence; all others are imported. */
const WITHIN: readonly string[] = ["zod", "eventsource-parser"];
/** One for each runtime, and the validator of JSON Schema: files of their own, which are resolved when they are asked for. */
const LATE: readonly string[] = ["#condition/engine-module", "#contract/chat/json-schema"];

/** What comes together, the first that fits; the rest goes with the entries that need it. */
const CHUNKS = [
  { name: "wires", test: /\/eventsource-parser\/|\/src\/inference\/(?:gemini\/|transport\/server-sent-events)/ },
  { name: "models", test: /\/src\/(?:chain|inference\/(?:call|faults|prices|request|transport|votes))\/|\/src\/clients\/inference-client/ },
  {
    name: "core",
    test: /\/zod\/|\/machines\/(?!index)|\/actors\/(?!index)|\/src\/(?:agent|cache\/(?!redis)|(?:compile|condition|contract|keep|replay|runs|runtime|telemetry|values)\/|store\/(?!told|sqlite|redis|postgres)|inspect\/safe)/,
  },
];

/** By the name of the file that is written for it. */
const entries = Object.fromEntries(
  Object.entries(manifest.exports).flatMap(([path, found]) =>
    typeof found === "string" ? [] : [[path === "." ? "index" : path.slice(2), join(root, found["asimov-source"])]],
  ),
);

/** Of what others wrote no source is published: their frames stay those of the bundle. */
const unmapped: Plugin = {
  name: "unmapped",
  load: {
    filter: { id: /\/node_modules\// },
    handler: async (id) => ({ code: await readFile(id, "utf8"), map: { mappings: "" } }),
  },
};

async function licencesOf({ moduleIds }: RenderedChunk): Promise<string> {
  const held = WITHIN.filter((name) => moduleIds.some((id) => id.includes(`/node_modules/${name}/`)));
  const texts = held.map(async (name) => `/*!\n * Of ${name}:\n *\n${await licenceOf(name)}\n */`);
  return (await Promise.all(texts)).join("\n");
}

async function licenceOf(name: string): Promise<string> {
  const text = await readFile(join(root, "node_modules", name, "LICENSE"), "utf8");
  return text.trim().replace(/^/gm, " * ").replace(/ +$/gm, "");
}

/** With one character beyond Latin-1, V8 holds two bytes for each of a file's; as escapes they are the same to it. */
async function narrow(file: string): Promise<void> {
  const text = await readFile(file, "utf8");
  const escaped = text.replace(/[^\0-\xff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
  await writeFile(file, escaped);
}

async function bundleForNode(folder: string): Promise<void> {
  const bundle = await rolldown({
    cwd: root,
    input: entries,
    platform: "neutral",
    external: (id) => LATE.includes(id) || !(WITHIN.includes(id.split("/", 1).join()) || /^[./#]/.test(id)),
    resolve: { conditionNames: ["asimov-source", "import"], symlinks: false },
    transform: { target: "node22.13" },
    treeshake: { moduleSideEffects: false },
    preserveEntrySignatures: "allow-extension",
    plugins: [unmapped],
  });
  const { output } = await bundle.write({
    dir: folder,
    format: "esm",
    entryFileNames: "[name].js",
    chunkFileNames: "[name].js",
    minifyInternalExports: false,
    keepNames: true,
    banner: licencesOf,
    comments: { annotation: true, legal: true, jsdoc: false },
    sourcemap: true,
    // They are published beside it.
    sourcemapExcludeSources: true,
    codeSplitting: {
      includeDependenciesRecursively: false,
      groups: CHUNKS.map((chunk, at) => ({ ...chunk, priority: CHUNKS.length - at })),
    },
  });
  await bundle.close();
  for (const { fileName, type } of output) if (type === "chunk") await narrow(join(folder, fileName));
}

const [, , folder] = process.argv;
if (folder === undefined) throw new Error("name the folder to write to");
await bundleForNode(folder);
