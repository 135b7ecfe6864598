/** Calls a user's callback, of which nobody waits for the end: what it throws, now or later, must not end what tells it. */
export function dropping(call: () => unknown): void {
  try {
    const given = call();
    if (given instanceof Promise) given.catch(() => {});
  } catch {
    // As said.
  }
}
