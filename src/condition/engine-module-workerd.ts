/** The Lua engine for workerd, which compiles no WebAssembly while it runs: a module of the Worker. */
import module from "./lua.wasm";

export async function engineModule(): Promise<WebAssembly.Module> {
  return module;
}
