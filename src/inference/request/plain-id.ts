/** Ids of tool calls as the stricter APIs take them: letters, digits, `_` and `-`, at most 64; other providers' ids hold more. */

const PLAIN = /^[\w-]{1,64}$/;

/** The same id gives the same one at every turn, so that calls and results still meet. */
export function plainId(id: string): string {
  if (PLAIN.test(id)) return id;
  // FNV-1a keeps apart what looks the same without its signs.
  let hash = 0x811c9dc5;
  for (let at = 0; at < id.length; at++) hash = Math.imul(hash ^ id.charCodeAt(at), 0x01000193);
  return `${id.replace(/[^\w-]/g, "_").slice(0, 48)}_${(hash >>> 0).toString(36)}`;
}
