/** Servers that mean ill, or are none: on every client they end in an error of bounded memory and time, free their socket, and get no key. */
import type { ServerResponse } from "node:http";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { InferenceError } from "#contract/chat/errors";
import type { ClientOptions } from "#inference/call/call-settings";
import { frame } from "../../support/event-stream.ts";
import { json } from "../../support/wire-server.ts";
import { played } from "../checklist-calls.ts";
import { ask, type ClientRow, errorOf, isolateClients, once, CLIENT_ROWS as ROWS, SECRET, twice } from "../client-rows.ts";
import { HOLDERS } from "../key-holders.ts";
import { begin, bytesOf, type Frame, type Play, RAW, refuseAs, servePlays } from "../raw-streams.ts";

isolateClients();

const TEXT_EVENTS = ROWS.filter(({ format }) => format !== "bedrock");
/** What a socket and its readers hold beside what is counted. */
const BUFFERED_BYTES = 16_777_216;

const PACKED = gzipSync(Buffer.alloc(33_554_432, ":\n"));

interface Flood {
  play: Play;
  written(): number;
}

/** Writes the same until the client hangs up. */
function flood(begins: (response: ServerResponse) => void, piece: Frame): Flood {
  const chunk = Buffer.from(piece);
  const many = Buffer.concat(Array.from({ length: Math.max(1, Math.floor(65_536 / chunk.length)) }, () => chunk));
  let bytes = 0;
  const play = (response: ServerResponse): void => {
    begins(response);
    const write = (): void => {
      while (!response.destroyed) {
        bytes += many.length;
        if (!response.write(many)) return void response.once("drain", write);
      }
    };
    write();
  };
  return { play, written: () => bytes };
}

const events =
  (row: ClientRow, ...frames: Frame[]) =>
  (response: ServerResponse): void =>
    begin(response, RAW[row.format], [...RAW[row.format].open, ...frames]);
const answer = (response: ServerResponse): void => void response.writeHead(200, { "content-type": "application/json" });

const HOSTILE = { code: "hostile-response", retryable: false };

describe.each(ROWS)("a hostile server: $name", (row) => {
  const raw = RAW[row.format];

  it.each<[string, "stream" | "generate", Flood]>([
    ["events", "stream", flood(events(row), raw.text("Hello"))],
    ["signs of life", "stream", flood(events(row), bytesOf(raw.quiet))],
    ["one answer", "generate", flood(answer, " ")],
  ])("that sends %s without end is cut off", async (_what, kind, { play, written }) => {
    const { server, client } = await played(row, { ...twice, maxResponseBytes: 500_000 }, play);
    const error = await errorOf(kind === "stream" ? client.stream(ask()).result : client.generate(ask()));
    expect(error).toMatchObject({ ...HOSTILE, message: expect.stringContaining("500000 bytes") });
    await server.requests[0]?.closed;
    expect(server.requests).toHaveLength(1);
    expect(written()).toBeLessThan(BUFFERED_BYTES);
  });

  it.each(["stream", "generate"] as const)("that drips for ever is cut off by the time that a call may take: %s", async (kind) => {
    const isStreamed = kind === "stream";
    const { server, client } = await played(row, { ...twice, timeoutMs: 200 }, (response) => {
      if (isStreamed) events(row)(response);
      else answer(response);
      const drip = setInterval(() => response.write(isStreamed ? bytesOf(raw.quiet) : " "), 5);
      response.on("close", () => clearInterval(drip));
    });
    const asked = isStreamed ? client.stream(ask(), { idleTimeoutMs: 100_000 }).result : client.generate(ask());
    expect(await errorOf(asked)).toMatchObject({ code: "timeout", retryable: true, message: expect.stringContaining("timeoutMs (200)") });
    for (const { closed } of server.requests) await closed;
  });

  it("that refuses without end is a refusal of its status, streamed or whole", async () => {
    for (const kind of ["stream", "generate"] as const) {
      const { play, written } = flood((response) => void response.writeHead(503, { "content-type": "application/json" }), " ");
      const { server, client } = await played(row, once, play);
      const error = await errorOf(kind === "stream" ? client.stream(ask()).result : client.generate(ask()));
      expect(error).toMatchObject({ status: 503, retryable: true });
      await server.requests[0]?.closed;
      expect(written()).toBeLessThan(BUFFERED_BYTES);
    }
  });

  it("that sends what is no UTF-8 is an error, streamed or whole", async () => {
    const odd = Buffer.of(0xc3, 0x28, 0xff);
    const whole = Buffer.concat([Buffer.from('{"a":"'), odd, Buffer.from('"}')]);
    const headers = { ":event-type": "contentBlockDelta", ":content-type": "application/json", ":message-type": "event" };
    const bad = row.format === "bedrock" ? frame(headers, whole) : Buffer.concat([Buffer.from("data: "), whole, Buffer.from("\n\n")]);
    const { client } = await played(row, once, [...raw.open, raw.text("Hi"), bad, ...raw.end()], (response) => {
      answer(response);
      response.end(whole);
    });
    for (const asked of [() => client.stream(ask()).result, () => client.generate(ask())]) {
      expect(await errorOf(asked())).toMatchObject({ code: "hostile-response", message: expect.stringContaining("UTF-8") });
    }
  });

  it("that sends broken JSON is an error that shows nothing of it, streamed or whole", async () => {
    const broken = '{"planted-text": ';
    const headers = { ":event-type": "contentBlockDelta", ":content-type": "application/json", ":message-type": "event" };
    const bad = row.format === "bedrock" ? frame(headers, Buffer.from(broken)) : `data: ${broken}\n\n`;
    const { client } = await played(row, once, [...raw.open, raw.text("Hi"), bad, ...raw.end()], (response) => {
      answer(response);
      response.end(broken);
    });
    for (const asked of [() => client.stream(ask()).result, () => client.generate(ask())]) {
      const error = await errorOf(asked());
      expect(error).toMatchObject({ code: "hostile-response", retryable: true });
      expect(`${error.stack} ${error.cause}`).not.toContain("planted-text");
    }
  });

  it("that answers with a page is told by its content type, and not asked again", async () => {
    const { server, client } = await played(row, twice, (response) => {
      response.writeHead(200, { "content-type": "text/html; charset=utf-8" });
      response.end("<h1>Log in</h1>");
    });
    for (const asked of [() => client.stream(ask()).result, () => client.generate(ask())]) {
      expect(await errorOf(asked())).toMatchObject({ ...HOSTILE, message: expect.stringContaining("text/html") });
    }
    expect(server.requests).toHaveLength(2);
  });

  it.each([301, 302, 303, 307, 308])("that redirects to another place by %i leads no key and no prompt there", async (status) => {
    const { server: elsewhere } = await played(row, once, (response) => json(response, 200, raw.strangeWhole));
    const { server, client } = await played(row, twice, (response) => {
      response.writeHead(status, { location: `${elsewhere.url}/steal` }).end();
    });
    for (const asked of [() => client.stream(ask()).result, () => client.generate(ask())]) {
      const error = await errorOf(asked());
      expect(error).toMatchObject(HOSTILE);
      expect(error.message).not.toContain("steal");
    }
    expect(elsewhere.requests).toEqual([]);
    expect(server.requests).toHaveLength(2);
  });

  it("is named by provider, model, status and what to change, and gets into no error with the key", async () => {
    const { client } = await played(row, once, refuseAs(raw, 404, {}, `No such model, says ${SECRET}`));
    for (const asked of [() => client.stream(ask()).result, () => client.generate(ask())]) {
      const error = await errorOf(asked());
      expect(error).toBeInstanceOf(InferenceError);
      expect(error).toMatchObject({ code: "model-not-found", provider: client.provider, status: 404, retryable: false });
      for (const told of [client.provider, client.model, "404"]) expect(error.message).toContain(told);
      expect(error.message).not.toContain(SECRET);
    }
  });
});

/** What our options do not make is bounded, watched and retried by ours all the same. */
describe.each(HOLDERS.filter(({ name }) => name.endsWith("ready-made")))("a hostile server: $name", ({ format, make }) => {
  const raw = RAW[format];
  const served = async (play: Play, options: ClientOptions = twice) => {
    const server = await servePlays(raw, play);
    return { server, client: make(server.url, options) };
  };

  it("that sends events without end is cut off", async () => {
    const { play, written } = flood((response) => begin(response, raw, raw.open), raw.text("Hello"));
    const { server, client } = await served(play, { ...twice, maxResponseBytes: 500_000 });
    expect(await errorOf(client.stream(ask()).result)).toMatchObject(HOSTILE);
    await server.requests[0]?.closed;
    expect(written()).toBeLessThan(BUFFERED_BYTES);
  });

  it("that goes silent is left, and its socket freed", async () => {
    const { server, client } = await served((response) => begin(response, raw, raw.open), once);
    expect(await errorOf(client.stream(ask(), { idleTimeoutMs: 300 }).result)).toMatchObject({ code: "stream-idle" });
    await server.requests[0]?.closed;
  });

  it("that fails is asked as often as we say", async () => {
    const { server, client } = await served(refuseAs(raw, 503));
    expect(await errorOf(client.generate(ask()))).toMatchObject({ code: "retries-exceeded", attempts: 2 });
    expect(server.requests).toHaveLength(2);
  });

  it("that redirects to another place leads no key there", async () => {
    const elsewhere = await servePlays(raw, (response) => json(response, 200, raw.strangeWhole));
    const { client } = await served((response) => void response.writeHead(307, { location: `${elsewhere.url}/steal` }).end());
    expect(await errorOf(client.stream(ask()).result)).toMatchObject(HOSTILE);
    expect(elsewhere.requests).toEqual([]);
  });
});

describe.each(TEXT_EVENTS)("a hostile stream of events: $name", (row) => {
  it.each([
    ["text/event-stream", "stream"],
    ["application/json", "generate"],
  ] as const)("whose %s is small, and unpacks to much, is cut off by what it unpacks to", async (type, kind) => {
    const { client } = await played(row, { ...twice, maxResponseBytes: 500_000 }, (response) => {
      response.writeHead(200, { "content-type": type, "content-encoding": "gzip" });
      response.end(PACKED);
    });
    expect(PACKED.length).toBeLessThan(100_000);
    const error = await errorOf(kind === "stream" ? client.stream(ask()).result : client.generate(ask()));
    expect(error).toMatchObject({ ...HOSTILE, message: expect.stringContaining("500000 bytes") });
  });

  it.each([
    ["a line of a gigabyte", "data: ", "x".repeat(65_536), /a line has more than 33554432 bytes/],
    ["an event of a gigabyte, in lines", "", "data: 0\n", /an event has more than 33554432 characters/],
    ["lines that are of no event", "", "a\n", /more than 10000 lines in a row that are of no event/],
    ["comments", "", ": still there\n", /an event has more than 33554432 characters/],
  ])("that sends %s is cut off long before its end", async (_what, start, piece, message) => {
    const { play, written } = flood(events(row, start), piece);
    const { server, client } = await played(row, { ...twice, maxResponseBytes: Number.POSITIVE_INFINITY }, play);
    expect(await errorOf(client.stream(ask()).result)).toMatchObject({ ...HOSTILE, message: expect.stringMatching(message) });
    await server.requests[0]?.closed;
    expect(server.requests).toHaveLength(1);
    expect(written()).toBeLessThan(33_554_432 + BUFFERED_BYTES);
  });
});

describe("a hostile stream of frames: Bedrock", () => {
  const row = ROWS.find(({ format }) => format === "bedrock") as ClientRow;

  it("that announces a frame of a gigabyte is refused before it comes", async () => {
    const huge = Buffer.from(RAW.bedrock.text("Hi"));
    huge.writeUInt32BE(1_073_741_824, 0);
    const { play, written } = flood(events(row, huge), "x".repeat(65_536));
    const { server, client } = await played(row, { ...twice, maxResponseBytes: Number.POSITIVE_INFINITY }, play);
    expect(await errorOf(client.stream(ask()).result)).toMatchObject(HOSTILE);
    await server.requests[0]?.closed;
    expect(written()).toBeLessThan(BUFFERED_BYTES);
  });
});
