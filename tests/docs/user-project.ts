/** A project of a user's own in a temporary folder, into which the package is linked: what documents show is compiled there. */
import { mkdir, mkdtemp, realpath, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import manifest from "../../package.json" with { type: "json" };
import { ROOT, run } from "../support/program.ts";

/** @param prelude declares what snippets leave out. @returns the folder, which the caller removes */
export async function userProject(prelude: string, compilerOptions: Readonly<Record<string, boolean>> = {}): Promise<string> {
  const place = await realpath(await mkdtemp(join(tmpdir(), "asimov-docs-")));
  await mkdir(join(place, "node_modules"));
  await symlink(ROOT, join(place, "node_modules", manifest.name));
  for (const name of ["xstate", "vitest", "zod", "@types", "@modelcontextprotocol", "ai", "@ai-sdk"]) {
    await symlink(join(ROOT, "node_modules", name), join(place, "node_modules", name));
  }
  await writeFile(join(place, "package.json"), JSON.stringify({ type: "module" }));
  await writeFile(
    join(place, "tsconfig.json"),
    JSON.stringify({
      extends: join(ROOT, "tsconfig.json"),
      compilerOptions: { noEmit: true, rootDir: "/", noUnusedLocals: false, noUnusedParameters: false, ...compilerOptions },
      include: ["*.ts"],
    }),
  );
  await writeFile(join(place, "prelude.d.ts"), prelude);
  return place;
}

/** What the compiler says of it, and its exit code. */
export const compile = (place: string) => run(process.execPath, [join(ROOT, "node_modules/typescript/bin/tsc"), "-p", place]);
