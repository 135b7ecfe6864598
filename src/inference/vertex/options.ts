/** What a client on the Vertex AI SDK is made with. */
import * as z from "zod/mini";
import { lazily } from "#contract/base/lazily";
import { nonEmpty, parseOptions } from "#contract/base/options";
import { type ClientOptions, clientShape } from "#inference/call/call-settings";

export interface VertexModelLike {
  generateContent(request: unknown): PromiseLike<unknown>;
  generateContentStream(request: unknown): PromiseLike<unknown>;
}

/** What is used of a client of `@google-cloud/vertexai`. */
export interface VertexClientLike {
  getGenerativeModel(model: { model: string }, options: { customHeaders: Headers }): VertexModelLike;
}

export interface VertexClientOptions extends ClientOptions {
  /** Such as `"gemini-2.5-pro"`. */
  model: string;
  /** Project of Google Cloud. Default as the SDK finds one: `GOOGLE_CLOUD_PROJECT` and its like. */
  project?: string;
  /** Default `GOOGLE_CLOUD_REGION` or `CLOUD_ML_REGION`, then `"us-central1"`. */
  location?: string;
  /** Host of another server, with its port if need be, without `https://`: the SDK speaks nothing else. Default: the location's own. */
  apiEndpoint?: string;
  /** As google-auth-library takes them. Default: the application default credentials. */
  googleAuthOptions?: object;
  /** A ready-made SDK client, in place of all the above but the model. */
  client?: VertexClientLike;
}

const schema = lazily(() =>
  z
    .strictObject({
      ...clientShape(),
      model: nonEmpty,
      project: z.optional(nonEmpty),
      location: z.optional(nonEmpty),
      apiEndpoint: z.optional(
        z.string().check(
          z.regex(/^[\w.-]+(?::\d+)?$/, {
            message: 'expected a host, such as "us-central1-aiplatform.googleapis.com", without https://',
          }),
        ),
      ),
      googleAuthOptions: z.optional(
        z.custom<object>((value) => typeof value === "object" && value !== null, { message: "expected an object" }),
      ),
      client: z.optional(
        z.custom<VertexClientLike>((value) => typeof (value as VertexClientLike | null | undefined)?.getGenerativeModel === "function", {
          message: "expected a client of @google-cloud/vertexai: an object with getGenerativeModel",
        }),
      ),
    })
    .check(
      z.refine(
        ({ client, project, location, apiEndpoint, googleAuthOptions }) =>
          client === undefined || (project ?? location ?? apiEndpoint ?? googleAuthOptions) === undefined,
        { message: "client comes with its own project, location, apiEndpoint and googleAuthOptions; give either client or those" },
      ),
    ),
);

/** @throws AsimovError `invalid-options` */
export function parseVertexOptions(options: VertexClientOptions): VertexClientOptions {
  // A ready-made client keeps its prototype: what was checked is what was given.
  parseOptions(schema() as unknown as z.ZodMiniType<VertexClientOptions>, options, "VertexInferenceClient");
  return options;
}
