/** The package in a Next.js project, as both of its bundlers build it: in a route of the server, and in a component of the client. */
import { spawn } from "node:child_process";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { withPage } from "../support/chromium.ts";
import { plainEnvironment, ROOT, run } from "./installed.ts";
import { EXPECTED, programIn } from "./program.ts";

const NEXT = join(ROOT, "node_modules/next/dist/bin/next");
const FILES = {
  // Its packages are linked from outside of the project, where a user has them inside.
  "next.config.mjs": `export default { turbopack: { root: "/" }, outputFileTracingRoot: "/" };\n`,
  "app/layout.jsx": `export default function Layout({ children }) {
  return <html lang="en"><body>{children}</body></html>;
}
`,
  "app/page.jsx": `"use client";
import { useEffect } from "react";
import { report } from "../program.js";
export default function Page() {
  useEffect(() => {
    const tell = (told) => fetch("/told", { method: "POST", body: JSON.stringify(told) });
    report().then(tell, (error) => tell({ error: String(error) }));
  }, []);
  return <p>client</p>;
}
`,
  "app/run/route.js": `import { report } from "../../program.js";
export const dynamic = "force-dynamic";
export const GET = async () => Response.json(await report());
`,
  // What the page tells waits here for whoever asks.
  "app/told/route.js": `const told = (globalThis.told ??= Promise.withResolvers());
export const dynamic = "force-dynamic";
export async function POST(request) {
  told.resolve(await request.json());
  return new Response();
}
export const GET = async () => Response.json(await told.promise);
`,
};

async function projectIn(name: string): Promise<string> {
  const folder = await programIn(name, { "package.json": JSON.stringify({ private: true, type: "module" }) });
  await mkdir(join(folder, "node_modules"));
  await Promise.all(["app/run", "app/told"].map((path) => mkdir(join(folder, path), { recursive: true })));
  await Promise.all(Object.entries(FILES).map(([file, source]) => writeFile(join(folder, file), source)));
  await Promise.all(
    ["next", "react", "react-dom"].map((name) => symlink(join(ROOT, "node_modules", name), join(folder, "node_modules", name))),
  );
  return folder;
}

/** What the server and the client report of the built project. */
async function reportsOf(folder: string): Promise<{ server: unknown; client: unknown }> {
  const server = spawn(process.execPath, [NEXT, "start", "--hostname", "127.0.0.1", "--port", "0"], {
    cwd: folder,
    env: { ...plainEnvironment(), NEXT_TELEMETRY_DISABLED: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  const ended = new Promise<void>((resolve) => server.once("close", () => resolve()));
  try {
    const url = await new Promise<string>((resolve, reject) => {
      server.once("error", reject);
      for (const stream of [server.stdout, server.stderr]) {
        stream.setEncoding("utf8").on("data", (text: string) => {
          said += text;
          const [found] = /http:\/\/127\.0\.0\.1:[1-9]\d*/.exec(said) ?? [];
          if (found !== undefined && said.includes("Ready")) resolve(found);
        });
      }
      ended.then(() => reject(new Error(`next start ends:\n${said}`)), reject);
    });
    const json = async (path: string): Promise<unknown> => (await fetch(url + path)).json();
    return { server: await json("/run"), client: await withPage(url, json("/told")) };
  } finally {
    server.kill("SIGKILL");
    await ended;
  }
}

describe("a Next.js project", () => {
  it.each([
    ["Turbopack", []],
    ["webpack", ["--webpack"]],
  ])("runs conditions in the server and in the client: %s", async (name, flags) => {
    const folder = await projectIn(`next-${name}`);
    await run(process.execPath, [NEXT, "build", ...flags], folder);
    expect(await reportsOf(folder)).toEqual({ server: EXPECTED, client: EXPECTED });
  });
});
