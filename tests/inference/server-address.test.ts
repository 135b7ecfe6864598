/** The span of a call names the host and the port that the call went to, for every client and every way to write an address. */
import { describe, expect, it } from "vitest";
import { AnthropicWire } from "#inference/anthropic/wire";
import { BedrockWire } from "#inference/bedrock/wire";
import { GoogleGenAIWire } from "#inference/genai/wire";
import { OpenAIWire } from "#inference/openai/wire";
import { serverOf } from "#inference/transport/server-address";
import { VertexWire } from "#inference/vertex/wire";
import { recorder } from "../telemetry/recorder.ts";
import { ask, CLIENT_ROWS, errorOf, isolateClients, once } from "./client-rows.ts";

isolateClients();
const recorded = recorder();

describe("the server of an address", () => {
  it.each<[string, string, number]>([
    ["https://api.example.com", "api.example.com", 443],
    ["https://api.example.com/v1/", "api.example.com", 443],
    ["http://api.example.com", "api.example.com", 80],
    ["https://api.example.com:443", "api.example.com", 443],
    ["http://api.example.com:443", "api.example.com", 443],
    ["https://api.example.com:80", "api.example.com", 80],
    ["https://API.Example.com:8443/v1", "api.example.com", 8443],
    ["http://localhost:0", "localhost", 0],
    ["http://127.0.0.1:11434", "127.0.0.1", 11434],
    ["https://[::1]", "::1", 443],
    ["http://[2001:DB8::7]:8080/v1", "2001:db8::7", 8080],
    ["https://user:secret@api.example.com:1234", "api.example.com", 1234],
  ])("of %s is %s, port %d", (address, host, port) => {
    expect(serverOf(address)).toEqual({ address: host, port });
  });

  it.each([undefined, null, "", "api.example.com", "/v1", "file:///v1", 7, {}])("of %j is none", (address) => {
    expect(serverOf(address)).toBeUndefined();
  });
});

const addresses: [url: string, address: string, port: number][] = [
  ["http://127.0.0.1:9", "127.0.0.1", 9],
  ["https://127.0.0.1:1", "127.0.0.1", 1],
  ["https://127.0.0.1", "127.0.0.1", 443],
  ["http://127.0.0.1", "127.0.0.1", 80],
  ["http://[::1]:9", "::1", 9],
];
/** Its SDK is given a host, speaks https alone, and takes no address of version 6. */
const onVertex = addresses.slice(0, 3);

describe.each(CLIENT_ROWS)("the span of a call: $name", ({ name, make }) => {
  it.each(name === "Vertex" ? onVertex : addresses)("to %s names %s, port %d", async (url, address, port) => {
    const client = make(url, once);
    await errorOf(client.generate(ask()));
    await errorOf(client.stream(ask()).result);
    expect(recorded.ended()).toHaveLength(2);
    for (const { attributes } of recorded.ended()) expect(attributes).toMatchObject({ "server.address": address, "server.port": port });
  });
});

describe("the server of a client that was given no address", () => {
  it.each([
    ["Anthropic", () => new AnthropicWire({ model: "m" }), "api.anthropic.com"],
    ["OpenAI", () => new OpenAIWire({ model: "m" }), "api.openai.com"],
    ["Bedrock", () => new BedrockWire({ model: "m", region: "eu-central-1" }), "bedrock-runtime.eu-central-1.amazonaws.com"],
    ["Google GenAI", () => new GoogleGenAIWire({ model: "m" }), "generativelanguage.googleapis.com"],
    [
      "Google GenAI on Vertex",
      () => new GoogleGenAIWire({ model: "m", project: "p", location: "europe-west4" }),
      "europe-west4-aiplatform.googleapis.com",
    ],
    ["Vertex", () => new VertexWire({ model: "m", project: "p", location: "us-central1" }), "us-central1-aiplatform.googleapis.com"],
    ["Vertex, global", () => new VertexWire({ model: "m", project: "p", location: "global" }), "aiplatform.googleapis.com"],
  ])("is that of the service: %s", (_name, wire, address) => {
    expect(wire().server).toEqual({ address, port: 443 });
  });

  it("is not guessed where only the SDK will know it", () => {
    expect(new BedrockWire({ model: "m" }).server).toBeUndefined();
    expect(new VertexWire({ model: "m", project: "p" }).server).toBeUndefined();
  });
});
