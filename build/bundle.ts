/**
 * Writes the JavaScript that Node loads: a few files in place of some three hundred, with what is used of zod within them. Reading many
 * files is most of what an import costs, and all of zod would be most of the rest.
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type OutputChunk, rolldown } from "rolldown";
import manifest from "../package.json" with { type: "json" };

const root = fileURLToPath(new URL("..", import.meta.url));

/** Packages of which a part is taken along; all others are imported. */
const WITHIN = /^(?:zod|eventsource-parser)(?:\/|$)/;
/** Another one for each runtime, and all of zod: resolved when they are asked for. */
const LATE = ["#condition/engine-module", "#contract/chat/json-schema"];

/** By entry, `src/index` and the like. */
const entries = Object.fromEntries(
  Object.values(manifest.exports).flatMap((paths) => {
    const source = typeof paths === "string" ? undefined : paths["asimov-source"];
    return source === undefined ? [] : [[source.replace(/^\.\/|\.ts$/g, ""), join(root, source)]];
  }),
);

/** What comes together, the first that fits; the rest goes with the entry that needs it. */
const CHUNKS = [
  {
    name: "models",
    test: /\/src\/(?:inference\/(?:call|faults|prices|request|transport|votes)|chain|clients\/inference-client)|\/eventsource-parser\//,
  },
  {
    name: "core",
    test: /\/zod\/|\/machines\/(?!index)|\/actors\/(?!index)|\/src\/(?:agent|compile|condition|contract|runtime|snapshot|telemetry|cache\/(?!redis)|inspect\/safe)/,
  },
];

export async function bundleForNode(folder: string): Promise<OutputChunk[]> {
  const bundle = await rolldown({
    cwd: root,
    input: entries,
    platform: "neutral",
    preserveEntrySignatures: "allow-extension",
    external: (id) => LATE.includes(id) || !(WITHIN.test(id) || /^[./#]/.test(id)),
    resolve: { conditionNames: ["asimov-source", "import"] },
    transform: { target: "node22.13" },
    treeshake: { moduleSideEffects: false },
  });
  const { output } = await bundle.write({
    dir: folder,
    format: "esm",
    entryFileNames: "[name].js",
    chunkFileNames: "chunks/[name].js",
    sourcemap: true,
    codeSplitting: {
      includeDependenciesRecursively: false,
      groups: CHUNKS.map((chunk, at) => ({ ...chunk, priority: CHUNKS.length - at })),
    },
  });
  await bundle.close();
  return output.filter((file) => file.type === "chunk");
}

if (import.meta.main) {
  const chunks = await bundleForNode(join(root, process.argv[2] ?? "dist/node"));
  for (const c of chunks)
    console.log(
      c.fileName,
      c.code.length,
      c.imports.join(" "),
      c.moduleIds.length,
      c.moduleIds
        .slice(0, 3)
        .map((m) => m.replace(root, ""))
        .join(" "),
    );
}
