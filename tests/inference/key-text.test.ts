/** A key that no header can hold is refused where it is given, and never shown. */
import { expect, it } from "vitest";
import { AnthropicInferenceClient } from "#clients/anthropic";
import { BedrockInferenceClient } from "#clients/bedrock";
import { GoogleGenAIInferenceClient } from "#clients/genai";
import { OpenAIInferenceClient } from "#clients/openai";

it.each([AnthropicInferenceClient, BedrockInferenceClient, GoogleGenAIInferenceClient, OpenAIInferenceClient])(
  "a key with a character beyond ASCII is refused: $name",
  (Client) => {
    const make = () => new Client({ model: "m", apiKey: "sk-secret…" });
    expect(make).toThrow(
      expect.objectContaining({ code: "invalid-options", message: expect.stringMatching(/apiKey: expected a key of ASCII characters\.$/) }),
    );
    expect(make).not.toThrow(/secret/);
    expect(new Client({ model: "m", apiKey: "sk-1" }).model).toBe("m");
  },
);
