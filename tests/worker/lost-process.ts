/** A worker of which one module ends the process that it is in, as the system does where memory is short. */
import { Agent, defineModule, Node } from "asimov-agents";
import { AgentWorker } from "asimov-agents/worker";
import { type Place, storeAt } from "./place.ts";

const [, , text, maxLost] = process.argv as unknown as [string, string, string, string];

const kill = defineModule({
  name: "kill",
  process: () => {
    process.kill(process.pid, "SIGKILL");
    return new Promise(() => {});
  },
});
/** Never over before the other one has ended the process. */
const slow = defineModule({
  name: "slow",
  process: async () => {
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    return { status: "success", result: "well" };
  },
});
const agentOf = (name: string, module: typeof kill): Agent =>
  new Agent({ name, maxLost: Number(maxLost), nodes: [new Node({ name: "work", modules: [module] })] });
const worker = new AgentWorker({ agents: [agentOf("kill", kill), agentOf("slow", slow)], store: storeAt(JSON.parse(text) as Place) });
await worker.start();
