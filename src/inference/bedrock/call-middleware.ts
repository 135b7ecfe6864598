/** What one command takes with it into the SDK's own stack of middlewares: the watch over its response, and the end of its retries. */
import type { WireCall } from "#contract/chat/wire";
import { type HttpResponse, type Watch, watchResponse } from "./watch-response.ts";

interface Result {
  response: unknown;
  output: object;
}
type Handler = (args: { request?: { headers: Record<string, string> } }) => Promise<Result>;
type Middleware = (next: Handler) => Handler;

/** The subset of the SDK's stack that is used. */
interface Stack {
  add(middleware: Middleware, options: { step: "deserialize" | "build"; priority: "low"; name: string }): void;
  addRelativeTo(middleware: Middleware, options: { relation: "before" | "after"; toMiddleware: string; name: string }): void;
}

const RETRIES = "retryMiddleware";
/** An error on its way past the SDK's retries, as part of an output. */
const FAILED = Symbol("failed");

/** @param headers of the caller's own. @returns what closes the socket of the command's response */
export function prepareCommand(
  command: { middlewareStack: object },
  call: WireCall,
  watch: Watch,
  headers: Readonly<Record<string, string>> = {},
): () => void {
  let close = (): void => {};
  const stack = command.middlewareStack as Stack;
  // Before the request is signed.
  stack.add(
    (next) => (args) => {
      if (args.request !== undefined) Object.assign(args.request.headers, headers);
      return next(args);
    },
    { step: "build", priority: "low", name: "asimovAddHeaders" },
  );
  // Nearest to the handler: the deserializer reads the body that this leaves.
  stack.add(
    (next) => async (args) => {
      call.onRequest(args.request?.headers);
      const result = await next(args);
      close = await watchResponse(result.response as HttpResponse, call, watch);
      return result;
    },
    { step: "deserialize", priority: "low", name: "asimovWatchResponse" },
  );
  endRetries(stack);
  return () => close();
}

/** Retries are the client's, also where a ready-made SDK client has some of its own: to those, each attempt succeeds. */
function endRetries(stack: Stack): void {
  stack.addRelativeTo(
    (next) => async (args) => {
      try {
        return await next(args);
      } catch (error) {
        return { response: undefined, output: { $metadata: {}, [FAILED]: error } };
      }
    },
    { relation: "after", toMiddleware: RETRIES, name: "asimovHandErrorThrough" },
  );
  stack.addRelativeTo(
    (next) => async (args) => {
      const result = await next(args);
      if (FAILED in result.output) throw result.output[FAILED];
      return result;
    },
    { relation: "before", toMiddleware: RETRIES, name: "asimovThrowError" },
  );
}
