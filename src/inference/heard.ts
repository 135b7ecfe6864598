/** Tells an attempt of each event, where bytes may pass unseen. */
import type { WireCall } from "../contract/wire.ts";

export async function* heard(events: AsyncIterable<unknown>, call: WireCall): AsyncIterable<unknown> {
  for await (const event of events) {
    call.onByte();
    yield event;
  }
}
