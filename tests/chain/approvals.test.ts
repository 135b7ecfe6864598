/** A chain in no run has its tools' calls decided by its own `onApproval`; where there is none it fails before such a tool runs. */
import { Agent, type Approval, type ApprovalRequest, ChatRole, defineModule, defineTool, Node, Task, type Tool } from "asimov-agents";
import { ScriptedInferenceClient } from "asimov-agents/testing";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { MemoryCheckpoint } from "./memory-checkpoint.ts";

const messages = [{ role: ChatRole.USER, content: "Pay." }];
const pays = (...amounts: number[]) => ({ toolCalls: amounts.map((amount) => ({ name: "pay", id: `pay-${amount}`, input: { amount } })) });
const told = ({ lastMessage }: { lastMessage: { text: string } }) => lastMessage.text;

const paying = (paid: number[], needsApproval: boolean | ((input: { amount: number }) => boolean | Promise<boolean>) = true): Tool =>
  defineTool({
    name: "pay",
    description: "Pays an amount",
    input: z.object({ amount: z.number() }),
    needsApproval,
    run: ({ amount }) => {
      paid.push(amount);
      return `paid ${amount}`;
    },
  });

const chainOf = (script: ConstructorParameters<typeof ScriptedInferenceClient>[0]) => new ScriptedInferenceClient(script);

describe("onApproval of a chain", () => {
  it("is asked of each call that needs it, and decides", async () => {
    const paid: number[] = [];
    const asked: ApprovalRequest[] = [];
    const answers: Record<string, Approval> = {
      "pay-20": { approve: true },
      "pay-30": { deny: "too much" },
      "pay-40": { edit: { amount: 4 } },
    };
    const onApproval = async (call: ApprovalRequest) => {
      asked.push(call);
      return answers[call.toolUseId] as Approval;
    };
    const tools = [paying(paid, async ({ amount }) => amount > 10)];
    const { text } = await chainOf([pays(1, 20, 30, 40), told]).toolChain(messages, tools, { onApproval });
    expect(text.split("\n")).toEqual([
      "paid 1",
      "paid 20",
      'Tool "pay" was not run: a person denied it, and said: too much',
      'A person changed the input of this call, and it was run with {"amount":4}. Its result:',
      "paid 4",
    ]);
    expect(paid.toSorted((a, b) => a - b)).toEqual([1, 4, 20]);
    expect(asked.map(({ toolUseId }) => toolUseId)).toEqual(["pay-20", "pay-30", "pay-40"]);
    expect(asked[0]).toEqual({
      tool: "pay",
      description: "Pays an amount",
      input: { amount: 20 },
      inputSchema: expect.objectContaining({ type: "object" }),
      toolUseId: "pay-20",
      signal: expect.any(AbortSignal),
    });
  });

  it("takes no place of another tool while it decides", async () => {
    const paid: number[] = [];
    const first = Promise.withResolvers<Approval>();
    const onApproval = ({ toolUseId }: ApprovalRequest) => (toolUseId === "pay-1" ? first.promise : { approve: true as const });
    const run = async (amount: number) => {
      paid.push(amount);
      if (amount === 3) first.resolve({ approve: true });
      return "paid";
    };
    const tool = defineTool({
      name: "pay",
      description: "Pays",
      input: z.object({ amount: z.number() }),
      needsApproval: true,
      run: (input) => run(input.amount),
    });
    await chainOf([pays(1, 2, 3), "Done."]).toolChain(messages, [tool], { onApproval, maxParallelTools: 1 });
    expect(paid).toEqual([2, 3, 1]);
  });

  it("is asked again, with the problem, for an input that does not fit, but not for ever", async () => {
    const problems: (string | undefined)[] = [];
    const onApproval = ({ problem }: ApprovalRequest): Approval => {
      problems.push(problem);
      return problem === undefined ? { edit: { amount: "a lot" } } : { deny: "" };
    };
    const { text } = await chainOf([pays(1), told]).toolChain(messages, [paying([])], { onApproval });
    expect(text).toBe('Tool "pay" was not run: a person denied it.');
    expect(problems).toEqual([undefined, expect.stringContaining("amount")]);
    const stubborn = chainOf([pays(1)]).toolChain(messages, [paying([])], { onApproval: () => ({ edit: {} }) });
    await expect(stubborn).rejects.toMatchObject({ code: "approval-invalid", message: expect.stringContaining("amount") });
    const nothing = chainOf([pays(1)]).toolChain(messages, [paying([])], { onApproval: () => true as never });
    await expect(nothing).rejects.toMatchObject({ code: "approval-invalid", message: expect.stringContaining("{ approve: true }") });
  });

  it("fails the chain by what it throws", async () => {
    const onApproval = () => {
      throw new Error("nobody there");
    };
    await expect(chainOf([pays(1)]).toolChain(messages, [paying([])], { onApproval })).rejects.toThrow("nobody there");
  });

  it("is not asked again for what it decided, by a chain that goes on from its checkpoint", async () => {
    const checkpoint = new MemoryCheckpoint();
    let asked = 0;
    const onApproval = (): Approval => {
      asked++;
      return { edit: { amount: 2 } };
    };
    const hangs = Promise.withResolvers<void>();
    const stuck = defineTool({
      name: "pay",
      description: "Pays",
      input: z.object({ amount: z.number() }),
      needsApproval: true,
      run(_input, { signal }) {
        hangs.resolve();
        return new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => reject(signal.reason));
        });
      },
    });
    const abort = new AbortController();
    const first = chainOf([pays(1)]).toolChain(messages, [stuck], { onApproval, checkpoint, signal: abort.signal });
    await hangs.promise;
    const restored = new MemoryCheckpoint(checkpoint.saves.at(-1));
    abort.abort();
    await expect(first).rejects.toMatchObject({ code: "aborted" });
    const paid: number[] = [];
    await chainOf(["Done."]).toolChain(messages, [paying(paid)], { onApproval, checkpoint: restored });
    expect([paid, asked]).toEqual([[2], 1]);
  });

  it("decides in place of a question, where the chain is in a run", async () => {
    const paid: number[] = [];
    const client = chainOf([pays(5), told]);
    const pay = defineModule({
      name: "pay",
      process: async () => ({
        status: "success",
        result: (await client.toolChain(messages, [paying(paid)], { onApproval: () => ({ approve: true }) })).text,
      }),
    });
    const run = new Agent({ nodes: [new Node({ name: "pay", modules: [pay] })] }).start(new Task({ type: "t", objective: "o" }));
    const { results } = await run.outcome;
    expect([results.pay, paid, run.view().questions]).toEqual(["paid 5", [5], []]);
  });
});

describe("a tool that needs approval", () => {
  it("fails a chain in which nobody can be asked, before it runs", async () => {
    const paid: number[] = [];
    const tools = [paying(paid, ({ amount }) => amount > 10)];
    expect((await chainOf([pays(1), told]).toolChain(messages, tools)).text).toBe("paid 1");
    await expect(chainOf([pays(20)]).toolChain(messages, tools)).rejects.toMatchObject({
      code: "no-approver",
      message: expect.stringContaining("onApproval"),
    });
    expect(paid).toEqual([1]);
  });

  it("is not run where its input does not fit, or nobody can tell whether it needs approval, and nobody is asked", async () => {
    const onApproval = () => {
      throw new Error("asked");
    };
    const wrong = { toolCalls: [{ name: "pay", input: { amount: "all" } }] };
    const misfit = await chainOf([wrong, told]).toolChain(messages, [paying([])], { onApproval });
    expect(misfit.text).toContain("does not fit the schema");
    const paid: number[] = [];
    const broken = paying(paid, () => {
      throw new Error("no rules");
    });
    const { text } = await chainOf([pays(1), told]).toolChain(messages, [broken], { onApproval });
    expect([text, paid]).toEqual([
      'Tool "pay" failed before it was run: whether a person must approve it could not be found out: no rules',
      [],
    ]);
  });

  it("needs it for whatever its rule gives that is not a plain no", async () => {
    let asked = 0;
    const onApproval = (): Approval => {
      asked++;
      return { approve: true };
    };
    for (const given of [true, undefined, null, "no"]) {
      await chainOf([pays(1), "Done."]).toolChain(messages, [paying([], () => given as never)], { onApproval });
    }
    expect(asked).toBe(4);
  });

  it("is refused where it is defined with anything but a rule", () => {
    const define = () => paying([], "always" as never);
    expect(define).toThrow(expect.objectContaining({ code: "invalid-options", message: expect.stringContaining("needsApproval") }));
  });
});
