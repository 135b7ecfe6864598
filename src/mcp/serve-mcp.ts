/** Serves an agent as a Model Context Protocol server: a tool that runs a task by it. */
import type { ServerContext } from "@modelcontextprotocol/server";
import * as z from "zod/mini";
import { AsimovError } from "#contract/base/errors";
import { lazily } from "#contract/base/lazily";
import { loadPackage } from "#contract/base/load-package";
import { isFunction, nonEmpty, parseOptions } from "#contract/base/options";
import { systemServices } from "#contract/base/services";
import { compileSchema, type Schema } from "#contract/chat/schema";
import type { AgentEvent } from "#contract/run/events";
import type { Question } from "#contract/run/question";
import { saidOf } from "./run-progress.ts";
import type { McpServerLike, McpTransport, ServedAgent } from "./served-agent.ts";
import { TaskCalls } from "./task-calls.ts";
import { idInput, requireObjectSchema, type TaskInput, taskInput } from "./task-input.ts";
import type { AskedState, Forms } from "./task-questions.ts";
import { type ToolResult, taskOutput } from "./task-result.ts";

export interface McpServeOptions {
  /** Connected at once; `connect` takes more of them. */
  transport?: McpTransport;
  /** Of the tool: letters, digits, `_`, `-` and `.`, 128 at most. Default `"run_task"`. */
  name?: string;
  /** What the agent does and when to ask it, for the models of clients. */
  description?: string;
  /** Of the task's params: zod, any Standard Schema, or JSON Schema of an object. Default any object. */
  params?: Schema;
  /** The type of its tasks. Default the tool's name. */
  type?: string;
  /** As what a server that is made here is known. Default `{ name: "asimov-agents", version: "0.1.0" }`. */
  server?: { name: string; version: string };
  /**
   * What a call does while its run waits for an answer, a message or a moment: it stays open, or the run is parked in its store and the result tells
   * its task's id. Default `"hold"`.
   */
  whenWaiting?: "hold" | "park";
  /** What becomes of a run whose client is gone, or that works when this is closed. Default `"cancel"`. */
  onDisconnect?: "cancel" | "park" | "continue";
  /** Whether there is a tool that goes on with a task by its id, or tells how it ended: `NAME_resume`. Default where runs may be left unfinished. */
  resume?: boolean;
  /**
   * Whether a question of a run is put to the client's user, where the client can do that and the question's schema is a form; the run is parked meanwhile.
   * Whoever it says true of may answer for everybody. Default none.
   */
  elicit?: (question: Question) => boolean;
  /** What is told of an event to a client that asks for progress; undefined for nothing. Default that nodes start and end, and what modules emit as `message`. */
  progress?: (event: AgentEvent) => string | undefined;
  /** Characters of a result, as JSON, at least 1: of a larger one the text is cut, and says so. Default 1,000,000. */
  maxResultChars?: number;
}

/** An agent that is served. */
export interface McpAgentServer {
  /** Serves one more client. @throws AsimovError `mcp-closed` */
  connect(transport: McpTransport): Promise<void>;
  /** Adds the tools to a server of your own, before it is connected. @throws AsimovError `mcp-closed` */
  addTo(server: McpServerLike): void;
  /** Ends the connections; settles when the runs have ended, or were parked. May be called twice. */
  close(): Promise<void>;
}

const SERVER = "@modelcontextprotocol/server";
/** A person may take some days, and be asked often. */
const ROUNDS = { maxRounds: 100, roundTimeoutMs: 2_147_483_647 };
const STATE_SECONDS = 30 * 86_400;

const method = (...names: string[]) =>
  z.custom<never>((value) => names.every((name) => isFunction((value as Record<string, unknown> | null | undefined)?.[name])), {
    message: `expected an object with ${names.join(", ")}`,
  });

const callback = () => z.custom<never>(isFunction, { message: "expected a function" });

const optionsSchema = lazily(() =>
  z.strictObject({
    transport: z.optional(method("start", "send", "close")),
    name: z.optional(z.string().check(z.regex(/^[\w.-]{1,128}$/, { message: "expected 1 to 128 letters, digits, _, - and ." }))),
    description: z.optional(nonEmpty),
    params: z.optional(z.unknown()),
    type: z.optional(nonEmpty),
    server: z.optional(z.strictObject({ name: nonEmpty, version: nonEmpty })),
    whenWaiting: z.optional(z.enum(["hold", "park"])),
    onDisconnect: z.optional(z.enum(["cancel", "park", "continue"])),
    resume: z.optional(z.boolean()),
    elicit: z.optional(callback()),
    progress: z.optional(callback()),
    maxResultChars: z.optional(z.int().check(z.gte(1))),
  }),
);
const agentSchema = lazily(() => method("start", "resume"));

/**
 * Serves an agent: a tool of the protocol runs a task by it. Its result is the task's, as text and as `structuredContent`
 * (`{ taskId, status, result }`); a task that failed is a result with `isError`. The run's events are told as progress, and a call that is
 * cancelled cancels its run. Any number of calls and clients are served at once.
 *
 * @throws AsimovError `invalid-options`, `invalid-schema`; NonRetryableError `missing-package`
 * @example
 * const { connect, close } = await serveMcp(agent, {
 *   name: "report",
 *   description: "Writes a report on a topic",
 *   params: z.object({ pages: z.int().default(1) }),
 * });
 * await connect(transport); // of stdio, streamable HTTP, or any other
 * await close();
 */
export async function serveMcp(agent: ServedAgent, options: McpServeOptions = {}): Promise<McpAgentServer> {
  parseOptions<unknown>(agentSchema(), agent, "serveMcp: agent");
  parseOptions<unknown>(optionsSchema(), options, "serveMcp");
  const { transport, name = "run_task", whenWaiting = "hold", onDisconnect = "cancel", elicit, server: info } = options;
  const mayBeLeft = whenWaiting === "park" || onDisconnect !== "cancel" || elicit !== undefined;
  const resume = (options.resume ?? mayBeLeft) ? `${name}_resume` : undefined;
  const params = options.params === undefined ? undefined : compileSchema(options.params, "serveMcp: params");
  await params?.ready?.();
  if (params !== undefined) requireObjectSchema(params);
  const { McpServer, ...sdk } = await loadPackage(SERVER, () => import("@modelcontextprotocol/server"));
  const settings = { type: options.type ?? name, whenWaiting, onDisconnect, resume, elicit, progress: options.progress ?? saidOf };
  const calls = new TaskCalls(agent, { ...settings, maxResultChars: options.maxResultChars ?? 1_000_000 }, formsOf(sdk));
  const description = options.description ?? "Runs a task by an agent, and gives what it gave";
  const connected = new Set<{ close(): Promise<void> }>();
  let closing: Promise<void> | undefined;

  const addTo = (server: McpServerLike): void => {
    requireOpen(closing);
    const register = server.registerTool.bind(server) as (name: string, config: object, callback: Callback) => unknown;
    const outputSchema = taskOutput();
    register(name, { description, inputSchema: taskInput(params), outputSchema }, (input, context) =>
      calls.run(input as TaskInput, context, server),
    );
    if (resume === undefined) return;
    const told = `Goes on with a task of ${name} that was left unfinished, or tells how it ended, by its id`;
    register(resume, { description: told, inputSchema: idInput(), outputSchema }, (input, context) =>
      calls.resume(input as { taskId: string }, context, server),
    );
  };
  const connect = async (given: McpTransport): Promise<void> => {
    requireOpen(closing);
    const server = new McpServer(info ?? { name: "asimov-agents", version: "0.1.0" }, { inputRequired: ROUNDS });
    addTo(server);
    connected.add(server);
    server.server.onclose = () => connected.delete(server);
    try {
      await server.connect(given as Parameters<typeof server.connect>[0]);
    } catch (error) {
      connected.delete(server);
      throw error;
    }
  };
  const end = async (): Promise<void> => {
    await calls.close();
    await Promise.allSettled([...connected].map((server) => server.close()));
  };
  const close = (): Promise<void> => {
    closing ??= end();
    return closing;
  };
  if (transport !== undefined) await connect(transport);
  return { connect, addTo, close };
}

type Callback = (input: unknown, context: ServerContext) => Promise<ToolResult>;

function requireOpen(closing: Promise<void> | undefined): void {
  if (closing === undefined) return;
  throw new AsimovError("This agent is served no more: it was closed. Serve it anew by serveMcp.", { code: "mcp-closed" });
}

type Sdk = Pick<typeof import("@modelcontextprotocol/server"), "createRequestStateCodec" | "inputRequired">;

/** Signed by a key of this process: what another one has asked is refused. */
function formsOf({ createRequestStateCodec, inputRequired }: Sdk): Forms {
  const codec = createRequestStateCodec<AskedState>({
    // Twice 122 bits of chance.
    key: `${systemServices.ids()}${systemServices.ids()}`,
    ttlSeconds: STATE_SECONDS,
    bind: ({ http }) => http?.authInfo?.clientId ?? "",
  });
  return {
    toForm: (params) => inputRequired.elicit(params),
    verify: (state, context) => codec.verify(state, context),
    ask: async (forms, state, context) =>
      inputRequired({ inputRequests: forms as never, requestState: await codec.mint(state, context) }) as unknown as ToolResult,
  };
}
