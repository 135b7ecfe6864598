/** Writes the Lua engine that the package carries: wasmoon's, counting its steps, as text for the sources or as a file for `dist`. */
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { ENGINE } from "../src/condition/engine-text.ts";
import { countSteps } from "./count-steps.ts";

const SOURCE_SHA256 = "95f3f19ddb740125883bc41d5ec670cd0828e7b58c8bdad385323cbff497b55c";

/** The module made from wasmoon as installed. @throws Error when it is not the one that was looked at */
export function countedEngine(): Uint8Array {
  const folder = dirname(createRequire(import.meta.url).resolve("wasmoon"));
  const source = readFileSync(join(folder, "glue.wasm"));
  const found = createHash("sha256").update(source).digest("hex");
  if (found !== SOURCE_SHA256) throw new Error(`glue.wasm of wasmoon is another one: expected ${SOURCE_SHA256}, got ${found}.`);
  return countSteps(source);
}

/** The module that the sources carry. */
export function carriedEngine(): Uint8Array {
  return new Uint8Array(Buffer.from(ENGINE, "base64"));
}

function sourceOf(engine: Uint8Array): string {
  return `/**
 * The Lua engine, made by \`npm run engine\`: Lua 5.4 compiled by wasmoon 1.16.0, counting its steps; as Base64.
 */
/*!
 * Lua, Copyright (C) 1994-2023 Lua.org, PUC-Rio. wasmoon, Copyright (c) 2023 Gabriel Francisco. Both under the MIT licence:
 *
 * Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files (the
 * "Software"), to deal in the Software without restriction, including without limitation the rights to use, copy, modify, merge, publish,
 * distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is furnished to do so, subject to
 * the following conditions: The above copyright notice and this permission notice shall be included in all copies or substantial portions
 * of the Software.
 *
 * THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF
 * MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR
 * ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE
 * SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
 */
export const ENGINE: string =
  "${Buffer.from(engine).toString("base64")}";
`;
}

if (import.meta.main) {
  const [, , file] = process.argv;
  if (file === undefined) writeFileSync(new URL("../src/condition/engine-text.ts", import.meta.url), sourceOf(countedEngine()));
  else writeFileSync(file, carriedEngine());
}
