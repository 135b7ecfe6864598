/** A tool: what a model is told of it, how its input is checked, and what runs. */
import * as z from "zod/mini";
import { AsimovError } from "#contract/base/errors";
import { requireSent } from "#contract/base/require-sent";
import { type Checked, type CompiledSchema, compileSchema, type JsonSchema, type Schema } from "./schema.ts";

export interface ToolContext {
  /** Aborted when the chain is, or when its module times out. */
  readonly signal: AbortSignal;
  readonly toolUseId: string;
  /** The same for the same tool call, also after a restore: hand it to services that take one. */
  readonly idempotencyKey: string;
  /** Tells whoever watches the chain (`streamChain`) how far the tool is; nobody else is told. */
  emit(event: unknown): void;
  /** Ends the chain when the tools of this turn have ended, before the model is asked again. */
  stop(): void;
}

/** Made by `defineTool`. */
export interface Tool {
  readonly name: string;
  readonly description: string;
  /** JSON Schema, as the model is told. @throws AsimovError `schema-not-loaded` until `ready` has resolved, where there is one */
  readonly inputSchema: JsonSchema;
  /** Loads what tells `inputSchema`, where that comes late; a model awaits it. @throws AsimovError `invalid-schema`, `missing-package` */
  readonly ready?: () => Promise<void>;
  /** The input as `run` gets it, or what is wrong with it. */
  check(input: unknown): Promise<{ value: unknown } | { faults: string }>;
  /** Whether the provider holds the model to the schema as it writes the input. */
  readonly strict?: boolean;
  /** Of a tool that a provider knows by itself: whose, and how its API is told of it. */
  readonly native?: { readonly provider: string; readonly definition: Readonly<Record<string, unknown>> };
  /** Of a checked input: whether a person is to decide before it runs. Absent where nobody ever is. */
  needsApproval?(input: unknown): boolean | Promise<boolean>;
  run(input: unknown, context: ToolContext): unknown;
}

function isTool(value: unknown): value is Tool {
  const tool = value as Partial<Tool> | null | undefined;
  if (typeof tool?.name !== "string" || typeof tool.run !== "function") return false;
  return typeof tool.ready === "function" || typeof tool.inputSchema === "object";
}

export const toolsSchema = z.array(z.custom<Tool>(isTool, { message: "expected a tool made by defineTool" }));

/** A name that two of them have; tools of different providers may share one, since no model is told of both. */
export function twiceNamed(tools: readonly Tool[]): string | undefined {
  const known = new Set<string>();
  for (const { name, native } of tools) {
    const whose = `${native?.provider ?? ""}/${name}`;
    if (known.has(whose)) return name;
    known.add(whose);
  }
  return undefined;
}

/** What the tools await whose JSON Schema comes late; of what are no tools, nothing. */
export const lateTools = (tools: unknown): (() => Promise<void>)[] =>
  Array.isArray(tools) ? (tools as (Partial<Tool> | null | undefined)[]).flatMap((tool) => tool?.ready ?? []) : [];

/** What every provider takes as a name. */
const NAME = /^[A-Za-z_][\w-]{0,63}$/;

export interface ToolInit<S extends Schema> {
  /** Letters, digits, `_` and `-`; 64 at most, and a letter or `_` first. */
  name: string;
  /** What the tool does and when to use it, for the model. */
  description: string;
  input: S;
  /**
   * Whether a person decides on a call before it runs: always, or by its input. In a run they are asked by a question of the kind `tool-approval`, elsewhere by
   * `onApproval` of the chain. Default false.
   */
  needsApproval?: boolean | ((input: Checked<S>) => boolean | Promise<boolean>);
  /**
   * Has the provider hold the model to the schema as it writes the input, where it can; what it cannot is checked before `run` all the same, and where it knows
   * no such thing a warning says so. Default false.
   */
  strict?: boolean;
  /** Its result is told to the model: a string, a file, and a list with a file in it as they are, anything else as JSON. What it throws is told as an error. */
  run(input: Checked<S>, context: ToolContext): unknown;
}

/**
 * @throws AsimovError `invalid-name`, `invalid-options`, `invalid-schema`
 * @example
 * const add = defineTool({
 *   name: "add",
 *   description: "Adds two numbers",
 *   input: z.object({ a: z.number(), b: z.number() }),
 *   needsApproval: ({ a, b }) => a + b > 1_000_000,
 *   run: ({ a, b }) => a + b,
 * });
 */
export function defineTool<const S extends Schema>(init: ToolInit<S>): Tool {
  const { name, description, input, needsApproval = false, strict = false, run, ...unknown } = init;
  if (typeof name !== "string" || !NAME.test(name)) {
    throw new AsimovError(
      `The name of a tool must be 1 to 64 letters, digits, "_" and "-", and start with a letter or "_"; got ${JSON.stringify(name)}.`,
      { code: "invalid-name" },
    );
  }
  const [other] = Object.keys(unknown);
  if (other !== undefined) {
    const known = "name, description, input, needsApproval, strict and run";
    throw new AsimovError(`Tool "${name}": unrecognized key: ${JSON.stringify(other)}; expected ${known}.`, { code: "invalid-options" });
  }
  if (typeof description !== "string" || typeof run !== "function") {
    throw new AsimovError(`Tool "${name}": expected a description (a string) and run (a function).`, { code: "invalid-options" });
  }
  if (typeof needsApproval !== "boolean" && typeof needsApproval !== "function") {
    throw new AsimovError(`Tool "${name}": expected needsApproval to be true, false or a function of the input.`, {
      code: "invalid-options",
    });
  }
  if (typeof strict !== "boolean")
    throw new AsimovError(`Tool "${name}": expected strict to be true or false.`, { code: "invalid-options" });
  const schema: CompiledSchema = compileSchema(input, `Tool "${name}": input`);
  const { ready } = schema;
  if (ready === undefined) requireObject(schema.json, name);
  return {
    name,
    description,
    get inputSchema() {
      return schema.json;
    },
    ...(ready === undefined ? {} : { ready: () => ready().then(() => requireObject(schema.json, name)) }),
    ...(strict ? { strict } : {}),
    check: (value) => schema.check(value),
    ...(needsApproval === false ? {} : { needsApproval: (value: unknown) => needsApproval === true || needsApproval(value as Checked<S>) }),
    run: (value, context) => run(value as Checked<S>, context),
  };
}

/** No provider takes another: a model writes its input as named values. @throws AsimovError `invalid-schema` */
function requireObject(schema: JsonSchema, name: string): void {
  if (mayBeObject(schema)) return;
  const came = schema.type === undefined ? "one of other values" : `one of type ${JSON.stringify(schema.type)}`;
  throw new AsimovError(
    `Tool "${name}": input: expected a schema of an object, got ${came}. Put it into an object, by a name: { items: … }.`,
    {
      code: "invalid-schema",
    },
  );
}

function mayBeObject({ type, anyOf, oneOf }: JsonSchema): boolean {
  if (type !== undefined) return [type].flat().includes("object");
  return [anyOf, oneOf].every((forms) => !Array.isArray(forms) || forms.some((form) => form === true || mayBeObject(form)));
}

/**
 * A tool that the provider knows by itself, such as web search, code or files: told to its models in its own words, and run by it. Its calls and results are
 * blocks of the type `provider`, which go back unchanged. Clients of other providers leave it out, and say so.
 *
 * @param provider as for `providerOptions`: `"anthropic"`, `"openai"`, `"google"`, `"bedrock"`, or what `InferenceClient.provider` says
 * @param definition the entry of the request's `tools`; its `name`, else its `type`, else its first key is the tool's name
 * @param run of a tool that the provider knows and the caller runs, such as `computer` or `bash` of Anthropic. Default: none
 * @throws AsimovError `invalid-options`
 * @example
 * const search = providerTool("anthropic", { type: "web_search_20250305", name: "web_search", max_uses: 3 });
 */
export function providerTool(provider: string, definition: Record<string, unknown>, run?: Tool["run"]): Tool {
  const name = [definition?.name, definition?.type, Object.keys(definition ?? {})[0]].find((value) => typeof value === "string");
  if (typeof provider !== "string" || provider === "" || name === undefined) {
    throw new AsimovError(
      'providerTool: expected a provider, such as "anthropic", and its definition of the tool, such as { type, name }.',
      {
        code: "invalid-options",
      },
    );
  }
  requireSent(definition, `Tool ${JSON.stringify(name)}: definition`);
  return {
    name: name as string,
    description: "",
    inputSchema: { type: "object" },
    native: { provider, definition },
    check: async (value) => ({ value }),
    run:
      run ??
      (() => {
        throw new Error(
          `it is run by ${provider}, and the model called it as one that is run here; give providerTool a function that runs it`,
        );
      }),
  };
}
