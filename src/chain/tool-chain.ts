/** Composes and runs a tool chain: the machine with its actors, the model, the tools, and the place where it is kept. */
import { type Actor, type AnyActorLogic, type AnyActorRef, type AnyMachineSnapshot, createActor } from "xstate";
import * as z from "zod/mini";
import { generate, trimConversation } from "#actors/generate";
import { runTools } from "#actors/run-tools";
import { compileMachine } from "#compile/switch";
import { AsimovError, messageOf, SnapshotError } from "#contract/base/errors";
import { lazily } from "#contract/base/lazily";
import { isFunction, nonEmpty, parseOptions, signalSchema } from "#contract/base/options";
import { requireRestored } from "#contract/base/require-restored";
import { type CallScope, type Checkpoint, currentScope } from "#contract/chat/call-scope";
import { InferenceError } from "#contract/chat/errors";
import { type ChatMessage, requireMessages } from "#contract/chat/message";
import { lateTools, type Tool, toolsSchema } from "#contract/chat/tool";
import type { ChatModel, ToolChainOptions, ToolChainResult } from "#contract/chat/tool-chain";
import { type ToolLoopOutput, toolLoopMachine } from "#machines/tool-loop";
import { supply } from "#runtime/supply";
import { ChainHost, type Watch } from "./host.ts";
import { ChainKeeper, type KeptChain, readKeptChain } from "./keeper.ts";
import { nextPlace } from "./places.ts";

/** On the actor itself, as a run's scope is. */
const HOST = Symbol("asimov.chain");

function hostOf(self: AnyActorRef): ChainHost {
  const host = ((self._parent ?? self) as AnyActorRef & { [HOST]?: ChainHost })[HOST];
  if (host === undefined) {
    throw new AsimovError("This actor runs outside a tool chain: supply the machine with actors of your own.", { code: "no-chain" });
  }
  return host;
}

/** One machine for every chain: binding a machine costs more than a turn. */
const boundLoop = supply(toolLoopMachine, {
  generate: generate(hostOf),
  runTools: runTools(hostOf),
  trimConversation: trimConversation(hostOf),
});
const loop = lazily((): AnyActorLogic => compileMachine(boundLoop).machine);

const callable = z.custom<never>(isFunction, { message: "expected a function" });
const isCheckpoint = (value: unknown): boolean => {
  const { load, save } = (value ?? {}) as Partial<Record<keyof Checkpoint, unknown>>;
  return isFunction(load) && isFunction(save);
};
const modeSchema = lazily(() => z.strictObject({ description: z.string(), system: z.optional(z.string()), tools: toolsSchema }));
const chainSchema = lazily(() =>
  z.strictObject({
    maxIterations: z.optional(z.int().check(z.gte(1))),
    maxParallelTools: z.optional(z.int().check(z.gte(1))),
    middlewares: z.optional(z.array(callable)),
    modeSwap: z.optional(z.strictObject({ modes: z.record(nonEmpty, modeSchema()), initial: z.string() })),
    fifoRatio: z.optional(z.number().check(z.gt(0), z.lt(1))),
    contextWindow: z.optional(z.number().check(z.gte(1))),
    toolParser: z.optional(
      z.custom<never>((value) => typeof (value as { parse?: unknown } | null)?.parse === "function", { message: "expected a ToolParser" }),
    ),
    toolResultReducer: z.optional(callable),
    onApproval: z.optional(callable),
    stopWhen: z.optional(callable),
    prepareStep: z.optional(callable),
    maxToolResultChars: z.optional(z.int().check(z.gte(1))),
    checkpoint: z.optional(z.custom<never>(isCheckpoint, { message: "expected a Checkpoint: { load, save }" })),
    tools: z.optional(z.never({ message: "expected nothing here: tools are what toolChain is given second" })),
    idempotencyKey: z.optional(nonEmpty),
  }),
);
type OwnOptions = Exclude<keyof ReturnType<typeof chainSchema>["shape"], "tools">;
/** What each ask would find, too, but only after others have used it. */
const givenSchema = lazily(() => z.strictObject({ tools: toolsSchema, signal: z.optional(signalSchema) }));

/** What is the chain's own, and what goes to each call of the model. @throws AsimovError `invalid-options` */
function splitOptions(options: ToolChainOptions): { own: Pick<ToolChainOptions, OwnOptions>; call: Omit<ToolChainOptions, OwnOptions> } {
  const isOwn = ([key]: [string, unknown]): boolean => Object.hasOwn(chainSchema().shape, key);
  const entries = Object.entries(options as Record<string, unknown>).filter(([, value]) => value !== undefined);
  return {
    own: parseOptions(chainSchema(), Object.fromEntries(entries.filter(isOwn)), "toolChain") as unknown as Pick<
      ToolChainOptions,
      OwnOptions
    >,
    call: Object.fromEntries(entries.filter((entry) => !isOwn(entry))),
  };
}

export async function runToolChain(
  model: ChatModel,
  messages: readonly ChatMessage[],
  tools: readonly Tool[],
  options: ToolChainOptions,
  watch?: Watch,
): Promise<ToolChainResult> {
  requireMessages(messages);
  const { own, call } = splitOptions(options);
  parseOptions(givenSchema(), { tools, ...(call.signal === undefined ? {} : { signal: call.signal }) }, "toolChain");
  const scope: CallScope | undefined = currentScope(call.signal);
  const place = scope === undefined ? undefined : nextPlace(scope);
  const checkpoint: Checkpoint | undefined = own.checkpoint ?? place?.checkpoint;
  const signals = [call.signal, scope?.signal, watch?.signal].filter((signal) => signal !== undefined);
  const loaded = checkpoint === undefined ? undefined : await unlessAborted(checkpoint.load(), signals, model);
  const kept = readKeptChain(loaded, own.idempotencyKey);
  const key = kept?.key ?? own.idempotencyKey ?? place?.key ?? model.services.ids();
  const late = lateTools([...tools, ...Object.values(own.modeSwap?.modes ?? {}).flatMap((mode) => mode.tools)]);
  if (late.length > 0) await Promise.all(late.map((ready) => ready()));
  const host = new ChainHost({ model, tools, own, call, scope, show: watch?.show, given: messages });
  const span = host.span;
  try {
    if (kept?.snapshot.status === "active") host.requireMode(kept.snapshot.context.mode);
    const actor = start(host, kept, { key, mode: host.initialMode, messages: host.texts, maxIterations: own.maxIterations ?? 10 });
    if (checkpoint !== undefined) {
      const keeper = new ChainKeeper(checkpoint, key, () => stateOf(actor));
      host.keep = () =>
        keeper.keep().catch((error: unknown) => {
          host.failure ??= error;
          throw error;
        });
    }
    const result = await settle(actor, host, signals);
    span.end();
    return result;
  } catch (error) {
    span.fail(error);
    throw error;
  }
}

/** A chain that failed or was aborted is gone on from what it had reached before. */
function stateOf(actor: Actor<AnyActorLogic>): unknown {
  const snapshot = actor.getSnapshot() as AnyMachineSnapshot;
  const isLost = ["failed", "aborted", "stopping"].some((state) => snapshot.matches(state as never));
  return isLost ? undefined : actor.getPersistedSnapshot();
}

/** @throws SnapshotError `snapshot-damaged` */
function start(host: ChainHost, kept: KeptChain | undefined, input: object): Actor<AnyActorLogic> {
  const from = kept === undefined ? { input } : { snapshot: kept.snapshot };
  let actor: Actor<AnyActorLogic>;
  try {
    actor = createActor(loop(), from as never);
    requireRestored([actor]);
    const { status, children } = actor.getSnapshot() as AnyMachineSnapshot;
    if (status === "active" && Object.keys(children).length === 0) throw new Error("nothing of it runs");
  } catch (error) {
    throw new SnapshotError(`The checkpoint of this chain cannot be restored: ${messageOf(error)}.`, {
      code: "snapshot-damaged",
      cause: error,
    });
  }
  return Object.assign(actor, { [HOST]: host });
}

function settle(actor: Actor<AnyActorLogic>, host: ChainHost, signals: readonly AbortSignal[]): Promise<ToolChainResult> {
  return new Promise((resolve, reject) => {
    const abort = (): void => actor.send({ type: "chain.abort" });
    const unlink = (): void => {
      for (const signal of signals) signal.removeEventListener("abort", abort);
    };
    const finish = (): void => {
      unlink();
      const output = (actor.getSnapshot() as { output: ToolLoopOutput }).output;
      const { stopReason } = output;
      if (stopReason === "aborted") return reject(abortedChain(host.model, signals));
      if (stopReason === "failed") return reject(host.failure ?? new Error("the chain failed"));
      const result = host.resultOf({ ...output, stopReason });
      const kept = host.keep();
      if (kept === undefined) resolve(result);
      else unlessAborted(kept, signals, host.model).then(() => resolve(result), reject);
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
    for (const signal of signals) {
      if (signal.aborted) abort();
      else signal.addEventListener("abort", abort, { once: true });
    }
  });
}

/** Waits for a checkpoint, which may never answer. @throws InferenceError `aborted` */
function unlessAborted<T>(work: Promise<T>, signals: readonly AbortSignal[], model: ChatModel): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(abortedChain(model, signals));
  for (const signal of signals) signal.addEventListener("abort", abort, { once: true });
  if (signals.some(({ aborted }) => aborted)) abort();
  return Promise.race([work, promise]).finally(() => {
    for (const signal of signals) signal.removeEventListener("abort", abort);
  });
}

function abortedChain({ provider, model: id }: ChatModel, signals: readonly AbortSignal[]): InferenceError {
  const error = new InferenceError(
    `${provider} ${id}: the tool chain was aborted; what it had reached is in its checkpoint, where it has one.`,
    {
      code: "aborted",
      provider,
      model: id,
      cause: signals.find(({ aborted }) => aborted)?.reason,
    },
  );
  error.name = "AbortError";
  return error;
}
