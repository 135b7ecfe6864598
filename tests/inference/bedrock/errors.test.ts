import { BedrockInferenceClient } from "asimov-agents/bedrock";
import { describe, expect, it } from "vitest";
import { ContextLengthExceededError, RetriesExceededError } from "#contract/chat/errors";
import { answer, CREDENTIALS, clientOf, forgetEnvironment, HELLO, MODEL, refuse, serve } from "./converse-server.ts";

const PATIENT = { retry: { maxAttempts: 3, initialDelayMs: 0 } };

describe("an error of Bedrock", () => {
  it.each([
    [429, "ThrottlingException", "Too many tokens, please wait before trying again.", "rate-limited"],
    [408, "ModelTimeoutException", "The model took too long", "inference-failed"],
    [429, "ModelNotReadyException", "Not ready", "rate-limited"],
    [424, "ModelErrorException", "The model failed", "inference-failed"],
    [500, "InternalServerException", "Oops", "inference-failed"],
    [503, "ServiceUnavailableException", "Busy", "overloaded"],
  ])("%i %s is asked for again, as often as was configured and no more", async (status, type, message, code) => {
    const server = await serve((_request, response) => refuse(response, status, type, message));
    const asking = clientOf(server.url, PATIENT).generate(HELLO);
    await expect(asking).rejects.toBeInstanceOf(RetriesExceededError);
    await expect(asking).rejects.toMatchObject({ attempts: 3, cause: { code, status, retryable: true } });
    expect(server.requests).toHaveLength(3);
  });

  it.each([
    [400, "ValidationException", "Malformed input request", "invalid-request"],
    [400, "ValidationException", "The provided model identifier is invalid.", "model-not-found"],
    [403, "AccessDeniedException", "You don't have access to the model", "unauthorized"],
    [403, "UnrecognizedClientException", "The security token included in the request is invalid.", "unauthorized"],
    [404, "ResourceNotFoundException", "No such model", "model-not-found"],
    [400, "ServiceQuotaExceededException", "Quota exceeded", "quota-exceeded"],
    [422, "SomethingNewException", "No", "invalid-request"],
  ])("%i %s (%s) is final", async (status, type, message, code) => {
    const server = await serve((_request, response) => refuse(response, status, type, message));
    await expect(clientOf(server.url, PATIENT).generate(HELLO)).rejects.toMatchObject({
      code,
      status,
      retryable: false,
      provider: "aws.bedrock",
      model: MODEL,
      message: expect.stringContaining(type),
    });
    expect(server.requests).toHaveLength(1);
  });

  it.each(["Input is too long for requested model.", "prompt is too long: 210000 tokens > 200000 maximum"])(
    "tells a conversation that is too long: %s",
    async (message) => {
      const server = await serve((_request, response) => refuse(response, 400, "ValidationException", message));
      await expect(clientOf(server.url, PATIENT).generate(HELLO)).rejects.toBeInstanceOf(ContextLengthExceededError);
      expect(server.requests).toHaveLength(1);
    },
  );

  it("is no full context when there are too many tokens a minute, even in the same words", async () => {
    const server = await serve((_request, response) =>
      refuse(response, 429, "ThrottlingException", "Input is too long for requested model right now, please wait"),
    );
    await expect(clientOf(server.url).generate(HELLO)).rejects.toMatchObject({ code: "rate-limited", retryable: true });
  });

  it("tells how long to wait, and under which id it is known", async () => {
    const server = await serve((_request, response) =>
      refuse(response, 429, "ThrottlingException", "Slow down", { "retry-after": "7", "x-amzn-requestid": "r-1" }),
    );
    await expect(clientOf(server.url).generate(HELLO)).rejects.toMatchObject({ retryAfter: 7000, requestId: "r-1" });
  });

  it("that is a page of a proxy is told by its status", async () => {
    const server = await serve((_request, response) => {
      response.writeHead(502, { "content-type": "text/html" }).end("<html>planted</html>");
    });
    await expect(clientOf(server.url).generate(HELLO)).rejects.toMatchObject({
      status: 502,
      retryable: true,
      message: expect.not.stringContaining("planted"),
    });
  });

  it("holds no key and no prompt", async () => {
    const server = await serve((_request, response) =>
      refuse(response, 400, "ValidationException", `planted-prompt by ${CREDENTIALS.secretAccessKey} of ${CREDENTIALS.accessKeyId}`),
    );
    const error = await clientOf(server.url)
      .generate([{ role: "USER", content: "planted-prompt" }])
      .catch((thrown: unknown) => thrown);
    const shown = `${(error as Error).message} ${JSON.stringify(error)} ${(error as Error).stack}`;
    for (const secret of ["planted-prompt", CREDENTIALS.secretAccessKey, CREDENTIALS.accessKeyId]) expect(shown).not.toContain(secret);
  });

  it("of missing credentials is final, and says where they are to be set", async () => {
    const server = await serve((_request, response) => answer(response));
    const client = clientOf(server.url, {
      credentials: async () => {
        throw Object.assign(new Error("Could not load credentials from any providers"), { name: "CredentialsProviderError" });
      },
    });
    await expect(client.generate(HELLO)).rejects.toMatchObject({
      code: "unauthorized",
      retryable: false,
      message: expect.stringContaining("AWS_ACCESS_KEY_ID"),
    });
    expect(server.requests).toEqual([]);
  });

  it("of a missing region is final, and says where it is to be set", async () => {
    forgetEnvironment();
    const client = new BedrockInferenceClient({ model: MODEL, credentials: CREDENTIALS });
    await expect(client.generate(HELLO)).rejects.toMatchObject({ retryable: false, message: expect.stringContaining("AWS_REGION") });
  });
});
