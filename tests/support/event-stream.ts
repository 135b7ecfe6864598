/** Frames of AWS event streams, as Bedrock sends them: two lengths, headers, a payload, and a checksum after each part. */

const POLYNOMIAL = 0xedb88320;
const TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit++) value = (value & 1) === 0 ? value >>> 1 : POLYNOMIAL ^ (value >>> 1);
  return value;
});

function crc32(bytes: Uint8Array): number {
  let value = 0xffffffff;
  for (const byte of bytes) value = (TABLE[(value ^ byte) & 0xff] as number) ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}

/** A header's value is a string, type 7. */
function headerBytes([name, value]: [string, string]): Buffer {
  const length = Buffer.alloc(3);
  length[0] = 7;
  length.writeUInt16BE(Buffer.byteLength(value), 1);
  return Buffer.concat([Buffer.from([Buffer.byteLength(name)]), Buffer.from(name), length, Buffer.from(value)]);
}

export function frame(headers: Readonly<Record<string, string>>, payload: Uint8Array): Buffer {
  const head = Buffer.concat(Object.entries(headers).map(headerBytes));
  const prelude = Buffer.alloc(12);
  prelude.writeUInt32BE(16 + head.length + payload.length, 0);
  prelude.writeUInt32BE(head.length, 4);
  prelude.writeUInt32BE(crc32(prelude.subarray(0, 8)), 8);
  const body = Buffer.concat([prelude, head, payload]);
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(crc32(body));
  return Buffer.concat([body, checksum]);
}

const jsonBytes = (value: unknown): Buffer => Buffer.from(typeof value === "string" ? value : JSON.stringify(value));

/** @param payload JSON, or its text */
export const eventFrame = (type: string, payload: unknown): Buffer =>
  frame({ ":event-type": type, ":content-type": "application/json", ":message-type": "event" }, jsonBytes(payload));

/** @param type in camel case, such as `throttlingException` */
export const exceptionFrame = (type: string, payload: unknown): Buffer =>
  frame({ ":exception-type": type, ":content-type": "application/json", ":message-type": "exception" }, jsonBytes(payload));

export const EVENT_STREAM = "application/vnd.amazon.eventstream";

/** What a reader of frames makes of bytes, cut anywhere. */
export async function* framesOf(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<{ headers: Record<string, string>; payload: Buffer }> {
  let held = Buffer.alloc(0);
  for await (const chunk of bytes) {
    held = Buffer.concat([held, chunk]);
    while (held.length >= 4 && held.length >= held.readUInt32BE(0)) {
      const whole = held.subarray(0, held.readUInt32BE(0));
      held = held.subarray(whole.length);
      const payloadAt = 12 + whole.readUInt32BE(4);
      yield { headers: headersIn(whole.subarray(12, payloadAt)), payload: whole.subarray(payloadAt, -4) };
    }
  }
  if (held.length > 0) throw new Error("Truncated event message received.");
}

function headersIn(bytes: Buffer): Record<string, string> {
  const headers: Record<string, string> = {};
  for (let at = 0; at < bytes.length; ) {
    const nameEnd = at + 1 + bytes.readUInt8(at);
    const valueAt = nameEnd + 3;
    const end = valueAt + bytes.readUInt16BE(nameEnd + 1);
    headers[bytes.toString("utf8", at + 1, nameEnd)] = bytes.toString("utf8", valueAt, end);
    at = end;
  }
  return headers;
}
