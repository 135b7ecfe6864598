/** Amazon's binary event stream: frames with a length, typed headers, and a checksum over each half. */

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (CRC_TABLE[(crc ^ byte) & 0xff] as number) ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

const encoder = new TextEncoder();
/** The type of a header's value that is a string. */
const STRING = 7;
/** Two lengths with their checksum before the headers, and one checksum after the payload. */
const PRELUDE = 12;
const CHECKSUM = 4;

/** One frame: length, length of the headers, checksum, headers, payload, checksum. */
function eventFrame(headers: Readonly<Record<string, string>>, payload: Uint8Array): Uint8Array {
  const encoded = Object.entries(headers).map(([name, value]): [Uint8Array, Uint8Array] => [encoder.encode(name), encoder.encode(value)]);
  const headersLength = encoded.reduce((sum, [name, value]) => sum + 4 + name.length + value.length, 0);
  const length = PRELUDE + headersLength + payload.length + CHECKSUM;
  const frame = new Uint8Array(length);
  const view = new DataView(frame.buffer);
  view.setUint32(0, length);
  view.setUint32(4, headersLength);
  view.setUint32(8, crc32(frame.subarray(0, 8)));
  let at = PRELUDE;
  for (const [name, value] of encoded) {
    view.setUint8(at, name.length);
    frame.set(name, at + 1);
    view.setUint8(at + 1 + name.length, STRING);
    view.setUint16(at + 2 + name.length, value.length);
    frame.set(value, at + 4 + name.length);
    at += 4 + name.length + value.length;
  }
  frame.set(payload, at);
  view.setUint32(length - CHECKSUM, crc32(frame.subarray(0, length - CHECKSUM)));
  return frame;
}

const jsonFrame = (headers: Readonly<Record<string, string>>, data: unknown): Uint8Array =>
  eventFrame({ ...headers, ":content-type": "application/json" }, encoder.encode(JSON.stringify(data)));

/** @param type such as `contentBlockDelta` */
export const eventOf = (type: string, data: unknown): Uint8Array => jsonFrame({ ":message-type": "event", ":event-type": type }, data);

/** @param type such as `throttlingException` */
export const exceptionOf = (type: string, data: unknown): Uint8Array =>
  jsonFrame({ ":message-type": "exception", ":exception-type": type }, data);
