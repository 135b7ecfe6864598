/** A worker of one of two agents, the parent's or the child's: each module writes down in which process it begins. */
import { appendFileSync } from "node:fs";
import { Agent, agentModule, defineModule, Node, type RunStore } from "asimov-agents";
import { AgentWorker } from "asimov-agents/worker";
import { type Place, storeAt } from "./place.ts";

export interface ChildGiven {
  place: Place;
  log: string;
  hosts: "parent" | "child";
}

export interface BegunIn {
  task: string;
  what: string;
  pid: number;
}

const { place, log, hosts } = JSON.parse(process.argv[2] as string) as ChildGiven;
const works = (name: string) =>
  defineModule({
    name,
    process: async ({ task, results }) => {
      const begun: BegunIn = { task: task.id, what: name, pid: process.pid };
      appendFileSync(log, `${JSON.stringify(begun)}\n`);
      return { status: "success", result: { of: name, before: results.ask ?? null } };
    },
  });
const childOf = (store: RunStore): Agent =>
  new Agent({ name: "child", store, nodes: [new Node({ name: "work", modules: [works("work")] })] });
const parentOf = (store: RunStore): Agent => {
  const ask = agentModule(childOf(store), { name: "ask", task: ({ task }) => ({ objective: `Part of ${task.id}` }) });
  const nodes = [
    new Node({ name: "first", modules: [works("first")] }),
    new Node({ name: "ask", modules: [ask], dependencies: ["first"] }),
    new Node({ name: "last", modules: [works("last")], dependencies: ["ask"] }),
  ];
  return new Agent({ name: "parent", store, nodes });
};

// Whoever has started it is gone.
process.once("disconnect", () => process.exit(1));
const store = storeAt(place);
const agent = hosts === "parent" ? parentOf(store) : childOf(store);
const onRefused = (error: Error): void => void process.send?.((error as { code?: string }).code);
const worker = new AgentWorker({ agents: [agent], store, concurrency: 2, onRefused });
await worker.start();
process.send?.("started");
