/** The Lua engine as it travels inside of a bundle: text, compiled without a fetch. */
import { ENGINE } from "./engine-text.ts";

/** Rejects where WebAssembly is not allowed. */
export async function engineModule(): Promise<WebAssembly.Module> {
  const characters = atob(ENGINE);
  const bytes = new Uint8Array(characters.length);
  for (let index = 0; index < characters.length; index += 1) bytes[index] = characters.charCodeAt(index);
  return WebAssembly.compile(bytes);
}
