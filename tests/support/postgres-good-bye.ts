/** What PostgreSQL sends before it closes a connection by itself. */

const field = (kind: string, text: string): Buffer => Buffer.from(`${kind}${text}\0`);

/** An ErrorResponse, as in "Message Formats" of PostgreSQL's documentation. */
export function goodBye(): Buffer {
  const fields = Buffer.concat([field("S", "FATAL"), field("C", "57P01"), field("M", "terminating connection"), Buffer.alloc(1)]);
  const header = Buffer.from("E\0\0\0\0");
  header.writeInt32BE(fields.length + 4, 1);
  return Buffer.concat([header, fields]);
}
