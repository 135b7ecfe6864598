/** Where a run may be when it is cancelled; each phase with a graph that comes there, and a log of what must not have run after. */
import { type AgentOptions, type Commit, defineModule, type Lease, MemoryCache, MemoryStore, Node } from "asimov-agents";
import { gate, succeeding, waiting } from "./fixture.ts";

export interface Phase {
  options: AgentOptions;
  /** Resolves when the run is there. */
  arrived: Promise<unknown>;
  /** Stays empty. */
  ran: string[];
}

/** Takes its time over each commit, and says when the first has come. */
class SlowStore extends MemoryStore {
  readonly #came: () => void;
  constructor(came: () => void) {
    super();
    this.#came = came;
  }
  override async commit(lease: Lease, commit: Commit) {
    this.#came();
    await new Promise((resolve) => setImmediate(resolve));
    return super.commit(lease, commit);
  }
}

export const phases: Record<string, () => Phase> = {
  "before it has begun"() {
    const ran: string[] = [];
    return {
      options: { nodes: [new Node({ name: "a", modules: [succeeding("a", () => ran.push("a"))] })] },
      arrived: Promise.resolve(),
      ran,
    };
  },
  "while it opens"() {
    const ran: string[] = [];
    const opening = gate();
    class SlowCache extends MemoryCache {
      override async setMany(values: Readonly<Record<string, unknown>>): Promise<void> {
        opening.open();
        await new Promise((resolve) => setImmediate(resolve));
        return super.setMany(values);
      }
    }
    const nodes = [new Node({ name: "a", modules: [succeeding("a", () => ran.push("a"))] })];
    return { options: { nodes, cache: new SlowCache(), valuesIn: "cache" as const }, arrived: opening.opened, ran };
  },
  "while a node checks its condition"() {
    const ran: string[] = [];
    const checking = gate();
    class SlowCache extends MemoryCache {
      override async getMany(keys: readonly string[]): Promise<Record<string, unknown>> {
        checking.open();
        await new Promise((resolve) => setImmediate(resolve));
        return super.getMany(keys);
      }
    }
    const nodes = [new Node({ name: "a", nodeConfig: { condition: "x == nil" }, modules: [succeeding("a", () => ran.push("a"))] })];
    return { options: { nodes, cache: new SlowCache(), valuesIn: "cache" as const }, arrived: checking.opened, ran };
  },
  "while modules run"() {
    const ran: string[] = [];
    const [left, right] = [gate<unknown>(), gate<unknown>()];
    const nodes = [
      new Node({ name: "a", nodeConfig: { parallel: true }, modules: [waiting("left", left.open), waiting("right", right.open)] }),
      new Node({ name: "next", dependencies: ["a"], modules: [succeeding("next", () => ran.push("next"))] }),
    ];
    return { options: { nodes }, arrived: Promise.all([left.opened, right.opened]), ran };
  },
  "while a module waits for a permit"() {
    const ran: string[] = [];
    const entered = gate<unknown>();
    const nodes = [
      new Node({ name: "a", modules: [waiting("a", entered.open)] }),
      new Node({ name: "b", modules: [succeeding("b", () => ran.push("b"))] }),
    ];
    return { options: { nodes, maxConcurrentTasks: 1 }, arrived: entered.opened, ran };
  },
  "while a node backs off"() {
    const ran: string[] = [];
    const failed = gate();
    const nodes = [
      new Node({
        name: "a",
        nodeConfig: { backoff: { initialMs: 1_000_000, maxMs: 1_000_000 } },
        modules: [
          defineModule({
            name: "a",
            async process({ node }) {
              if (node.attempt > 1) ran.push("a");
              setImmediate(failed.open);
              throw new Error("again");
            },
          }),
        ],
      }),
    ];
    return { options: { nodes }, arrived: failed.opened, ran };
  },
  "while a snapshot is stored"() {
    const ran: string[] = [];
    const saving = gate();
    const store = new SlowStore(saving.open);
    const nodes = [new Node({ name: "a", snapshot: "ALWAYS", modules: [succeeding("a", () => ran.push("a"))] })];
    return { options: { nodes, store, snapshot: "NEVER" as const }, arrived: saving.opened, ran };
  },
  "between two steps"() {
    const ran: string[] = [];
    const publishing = gate();
    class SlowCache extends MemoryCache {
      override async publishToMailbox(mailbox: string, message: unknown): Promise<void> {
        if (mailbox === "results") {
          publishing.open();
          await new Promise((resolve) => setImmediate(resolve));
        }
        return super.publishToMailbox(mailbox, message);
      }
    }
    const nodes = [
      new Node({ name: "a", outputMailbox: "results", modules: [succeeding("a")] }),
      new Node({ name: "next", dependencies: ["a"], modules: [succeeding("next", () => ran.push("next"))] }),
    ];
    return { options: { nodes, cache: new SlowCache(), valuesIn: "cache" as const }, arrived: publishing.opened, ran };
  },
  "in a graph nested in a nested graph"() {
    const ran: string[] = [];
    const entered = gate<unknown>();
    const inner = new Node({
      name: "inner",
      nodes: [
        new Node({ name: "a", modules: [waiting("a", entered.open)] }),
        new Node({ name: "next", dependencies: ["a"], modules: [succeeding("next", () => ran.push("next"))] }),
      ],
    });
    const nodes = [
      new Node({ name: "outer", nodes: [inner] }),
      new Node({ name: "after", dependencies: ["outer"], modules: [succeeding("after", () => ran.push("after"))] }),
    ];
    return { options: { nodes }, arrived: entered.opened, ran };
  },
  "while a nested graph stores a snapshot"() {
    const ran: string[] = [];
    const saving = gate();
    const store = new SlowStore(saving.open);
    const nodes = [
      new Node({ name: "outer", nodes: [new Node({ name: "a", snapshot: "ONCE", modules: [succeeding("a", () => ran.push("a"))] })] }),
    ];
    return { options: { nodes, store, snapshot: "NEVER" as const }, arrived: saving.opened, ran };
  },
  "while a module waits for a message"() {
    const ran: string[] = [];
    const entered = gate();
    const nodes = [
      new Node({
        name: "a",
        modules: [
          defineModule({
            name: "receive",
            async process({ values, signal }) {
              entered.open();
              ran.push((await values.getMessage<string>("inbox", { signal })) ?? "nothing");
              return { status: "success" };
            },
          }),
        ],
      }),
    ];
    return { options: { nodes }, arrived: entered.opened, ran };
  },
};
