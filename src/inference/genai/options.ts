/** What a client on Google's Gen AI SDK is made with. */
import * as z from "zod/mini";
import { lazily } from "#contract/base/lazily";
import { isFunction, keyText, nonEmpty, parseOptions } from "#contract/base/options";
import { addressedShape, type ClientOptions } from "#inference/call/call-settings";

/** What is used of a client of `@google/genai`. Its retries and its time limit are off for the calls of ours. */
export interface GoogleGenAIClientLike {
  models: {
    generateContent(request: object): PromiseLike<unknown>;
    generateContentStream(request: object): PromiseLike<AsyncIterable<unknown>>;
  };
}

export interface GoogleGenAIClientOptions extends ClientOptions {
  /** Such as `"gemini-3-pro-preview"`. */
  model: string;
  /** Default `GOOGLE_API_KEY`, then `GEMINI_API_KEY`. Vertex AI takes none: it goes by `googleAuthOptions`. */
  apiKey?: string;
  /** Project of Google Cloud: with it calls go to Vertex AI, without to the Gemini API, whatever the environment says. */
  project?: string;
  /** Of Vertex AI, such as `"us-central1"`. Default `GOOGLE_CLOUD_LOCATION`, then `"global"`. */
  location?: string;
  /** Address of a proxy or another server, http or https. Default `GOOGLE_GEMINI_BASE_URL` or `GOOGLE_VERTEX_BASE_URL`, then Google's own. */
  baseURL?: string;
  /** Used in place of the platform's, for proxies and tests. Access tokens are not fetched by it. */
  fetch?: typeof fetch;
  /** As google-auth-library takes them. Default: the application default credentials. */
  googleAuthOptions?: object;
  /** A ready-made SDK client, in place of all that says where and as whom to call. */
  client?: GoogleGenAIClientLike;
}

const schema = lazily(() =>
  z
    .strictObject({
      ...addressedShape(),
      apiKey: z.optional(keyText),
      project: z.optional(nonEmpty),
      location: z.optional(nonEmpty),
      googleAuthOptions: z.optional(
        z.custom<object>((value) => typeof value === "object" && value !== null, { message: "expected an object" }),
      ),
      client: z.optional(
        z.custom<GoogleGenAIClientLike>(
          (value) => {
            const { models } = (value ?? {}) as Partial<GoogleGenAIClientLike>;
            return isFunction(models?.generateContent) && isFunction(models?.generateContentStream);
          },
          { message: "expected a client of @google/genai: an object with models.generateContent and models.generateContentStream" },
        ),
      ),
    })
    .check(
      z.refine(
        ({ client, apiKey, project, location, baseURL, googleAuthOptions }) =>
          client === undefined || (apiKey ?? project ?? location ?? baseURL ?? googleAuthOptions) === undefined,
        { message: "client comes with its own apiKey, project, location, baseURL and googleAuthOptions; give either client or those" },
      ),
      z.refine(({ location, project, client }) => location === undefined || project !== undefined || client !== undefined, {
        message: "location is of Vertex AI; give project too",
      }),
      z.refine(({ apiKey, project }) => apiKey === undefined || project === undefined, {
        message: "apiKey is of the Gemini API, project of Vertex AI; give either",
      }),
    ),
);

/** @throws AsimovError `invalid-options` */
export function parseGenAIOptions(options: GoogleGenAIClientOptions): GoogleGenAIClientOptions {
  // A ready-made client keeps its prototype: what was checked is what was given.
  parseOptions(schema() as unknown as z.ZodMiniType<GoogleGenAIClientOptions>, options, "GoogleGenAIInferenceClient");
  return options;
}
