/** An agent of one module, which does what its process says, and notes under which key and fence it began. */
import { appendFileSync } from "node:fs";
import { Agent, defineModule, type ModuleContext, Node } from "asimov-agents";

export interface Begun {
  who: string;
  taskId: string;
  key: string;
  fence: number;
}

export function heldAgent(who: string, log: string, work: (context: ModuleContext) => Promise<void>): Agent {
  const module = defineModule({
    name: "work",
    process: async (context) => {
      const { task, idempotencyKey, fence } = context;
      appendFileSync(log, `${JSON.stringify({ who, taskId: task.id, key: idempotencyKey, fence })}\n`);
      await work(context);
      return { status: "success", result: who };
    },
  });
  return new Agent({ name: "held", maxConcurrentTasks: 8, nodes: [new Node({ name: "work", modules: [module] })] });
}
