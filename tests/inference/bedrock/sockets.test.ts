import { getEventListeners } from "node:events";
import type { ServerResponse } from "node:http";
import { describe, expect, it } from "vitest";
import type { InferenceStream } from "#contract/chat/generation";
import { EVENT_STREAM, eventFrame, frame } from "../../support/event-stream.ts";
import {
  answer,
  answerOf,
  clientOf,
  endFrames,
  HELLO,
  START,
  send,
  sendAll,
  sendHttp2,
  serve,
  serveHttp2,
  textFrame,
} from "./converse-server.ts";

/** Of either protocol: it sends one delta, and never ends. */
interface Endless {
  url: string;
  closed(n: number): Promise<void> | undefined;
}
const overHttp1 = async (): Promise<Endless> => {
  const server = await serve((_request, response) => send(response, START, textFrame("Hi")));
  return { url: server.url, closed: (n) => server.requests[n]?.closed };
};
const overHttp2 = async (): Promise<Endless> => {
  const server = await serveHttp2((stream) => sendHttp2(stream, START, textFrame("Hi")));
  return { url: server.url, closed: (n) => server.closed[n] };
};

async function firstText(stream: InferenceStream): Promise<string | undefined> {
  for await (const text of stream.text) return text;
  return undefined;
}

describe.each([
  ["HTTP/1.1", overHttp1],
  ["HTTP/2", overHttp2],
])("a connection of Bedrock over %s", (_protocol, endless) => {
  it("is closed when the reader leaves", async () => {
    const server = await endless();
    expect(await firstText(clientOf(server.url).stream(HELLO))).toBe("Hi");
    await server.closed(0);
  });

  it("is closed by an abort in the middle, which is no silent end", async () => {
    const server = await endless();
    const controller = new AbortController();
    const reading = (async () => {
      for await (const _text of clientOf(server.url).stream(HELLO, { signal: controller.signal }).text) controller.abort();
    })();
    await expect(reading).rejects.toMatchObject({ name: "AbortError", code: "aborted" });
    await server.closed(0);
  });

  it("leaves no listener on a signal that lives on", async () => {
    const server = await endless();
    const client = clientOf(server.url);
    const { signal } = new AbortController();
    for (let call = 0; call < 20; call++) await firstText(client.stream(HELLO, { signal }));
    expect(getEventListeners(signal, "abort")).toEqual([]);
    for (let call = 0; call < 20; call++) await server.closed(call);
  });
});

describe("a connection of Bedrock", () => {
  it("speaks HTTP/2 to a server that speaks nothing else, from the first call on", async () => {
    const server = await serveHttp2((stream, n) => {
      if (n === 2) return stream.respond({ ":status": 500, "content-type": "application/json" }, { endStream: true });
      stream.respond({ ":status": 200, "content-type": "application/json" });
      stream.end(JSON.stringify(answerOf(`Answer ${n}`)));
    });
    const client = clientOf(server.url);
    expect((await client.generate(HELLO)).text).toBe("Answer 0");
    expect((await client.generate(HELLO)).text).toBe("Answer 1");
    await expect(client.generate(HELLO)).rejects.toMatchObject({ status: 500, retryable: true });
    expect(server.closed).toHaveLength(3);
    // What it could not read was the first request, as it was asked in HTTP/1.1.
    expect(server.unreadable).toBe(1);
  });

  it("that breaks over HTTP/2 is an error that may pass", async () => {
    const broken = { retryable: true, code: "network" };
    const inStream = await serveHttp2((stream) => {
      sendHttp2(stream, START, textFrame("Hi"));
      stream.write(textFrame("there").subarray(0, 20), () => stream.session?.destroy());
    });
    await expect(clientOf(inStream.url).stream(HELLO).result).rejects.toMatchObject(broken);
    const inAnswer = await serveHttp2((stream) => {
      stream.respond({ ":status": 200, "content-type": "application/json" });
      stream.write('{"output":', () => stream.session?.destroy());
    });
    await expect(clientOf(inAnswer.url).generate(HELLO)).rejects.toMatchObject(broken);
    const before = await serveHttp2((stream) => stream.session?.destroy());
    await expect(clientOf(before.url).generate(HELLO)).rejects.toMatchObject(broken);
  });

  it("that nobody listens at is an error of the network", async () => {
    await expect(clientOf("http://127.0.0.1:1").generate(HELLO)).rejects.toMatchObject({ retryable: true, code: "network" });
  });
});

describe("a hostile server in place of Bedrock", () => {
  const endlessly = (response: ServerResponse, chunk: Buffer): void => {
    const write = (): void => {
      while (!response.destroyed) if (!response.write(chunk)) return void response.once("drain", write);
    };
    write();
  };

  it("that redirects is not followed, and gets no signature at the other place", async () => {
    const other = await serve((_request, response) => answer(response));
    const server = await serve((_request, response) => {
      response.writeHead(307, { location: `${other.url}/elsewhere` }).end();
    });
    await expect(clientOf(server.url).generate(HELLO)).rejects.toMatchObject({ code: "hostile-response", retryable: false, status: 307 });
    expect(other.requests).toEqual([]);
  });

  it("that streams without end is cut off", async () => {
    const server = await serve((_request, response) => {
      send(response, START);
      endlessly(response, Buffer.concat(Array.from({ length: 100 }, () => textFrame("Hello"))));
    });
    await expect(clientOf(server.url, { maxResponseBytes: 500_000 }).stream(HELLO).result).rejects.toMatchObject({
      code: "hostile-response",
      retryable: false,
    });
    await server.requests[0]?.closed;
  });

  it("that answers without end is cut off", async () => {
    const server = await serve((_request, response) => {
      response.writeHead(200, { "content-type": "application/json" });
      endlessly(response, Buffer.alloc(10_000, " "));
    });
    await expect(clientOf(server.url, { maxResponseBytes: 500_000 }).generate(HELLO)).rejects.toMatchObject({ code: "hostile-response" });
    await server.requests[0]?.closed;
  });

  it("that refuses without end is a refusal", async () => {
    const server = await serve((_request, response) => {
      response.writeHead(503, { "content-type": "application/json", "x-amzn-errortype": "ServiceUnavailableException" });
      endlessly(response, Buffer.alloc(10_000, " "));
    });
    await expect(clientOf(server.url).generate(HELLO)).rejects.toMatchObject({ status: 503, retryable: true });
    await server.requests[0]?.closed;
  });

  it("that announces a frame of a gigabyte gets no memory for it", async () => {
    const huge = textFrame("Hi");
    huge.writeUInt32BE(1_000_000_000, 0);
    const server = await serve((_request, response) => send(response, START, huge));
    await expect(clientOf(server.url).stream(HELLO).result).rejects.toMatchObject({ code: "hostile-response", retryable: false });
    await server.requests[0]?.closed;
  });

  it("that announces a frame too short for its own lengths is refused", async () => {
    const server = await serve((_request, response) => sendAll(response, START, Buffer.from([0, 0, 0, 4])));
    await expect(clientOf(server.url).stream(HELLO).result).rejects.toMatchObject({ code: "hostile-response" });
  });

  it("that sends what is no UTF-8 is refused, streamed or whole", async () => {
    const payload = Buffer.concat([
      Buffer.from('{"contentBlockIndex":0,"delta":{"text":"'),
      Buffer.from([0xc3, 0x28, 0xff]),
      Buffer.from('"}}'),
    ]);
    const headers = { ":event-type": "contentBlockDelta", ":content-type": "application/json", ":message-type": "event" };
    const streamed = await serve((_request, response) => sendAll(response, START, frame(headers, payload), ...endFrames()));
    await expect(clientOf(streamed.url).stream(HELLO).result).rejects.toMatchObject({ code: "hostile-response" });
    const whole = await serve((_request, response) => {
      response.writeHead(200, { "content-type": "application/json" });
      response.end(Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xff]), Buffer.from('"}')]));
    });
    await expect(clientOf(whole.url).generate(HELLO)).rejects.toMatchObject({ code: "hostile-response" });
  });

  it("that sends broken JSON is an error without a piece of it", async () => {
    const broken = await serve((_request, response) => sendAll(response, START, eventFrame("contentBlockDelta", '{"planted-text')));
    const ask = clientOf(broken.url).stream(HELLO).result;
    await expect(ask).rejects.toMatchObject({ retryable: true, message: expect.not.stringContaining("planted-text") });
    const whole = await serve((_request, response) => {
      response.writeHead(200, { "content-type": "application/json" });
      response.end('{"planted-text');
    });
    await expect(clientOf(whole.url).generate(HELLO)).rejects.toMatchObject({
      retryable: true,
      message: expect.not.stringContaining("planted-text"),
    });
  });

  it("that answers with a page is told by its content type", async () => {
    const server = await serve((_request, response) => {
      response.writeHead(200, { "content-type": "text/html" });
      response.end("<html>Log in</html>");
    });
    const expected = { code: "hostile-response", message: expect.stringContaining("text/html") };
    await expect(clientOf(server.url).generate(HELLO)).rejects.toMatchObject(expected);
    await expect(clientOf(server.url).stream(HELLO).result).rejects.toMatchObject({
      ...expected,
      message: expect.stringContaining(EVENT_STREAM),
    });
  });
});
