/** Middlewares see a module's result before anyone else: one masks, one checks, one stamps; the module's own come first. */
import { Agent, type Cache, defineModule, Middleware, type MiddlewareContext, type ModuleResult, Node, Task } from "asimov-agents";

class MaskAddresses extends Middleware {
  async process(data: ModuleResult): Promise<ModuleResult> {
    return { ...data, result: String(data.result).replace(/\S+@\S+\.\w+/g, "[address]") };
  }
}

/** A middleware that throws fails the module: the node tries again. */
class RequireGreeting extends Middleware {
  async process(data: ModuleResult, _values: Cache, { node }: MiddlewareContext): Promise<ModuleResult> {
    const isPolite = String(data.result).startsWith("Dear");
    console.log(`attempt ${node.attempt}: ${isPolite ? "polite" : "not polite"}`);
    if (!isPolite) throw new Error("the letter has no greeting");
    return data;
  }
}

class Stamp extends Middleware {
  async process(data: ModuleResult, values: Cache): Promise<ModuleResult> {
    return { ...data, metadata: { ...data.metadata, letter: await values.increment("letters") } };
  }
}

const write = defineModule({
  name: "write",
  config: { middlewares: [new MaskAddresses()] },
  process: async ({ node }) => ({
    status: "success",
    result: `${node.attempt === 1 ? "Hey" : "Dear"} Susan, please answer to powell@usr.example soon.`,
  }),
});

const agent = new Agent({
  nodes: [new Node({ name: "letter", modules: [write], config: { middlewares: [new RequireGreeting(), new Stamp()] } })],
});

const outcome = await agent.runTask(new Task({ type: "letter", objective: "Write a letter" }));
const [letter] = outcome.nodes.letter?.results ?? [];
console.log(letter?.result);
console.log("letter number", letter?.metadata?.letter);
