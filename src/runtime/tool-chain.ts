/** Composes and runs a tool chain: the machine with its actors, the model, the tools, and the place where it is kept. */
import { type Actor, type AnyActorLogic, type AnyActorRef, type AnyMachineSnapshot, createActor } from "xstate";
import { z } from "zod";
import { generate, trimConversation } from "../../actors/generate.ts";
import { requireRestored } from "../../actors/require-restored.ts";
import { runTools } from "../../actors/run-tools.ts";
import { type ToolLoopOutput, toolLoopMachine } from "../../machines/tool-loop.ts";
import { type CallScope, type Checkpoint, currentScope } from "../contract/call-scope.ts";
import { type ChatMessage, requireMessages } from "../contract/chat.ts";
import { AsimovError, messageOf, SnapshotError } from "../contract/errors.ts";
import { InferenceError } from "../contract/inference-errors.ts";
import { parseOptions } from "../contract/options.ts";
import type { Tool } from "../contract/tool.ts";
import type { ChatModel, ToolChainOptions, ToolChainResult } from "../contract/tool-chain.ts";
import { ChainHost } from "./chain-host.ts";
import { ChainKeeper, type KeptChain, readKeptChain } from "./chain-keeper.ts";
import { nextPlace } from "./chain-places.ts";

const hosts = new WeakMap<object, ChainHost>();

function hostOf(self: AnyActorRef): ChainHost {
  const host = hosts.get(self._parent ?? self);
  if (host === undefined) {
    throw new AsimovError("This actor runs outside a tool chain: supply the machine with actors of your own.", { code: "no-chain" });
  }
  return host;
}

/** One machine for every chain: binding a machine costs more than a turn. */
const boundLoop = toolLoopMachine.provide({
  actors: { generate: generate(hostOf), runTools: runTools(hostOf), trimConversation: trimConversation(hostOf) } as never,
}) as AnyActorLogic;

const callable = (what: string) => z.custom<never>((value) => typeof value === "function", { message: `expected ${what}` });
const object = (what: string) => z.custom<never>((value) => typeof value === "object" && value !== null, { message: `expected ${what}` });
const chainSchema = z.strictObject({
  maxIterations: z.int().min(1).optional(),
  maxParallelTools: z.int().min(1).optional(),
  middlewares: z.array(callable("a function")).optional(),
  modeSwap: z
    .strictObject({ modes: z.record(z.string().min(1), object("a mode: { description, tools }")), initial: z.string() })
    .optional(),
  fifoRatio: z.number().gt(0).lt(1).optional(),
  contextWindow: z.number().min(1).optional(),
  toolParser: z
    .custom<never>((value) => typeof (value as { parse?: unknown } | null)?.parse === "function", { message: "expected a ToolParser" })
    .optional(),
  toolResultReducer: callable("a function").optional(),
  maxToolResultChars: z.int().min(1).optional(),
  checkpoint: z
    .custom<never>((value) => typeof (value as { save?: unknown } | null)?.save === "function", { message: "expected a Checkpoint" })
    .optional(),
  idempotencyKey: z.string().min(1).optional(),
});
type OwnOptions = keyof typeof chainSchema.shape;

/** What is the chain's own, and what goes to each call of the model. @throws AsimovError `invalid-options` */
function splitOptions(options: ToolChainOptions): { own: Pick<ToolChainOptions, OwnOptions>; call: Omit<ToolChainOptions, OwnOptions> } {
  const isOwn = ([key]: [string, unknown]): boolean => Object.hasOwn(chainSchema.shape, key);
  const entries = Object.entries(options as Record<string, unknown>).filter(([, value]) => value !== undefined);
  return {
    own: parseOptions(chainSchema, Object.fromEntries(entries.filter(isOwn)), "toolChain") as unknown as Pick<ToolChainOptions, OwnOptions>,
    call: Object.fromEntries(entries.filter((entry) => !isOwn(entry))),
  };
}

export async function runToolChain(
  model: ChatModel,
  messages: readonly ChatMessage[],
  tools: readonly Tool[],
  options: ToolChainOptions,
): Promise<ToolChainResult> {
  requireMessages(messages);
  const { own, call } = splitOptions(options);
  const scope: CallScope | undefined = currentScope(call.signal);
  const place = scope === undefined ? undefined : nextPlace(scope);
  const checkpoint: Checkpoint | undefined = own.checkpoint ?? place?.checkpoint;
  const kept = readKeptChain(await checkpoint?.load(), own.idempotencyKey);
  const key = kept?.key ?? own.idempotencyKey ?? place?.key ?? crypto.randomUUID();
  const host = new ChainHost({ model, tools, own, call, scope, given: messages });
  const span = host.span;
  try {
    const actor = start(host, kept, { key, mode: host.initialMode, messages: host.texts, maxIterations: own.maxIterations ?? 10 });
    if (checkpoint !== undefined) {
      const keeper = new ChainKeeper(checkpoint, key, () => stateOf(actor));
      host.keep = () =>
        keeper.keep().catch((error: unknown) => {
          host.failure ??= error;
          throw error;
        });
    }
    const result = await settle(actor, host, [call.signal, scope?.signal]);
    span.end();
    return result;
  } catch (error) {
    span.end(messageOf(error));
    throw error;
  }
}

/** A chain that failed or was aborted is gone on from what it had reached before. */
function stateOf(actor: Actor<AnyActorLogic>): unknown {
  const snapshot = actor.getSnapshot() as AnyMachineSnapshot;
  const isLost = ["failed", "aborted", { running: "stopping" }].some((state) => snapshot.matches(state as never));
  return isLost ? undefined : actor.getPersistedSnapshot();
}

/** @throws SnapshotError `snapshot-damaged` */
function start(host: ChainHost, kept: KeptChain | undefined, input: object): Actor<AnyActorLogic> {
  const from = kept === undefined ? { input } : { snapshot: kept.snapshot };
  let actor: Actor<AnyActorLogic>;
  try {
    actor = createActor(boundLoop, from as never);
    requireRestored([actor]);
    const { status, children } = actor.getSnapshot() as AnyMachineSnapshot;
    if (status === "active" && Object.keys(children).length === 0) throw new Error("nothing of it runs");
  } catch (error) {
    throw new SnapshotError(`The checkpoint of this chain cannot be restored: ${messageOf(error)}.`, {
      code: "snapshot-damaged",
      cause: error,
    });
  }
  hosts.set(actor, host);
  return actor;
}

function settle(actor: Actor<AnyActorLogic>, host: ChainHost, signals: readonly (AbortSignal | undefined)[]): Promise<ToolChainResult> {
  return new Promise((resolve, reject) => {
    const sources = signals.filter((signal) => signal !== undefined);
    const abort = (): void => actor.send({ type: "chain.abort" });
    const unlink = (): void => {
      for (const signal of sources) signal.removeEventListener("abort", abort);
    };
    const finish = (): void => {
      unlink();
      const output = (actor.getSnapshot() as { output: ToolLoopOutput }).output;
      const { stopReason } = output;
      if (stopReason === "aborted") return reject(abortedChain(host, sources.find(({ aborted }) => aborted)?.reason));
      if (stopReason === "failed") return reject(host.failure ?? new Error("the chain failed"));
      const result = host.resultOf({ ...output, stopReason });
      const kept = host.keep();
      if (kept === undefined) resolve(result);
      else kept.then(() => resolve(result), reject);
    };
    actor.subscribe({
      error(error) {
        unlink();
        reject(error);
      },
      complete: finish,
    });
    if (actor.getSnapshot().status === "done") return finish();
    actor.start();
    for (const signal of sources) {
      if (signal.aborted) abort();
      else signal.addEventListener("abort", abort, { once: true });
    }
  });
}

function abortedChain({ model }: ChainHost, reason: unknown): InferenceError {
  const { provider, model: id } = model;
  const error = new InferenceError(
    `${provider} ${id}: the tool chain was aborted; what it had reached is in its checkpoint, where it has one.`,
    {
      code: "aborted",
      provider,
      model: id,
      cause: reason,
    },
  );
  error.name = "AbortError";
  return error;
}
