import { defineModule, Node } from "asimov-agents";

/** Three nodes in a row; the second of a first owner waits until it is aborted, and then tries to go on as if it was not. */
export function ownedNodes(say: (line: string) => void, waits: boolean): Node[] {
  const work = (name: string, before: string[]): Node =>
    new Node({
      name,
      dependencies: before,
      modules: [
        defineModule({
          name: "work",
          config: { timeoutMs: Number.POSITIVE_INFINITY },
          async process({ idempotencyKey, fence, signal, values }) {
            say(`${idempotencyKey} by ${fence}`);
            await values.increment("count");
            if (waits && name === "b") {
              await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
              say("aborted");
            }
            return { status: "success", result: fence };
          },
        }),
      ],
    });
  return [work("a", []), work("b", ["a"]), work("c", ["b"])];
}
