/** Compiling, as users ask for it. */
import type { AnyStateMachine } from "xstate";
import { type Compiled, compileChart } from "./compile.ts";

/** Off in a process with `ASIMOV_COMPILE=off`: for whoever doubts the compiler, and for tests of it. */
export function compilesByDefault(): boolean {
  const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } };
  return process?.env?.ASIMOV_COMPILE !== "off";
}

/**
 * Compiles a machine of your own, as agents do with theirs: the same snapshots, actions, emitted and inspection events, for a fraction of the time.
 * Embed, persist, restore and inspect it as any other. What `provide` makes of it is not compiled. Left to the interpreter are charts with
 * parallel or history states, transitions of several targets, event descriptors with a wildcard that is not at their end, and outputs that are
 * objects of functions; and every chart with `ASIMOV_COMPILE=off` in the environment, or on an XState whose insides look otherwise.
 *
 * @example
 * const light = setup({}).createMachine({ initial: "off", states: { off: { on: { press: "on" } }, on: {} } });
 * const { machine, interpreted } = compileMachine(light);
 * if (interpreted !== undefined) console.log(`It stays interpreted: ${interpreted}`);
 * createActor(machine).start().send({ type: "press" });
 */
export function compileMachine<TMachine extends AnyStateMachine>(given: TMachine): Compiled<TMachine> {
  return compilesByDefault() ? compileChart(given) : { machine: given, interpreted: "the environment says ASIMOV_COMPILE=off" };
}
