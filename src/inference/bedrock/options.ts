/** What a Bedrock client is made with. */
import * as z from "zod/mini";
import { lazily } from "#contract/base/lazily";
import { isFunction, keyText, nonEmpty, parseOptions } from "#contract/base/options";
import { type ClientOptions, clientShape, httpAddress } from "#inference/call/call-settings";

/** Keys of AWS; those that end are best given as a function, which is asked again when they have ended. */
export interface BedrockCredentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
  expiration?: Date;
}

/**
 * What is used of a client of `@aws-sdk/client-bedrock-runtime`: a `BedrockRuntimeClient` is one.
 * Its own retries do not count for our calls: each of our attempts is one request.
 */
export interface BedrockClientLike {
  send(command: object, options: { abortSignal: AbortSignal }): Promise<unknown>;
}

export interface BedrockClientOptions extends ClientOptions {
  /** A model's id, an inference profile's, or an ARN, such as `"global.anthropic.claude-opus-5-5"`. */
  model: string;
  /** Default as the SDK finds it: `AWS_REGION`, then the profile. */
  region?: string;
  /** Default as the SDK finds them: the environment, profiles, the machine's role. */
  credentials?: BedrockCredentials | (() => Promise<BedrockCredentials>);
  /** A key of Bedrock itself, sent as a bearer token in place of a signature. Default `AWS_BEARER_TOKEN_BEDROCK`. */
  apiKey?: string;
  /**
   * Address of a proxy or another server in place of AWS, http or https. It is spoken to in HTTP/1.1, and over plain http in HTTP/2
   * when it answers so; this needs the package `@smithy/node-http-handler`, which comes with the SDK.
   */
  endpoint?: string;
  /** A ready-made SDK client, in place of region, credentials, apiKey and endpoint. */
  client?: BedrockClientLike;
}

const schema = lazily(() =>
  z
    .strictObject({
      ...clientShape(),
      model: nonEmpty,
      region: z.optional(nonEmpty),
      credentials: z.optional(
        z.union([
          z.custom<() => Promise<BedrockCredentials>>(isFunction),
          // The SDK's own credentials carry more, such as where they are from.
          z.looseObject({
            accessKeyId: nonEmpty,
            secretAccessKey: nonEmpty,
            sessionToken: z.optional(nonEmpty),
            expiration: z.optional(z.date()),
          }),
        ]),
      ),
      apiKey: z.optional(keyText),
      endpoint: z.optional(httpAddress),
      client: z.optional(
        z.custom<BedrockClientLike>((value) => isFunction((value as { send?: unknown } | null | undefined)?.send), {
          message: "expected a client of @aws-sdk/client-bedrock-runtime: an object with a method send",
        }),
      ),
    })
    .check(
      z.refine(
        ({ client, region, credentials, apiKey, endpoint }) => client === undefined || !(region ?? credentials ?? apiKey ?? endpoint),
        {
          message: "client comes with its own region, credentials, apiKey and endpoint; give either client or those",
        },
      ),
      z.refine(({ credentials, apiKey }) => credentials === undefined || apiKey === undefined, {
        message: "give either credentials or apiKey",
      }),
    ),
);

/** @throws AsimovError `invalid-options` */
export function parseBedrockOptions(options: BedrockClientOptions): BedrockClientOptions {
  // A ready-made client keeps its prototype: what was checked is what was given.
  parseOptions(schema() as unknown as z.ZodMiniType<BedrockClientOptions>, options, "BedrockInferenceClient");
  return options;
}
