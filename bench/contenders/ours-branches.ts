/** Branches of nodes that each take their time. */
import { Agent, defineModule, Node } from "../../src/index.ts";
import { branchesOf } from "../shapes/graph-shape.ts";
import type { Trial } from "../trial.ts";
import { newTask, runOnce, UNLIMITED } from "./ours.ts";

export function branchesTrial(draw: number): Trial {
  const nodes = branchesOf(draw).flatMap((branch, at) =>
    branch.map((ms, place) => {
      const work = defineModule({
        name: "work",
        async process() {
          await new Promise((resolve) => setTimeout(resolve, ms));
          return { status: "success" };
        },
      });
      return new Node({ name: `${at}.${place}`, modules: [work], dependencies: place === 0 ? [] : [`${at}.${place - 1}`] });
    }),
  );
  const agent = new Agent({ nodes, ...UNLIMITED });
  return { run: () => runOnce(agent, newTask()) };
}
