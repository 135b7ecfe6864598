/** The agent that all workers host: three steps, of which each takes its time and is stored when it has ended. */
import { Agent, defineModule, Node } from "asimov-agents";

const step = (name: string) =>
  defineModule({
    name,
    process: async ({ task, idempotencyKey, signal }) => {
      // One line for each begin: whoever reads them sees what was repeated after a kill, and under which key.
      console.log(`${name} ${task.id} ${idempotencyKey}`);
      await new Promise<void>((resolve, reject) => {
        setTimeout(resolve, 150);
        signal.addEventListener("abort", () => reject(signal.reason));
      });
      return { status: "success", result: `${name} of ${task.objective}` };
    },
  });

export const reports = new Agent({
  name: "reports",
  nodes: [
    new Node({ name: "collect", modules: [step("collect")] }),
    new Node({ name: "write", modules: [step("write")], dependencies: ["collect"] }),
    new Node({ name: "check", modules: [step("check")], dependencies: ["write"] }),
  ],
});
